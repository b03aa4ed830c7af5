"""Takes each family through twelve recipes, with pytest and by hand; prints the table.

``python -m benchmarks.families LOG`` continues where ``LOG`` ends. It takes an hour. With families
after ``LOG``, these are measured again; what came by hand, which the plugin does not change, is
taken from ``LOG`` where it is known.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.families.by_hand import SCHEMES, TRAINED
from benchmarks.families.models import FAMILIES
from benchmarks.gated import CACHE, ROOT, Gated, Variant, print_table, run_gate

PRESETS = (*SCHEMES, "int4", *TRAINED, "prune_int8", "prune_cluster_qat")
RECIPES = {name: name for name in PRESETS} | {"sparse": "[prune, convert: {sparse: true}]"}
BUDGET = """
version: 1
model: {family}.keras
data:
  train: {{call: "benchmarks.families.models:train", args: {{family: {family}}}}}
  test: {{call: "benchmarks.families.models:test", args: {{family: {family}}}}}
metric: {metric}
budget: {{max_bytes: 9 GB, max_latency: 10 s}}
variants:
  float32: {{recipe: float32}}
"""
FOLDER = CACHE / "families"


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe.

    Attributes:
        drop: Of the metric against the float32 file, in its own unit.
        drop_low: The lower end of the interval of ``drop``.
        latency_s: The median.
        reason: Why there is no file; empty if there is one.
        hand_bytes: Of the file by hand; None if that failed or is not tried.
        hand_score: Its metric.
    """

    family: str
    recipe: str
    size_bytes: float | None
    drop: float | None
    drop_low: float | None
    latency_s: float | None
    reason: str
    hand_bytes: int | None
    hand_score: float | None

    @property
    def by_hand(self) -> dict[str, Any]:
        """What ``_by_hand`` returned of the recipe."""
        return {"size_bytes": self.hand_bytes, "score": self.hand_score}


def main() -> None:
    """Measure what the log lacks, or the families that are named, and print the table."""
    log, *names = Path(sys.argv[1]), *sys.argv[2:]
    found = {family: _logged(log, family) for family in FAMILIES}
    for family in names or [each for each in FAMILIES if not found[each]]:
        hand = {each.recipe: each.by_hand for each in found[family]}
        found[family] = _measured(family, hand)
        lines = [json.dumps(asdict(each)) for outcomes in found.values() for each in outcomes]
        log.write_text("\n".join([*lines, ""]))
    _print([each for outcomes in found.values() for each in outcomes])


def read(log: Path) -> list[Outcome]:
    """Return the outcomes of a log."""
    with log.open() as file:
        return [Outcome(**json.loads(line)) for line in file]


def _logged(log: Path, family: str) -> list[Outcome]:
    return [each for each in read(log) if each.family == family] if log.exists() else []


def _measured(family: str, hand: dict[str, dict[str, Any]]) -> list[Outcome]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = FOLDER / f"{family}.keras"
    if not model.exists():
        command = [sys.executable, "-m", "benchmarks.families.training", family, str(model)]
        subprocess.run(command, cwd=ROOT, check=True)
    metric = FAMILIES[family].metric
    drop = "0.49" if metric in ("accuracy", "auc") else "1000"
    lines = [
        f"  {name}: {{recipe: {recipe}, budget: {{max_accuracy_drop: {drop}}}}}\n"
        for name, recipe in RECIPES.items()
        if name != "float32"  # the baseline
    ]
    budget = FOLDER / f"{family}.budget.yaml"
    budget.write_text(BUDGET.format(family=family, metric=metric) + "".join(lines))
    gated: Gated = run_gate(budget)
    hand = hand or _by_hand(family, model)
    return [_outcome(family, each, hand.get(each.name, {})) for each in gated.variants]


def _outcome(family: str, variant: Variant, hand: dict[str, Any]) -> Outcome:
    measured = variant.measured
    return Outcome(
        family=family,
        recipe=variant.name,
        size_bytes=measured.get("max_bytes"),
        drop=measured.get("max_accuracy_drop"),
        drop_low=variant.low.get("max_accuracy_drop"),
        latency_s=measured.get("max_latency"),
        reason="" if "max_bytes" in measured else variant.problems[0],
        hand_bytes=hand.get("size_bytes"),
        hand_score=hand.get("score"),
    )


def _by_hand(family: str, model: Path) -> dict[str, dict[str, Any]]:
    """Return what came of each recipe by hand; nothing of those at which the process ended."""
    found: dict[str, dict[str, Any]] = {}
    recipes = [*SCHEMES, *TRAINED]
    while recipes:
        command = [sys.executable, "-m", "benchmarks.families.by_hand", family, str(model)]
        done = subprocess.run([*command, *recipes], cwd=ROOT, capture_output=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == b"{"]
        found |= {line["recipe"]: line for line in lines}
        if done.returncode:
            lines.append({"recipe": recipes[len(lines)], "failed": f"exit {done.returncode}"})
        for line in lines:
            if "failed" in line:
                sys.stderr.write(f"{family} {line['recipe']} by hand: {line['failed']}\n")
        recipes = recipes[len(lines) :]
    return found


def _print(outcomes: list[Outcome]) -> None:
    print_table(*support(outcomes))
    print()
    head = ["family", "recipe", "bytes", "drop", "latency", "bytes by hand", "drop by hand", ""]
    print_table(head, [[each.family, each.recipe, *_cells(each, outcomes)] for each in outcomes])


def support(outcomes: list[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table of docs/models.md: bytes, or "no"."""
    rows = []
    for family in dict.fromkeys(each.family for each in outcomes):
        found = {each.recipe: each for each in outcomes if each.family == family}
        sizes = [_shown(found[recipe].size_bytes, ",.0f") or "no" for recipe in RECIPES]
        rows.append([family.replace("_", " "), *sizes])
    return ["family", *(f"`{recipe}`" for recipe in RECIPES)], rows


def _cells(each: Outcome, outcomes: list[Outcome]) -> list[str]:
    if each.size_bytes is None:
        return ["", each.reason, "", _shown(each.hand_bytes, ",.0f"), "", ""]
    [base] = [one for one in outcomes if one.family == each.family and one.recipe == "float32"]
    hand_drop = None
    if each.hand_score is not None and base.hand_score is not None:
        is_error = "mse" in FAMILIES[each.family].metric
        hand_drop = (each.hand_score - base.hand_score) * (1 if is_error else -1)
    is_larger = each.hand_bytes is not None and each.size_bytes > each.hand_bytes
    is_less = hand_drop is not None and each.drop_low is not None and each.drop_low > hand_drop
    worse = ", ".join(["larger"] * is_larger + ["less accurate"] * is_less)
    return [
        _shown(each.size_bytes, ",.0f"),
        _shown(each.drop, ".2g"),
        _shown(each.latency_s and each.latency_s * 1e6, ",.1f us"),
        _shown(each.hand_bytes, ",.0f"),
        _shown(hand_drop, ".2g"),
        worse,
    ]


def _shown(value: float | None, form: str) -> str:
    number, _, unit = form.partition(" ")
    return "" if value is None else f"{value:{number}} {unit}".rstrip()


if __name__ == "__main__":
    main()
