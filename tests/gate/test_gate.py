"""The gate as its user sees it: a float ``.tflite``, quantized for real, without TensorFlow."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_modelbudget.protocol.digests import file_digest
from tests.conftest import Project, outcomes

ALL = [
    "blobs.budget.yaml::float32::max_bytes",
    "blobs.budget.yaml::float32::min_accuracy",
    "blobs.budget.yaml::int8::max_bytes",
    "blobs.budget.yaml::int8::max_gzip_bytes",
    "blobs.budget.yaml::int8::max_accuracy_drop",
]


DISTRIBUTIONS = ("loadgroup", "loadscope")


def edit(project: Project, old: str, new: str) -> None:
    file = project.root / "blobs.budget.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def cached(project: Project) -> list[str]:
    entries = (project.root / ".modelbudget" / "entries").glob("*/*/*")
    return sorted(",".join(sorted(file.name for file in entry.iterdir())) for entry in entries)


ARTIFACT = "dependencies.json,entry.json,model.tflite,result.json"
COMPARISON = "dependencies.json,entry.json,result.json"
CONTENTS = "entry.json,result.json"
SCORE = "dependencies.json,entry.json,label.npy,result.json,score.npy"
ALL_CACHED = sorted(2 * [SCORE, ARTIFACT, COMPARISON])


def test_every_limit_is_an_item_and_the_table_shows_what_was_built(blobs: Project) -> None:
    result = blobs.pytest("-v")
    assert result.exitcode == 0
    assert outcomes(result.output) == dict.fromkeys(ALL, "PASSED")
    result.has(
        "= model budgets =",
        "limit",
        "measured",
        "allowed",
        "margin",
        "blobs.budget.yaml float32 (built, ",
        "max_bytes          6,300 B  6,300 B         0 B (0.0 %)",
        "min_accuracy 0.9650 0.96 +0.005000",
        "blobs.budget.yaml int8 (built, ",
        "max_bytes 3.65 kB 4 kB +0.352 kB (8.8 %)",
        "max_accuracy_drop 0.00 pp 1 pp +1.00 pp",
    )
    assert list((blobs.root / ".modelbudget" / "tasks").iterdir()) == []
    assert list((blobs.root / ".modelbudget" / "staging").iterdir()) == []
    assert cached(blobs) == ALL_CACHED


def test_one_byte_less_turns_exactly_that_item_red(built: Project) -> None:
    edit(built, "max_bytes: 6300", "max_bytes: 6299")
    result = built.pytest("-v")
    assert result.exitcode == 1
    assert outcomes(result.output) == dict.fromkeys(ALL, "PASSED") | {ALL[0]: "FAILED"}
    result.has(
        "max_bytes: 6,300 B is 1 B (0.016 %) over the limit of 6,299 B",
        "measured    6,300 B  the .tflite as it is",
        "largest     4,096 B (65.0 %)  functional_1/widen_1/MatMul",
        "            1,024 B (16.3 %)  functional_1/classify_1/MatMul",
        "              864 B (13.7 %)  graph",
        "                16 B (0.3 %)  functional_1/classify_1/BiasAdd",
        "limit       blobs.budget.yaml:8:",
        "artifact    ",
        "what helps  a smaller recipe",
        "max_bytes          6,300 B  6,299 B        -1 B (0.016 %)  EXCEEDED",
        "FAILED blobs.budget.yaml::float32::max_bytes - max_bytes: 6,300 B is 1 B (0.016 %) over",
    )
    assert "limit_items.py" not in result.output


def test_a_limit_is_not_in_the_key(built: Project) -> None:
    before = cached(built)
    edit(built, "max_bytes: 6300", "max_bytes: 6298")
    result = built.pytest()
    result.has("cached")
    assert "built" not in result.output
    assert cached(built) == before


def test_collecting_builds_nothing(blobs: Project) -> None:
    result = blobs.pytest("--collect-only")
    assert result.exitcode == 0
    result.has(
        "<BudgetFile blobs.budget.yaml>",
        "<VariantNode float32>",
        "<LimitItem max_bytes>",
        "<VariantNode int8>",
        "<LimitItem max_accuracy_drop>",
        "5 tests collected",
    )
    assert not (blobs.root / ".modelbudget").exists()


def test_items_are_selected_like_any_other(built: Project) -> None:
    assert "1 passed" in built.pytest(ALL[2]).output
    assert "3 passed" in built.pytest("blobs.budget.yaml::int8").output
    assert "5 passed" in built.pytest("-m", "modelbudget").output
    assert "3 passed, 2 deselected" in built.pytest("-k", "int8").output
    edit(built, "max_bytes: 6300", "max_bytes: 6299")
    first = built.pytest("-x", "-v")
    assert list(outcomes(first.output)) == ALL[:1]
    cached = ("-p", "cacheprovider")
    built.pytest(*cached)
    again = built.pytest(*cached, "--lf", "-v")
    assert list(outcomes(again.output)) == ALL[:1]


def test_a_file_without_variants_has_its_limits_at_the_top(built: Project) -> None:
    built.write("blobs.budget.yaml", "version: 1\nmodel: blobs.tflite\nbudget: {max_bytes: 7 kB}\n")
    result = built.pytest("-v")
    assert outcomes(result.output) == {"blobs.budget.yaml::max_bytes": "PASSED"}


def test_a_wrong_budget_file_is_a_collection_error_without_a_traceback(blobs: Project) -> None:
    edit(blobs, "max_bytes: 6300", "max_byte: 6300")
    edit(blobs, "max_gzip_bytes: 1 kB", "max_gzip_bytes: true")
    result = blobs.pytest()
    assert result.exitcode == 2
    result.has(
        "blobs.budget.yaml:8:14: variants > float32 > budget: unknown key 'max_byte'; "
        "did you mean 'max_bytes'?",
        "blobs.budget.yaml:11:47: variants > int8 > budget > max_gzip_bytes: "
        "expected a size such as 900 KiB or 3.4 MB, got true",
        "1 error",
    )
    assert "Traceback" not in result.output
    assert ".py:" not in result.output


def test_junit_carries_value_limit_and_unit(built: Project) -> None:
    edit(built, "max_bytes: 6300", "max_bytes: 6299")
    built.pytest("--junitxml=junit.xml")
    cases = ElementTree.parse(built.root / "junit.xml").iter("testcase")
    found = {
        case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
        for case in cases
        if "float32" in str(case.get("classname"))
    }
    size, accuracy = found["max_bytes"], found["min_accuracy"]
    assert (size["measured"], size["limit"], size["unit"]) == ("6300", "6299", "bytes")
    assert (size["margin"], size["outcome"]) == ("-1", "exceeded")
    assert (accuracy["measured"], accuracy["limit"], accuracy["unit"]) == ("0.965", "0.96", "score")


def test_xdist_agrees(blobs: Project) -> None:
    edit(blobs, "max_bytes: 6300", "max_bytes: 6299")
    first = blobs.pytest("-n2", "--dist=load")
    assert "(cached" not in first.output, "a process of this session has built it"
    assert cached(blobs) == sorted([*ALL_CACHED, CONTENTS])
    alone = blobs.pytest()
    assert len(table(alone.output)) == len(ALL)
    for together in (first, *(blobs.pytest("-n2", "--dist", each) for each in DISTRIBUTIONS)):
        assert together.exitcode == alone.exitcode == 1
        assert table(together.output) == table(alone.output)
        assert "1 failed, 4 passed" in together.output
    assert cached(blobs) == sorted([*ALL_CACHED, CONTENTS])


def table(output: str) -> list[str]:
    """Return the limits of the summary; the lines above them have seconds, which vary."""
    _, _, summary = output.partition("= model budgets =")
    return sorted(re.findall(r"^  ((?:max|min)_\w+ .*)$", summary, re.MULTILINE))


def test_rebuilding_ignores_what_is_cached(built: Project) -> None:
    assert "built" not in built.pytest().output
    result = built.pytest("--budget-rebuild", "-n2", "-k", "bytes")
    assert "cached" not in result.output
    assert result.exitcode == 0


def test_a_damaged_artifact_is_rebuilt(built: Project) -> None:
    for file in (built.root / ".modelbudget").rglob("model.tflite"):
        file.write_bytes(file.read_bytes()[:100])
    result = built.pytest("-k", "int8 and max_bytes")
    assert result.exitcode == 0
    result.has("blobs.budget.yaml int8 (built, ")


def test_only_what_is_selected_is_built_and_its_seconds_cover_the_whole_chain(
    blobs: Project,
) -> None:
    assert blobs.pytest("-k", "float32 and max_bytes").exitcode == 0
    assert cached(blobs) == [ARTIFACT]
    [manifest] = (blobs.root / ".modelbudget" / "entries").glob("*/*/*/entry.json")
    result = manifest.with_name("result.json")
    result.write_text(json.dumps(json.loads(result.read_text()) | {"seconds": 1000}))
    entry = json.loads(manifest.read_text())
    entry["sha256"][result.name] = file_digest(result)
    manifest.write_text(json.dumps(entry))
    output = blobs.pytest("-k", "int8 and max_bytes").output
    shown = re.search(r"blobs.budget.yaml int8 \(built, ([\d.]+) s\)", output)
    assert shown is not None
    assert 1000 < float(shown[1]) < 1500
    assert cached(blobs) == [ARTIFACT, ARTIFACT]


def test_options_have_ini_twins(blobs: Project) -> None:
    (blobs.root / "blobs.budget.yaml").rename(blobs.root / "blobs.gate")
    blobs.write(
        "pytest.ini",
        """
        [pytest]
        modelbudget_files = *.gate
        modelbudget_jobs = 2
        modelbudget_cache = kept/here
        modelbudget_rebuild = true
        modelbudget_artifacts = dist
        """,
    )
    result = blobs.pytest()
    assert result.exitcode == 0
    assert (blobs.root / "kept" / "here" / "entries").is_dir()
    assert len(list((blobs.root / "dist").glob("*.tflite"))) == 2
    assert "cached" not in blobs.pytest("-k", "float32 and max_bytes").output


@pytest.mark.parametrize("jobs", ["none", "-1"])
def test_jobs_that_are_no_number_are_a_usage_error(blobs: Project, jobs: str) -> None:
    blobs.write("pytest.ini", f"[pytest]\nmodelbudget_jobs = {jobs}\n")
    result = blobs.pytest()
    assert result.exitcode == 4
    result.has(f"ERROR: modelbudget_jobs: expected a whole number above 0, got '{jobs}'")


def test_no_jobs_at_all_are_a_usage_error(blobs: Project) -> None:
    result = blobs.pytest("--budget-jobs=0")
    assert result.exitcode == 4
    result.has("ERROR: modelbudget_jobs: expected a whole number above 0, got 0\n")


def test_latency_is_measured_and_never_served_from_the_cache(blobs: Project) -> None:
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        budget: {max_latency: 1 s, max_latency_p90: 1 s, max_latency_p99: 1 ns}
        """.replace("1 ns", "0.001 us"),
    )
    result = blobs.pytest("-v")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::max_latency": "PASSED",
        "blobs.budget.yaml::max_latency_p90": "PASSED",
        "blobs.budget.yaml::max_latency_p99": "FAILED",
    }
    result.has(
        "max_latency_p99: ",
        "over the limit of 0.001 us",
        "p99 of ",
        "discarded) in ",
        "99 % interval; 1 thread, XNNPACK, ",
        ", governor ",
        "max_latency ",
        " us) 1 s ",
    )
    assert cached(blobs) == [ARTIFACT], "nothing else could be served"


def test_a_latency_ratio_is_taken_against_the_float_model(built: Project) -> None:
    before = cached(built)
    built.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {calibration: blobs:calibration}
        budget: {max_latency_ratio: 50}
        variants:
          int8: {recipe: int8}
          crowded: {recipe: int8, latency: {threads: 1000}}
        """,
    )
    result = built.pytest("-v")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::int8::max_latency_ratio": "PASSED",
        "blobs.budget.yaml::crowded::max_latency_ratio": "FAILED",
    }
    result.has(
        "max_latency_ratio could not be measured: latency.threads is 1000, but only ",
        "blobs.budget.yaml:4:",
    )
    assert cached(built) == before


def test_structure_is_read_from_the_tflite_itself(built: Project) -> None:
    built.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {calibration: blobs:calibration}
        budget: {integer_only: true}
        variants:
          int8:
            recipe: [quantize: {scheme: int8, io: int8}]
            budget:
              min_sparsity: 0.7
              max_unique_weights: 255
              max_macs: 1279
          float_io: {recipe: int8}
        """,
    )
    result = built.pytest("-v")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::int8::min_sparsity": "PASSED",
        "blobs.budget.yaml::int8::max_unique_weights": "PASSED",
        "blobs.budget.yaml::int8::max_macs": "FAILED",
        "blobs.budget.yaml::int8::integer_only": "PASSED",
        "blobs.budget.yaml::float_io::integer_only": "FAILED",
    }
    result.has(
        "max_macs: 1,280 is 1 (0.078 %) over the limit of 1,279",
        "integer_only: 2 float operators: DEQUANTIZE, QUANTIZE",
    )


def test_a_failure_carries_the_command_that_repeats_it(blobs: Project) -> None:
    (blobs.root / "blobs.tflite").write_bytes(b"no model")
    result = blobs.pytest("-k", "int8 and max_bytes")
    command = re.search(r"repeat: \S+ (.*)", result.output)
    assert command is not None
    repeated = blobs.run(*command[1].split())
    assert repeated.exitcode == 1
    repeated.has("failed: ", "blobs.tflite")
    folder = Path(command[1].split()[-1])
    assert json.loads((folder / "task.json").read_text())["job"]["stage"]["kind"] == "convert"
