"""Limits on targets and on memory, as their user sees them."""

from tests.conftest import Project, outcomes
from tests.workers.measure.targets.stand_in import install

GOOD = """
version: 1
model: blobs.tflite
data: {calibration: blobs:calibration}
variants:
  host:
    budget: {max_memory: 335}
  npu:
    recipe: [quantize: {scheme: int8, io: int8}]
    latency: {target: ethos-u55-128}
    budget: {max_bytes: 3 kB, max_memory: 80, max_latency: 5 us, max_latency_p90: 5 us}
  phone:
    latency: {target: adb}
    budget: {max_bytes: 7 kB, max_memory: 336, max_latency: 100 ms}
  board:
    latency: {target: {command: [sh, -c, 'test -f {model} && echo 0.002']}}
    budget: {max_bytes: 7 kB, max_memory: 1 kB, max_latency: 2 ms}
  own:
    latency: {target: "bench:run"}
    budget: {max_bytes: 1 kB, max_memory: 1 kB, max_latency_p99: 4 ms}
"""
BENCH = """
def run(path):
    return {"latency_s": 2e-3, "p99_s": 3e-3, "memory_bytes": 512, "size_bytes": 1024}
"""


def test_each_target_is_asked_for_what_it_knows(built: Project) -> None:
    adb, _ = install(built.root / "tools")
    built.write("blobs.budget.yaml", GOOD)
    built.write("bench.py", BENCH)
    ini = f"[pytest]\nmodelbudget_adb = {adb}\nmodelbudget_adb_benchmark = tools/benchmark_model\n"
    built.write("pytest.ini", ini)
    result = built.pytest("-v", "--budget-adb-serial", "emulator-5554")
    failed = {
        "host::max_memory",
        "npu::max_latency_p90",
        "board::max_memory",
        "own::max_bytes",
    }
    found = outcomes(result.output)
    assert {name for name, what in found.items() if what == "FAILED"} == {
        f"blobs.budget.yaml::{name}" for name in failed
    }
    assert len(found) == 14
    result.has(
        "max_memory: 336 B is 1 B (0.3 %) over the limit of 335 B",
        "336 B arena of 336 B planned by LiteRT; 336 B of activations live at once",
        "what helps `quantize: {scheme: int8}`",
        "max_latency_p90 could not be measured: the target does not report p90_s: estimated by",
        "max_memory could not be measured: the target does not report memory_bytes: ",
        "max_bytes: 1.02 kB is 0.0240 kB (2.4 %) over the limit of 1 kB",
        "on the target, answered by bench:run; the .tflite has 6,300 B",
        "blobs.budget.yaml npu",
        "max_bytes 2.53 kB 3 kB",
        "max_memory 80 B 80 B",
        "max_latency 1.82 us 5 us",
        "blobs.budget.yaml board",
        "max_latency 2 ms 2 ms",
    )


BAD = """
version: 1
model: blobs.tflite
budget: {max_latency: 1 s, max_gzip_bytes: 7 kB}
variants:
  npu: {latency: {target: ethos-u85-256}}
  phone: {latency: {target: adb}}
  garbage: {latency: {target: {command: [sh, -c, 'echo ready', '{model}']}}}
  fails: {latency: {target: {command: [sh, -c, 'echo no board >&2; exit 1', '{model}']}}}
  hangs:
    timeout: 1 s
    latency: {target: {command: [sh, -c, 'echo connecting; sleep 1000', '{model}']}}
"""


def test_what_cannot_be_measured_is_never_a_pass_and_says_what_to_do(built: Project) -> None:
    adb, benchmark_model = install(built.root / "tools", devices="")
    built.write("blobs.budget.yaml", BAD)
    result = built.pytest(
        *("-v", "--budget-adb", str(adb), "--budget-adb-benchmark", str(benchmark_model)),
        env=built.refusing("ethosu"),
    )
    assert result.exitcode == 1
    found = outcomes(result.output)
    latencies = [what for name, what in found.items() if name.endswith("max_latency")]
    assert latencies == ["FAILED"] * 5
    assert list(found.values()).count("PASSED") == 5
    result.has(
        "max_latency could not be measured: Vela is not installed\n"
        "pip install 'pytest-modelbudget[ethos-u]'\nlog: ",
        "could not be measured: no device is connected\nconnect one with USB debugging on",
        "could not be measured: sh did not write JSON to its standard output: ready\nwrite seconds",
        "could not be measured: sh exited with code 1: no board\nrun it by hand: sh -c 'echo no",
        "could not be measured: sh did not end within 1 s: connecting\nraise `timeout`",
        "repeat: ",
    )
