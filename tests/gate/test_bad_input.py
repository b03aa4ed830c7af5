"""What goes wrong while building or measuring: said once, clearly, and nobody else suffers."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project, eventually, outcomes

CORPUS = Path(__file__).parents[1] / "corpus"

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
        "data:calibration raised ValueError: no such file (data.py:1)",
    ),
    "exits": ("import os\ndef calibration(): os._exit(3)", "the worker process exited with code 3"),
    "is interrupted": (
        "def calibration(): raise KeyboardInterrupt",
        "data:calibration raised KeyboardInterrupt (data.py:1)",
    ),
    "is interrupted when imported": (
        "raise KeyboardInterrupt\ndef calibration(): ...",
        "importing data raised KeyboardInterrupt (data.py:1)",
    ),
    "calls exit": ("def calibration(): exit('bye')", "data:calibration raised SystemExit: bye"),
    "is killed": (
        "import os\ndef calibration(): os.kill(os.getpid(), 9)",
        "the worker process was killed by signal 9 (Killed)",
    ),
    "is missing": (
        "def __getattr__(name): raise AttributeError(name)",
        "module data has no calibration",
    ),
    "does not parse": ("def (:", "importing data raised SyntaxError"),
    "returns nothing": (
        "def calibration(): ...",
        "data:calibration: expected a pair (x, y), got None",
    ),
}


@pytest.mark.parametrize("case", BUILDS)
def test_a_build_that_fails_is_one_clear_error(gate: Project, case: str) -> None:
    code, cause = BUILDS[case]
    gate.write("data.py", code)
    result = gate.pytest("-v")
    assert result.exitcode == 1
    assert outcomes(result.output) == {FLOAT32: "PASSED", INT8: "ERROR", DROP: "ERROR"}
    result.has("blobs.budget.yaml:9:", "recipe", cause, "log: ", "repeat: ")
    result.has("max_bytes", "NOT BUILT", "max_accuracy_drop", "NOT BUILT")
    assert "The above exception" not in result.output
    assert "limit_items.py" not in result.output
    assert nothing_half_written(gate)


def test_a_build_that_hangs_is_stopped_and_says_where(gate: Project) -> None:
    text = GOOD.replace("60 s", "1 s")
    gate.write("blobs.budget.yaml", text)
    gate.write("data.py", "import time\ndef calibration():\n    time.sleep(1000)\n")
    result = gate.pytest("-v", "-k", "max_bytes")
    assert outcomes(result.output) == {FLOAT32: "PASSED", INT8: "ERROR"}
    result.has(
        "still running after its timeout of 1 s\nraise `timeout` if it needs more time\n",
        "it hung here, innermost call first:\n",
        'data.py", line 3 in calibration\n',
        "log: ",
    )


MEASURED = {
    "raises": ("def test(): raise KeyError('y')", "data:test raised KeyError: 'y' (data.py:1)"),
    "is empty": (
        "import numpy as np\ndef test(): return np.zeros((0, 16), 'f4'), np.zeros(0, int)",
        "data:test: ",
    ),
    "has NaN": (
        "import numpy as np\ndef test(): return np.full((9, 16), np.nan, 'f4'), np.zeros(9, int)",
        "NaN",
    ),
    "has the wrong shape": (
        "import numpy as np\ndef test(): return np.zeros((9, 15), 'f4'), np.zeros(9, int)",
        "input x needs samples of shape (16,), but x has samples of shape (15,)",
    ),
    "has lengths that differ": (
        "import numpy as np\ndef test(): return np.zeros((9, 16), 'f4'), np.zeros(8, int)",
        "9",
    ),
    "has labels out of range": (
        "import numpy as np\ndef test(): return np.zeros((9, 16), 'f4'), np.full(9, 4)",
        "4",
    ),
    "makes the model overflow": (
        "import numpy as np\ndef test(): return np.full((9, 16), 3e38, 'f4'), np.zeros(9, int)",
        "the model's output output_0 contains NaN or infinity in 9 of 9 samples",
    ),
}


@pytest.mark.parametrize("case", MEASURED)
def test_what_cannot_be_measured_fails_as_unmeasured(blobs: Project, case: str) -> None:
    code, cause = MEASURED[case]
    blobs.write("data.py", code)
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {test: data:test}
        budget: {max_bytes: 7 kB, min_accuracy: 0.1}
        """,
    )
    result = blobs.pytest("-v")
    assert result.exitcode == 1
    assert outcomes(result.output) == {
        "blobs.budget.yaml::max_bytes": "PASSED",
        "blobs.budget.yaml::min_accuracy": "FAILED",
    }
    result.has("min_accuracy could not be measured: ", cause, "blobs.budget.yaml:4:", "UNMEASURED")
    assert nothing_half_written(blobs)


MODELS = {
    "is empty": b"",
    "is random": bytes(range(256)) * 8,
    "is a picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
}


@pytest.mark.parametrize("case", [*MODELS, "is truncated"])
def test_a_model_file_that_is_none_is_an_error(gate: Project, case: str) -> None:
    model = gate.root / "blobs.tflite"
    model.write_bytes(MODELS.get(case, model.read_bytes()[:3000]))
    gate.write("data.py", "from blobs import calibration")
    result = gate.pytest("-v")
    assert result.exitcode == 1
    assert outcomes(result.output) == {FLOAT32: "ERROR", INT8: "ERROR", DROP: "ERROR"}
    result.has("blobs.budget.yaml:2:", "blobs.tflite")
    assert nothing_half_written(gate)


def test_the_suffix_of_a_model_may_be_in_upper_case(blobs: Project) -> None:
    (blobs.root / "blobs.tflite").rename(blobs.root / "blobs.TFLITE")
    text = (blobs.root / "blobs.budget.yaml").read_text().replace("blobs.tflite", "blobs.TFLITE")
    blobs.write("blobs.budget.yaml", text)
    result = blobs.pytest("-v")
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
    gate.write("data.py", "from blobs import calibration")
    # A limit on the size of a file is refused by the kernel much as a full disk is.
    limited = [
        "import resource, runpy, sys",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))",
        "sys.argv = ['pytest', '-v', '-p', 'no:cacheprovider']",
        "runpy.run_module('pytest', run_name='__main__')",
    ]
    result = gate.run("-c", "\n".join(limited))
    assert result.exitcode == 1
    assert set(outcomes(result.output).values()) == {"ERROR"}
    result.has("File too large")
    assert nothing_half_written(gate)


HANGS = """
import os, pathlib, time
def calibration():
    pathlib.Path("pid").write_text(str(os.getpid()))
    time.sleep(1000)
"""


@pytest.mark.parametrize(("number", "exitcode"), [(signal.SIGINT, 2), (signal.SIGKILL, -9)])
def test_workers_do_not_outlive_pytest(gate: Project, number: int, exitcode: int) -> None:
    gate.write("data.py", HANGS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "int8"]
    running = subprocess.Popen(
        command,
        cwd=gate.root,
        stdout=subprocess.DEVNULL,
        # A shell starts what is in the background with SIGINT ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    pid_file = gate.root / "pid"
    eventually(lambda: pid_file.exists() and bool(pid_file.read_text()))
    running.send_signal(number)
    assert running.wait(timeout=60) == exitcode
    eventually(lambda: not Path("/proc", pid_file.read_text()).exists())


def test_a_model_that_ends_or_hangs_litert_fails_alone(blobs: Project) -> None:
    """Mutants that LiteRT neither refuses nor runs: the session goes on beside them."""
    for name in ("ends_its_process", "hangs"):
        shutil.copy(CORPUS / f"{name}.tflite", blobs.root)
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        timeout: 3 s
        budget: {max_bytes: 7 kB}
        variants:
          ends: {model: ends_its_process.tflite}
          hangs: {model: hangs.tflite}
          good: {model: blobs.tflite}
        """,
    )
    result = blobs.pytest("-v")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::ends::max_bytes": "ERROR",
        "blobs.budget.yaml::hangs::max_bytes": "ERROR",
        "blobs.budget.yaml::good::max_bytes": "PASSED",
    }
    assert "Traceback" not in result.output
    assert nothing_half_written(blobs)
