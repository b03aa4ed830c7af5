import math
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.stages import Cluster, Convert, Prune, Quantize, SavedModel
from pytest_modelbudget.budgetfile.types import CallSource, Data, Metric
from pytest_modelbudget.engine import plan as plans
from pytest_modelbudget.engine.plan import Evaluation, Invocation, Plan, Step
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.judge.accepted import AcceptedFigure, AcceptedVariant
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound
from pytest_modelbudget.protocol.project import Project

BASE = """
version: 1
model: net:build
data: {train: data:train, test: data:test, calibration: ranges:calibration}
recipe: [prune: {sparsity: 0.5}, quantize: {scheme: int8}]
training: {learning_rate: 0.01}
budget: {max_bytes: 1 MB, max_accuracy_drop: 1 pp}
seed: 1
timeout: 60 s
latency: {threads: 1}
"""
FILES = {
    "net.py": "import tensorflow\n",
    "data.py": "import numpy\n",
    "ranges.py": "import numpy\n",
    "score.py": "import numpy\n",
    "net.tflite": "a model",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def planned(root: Path, text: str = BASE) -> list[Plan]:
    file = root / "model.budget.yaml"
    file.write_text(text)
    planner = Planner(Project(rootdir=root, sys_path=()))
    return [planner.plan(budget) for budget in load(file)]


def chain(step: Step | None) -> list[Step]:
    return [*chain(step.parent), step] if step else []


def keys(plan: Plan) -> list[str]:
    return [step.key for step in chain(plan.step)]


def kept(before: Plan, after: Plan) -> int:
    """Return how many steps need no rebuilding; what follows a changed one always does."""
    same = [old == new for old, new in zip(keys(before), keys(after), strict=True)]
    assert same == sorted(same, reverse=True)
    return sum(same)


def baseline(plan: Plan) -> Step:
    assert isinstance(plan.baseline, Step)
    return plan.baseline


def evaluation(plan: Plan) -> Evaluation:
    assert plan.evaluation
    return plan.evaluation


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 MB", "1 kB"),
        ("1 pp", "2 pp"),
        ("max_bytes", "max_gzip_bytes"),
        ("threads: 1", "threads: 2"),
        ("60 s", "90 s"),
    ],
)
def test_limits_latency_and_timeout_are_not_in_the_keys(root: Path, old: str, new: str) -> None:
    [before] = planned(root)
    [after] = planned(root, BASE.replace(old, new))
    assert keys(before) == keys(after)
    assert baseline(before).key == baseline(after).key


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("seed: 1", "seed: 2", 0),
        ("sparsity: 0.5", "sparsity: 0.6", 0),
        ("net:build", "net:other", 0),
        ("data:train", "data:other", 0),
        ("learning_rate: 0.01", "learning_rate: 0.02", 0),
        ("seed: 1", "seed: 1\nimports: [score]", 0),
        ("seed: 1", "seed: 1\ndepends_on: [net.tflite]", 0),
        ("scheme: int8", "scheme: int8, io: int8", 2),
        ("ranges:calibration", "ranges:other", 2),
        ("data:test", "data:other", 3),
    ],
)
def test_a_change_rebuilds_from_the_step_that_it_is_for(
    root: Path, old: str, new: str, same: int
) -> None:
    [before] = planned(root)
    [after] = planned(root, BASE.replace(old, new))
    assert kept(before, after) == same


def test_samples_for_training_and_for_calibration_do_not_share_a_result(root: Path) -> None:
    """Without data.calibration it is the first 128 samples of data.train."""
    from_train = "data: {train: ranges:calibration, test: data:test}"
    of_its_own = "data: {calibration: ranges:calibration, test: data:test}"
    data = "data: {train: data:train, test: data:test, calibration: ranges:calibration}"
    text = BASE.replace("recipe: [prune: {sparsity: 0.5}, quantize", "recipe: [quantize")
    [before] = planned(root, text.replace(data, from_train))
    [after] = planned(root, text.replace(data, of_its_own))
    assert kept(before, after) == 1


def test_modules_of_one_name_beside_two_budget_files_are_two(root: Path) -> None:
    planner = Planner(Project(rootdir=root, sys_path=()))
    plans_of = []
    for name in ["a", "b"]:
        (root / name).mkdir()
        (root / name / "data.py").write_text("")
        file = root / name / "model.budget.yaml"
        file.write_text(TFLITE.replace("net.tflite", "../net.tflite"))
        [budget] = load(file)
        plans_of.append(planner.plan(budget))
    assert keys(plans_of[0]) == keys(plans_of[1])
    assert evaluation(plans_of[0]).key != evaluation(plans_of[1]).key
    searched = [evaluation(plan).project.sys_path for plan in plans_of]
    assert searched == [(str(root / "a"),), (str(root / "b"),)]


def test_the_versions_of_the_tools_are_in_every_key(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [before] = planned(root)
    later = plans.tool_versions() | {"tensorflow": "99.0"}
    monkeypatch.setattr(plans, "tool_versions", lambda: later)
    [after] = planned(root)
    assert not set(keys(before)) & set(keys(after))
    assert evaluation(before).key != evaluation(after).key


def test_a_step_knows_its_place_and_only_the_data_that_it_reads(root: Path) -> None:
    [plan] = planned(root)
    assert [step.job.data for step in chain(plan.step)] == [
        Data(train=CallSource(call="data:train")),
        Data(),
        Data(calibration=CallSource(call="ranges:calibration")),
    ]
    places = [(step.where, step.span.line, step.span.column) for step in chain(plan.step)]
    assert places == [
        ("recipe[0] > prune", 5, 10),
        ("convert", 3, 1),
        ("recipe[1] > quantize", 5, 34),
    ]


def test_without_calibration_data_the_training_data_is_in_the_key(root: Path) -> None:
    [plan] = planned(root, BASE.replace(", calibration: ranges:calibration", ""))
    trained, _, quantized = chain(plan.step)
    assert quantized.job.data == trained.job.data != Data()


MEASURED = f"""
{BASE}
metric: score:f
imports: [score]
confidence: 0.9
variants:
  int8:
    latency: {{threads: 4, batch_size: 2}}
    budget: {{max_latency: 2 ms, max_latency_p99: 5 ms, max_latency_ratio: 0.5}}
  elsewhere:
    latency: {{target: adb, batch_size: 3}}
"""


def test_a_plan_has_all_that_its_measurements_need(root: Path) -> None:
    here, elsewhere = planned(root, MEASURED)
    assert here.title == "int8"
    assert {step.title for step in chain(here.step)} == {here.title}
    assert {step.timeout_s for step in chain(here.step)} == {here.timeout_s} == {60.0}
    assert here.invocation == Invocation(
        target="host",
        threads=4,
        batch_size=2,
        bounds=(
            LatencyBound(statistic="p50", bound=2e-3),
            LatencyBound(statistic="p99", bound=5e-3),
        ),
        ratio_bounds=(LatencyBound(statistic="ratio", bound=0.5),),
        growth_bounds=(),
    )
    assert elsewhere.invocation == Invocation(
        target="adb", threads=1, batch_size=3, bounds=(), ratio_bounds=(), growth_bounds=()
    )
    found = evaluation(here)
    assert found == Evaluation(
        key=found.key,
        data=CallSource(call="data:test"),
        metric=Metric(name="call", call="score:f"),
        project=Project(rootdir=root, sys_path=(str(root),), imports=("score",)),
        tensorflow=False,
        timeout_s=60.0,
        confidence=0.9,
    )
    assert {step.job.project for step in chain(here.step)} == {found.project}


def test_modules_are_found_above_the_package_of_a_budget_file(root: Path) -> None:
    package = root / "shop" / "budgets"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    [plan] = planned(root, TFLITE)
    [packed] = planned(package, TFLITE.replace("net.tflite", "../../net.tflite"))
    assert packed.step.job.project.sys_path == plan.step.job.project.sys_path == (str(root),)


def test_a_job_knows_whether_the_file_names_what_it_depends_on(root: Path) -> None:
    [without] = planned(root)
    [named] = planned(root, BASE + "depends_on: [net.tflite]\n")
    assert not without.step.job.project.depends_on
    assert named.step.job.project.depends_on


def test_a_job_knows_whether_code_in_model_files_may_run(root: Path) -> None:
    for text, is_trusted in [(BASE, False), (BASE + "trust_code: true\n", True)]:
        [plan] = planned(root, text)
        assert {step.job.trust_code for step in chain(plan.step)} == {is_trusted}


def test_a_step_knows_the_stages_before_it(root: Path) -> None:
    [plan] = planned(root)
    pruned, converted, quantized = (step.job for step in chain(plan.step))
    assert pruned.before == ()
    assert converted.before == (pruned.stage,)
    assert quantized.before == (pruned.stage, converted.stage)


def test_what_a_recipe_could_end_in_shares_its_training(root: Path) -> None:
    [plan] = planned(root, BASE.replace(", quantize: {scheme: int8}", ""))
    assert plan.same_size == (
        "pruning leaves the file as it is: zeros are stored like any other value"
    )
    assert [(form.name, form.written) for form in plan.other_forms] == [
        ("sparse", "convert: {sparse: true}"),
        ("dynamic", "quantize: {scheme: dynamic}"),
        ("float16", "quantize: {scheme: float16}"),
        ("int8", "quantize: {scheme: int8}"),
    ]
    for form in plan.other_forms:
        assert [step.key for step in chain(form.step)][:-1] == keys(plan)
        assert form.step.span == load(root / "model.budget.yaml")[0].span


def test_the_score_is_known_after_each_stage_of_the_keras_model_and_at_the_end(root: Path) -> None:
    recipe = "recipe: [prune: {sparsity: 0.5}, cluster: {clusters: 8}, quantize: {scheme: int8}]"
    [plan] = planned(root, BASE.replace(BASE.splitlines()[4], recipe))
    forms = plan.stage_forms
    assert [(form.name, form.where, form.gentler) for form in forms] == [
        ("", "", ""),
        ("prune", "recipe[0] > prune", Prune.gentler),
        ("cluster", "recipe[1] > cluster", Cluster.gentler),
        ("quantize", "recipe[2] > quantize", Quantize.gentler),
    ]
    kinds = [[step.job.stage.kind for step in chain(form.step)] for form in forms]
    assert kinds == [
        ["convert"],
        ["prune", "convert"],
        ["prune", "cluster", "convert"],
        ["prune", "cluster", "convert", "quantize"],
    ]
    assert forms[-1].step.key == plan.step.key
    [quantized] = planned(root, BASE.replace("prune: {sparsity: 0.5}, ", ""))
    assert quantized.stage_forms == (), "no stage works on the Keras model"
    [sparse] = planned(root, BASE.replace("quantize: {scheme: int8}", "convert: {sparse: true}"))
    assert [form.name for form in sparse.stage_forms] == ["", "prune", "convert"]


def test_a_savedmodel_is_compared_with_that_of_the_unchanged_model(root: Path) -> None:
    recipe = "recipe: [prune: {sparsity: 0.5}, saved_model: {weights: float16}]"
    text = BASE.replace(BASE.splitlines()[4], recipe)
    [plan] = planned(root, text)
    (step,) = chain(baseline(plan))
    assert isinstance(step.job.stage, SavedModel)
    assert (step.job.stage.weights, step.where) == ("float32", "recipe[1] > saved_model")
    assert step.span == plan.step.span
    assert [each.job.stage.kind for each in chain(plan.step)] == ["prune", "saved_model"]
    [other] = planned(root, f"{text}baseline: net.tflite\n")
    assert [each.job.stage.kind for each in chain(baseline(other))] == ["convert"]


def test_a_job_knows_the_signature(root: Path) -> None:
    [plan] = planned(root, f"{BASE}signature: score\n")
    assert {step.job.signature for step in chain(plan.step)} == {"score"}


def test_before_the_training_what_is_like_the_artifact_is_evaluated(root: Path) -> None:
    [of_baseline] = planned(root, f"{BASE}baseline: net.tflite\n")
    assert of_baseline.rehearsal is of_baseline.baseline
    [without] = planned(root, f"{BASE}baseline: {{accuracy: 0.98}}\n")
    assert [step.job.stage.kind for step in chain(without.rehearsal)] == ["convert"]
    assert str(without.rehearsal.job.model) == "net:build"


def test_all_steps_are_those_of_the_variant_and_of_its_baseline(root: Path) -> None:
    text = BASE.replace("int8}", "int8, backend: litert}")
    [plan] = planned(root, f"{text}baseline: net.tflite\n")
    assert list(plan.steps()) == [*chain(plan.step)[::-1], *chain(baseline(plan))[::-1]]
    [score] = planned(root, f"{text}baseline: {{accuracy: 0.98}}\n")
    assert list(score.steps()) == chain(score.step)[::-1]


@pytest.mark.parametrize(("since", "own"), [("accepted", math.inf), ("anchor", 1e-3)])
def test_growth_of_a_latency_is_decided_on_each_machine_that_accepted_another_artifact(
    root: Path, since: str, own: float
) -> None:
    file = root / "model.budget.yaml"
    growth = f"max_latency: 5 ms, max_latency_growth: {{relative: 5%, since: {since}}}"
    file.write_text(BASE.replace("max_bytes: 1 MB", growth))
    [budget] = load(file)
    planner = Planner(Project(rootdir=root, sys_path=()))

    def bounds(machines: dict[str, AcceptedFigure], sha256: str) -> list[float]:
        accepted = AcceptedVariant("old", {}, {"latency": machines} if machines else {})
        invocation = planner.plan(replace(budget, accepted=accepted)).invocation
        found = invocation.bounds_of(sha256)
        assert {each.statistic for each in found} == {"p50"}
        return [each.bound for each in found]

    machines = {
        "a laptop": AcceptedFigure(1e-3, 1e-3, "old"),
        "a server": AcceptedFigure(2e-3, 2e-3, "older"),
    }
    assert bounds(machines, "new") == [5e-3, 1e-3, 2e-3]
    assert bounds(machines, "old") == [5e-3, own, 2e-3]
    assert bounds({}, "new") == bounds({}, "old") == [5e-3, 0.0]
    unaccepted = planner.plan(budget).invocation
    assert [each.bound for each in unaccepted.bounds_of("new")] == [5e-3, 0.0]


def test_a_budget_is_planned_once(root: Path) -> None:
    planner = Planner(Project(rootdir=root, sys_path=()))
    planned(root, VARIANTS)
    budgets = load(root / "model.budget.yaml")
    plans_of = [planner.plan(budget) for budget in budgets]
    assert all(planner.plan(budget) is plan for budget, plan in zip(budgets, plans_of, strict=True))
    assert len({plan.title for plan in plans_of}) == len(budgets)


def test_training_counts_only_where_a_stage_trains(root: Path) -> None:
    text = BASE.replace("prune: {sparsity: 0.5}, ", "")
    [before] = planned(root, text)
    [after] = planned(root, text.replace("learning_rate: 0.01", "learning_rate: 0.02"))
    assert keys(before) == keys(after)


VARIANTS = """
version: 1
model: net:build
data: {train: data:train, test: data:test}
budget: {max_bytes: 1 MB}
variants:
  float32:
  int8: {recipe: int8, budget: &drop {max_accuracy_drop: 1 pp}}
  int4: {recipe: int4, budget: *drop}
  float16: {recipe: float16, budget: *drop}
  written: {recipe: [convert: {}, quantize: {scheme: int8}], budget: *drop}
  converter: {recipe: [quantize: {scheme: int8, backend: converter}], budget: *drop}
"""


def test_all_quantized_variants_share_one_conversion_with_the_baseline(root: Path) -> None:
    float32, *quantized, converter = planned(root, VARIANTS)
    assert len(keys(float32)) == len(keys(converter)) == 1
    for plan in quantized:
        assert keys(plan) == [float32.step.key, plan.step.key]
    assert len({plan.step.key for plan in quantized}) == 3
    assert quantized[0].step.key == quantized[-1].step.key
    for plan in (float32, *quantized, converter):
        assert baseline(plan).key == float32.step.key


BACKENDS = """
version: 1
model: net:build
data: {train: data:train}
budget: {max_bytes: 1 MB}
variants:
  auto: {recipe: [prune: {}, cluster: {}, quantize: {}]}
  litert: {recipe: [prune: {}, cluster: {}, quantize: {backend: litert}]}
  converter: {recipe: [prune: {}, cluster: {}, quantize: {backend: converter}]}
  sparse: {recipe: [prune: {}, cluster: {}, convert: {sparse: true}, quantize: {}]}
  io: {recipe: [quantize: {scheme: int16x8, io: int8}]}
  layers: {recipe: [quantize: {layers: {skip: [out]}}]}
  int4: {recipe: int4}
  tflite: {model: net.tflite, recipe: int8}
"""


def test_two_steps_are_planned_where_the_finished_files_choose(root: Path) -> None:
    auto, litert, converter, sparse, *others = planned(root, BACKENDS)
    assert auto.step.either
    both = [each.key for each in auto.step.either]
    assert both == [litert.step.key, converter.step.key]
    assert [[stage.kind for stage in step.job.before] for step in auto.step.either] == [
        ["prune", "cluster", "convert"],
        ["prune", "cluster"],
    ]
    assert auto.step.key not in both
    assert {*both, auto.step.key} <= {step.key for step in auto.steps()}
    assert sparse.step.parent
    assert sparse.step.parent.key == auto.step.key
    for plan in others:
        assert plan.step.either is None
        assert isinstance(plan.step.job.stage, Quantize)
        assert plan.step.job.stage.backend == "litert"


def test_a_baseline_may_be_a_file_or_a_score(root: Path) -> None:
    [file] = planned(root, f"{BASE}baseline: net.tflite\n")
    assert str(baseline(file).job.model) == str(root / "net.tflite")
    [score] = planned(root, f"{BASE}baseline: {{accuracy: 0.98}}\n")
    assert score.baseline == FixedBaseline(0.98)


TFLITE = """
version: 1
model: net.tflite
data: {test: data:test, calibration: ranges:calibration}
recipe: int8
budget: {max_accuracy_drop: 1 pp}
"""


@pytest.mark.parametrize(
    ("old", "new", "needed"),
    [
        ("net.tflite", "net.tflite", [False, False]),
        ("net.tflite", "net:build", [True, False]),
        ("net.tflite", "net.keras", [True, False]),
        ("ranges:calibration", "net:calibration", [False, True]),
    ],
)
def test_only_what_needs_tensorflow_is_built_with_it(
    root: Path, old: str, new: str, needed: list[bool]
) -> None:
    [plan] = planned(root, TFLITE.replace(old, new))
    assert [step.tensorflow for step in chain(plan.step)] == needed


@pytest.mark.parametrize(
    ("old", "new", "needed"),
    [("", "", False), ("data:test", "net:test", True), ("recipe", "metric: net:f\nrecipe", True)],
)
def test_only_what_needs_tensorflow_is_evaluated_with_it(
    root: Path, old: str, new: str, needed: bool
) -> None:
    [plan] = planned(root, TFLITE.replace(old, new))
    assert evaluation(plan).tensorflow == needed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("data:test", "data:other"),
        ("recipe", "metric: f1\nrecipe"),
        ("recipe", "metric: {call: score:f, higher_is_better: false}\nrecipe"),
    ],
)
def test_data_and_metric_are_in_the_key_of_the_evaluation(root: Path, old: str, new: str) -> None:
    [before] = planned(root, TFLITE)
    [after] = planned(root, TFLITE.replace(old, new))
    assert evaluation(before).key != evaluation(after).key
    assert keys(before) == keys(after)


@pytest.mark.parametrize(
    ("recipe", "kinds"),
    [
        ("[prune, convert]", ["prune", "convert"]),
        ("[prune, convert: {sparse: true}]", ["prune", "convert", "sparse"]),
        ("[prune, convert, quantize]", ["prune", "convert", "quantize"]),
        (
            "[prune, convert: {sparse: true}, quantize]",
            ["prune", "convert", "quantize", "sparse"],
        ),
        (
            "[prune, convert: {sparse: true}, quantize: {backend: converter}]",
            ["prune", "quantize", "sparse"],
        ),
    ],
)
def test_sparse_encoding_comes_last(root: Path, recipe: str, kinds: list[str]) -> None:
    old = "[prune: {sparsity: 0.5}, quantize: {scheme: int8}]"
    [plan] = planned(root, BASE.replace(old, recipe))
    stages = [step.job.stage for step in chain(plan.step)]
    found = ["sparse" if stage == Convert(sparse=True) else stage.kind for stage in stages]
    assert found == kinds


def test_a_conversion_that_is_written_is_told_at_its_own_place(root: Path) -> None:
    [plan] = planned(root, BASE.replace(", quantize", ", convert, quantize"))
    converted = chain(plan.step)[1]
    assert (converted.where, converted.span.line) == ("recipe[1] > convert", 5)


def test_only_sparse_encoding_is_new_where_the_rest_is_built(root: Path) -> None:
    [dense] = planned(root)
    [sparse] = planned(root, BASE.replace(", quantize", ", convert: {sparse: true}, quantize"))
    assert keys(sparse)[:-1] == keys(dense)
    assert not sparse.step.tensorflow


def test_a_plan_is_never_that_of_a_budget_that_is_gone(root: Path) -> None:
    file = root / "model.budget.yaml"
    file.write_text(BASE)
    (budget,) = load(file)
    planner = Planner(Project(rootdir=root, sys_path=()))
    for variant in map(str, range(20)):
        # Nothing else keeps the budget, so that its memory and its id are free for the next one.
        made = planner.plan(replace(budget, variant=variant))
        assert made.title == variant
