import sysconfig
from pathlib import Path

import pytest_modelbudget
from pytest_modelbudget.engine.log_excerpt import excerpt

PACKAGE = Path(pytest_modelbudget.__file__).parent
STDLIB = sysconfig.get_path("stdlib")
HEAD = "it hung here, innermost call first:"
MAIN = f"""\
Thread 0x00007f0e (most recent call first):
  File "/venv/lib/python3.11/site-packages/tensorflow/execute.py", line 53 in quick_execute
  File "/venv/lib/python3.11/site-packages/tf_keras/training.py", line 1807 in fit
  File "{PACKAGE}/workers/compress/training/fine_tuning.py", line 90 in fine_tune
  File "{PACKAGE}/workers/run.py", line 44 in run
  File "{STDLIB}/multiprocessing/process.py", line 108 in run
"""
GENERATOR = f"""\
Thread 0x00007f0d (most recent call first):
  File "{STDLIB}/socket.py", line 720 in readinto
  File "/home/ada/project/data.py", line 12 in download
  File "/home/ada/project/data.py", line 30 in samples
  File "/venv/lib/python3.11/site-packages/tensorflow/from_generator_op.py", line 206 in next
"""
WATCHER = f"""\
Thread 0x00007f0c (most recent call first):
  File "{STDLIB}/threading.py", line 331 in wait
"""


def test_a_log_without_a_timeout_ends_with_its_cause() -> None:
    assert excerpt("") == []
    assert excerpt("one\ntwo\n") == ["one", "two"]
    lines = [f"line {number}" for number in range(30)]
    assert excerpt("\n".join(lines)) == lines[18:]


def test_the_thread_that_runs_user_code_is_shown() -> None:
    log = f"epoch 1\nTimeout (0:30:00)!\n{WATCHER}\n{GENERATOR}\n{MAIN}"
    frames = [line.strip() for line in GENERATOR.splitlines()[1:]]
    assert excerpt(log) == [HEAD, *frames]


def test_without_user_code_it_is_the_main_thread_up_to_what_this_package_called() -> None:
    log = f"Timeout (0:00:01.500000)!\n{WATCHER}\n{MAIN}"
    frames = [line.strip() for line in MAIN.splitlines()[1:4]]
    assert excerpt(log) == [HEAD, *frames]


def test_a_dump_that_was_cut_off_is_shown_as_it_is() -> None:
    log = "epoch 1\nTimeout (0:00:01)!\nThread 0x00007f0e (most recent call first):"
    assert excerpt(log) == log.splitlines()
