"""Runs the gate of one budget file, and reads what it measured and what its builds took."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.plan import Step
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.protocol.build_jobs import Built
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.store import Store

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".modelbudget"
_INTERVAL = re.compile(r"% interval (\S+?)(?:\N{EN DASH}| to )")


@dataclass(frozen=True)
class Variant:
    """What became of one variant.

    Attributes:
        name: As in the budget file.
        chain_s: What all stages of its recipe took when they were built, in seconds.
        measured: By the name of the limit, in the limit's unit; without what was not measured.
        low: The lower end of the interval of an accuracy, in the limit's unit, where there is one.
        problems: Why limits were not measured.
    """

    name: str
    chain_s: float
    measured: dict[str, float] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gated:
    """The variants in the order of the file, and pytest's exit code."""

    variants: tuple[Variant, ...]
    exitcode: int


def run_gate(budget_file: Path, options: Sequence[str] = ()) -> Gated:
    """Run pytest on one budget file, with the cache that ``pytest`` itself uses.

    Args:
        budget_file: It has variants.
        options: More of pytest's, such as ``--budget-rebuild``.
    """
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", str(budget_file), f"--junitxml={junit}"]
        done = subprocess.run([*command, *options], cwd=ROOT, stdout=sys.stderr, check=False)
        cases = list(ElementTree.parse(junit).iter("testcase"))
    variants = {budget.variant: _variant(budget) for budget in load(budget_file)}
    for case in cases:
        found = _properties(case)
        variant = variants[found["variant"]]
        if "measured" in found:
            variant.measured[found["name"]] = float(found["measured"])
        else:
            variant.problems.append(_problem(case))
        if interval := _INTERVAL.search(found.get("how", "")):
            variant.low[found["name"]] = float(interval[1])
    return Gated(tuple(variants.values()), done.returncode)


def steps_of(budget: Budget) -> Iterable[Step]:
    """Yield the steps of a recipe, the last one first."""
    project = Project(rootdir=ROOT, sys_path=())
    step: Step | None = Planner(project).plan(budget).step
    while step is not None:
        yield step
        step = step.parent


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for cells in [head, ["---"] * len(head), *rows]:
        print(f"| {' | '.join(cells)} |")


def _properties(case: ElementTree.Element) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}


def _problem(case: ElementTree.Element) -> str:
    """Return the first line of an error or failure, without its place in the file."""
    [found] = [each for kind in ("error", "failure") for each in case.iter(kind)]
    return re.sub(r"^\S+:\d+:\d+: ", "", (found.text or "").strip().splitlines()[0])


def _variant(budget: Budget) -> Variant:
    store = Store(CACHE)
    entries = [store.find(step.key, None) for step in steps_of(budget)]
    built = [
        Built.model_validate_json((entry.path / "result.json").read_bytes())
        for entry in entries
        if entry is not None
    ]
    return Variant(budget.variant or "", sum(each.seconds for each in built))
