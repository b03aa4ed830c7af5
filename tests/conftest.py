"""A small project in a temporary directory, and pytest run on it as its user would."""

import gc
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import Phase, settings

from tests import lazy
from tests.zygote import Zygotes

lazy.install()

# A deadline fails on a busy machine, whatever the code does.
# A run repeats, so that it fails for what changed; `nox --session properties` looks further.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, max_examples=1000)
# Mutation testing asks only whether a test fails, and shrinking the example takes a while.
settings.register_profile(
    "no shrinking", deadline=None, phases=[Phase.explicit, Phase.generate], database=None
)
settings.load_profile("repeatable")

MODELBUDGET = str(Path(sysconfig.get_path("scripts"), "modelbudget"))
needs_valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="Valgrind is not installed; .ci/run installs it"
)
SESSION = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
ZYGOTES = Zygotes(
    f"{tempfile.gettempdir()}/zygotes-{SESSION}", SESSION, os.environ.get("PYTHONPATH", "")
)


@pytest.hookimpl(tryfirst=True)  # before xdist reads its options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use every core if all tests are to run; a few of them are done sooner in one process.

    One process more than there are cores, because there is always a test that waits.
    """
    all_tests = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    is_xdist_worker = hasattr(config, "workerinput")
    if all_tests and config.pluginmanager.hasplugin("xdist") and not is_xdist_worker:
        option = config.option
        if option.numprocesses is None and option.dist == "no":
            option.numprocesses = len(os.sched_getaffinity(0)) + 1
            option.dist = "loadscope"  # the fixtures of a module are made once
            option.loadscopereorder = False  # it would begin with the modules of the most tests


TENSORFLOW = ("tensorflow.python", "keras.src")  # lazy modules have no parts: see tests/lazy.py
COLLECTED = pytest.StashKey[tuple[set[Path], list[str]]]()
"""The files of all tests, deselected ones too, and the parts of TensorFlow that were loaded."""


@pytest.hookimpl(tryfirst=True)  # before some are deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the modules with TensorFlow first: one at the end would leave the other cores idle."""
    executed = [name for name in TENSORFLOW if name in sys.modules]
    config.stash[COLLECTED] = ({item.path for item in items}, executed)
    long = {item.path for item in items if item.get_closest_marker("tensorflow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile: what collecting the tests makes lives to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@dataclass(frozen=True)
class Result:
    exitcode: int
    output: str

    def has(self, *texts: str) -> None:
        """Assert that each text is a part of the output, in this order; columns may vary."""
        output, position = _narrow(self.output), 0
        for text in map(_narrow, texts):
            found = output.find(text, position)
            assert found >= 0, f"{text!r} is not in (or not in this order in):\n{self.output}"
            position = found + len(text)


REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in {modules}:
            raise ImportError(f"{{name}} was imported")

if loaded := {modules} & sys.modules.keys():
    raise ImportError(f"{{loaded}} are imported already")
sys.meta_path.insert(0, Refuse())
"""


def _narrow(text: str) -> str:
    return re.sub(" +", " ", text)


class Project:
    """Files below ``root``, and the commands that a user would run there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def pytest(
        self, *args: str, env: Mapping[str, str] | None = None, terminal: int | None = None
    ) -> Result:
        """Run pytest without other plugins, but with xdist if ``args`` contain -n."""
        is_distributed = any(arg.startswith("-n") for arg in args)
        plugins = ["-p", "xdist"] if is_distributed else []
        words = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "modelbudget", *plugins, *args]
        own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **(env or {})}
        return self.forked(*words, env=own, terminal=terminal)

    def forked(
        self, *args: str, env: Mapping[str, str] | None = None, terminal: int | None = None
    ) -> Result:
        """Run a command of ``python`` in a process that is forked.

        Its output is in the result, or goes to ``terminal``, the descriptor of one.
        """
        with tempfile.TemporaryFile("w+", errors="replace") as output, open(os.devnull) as nothing:
            streams = (nothing.fileno(), output.fileno(), output.fileno())
            if terminal is not None:
                streams = (terminal, terminal, terminal)
            code = ZYGOTES.run(args, str(self.root), _environment(env or {}), streams)
            output.seek(0)
            return Result(code, output.read())

    def refusing(self, *modules: str) -> dict[str, str]:
        """Return an environment in which no Python process can import ``modules``."""
        self.write("refuse/sitecustomize.py", REFUSE.format(modules=set(modules)))
        return first_on_path(self.root / "refuse")

    def run(
        self, *args: str, env: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> Result:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env=_environment(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        return Result(done.returncode, done.stdout)


def shell_script(path: Path, script: str) -> Path:
    """Write an executable in the language of the shell."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def first_on_path(folder: Path) -> dict[str, str]:
    """Return the variable with which Python looks into ``folder`` first."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command, without what an import of tfmot in a test has set.

    https://github.com/tensorflow/model-optimization/issues/1119
    """
    unwanted = {"TF_USE_LEGACY_KERAS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"}
    ours = {name: value for name, value in os.environ.items() if name not in unwanted}
    return ours | {"COLUMNS": "120", "CI": "true", "TMPDIR": temporary_folder()} | dict(own)


def temporary_folder() -> str:
    """Return a folder for temporary files of commands of this process.

    The lock of the machine is in it: else all builds would wait for a latency that another process
    measures, and that for the longest of the builds.
    """
    folder = Path(ZYGOTES.folder, f"tmp-{os.getpid()}")
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def outcomes(output: str) -> dict[str, str]:
    """Return what became of each item, from the output of ``pytest -v``."""
    return dict(re.findall(r"^(\S+::\S+) (PASSED|FAILED|ERROR)", output, re.MULTILINE))


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, and fail if it does not within a minute."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within a minute")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that is the same in all xdist workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """Return ``path``, made by the first process that asks for it."""
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            unfinished = path.with_name(f"unfinished-{path.name}")  # Keras goes by the suffix
            make(unfinished)
            unfinished.rename(path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")
    return Project(root)


BLOBS = """
version: 1
model: blobs.tflite
data:
  test: blobs:test
  calibration: blobs:calibration
variants:
  float32:
    budget: {max_bytes: 6300, min_accuracy: 0.96}
  int8:
    recipe: int8
    budget: {max_bytes: 4 kB, max_gzip_bytes: 1 kB, max_accuracy_drop: 1 pp}
"""


def blobs_in(root: Path) -> Project:
    """Return a project in the folder ``root``: a float ``.tflite`` and a budget that holds."""
    project = Project(root)
    project.write("pytest.ini", "[pytest]\n")
    for name in ("blobs.tflite", "blobs.py"):
        shutil.copy(Path(__file__).parent / "models" / name, root)
    project.write("blobs.budget.yaml", BLOBS)
    return project


@pytest.fixture
def blobs(project: Project) -> Project:
    """Return a project with a float ``.tflite`` and a budget that holds."""
    return blobs_in(project.root)


SMALL = """
  small_float32:
    budget: {max_bytes: 1 B}
  small_int8:
    recipe: int8
    budget: {max_bytes: 1 B}
  dynamic:
    recipe: dynamic
    budget: {max_bytes: 1 B, max_accuracy_drop: 1 pp, max_macs: 2 k}
"""


@pytest.fixture(scope="session")
def built_once(shared: Path) -> Path:
    """Return the cache of a session that built and measured ``blobs``, and its dynamic variant."""

    def build(root: Path) -> None:
        root.mkdir()
        project = blobs_in(root)
        project.write("blobs.budget.yaml", BLOBS + SMALL)
        assert project.pytest().exitcode == 1, "it shows where the bytes of the models are"

    return once(shared / "built", build) / ".modelbudget"


@pytest.fixture
def built(blobs: Project, built_once: Path) -> Project:
    """Return the project ``blobs`` in which everything is cached, for tests of what comes then."""
    shutil.copytree(built_once, blobs.root / ".modelbudget")
    return blobs
