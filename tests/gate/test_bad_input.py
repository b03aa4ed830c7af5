"""What goes wrong while building or measuring: said once, clearly, and nobody else suffers."""

import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Project, Result, blobs_in, eventually, outcomes
from tests.gate.test_one_failure import errors

CORPUS = Path(__file__).parents[1] / "corpus"
BLOBS_TFLITE = Path(__file__).parents[1] / "models" / "blobs.tflite"

GOOD = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: data:calibration}
timeout: 60 s
variants:
  float32:
    budget: {max_bytes: 7 kB}
  int8:
    recipe: int8
    budget: {max_bytes: 7 kB, max_accuracy_drop: 10 pp}
"""
FLOAT32, INT8 = "blobs.budget.yaml::float32::max_bytes", "blobs.budget.yaml::int8::max_bytes"
DROP = "blobs.budget.yaml::int8::max_accuracy_drop"


@pytest.fixture
def gate(blobs: Project) -> Project:
    blobs.write("blobs.budget.yaml", GOOD)
    return blobs


def nothing_half_written(project: Project) -> bool:
    staging = project.root / ".modelbudget" / "staging"
    return not staging.exists() or not list(staging.iterdir())


BUILDS = {
    "raises": (
        "def calibration(): raise ValueError('no such file')",
        "{}:calibration raised ValueError: no such file ({}.py:1)",
    ),
    "raises_a_lone_surrogate": (
        r"def calibration(): raise ValueError('\ud800')",
        r"{}:calibration raised ValueError: \ud800 ({}.py:1)",
    ),
    "exits": ("import os\ndef calibration(): os._exit(3)", "the worker process exited with code 3"),
    "is_interrupted": (
        "def calibration(): raise KeyboardInterrupt",
        "{}:calibration raised KeyboardInterrupt ({}.py:1)",
    ),
    "is_interrupted_when_imported": (
        "raise KeyboardInterrupt\ndef calibration(): ...",
        "importing {} raised KeyboardInterrupt ({}.py:1)",
    ),
    "calls_exit": ("def calibration(): exit('bye')", "{}:calibration raised SystemExit: bye"),
    "is_killed": (
        "import os\ndef calibration(): os.kill(os.getpid(), 9)",
        "the worker process was killed by signal 9 (Killed)",
    ),
    "is_missing": (
        "def __getattr__(name): raise AttributeError(name)",
        "module {} has no calibration",
    ),
    "does_not_parse": ("def (:", "importing {} raised SyntaxError"),
    "returns_nothing": (
        "def calibration(): ...",
        "{}:calibration: expected a pair (x, y), got None",
    ),
}
FAILING = """
version: 1
model: blobs.tflite
data: {test: blobs:test}
budget: {max_bytes: 7 kB}
variants:
  float32: {recipe: []}
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """Let all builds fail in one session, beside one that succeeds."""
    project = blobs_in(tmp_path_factory.mktemp("failing"))
    lines = [FAILING]
    for case, (code, _) in BUILDS.items():
        project.write(f"{case}.py", code)
        limits = "{max_bytes: 7 kB, max_accuracy_drop: 10 pp}"
        data = f"{{calibration: '{case}:calibration'}}"
        lines.append(f"  {case}: {{recipe: int8, data: {data}, budget: {limits}}}\n")
    project.write("blobs.budget.yaml", "".join(lines))
    return project, project.pytest("-v", env={"COLUMNS": "200"})


@pytest.mark.parametrize("case", BUILDS)
def test_a_build_that_fails_is_one_clear_error(failing: tuple[Project, Result], case: str) -> None:
    project, result = failing
    names = [f"{case}::max_bytes", f"{case}::max_accuracy_drop"]
    found = outcomes(result.output)
    assert [found[f"blobs.budget.yaml::{name}"] for name in names] == ["ERROR", "ERROR"]
    assert found[FLOAT32] == "PASSED", "nobody else suffers"
    text = errors(result)[names[0]]
    line = FAILING.count("\n") + list(BUILDS).index(case)
    assert text.startswith(f"blobs.budget.yaml:{line}:")
    for part in ("recipe", BUILDS[case][1].format(case, case), "\nlog: ", "\nrepeat: "):
        assert part in text
    rows = rf"yaml {case}\n  max_bytes +NOT BUILT\n  max_accuracy_drop +NOT BUILT\n"
    assert re.search(rows, result.output)
    assert "The above exception" not in result.output
    assert "limit_items.py" not in result.output
    assert nothing_half_written(project)


MEASURED = {
    "raises": ("raise KeyError('y')", "data:raises raised KeyError: 'y' (data.py:2)"),
    "is_empty": ("return np.zeros((0, 16), 'f4'), np.zeros(0, int)", "data:is_empty: "),
    "has_nan": ("return np.full((9, 16), np.nan, 'f4'), np.zeros(9, int)", "NaN"),
    "has_the_wrong_shape": (
        "return np.zeros((9, 15), 'f4'), np.zeros(9, int)",
        "input x needs samples of shape (16,), but x has samples of shape (15,)",
    ),
    "has_lengths_that_differ": ("return np.zeros((9, 16), 'f4'), np.zeros(8, int)", "9"),
    "has_labels_out_of_range": ("return np.zeros((9, 16), 'f4'), np.full(9, 4)", "4"),
    "makes_the_model_overflow": (
        "return np.full((9, 16), 3e38, 'f4'), np.zeros(9, int)",
        "the model's output output_0 contains NaN or infinity in 9 of 9 samples",
    ),
}
UNMEASURED = """
version: 1
model: blobs.tflite
budget: {max_bytes: 7 kB, min_accuracy: 0.1}
variants:
"""


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """Evaluate with all data in one session."""
    project = blobs_in(tmp_path_factory.mktemp("unmeasured"))
    code = [f"def {case}(): {line}\n" for case, (line, _) in MEASURED.items()]
    project.write("data.py", "import numpy as np\n" + "".join(code))
    lines = [f"  {case}: {{data: {{test: 'data:{case}'}}}}\n" for case in MEASURED]
    project.write("blobs.budget.yaml", UNMEASURED + "".join(lines))
    return project, project.pytest("-v", env={"COLUMNS": "200"})


@pytest.mark.parametrize("case", MEASURED)
def test_what_cannot_be_measured_fails_as_unmeasured(
    unmeasured: tuple[Project, Result], case: str
) -> None:
    project, result = unmeasured
    assert result.exitcode == 1
    found = outcomes(result.output)
    assert found[f"blobs.budget.yaml::{case}::max_bytes"] == "PASSED"
    assert found[f"blobs.budget.yaml::{case}::min_accuracy"] == "FAILED"
    text = errors(result)[f"{case}::min_accuracy"]
    first = text.partition("\n\n")[0]
    assert first.startswith("min_accuracy could not be measured: ")
    assert MEASURED[case][1] in first
    assert "blobs.budget.yaml:3:" in text
    assert result.output.count(" UNMEASURED\n") == len(MEASURED)
    assert nothing_half_written(project)


MODELS = {
    "is_empty": b"",
    "is_random": bytes(range(256)) * 8,
    "is_a_picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "is_truncated": BLOBS_TFLITE.read_bytes()[:3000],
}


@pytest.fixture(scope="module")
def no_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """Gate all files that are no models in one session, with a budget file each."""
    project = blobs_in(tmp_path_factory.mktemp("models"))
    (project.root / "blobs.budget.yaml").unlink()
    for case, content in MODELS.items():
        (project.root / f"{case}.tflite").write_bytes(content)
        text = GOOD.replace("blobs.tflite", f"{case}.tflite").replace("data:cal", "blobs:cal")
        project.write(f"{case}.budget.yaml", text)
    return project, project.pytest("-v")


@pytest.mark.parametrize("case", MODELS)
def test_a_model_file_that_is_none_is_an_error(
    no_models: tuple[Project, Result], case: str
) -> None:
    project, result = no_models
    assert result.exitcode == 1
    found = outcomes(result.output)
    assert len(found) == 3 * len(MODELS)
    for item in (FLOAT32, INT8, DROP):
        assert found[item.replace("blobs", case)] == "ERROR"
    assert re.search(rf"^{case}.budget.yaml:2:.*{case}.tflite", result.output, re.MULTILINE)
    assert nothing_half_written(project)


def test_the_suffix_of_a_model_may_be_in_upper_case(blobs: Project) -> None:
    (blobs.root / "blobs.tflite").rename(blobs.root / "blobs.TFLITE")
    text = (blobs.root / "blobs.budget.yaml").read_text().replace("blobs.tflite", "blobs.TFLITE")
    blobs.write("blobs.budget.yaml", text)
    result = blobs.pytest("-v", "-k", "float32")
    assert set(outcomes(result.output).values()) == {"PASSED"}, result.output


def test_a_module_that_is_missing_is_an_error(gate: Project) -> None:
    result = gate.pytest("-v", "-k", "max_bytes")
    assert result.exitcode == 2
    result.has("blobs.budget.yaml:3:39: data > calibration: module data was not found; ")


def test_a_cache_that_cannot_be_written_is_said(gate: Project) -> None:
    gate.write("data.py", "from blobs import calibration")
    gate.write("taken", "a file")
    result = gate.pytest("-v", "--budget-cache", "taken")
    assert result.exitcode == 1
    assert set(outcomes(result.output).values()) == {"ERROR"}
    result.has("the cache directory", "taken cannot be written", "--budget-cache=DIR")


def test_a_full_disk_fails_the_build_and_leaves_nothing(gate: Project) -> None:
    # A limit on the size of a file is refused by the kernel much as a full disk is.
    gate.write(
        "data.py",
        """
        import resource
        import blobs
        def calibration():
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
            return blobs.calibration()
        """,
    )
    result = gate.pytest("-v", "-k", "max_bytes")
    assert result.exitcode == 1
    assert outcomes(result.output) == {FLOAT32: "PASSED", INT8: "ERROR"}
    result.has("File too large")
    assert nothing_half_written(gate)


# A shell starts what is in the background with SIGINT ignored, and that is inherited.
WRITES_ITS_ID = """
import os, pathlib, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
pathlib.Path("pytest.pid").write_text(str(os.getpid()))
"""
HANGS = """
import os, pathlib, time
def calibration():
    pathlib.Path("worker.pid").write_text(str(os.getpid()))
    time.sleep(1000)
"""


@pytest.mark.parametrize(("number", "exitcode"), [(signal.SIGINT, 2), (signal.SIGKILL, -9)])
def test_workers_do_not_outlive_pytest(gate: Project, number: int, exitcode: int) -> None:
    gate.write("conftest.py", WRITES_ITS_ID)
    gate.write("data.py", HANGS)
    worker = gate.root / "worker.pid"
    with ThreadPoolExecutor() as executor:
        running = executor.submit(gate.pytest, "-k", "int8")
        eventually(lambda: worker.exists() and bool(worker.read_text()))
        os.kill(int((gate.root / "pytest.pid").read_text()), number)
        assert running.result().exitcode == exitcode
    eventually(lambda: not Path("/proc", worker.read_text()).exists())


def test_a_build_that_hangs_or_ends_its_process_fails_alone_and_says_where(blobs: Project) -> None:
    """Code that hangs, and mutants of a model that LiteRT neither refuses nor runs."""
    blobs.write("data.py", "import time\ndef calibration():\n    time.sleep(1000)\n")
    for name in ("ends_its_process", "hangs"):
        shutil.copy(CORPUS / f"{name}.tflite", blobs.root)
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        budget: {max_bytes: 7 kB}
        timeout: 60 s
        variants:
          sleeps: {recipe: int8, timeout: 1 s, data: {calibration: "data:calibration"}}
          hangs: {model: hangs.tflite, timeout: 1 s}
          ends: {model: ends_its_process.tflite}
          good: {}
        """,
    )
    result = blobs.pytest("-v", "--budget-jobs=4")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::sleeps::max_bytes": "ERROR",
        "blobs.budget.yaml::hangs::max_bytes": "ERROR",
        "blobs.budget.yaml::ends::max_bytes": "ERROR",
        "blobs.budget.yaml::good::max_bytes": "PASSED",
    }
    for where in (
        'it hung here, innermost call first:\n  File "{root}/data.py", line 3 in calibration\n',
        "it hung here, innermost call first:\n",
    ):
        result.has(
            "still running after its timeout of 1 s\nraise `timeout` if it needs more time\n",
            where.format(root=blobs.root),
            "log: ",
        )
    assert "Traceback" not in result.output
    assert nothing_half_written(blobs)
