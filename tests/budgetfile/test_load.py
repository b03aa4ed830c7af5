from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.settings import KEYS, SECTIONS
from pytest_modelbudget.budgetfile.stages import STAGES, Distill, Prune, Quantize
from pytest_modelbudget.budgetfile.types import (
    CallSource,
    CommandTarget,
    Data,
    FileSource,
    Latency,
    Metric,
    Training,
)
from pytest_modelbudget.errors import BudgetFileError
from pytest_modelbudget.judge.limits import LIMITS
from tests.budgetfile.conftest import Load, Problems

FULL = """\
version: 1
model: {call: nets:build, args: {alpha: 0.35}}
data:
  train: nets:train
  test: data/test.npz
  calibration: {call: nets:some, args: {count: 100}}
metric: {top_k_accuracy: {k: 3}}
training: {loss: mse, optimizer: adam, learning_rate: 1e-3, batch_size: 32}
recipe: int8
budget: {max_bytes: 900 KiB}
baseline: float.tflite
latency: {target: adb, threads: 2, batch_size: 4}
seed: 7
timeout: 1 h
confidence: 0.95
imports: [nets.layers]
depends_on: ["weights/*.h5"]
"""


@pytest.mark.parametrize(
    ("written", "metric"),
    [
        ("{accuracy: {output: a}}", Metric(output="a")),
        ("{mae: {output: a}}", Metric(name="mae", higher_is_better=False, output="a")),
        ("{top_k_accuracy: {k: 2, output: a}}", Metric(name="top_k_accuracy", k=2, output="a")),
        ("{call: m:f, output: a}", Metric(name="call", call="m:f", output="a")),
        ("{call: m:f, outputs: [a, b]}", Metric(name="call", call="m:f", outputs=("a", "b"))),
    ],
)
def test_a_metric_may_name_an_output(load_text: Load, written: str, metric: Metric) -> None:
    text = FULL.partition("depends_on")[0]
    [budget] = load_text(text.replace("{top_k_accuracy: {k: 3}}", written))
    assert budget.metric == metric


def test_every_key_is_read(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.h5").write_text("")
    [budget] = load_text(FULL)
    assert budget.variant is None
    assert str(budget.span) == f"{tmp_path}/kws.budget.yaml:1:1"
    assert str(budget.model_span) == f"{tmp_path}/kws.budget.yaml:2:1"
    assert budget.model == CallSource(call="nets:build", args={"alpha": 0.35})
    assert budget.data == Data(
        train=CallSource(call="nets:train"),
        test=FileSource(path=tmp_path / "data/test.npz"),
        calibration=CallSource(call="nets:some", args={"count": 100}),
    )
    assert budget.metric == Metric(name="top_k_accuracy", k=3)
    assert budget.training == Training(
        loss="mse", optimizer="adam", learning_rate=0.001, batch_size=32
    )
    assert [found.stage for found in budget.recipe] == [Quantize()]
    assert budget.baseline == FileSource(path=tmp_path / "float.tflite")
    assert budget.latency == Latency(target="adb", threads=2, batch_size=4)
    assert (budget.seed, budget.timeout_s, budget.confidence) == (7, 3600.0, 0.95)
    assert (budget.imports, budget.depends_on) == (("nets.layers",), ("weights/*.h5",))


def test_what_is_left_out_has_its_default(load_text: Load, tmp_path: Path) -> None:
    [budget] = load_text("version: 1\nmodel: nets/a.keras\nbudget: {max_bytes: 5}\n")
    assert budget.model == FileSource(path=tmp_path / "nets/a.keras")
    assert (budget.data, budget.metric, budget.training) == (Data(), Metric(), Training())
    assert (budget.recipe, budget.baseline, budget.latency) == ((), None, Latency())
    assert (budget.seed, budget.timeout_s, budget.confidence) == (0, 1800.0, None)
    assert (budget.imports, budget.depends_on) == ((), ())


@pytest.mark.parametrize(
    ("written", "metric"),
    [
        ("auc", Metric(name="auc")),
        ("top_k_accuracy", Metric(name="top_k_accuracy", k=5)),
        ("mae", Metric(name="mae", higher_is_better=False)),
        ("mse", Metric(name="mse", higher_is_better=False)),
        ("m:f", Metric(name="call", call="m:f")),
        (
            "{call: m:f, higher_is_better: false}",
            Metric(name="call", call="m:f", higher_is_better=False),
        ),
    ],
)
def test_metrics(load_text: Load, written: str, metric: Metric) -> None:
    [budget] = load_text(f"version: 1\nmodel: m:f\nmetric: {written}\nbudget: {{max_bytes: 5}}\n")
    assert budget.metric == metric


def test_other_forms_of_model_baseline_and_target(load_text: Load, tmp_path: Path) -> None:
    [budget] = load_text("""\
version: 1
model: ../saved/v1.2/
baseline: {accuracy: 0.982}
latency: {target: {command: [run, "{model}"]}}
budget: {max_bytes: 5}
""")
    assert budget.model == FileSource(path=tmp_path.parent / "saved/v1.2")
    assert budget.baseline == FixedBaseline(0.982)
    assert budget.latency.target == CommandTarget(command=("run", "{model}"))


def test_a_student_that_is_a_path_is_relative_to_the_file(load_text: Load, tmp_path: Path) -> None:
    [budget] = load_text("""\
version: 1
model: m:f
data: {train: m:t}
recipe: [distill: {student: small.keras}]
budget: {max_bytes: 5}
""")
    assert budget.recipe[0].stage == Distill(student=str(tmp_path / "small.keras"))


INHERITED = """\
version: 1
model: m:f
data: {train: m:train, test: m:test}
training: {batch_size: 32, loss: mse}
recipe: [prune]
budget:
  max_bytes: 900 KiB
  max_macs: 1 M
imports: [a, b]
variants:
  small:
    recipe: [quantize]
    data: {test: m:other}
    training: {batch_size: 8}
    budget: {max_bytes: 1 kB, max_accuracy_drop: 1 pp}
    imports: [c]
  same:
"""


def test_a_variant_inherits_and_overrides(load_text: Load) -> None:
    [small, same] = load_text(INHERITED)
    assert (small.variant, same.variant) == ("small", "same")
    assert (small.span.line, same.span.line) == (11, 17)
    assert small.data == Data(train=CallSource(call="m:train"), test=CallSource(call="m:other"))
    assert small.training == Training(batch_size=8, loss="mse")
    assert [found.stage for found in small.recipe] == [Quantize()]
    assert small.imports == ("c",)
    assert [(limit.name, limit.bound, limit.span.line) for limit in small.limits] == [
        ("max_bytes", 1000, 15),
        ("max_macs", 1_000_000, 8),
        ("max_accuracy_drop", 0.01, 15),
    ]
    assert [found.stage for found in same.recipe] == [Prune()]
    assert [(limit.name, limit.span.line) for limit in same.limits] == [
        ("max_bytes", 7),
        ("max_macs", 8),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model: 5\n", "1:1: version is missing; write version: 1"),
        ("model: 5\nversion: 2\n", "2:10: version: expected 1, got 2; write version: 1"),
        ("version: true\nx: 5\n", "1:10: version: expected 1, got true; write version: 1"),
        ("version: '1'\n", "1:10: version: expected 1, got '1'; write version: 1"),
        ("version: 1.0\n", "1:10: version: expected 1, got 1.0; write version: 1"),
    ],
)
def test_the_version_is_checked_before_anything_else(
    problems: Problems, text: str, problem: str
) -> None:
    assert problems(text) == [problem]


def test_all_problems_come_at_once_in_the_order_of_their_places(problems: Problems) -> None:
    assert problems("""\
version: 1
model: m:f
seed: 1
seed: 2
budget: {max_byte: 900 KiB}
variants:
  int8:
    recipe: [prune, cluster: {clusters: true}]
    budget: {max_latency: 2}
  other:
    metrik: mae
""") == [
        "4:1: the key 'seed' appears twice; it is already on line 3",
        "5:10: budget: unknown key 'max_byte'; did you mean 'max_bytes'?",
        "8:14: variants > int8 > recipe[0] > prune: trains, and data.train is missing; "
        "write data: {train: ...}",
        "8:21: variants > int8 > recipe[1] > cluster: trains, and data.train is missing; "
        "write data: {train: ...}",
        "8:41: variants > int8 > recipe[1] > clusters: expected a whole number, got true",
        "9:27: variants > int8 > budget > max_latency: expected a duration with its unit, got 2; "
        "write 2 ms, 2 s or 2 min",
        "11:5: variants > other: unknown key 'metrik'; did you mean 'metric'?",
    ]


WORDS = [
    *KEYS,
    *STAGES,
    *LIMITS,
    *(key for keys in SECTIONS.values() for key in keys),
    *("variants", "version", "layers", "only", "args", "call", "k", "kind", "scheme", "<<"),
    *("1 kB", "2 ms", "1%", "0.5 pp", "m:f", "a.keras", "a.tflite", "a.npz", "mae", "host"),
]
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.booleans(),
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=20,
)


def _problems_of(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    try:
        load(path)
    except BudgetFileError as error:
        return [str(problem) for problem in error.problems]
    return []


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*KEYS, "variants"]), TREES, max_size=5))
def test_any_tree_loads_or_is_explained(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "tree.budget.yaml"
    document = yaml.safe_dump({"version": 1, "model": "m:f", **tree}, allow_unicode=True)
    assert not [text for text in _problems_of(path, document.encode()) if "\n" in text]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("version: 1\n-[]{}&*!|>'\"%@`#,?x \t\r"), max_size=60) | st.text())
def test_any_text_loads_or_is_explained(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text.budget.yaml"
    assert _problems_of(path, text.encode())
    found = _problems_of(path, f"version: 1\nmodel: {text}\n".encode())
    assert not [text for text in found if "\n" in text]
