"""The forked sessions of the tests end with those who wait for them."""

import os
import subprocess

from tests.conftest import ZYGOTES, Project, eventually

SLEEP = """
import os, pathlib, time

def test_sleep():
    pathlib.Path("new").write_text(str(os.getpid()))
    pathlib.Path("new").rename("process")
    time.sleep(600)
"""


def test_a_session_is_killed_when_nobody_waits_for_it(project: Project) -> None:
    project.write("test_sleep.py", SLEEP)
    words = [ZYGOTES.interpreter(), "-m", "pytest", "-p", "no:cacheprovider"]
    own = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(words, cwd=project.root, env=own, stdout=subprocess.DEVNULL) as waits:
        eventually((project.root / "process").exists)
        process = (project.root / "process").read_text()
        assert process != str(waits.pid)
        assert os.path.exists(f"/proc/{process}")
        waits.kill()
    eventually(lambda: not os.path.exists(f"/proc/{process}"))
