"""adb, against a stand-in that speaks its command line: see ``stand_in.py``."""

from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.measurement_jobs import Adb
from tests.workers.flatbuffers import BLOBS
from tests.workers.measure.targets.conftest import Measure
from tests.workers.measure.targets.stand_in import executable, install

READY = "emulator-5554\tdevice\n"


def options(folder: Path, devices: str = READY, serial: str = "") -> Adb:
    adb, benchmark_model = install(folder / "platform-tools", devices)
    return Adb(program=str(adb), serial=serial, benchmark_model=benchmark_model)


def test_the_model_is_pushed_and_really_run(measured: Measure, tmp_path: Path) -> None:
    figures = measured("adb", adb=options(tmp_path))
    assert 0 < figures.latency_s < 0.1
    assert (figures.p90_s, figures.memory_bytes, figures.size_bytes) == (None, None, None)
    assert figures.how == (
        "median of 50 runs of benchmark_model on Stand In (emulator-5554), --num_threads=1"
    )
    home = tmp_path / "platform-tools"
    folder = "/data/local/tmp/pytest-modelbudget-"
    calls = [line.partition(folder) for line in (home / "calls").read_text().splitlines()]
    assert [before for before, *_ in calls] == [
        "shell getprop ro.product.model",
        "shell mkdir ",
        f"push {home / 'benchmark_model'} ",
        f"push {BLOBS} ",
        "shell chmod 755 ",
        "shell ",
        "shell rm -rf ",
    ]
    assert list((home / "data/local/tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("devices", "serial", "cause", "hint"),
    [
        ("", "", "no device is connected", "connect one with USB debugging on"),
        (
            f"{READY}R58M\tdevice\n",
            "",
            "2 devices are connected: emulator-5554, R58M",
            "choose one with --budget-adb-serial=SERIAL",
        ),
        (READY, "R58M", "device R58M is not connected; connected: emulator-5554", "connect one"),
        ("", "R58M", "device R58M is not connected; connected: none", "connect one"),
        (
            "R58M\tunauthorized\n",
            "",
            "device R58M is not ready: unauthorized",
            "unlock its screen and allow USB debugging",
        ),
        ("R58M\toffline\n", "R58M", "device R58M is not ready: offline", "plug it in again"),
        (
            "R58M\tno permissions (user not in plugdev group); see [http://...]\n",
            "",
            "device R58M is not ready: no permissions (user not in plugdev group)",
            "add a udev rule",
        ),
        ("R58M\trecovery\n", "", "device R58M is not ready: recovery", "connect one"),
    ],
)
def test_without_a_ready_device_it_says_how_to_connect_one(
    measured: Measure, tmp_path: Path, devices: str, serial: str, cause: str, hint: str
) -> None:
    with pytest.raises(JobError) as error:
        measured("adb", adb=options(tmp_path, devices, serial))
    assert error.value.cause.startswith(cause)
    assert error.value.hint.startswith(hint)


def test_a_serial_chooses_among_devices(measured: Measure, tmp_path: Path) -> None:
    chosen = options(tmp_path, f"R58M\toffline\n{READY}", "emulator-5554")
    assert "Stand In (emulator-5554)" in measured("adb", adb=chosen).how


PRINTS = {
    "all runs took the same": (
        "count=60 curr=45(all same) p5=45 median=45 p95=45\n"
        "count=50 curr=7(all same) p5=7 median=7 p95=7",
        7e-6,
    ),
    "with a tag before it": (
        "INFO: [stats.h] count=1 curr=90 p5=90 median=90 p95=90\n"
        "INFO: [stats.h] count=8 first=9 curr=8 min=8 max=9 avg=8.5 std=0 p5=8 median=8 p95=9\n"
        "INFO: Inference timings in us: Init: 90, Inference (avg): 8.5",
        8e-6,
    ),
}


@pytest.mark.parametrize("case", PRINTS)
def test_the_last_statistics_are_those_of_the_timed_runs(
    measured: Measure, tmp_path: Path, case: str
) -> None:
    printed, latency_s = PRINTS[case]
    adb = options(tmp_path)
    assert adb.benchmark_model
    executable(adb.benchmark_model, f"print({printed!r})")
    assert measured("adb", adb=adb).latency_s == latency_s


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (
            "print('count=5 curr=1 avg=1')",
            "benchmark_model on emulator-5554 did not print a median: ",
        ),
        (
            "print('count=5 curr=0(all same) p5=0 median=0 p95=0')",
            "benchmark_model on emulator-5554 printed a median of 0 us of 5 runs",
        ),
        ("import sys; sys.exit('Failed to load the model')", " exited with code 1: Failed to "),
    ],
)
def test_what_benchmark_model_cannot_do_is_said_and_nothing_is_left_there(
    measured: Measure, tmp_path: Path, code: str, cause: str
) -> None:
    adb = options(tmp_path)
    assert adb.benchmark_model
    executable(adb.benchmark_model, code)
    with pytest.raises(JobError) as error:
        measured("adb", adb=adb)
    assert cause in error.value.cause
    assert list((tmp_path / "platform-tools/data/local/tmp").iterdir()) == []


def test_what_is_not_installed_is_said(measured: Measure, tmp_path: Path) -> None:
    found = options(tmp_path)
    program, model = found.program, found.benchmark_model
    for adb, cause, option in [
        (Adb(program="no-adb", benchmark_model=model), "no-adb was not found", "--budget-adb=PATH"),
        (Adb(program=program), "no benchmark_model is set", "--budget-adb-benchmark=PATH"),
        (
            Adb(program=program, benchmark_model=tmp_path),
            f"{tmp_path} is not a file",
            "--budget-adb-benchmark=PATH",
        ),
    ]:
        with pytest.raises(JobError) as error:
            measured("adb", adb=adb)
        assert error.value.cause.startswith(cause)
        assert option in error.value.hint
