"""Sessions of pytest with mutated ``.tflite`` files: 50 in each, and none may be lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.fuzz.cases import Tally
from benchmarks.fuzz.mutations import ROOT
from benchmarks.fuzz.tflite import Tflite

MODELS = 50
GUARD_S = 1800.0
LIMITS = "{max_bytes: 1 MB, min_accuracy: 0.5, max_memory: 1 MB, max_macs: 1000000}"


class Sessions:
    """One session for each case; a good model at its end must be green.

    Args:
        folder: An empty folder.
        seed: Of all cases.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._folder = folder
        self._tflite = Tflite(folder, seed)

    def run(self, case: int) -> None:
        """Judge the mutants of one session."""
        project = self._folder / f"session-{case}"
        project.mkdir()
        for name in ("blobs.py", "blobs.tflite"):
            shutil.copy(ROOT / "tests" / "models" / name, project)
        names = [f"m{number}" for number in range(MODELS)]
        for number, name in enumerate(names):
            mutant = self._tflite.mutant(MODELS * case + number)
            (project / f"{name}.tflite").write_bytes(mutant)
        (project / "pytest.ini").write_text("[pytest]\n")
        variants = [f"  {name}: {{model: {name}.tflite}}\n" for name in (*names, "blobs")]
        (project / "fuzzed.budget.yaml").write_text(
            "version: 1\ndata: {test: blobs:test}\ntimeout: 20 s\n"
            f"budget: {LIMITS}\nvariants:\n{''.join(variants)}"
        )
        self._judge(project, case)
        shutil.rmtree(project)

    def _judge(self, project: Path, case: int) -> None:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        try:
            done = subprocess.run(
                [*command, "-p", "modelbudget", "--junitxml=junit.xml"],
                cwd=project,
                env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path},
                capture_output=True,
                text=True,
                timeout=GUARD_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.tally.add("hang", case, f"longer than {GUARD_S} s")
            return
        cases = list(ElementTree.parse(project / "junit.xml").iter("testcase"))
        red = {
            each for each in cases for kind in ("failure", "error") if each.find(kind) is not None
        }
        green = [str(each.get("classname")) for each in cases if each not in red]
        if "INTERNALERROR" in done.stdout or len(cases) != 4 * (MODELS + 1):
            self.tally.add("wrong", case, f"{len(cases)} limits\n{done.stdout}{done.stderr}")
        elif "Traceback" in done.stdout:
            self.tally.add("traceback", case, done.stdout)
        elif sum(name.endswith(".blobs") for name in green) != 4:
            self.tally.add("wrong", case, f"the good model is not green\n{done.stdout}")
        else:
            self.tally.add("sessions", case)
