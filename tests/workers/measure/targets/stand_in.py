"""Executables that stand in for ``adb`` with a device, and for its ``benchmark_model``.

The first speaks adb's command line, and its device is a folder; the second really runs the
``.tflite`` here, in LiteRT, and prints what the real one prints (``benchmark_model.cc``,
``tsl/util/stats_calculator.h``). There is no Android device where these tests run.
"""

import sys
import textwrap
from pathlib import Path

ADB = """
    import os, sys
    home = os.path.dirname(__file__)
    arguments = sys.argv[1:]
    if arguments == ["devices"]:
        print("* daemon started successfully", file=sys.stderr)
        print("List of devices attached\\n" + open(home + "/devices").read())
        sys.exit()
    assert arguments[:2] == ["-s", "emulator-5554"], arguments
    verb, *rest = arguments[2:]
    with open(home + "/calls", "a") as calls:
        print(verb, *rest, file=calls)
    if verb == "push":
        source, target = rest
        with open(source, "rb") as model, open(home + target, "wb") as copy:
            copy.write(model.read())
        print(f"{source}: 1 file pushed")
    else:
        assert verb == "shell"
        os.makedirs(home + "/data/local/tmp", exist_ok=True)
        line = " ".join(rest).replace("/data/local/tmp", f"{home}/data/local/tmp")
        line = "getprop() { echo 'Stand In'; }; " + line
        os.execvp("sh", ["sh", "-c", line])
"""

BENCHMARK_MODEL = """
    import sys, time
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    flags = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
    model = Interpreter(flags["graph"], num_threads=int(flags["num_threads"]))
    model.allocate_tensors()
    for tensor in model.get_input_details():
        model.set_tensor(tensor["index"], np.ones(tensor["shape"], tensor["dtype"]))

    def run(count):
        times = []
        for _ in range(count):
            started = time.perf_counter()
            model.invoke()
            times.append(max(1, int((time.perf_counter() - started) * 1e6)))
        ordered = sorted(times)
        print(f"INFO: count={count} first={times[0]} curr={times[-1]} min={ordered[0]} "
              f"max={ordered[-1]} avg={sum(times) / count:g} std=0 p5={ordered[0]} "
              f"median={ordered[count // 2]} p95={ordered[-1]}")

    run(10)
    run(50)
"""


def executable(path: Path, source: str, options: str = "-IS") -> Path:
    """Write a script of Python, which starts several times faster without what is installed."""
    path.write_text(f"#!{sys.executable} {options}\n{textwrap.dedent(source)}")
    path.chmod(0o755)
    return path


def install(folder: Path, devices: str = "emulator-5554\tdevice\n") -> tuple[Path, Path]:
    """Write both, and return their paths; ``devices`` is what ``adb devices`` lists."""
    folder.mkdir(exist_ok=True)
    (folder / "devices").write_text(devices)
    adb = executable(folder / "adb", ADB)
    return adb, executable(folder / "benchmark_model", BENCHMARK_MODEL, "-P")
