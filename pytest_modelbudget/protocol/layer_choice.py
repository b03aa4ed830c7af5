"""Which layers of a model a stage took, which it left, and why: kept for the reports."""

from collections.abc import Mapping
from pathlib import Path

from pytest_modelbudget.frozen import Frozen, Sequence

NO_WEIGHTS = "it has no weights"
SKIPPED = "in layers: skip"
NOT_CHOSEN = "not in layers: only"
EXPECTED = {NO_WEIGHTS, SKIPPED, NOT_CHOSEN}  # reasons that nobody has to be told
NAMED = 3  # layers for each reason in a message
REASONS = 4  # in a message
_FILE = "layers.json"


class Selection(Frozen):
    """The layers by name, in the model's order; one in a nested model is ``outer/inner``.

    Attributes:
        taken: Those that the stage works on.
        left: Those that it leaves as they are, with the reason.
    """

    taken: Sequence[str]
    left: dict[str, str]

    def write(self, output: Path) -> None:
        """Keep it in the folder ``output``."""
        (output / _FILE).write_text(self.model_dump_json(indent=2))

    @classmethod
    def read(cls, folder: Path) -> "Selection | None":
        """Return what ``write`` kept in ``folder``; None if the stage chose no layers."""
        path = folder / _FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def why_left(self) -> str:
        """Say in one line what was left and why, if it is more than what was to be expected."""
        return summary({name: why for name, why in self.left.items() if why not in EXPECTED})


def summary(reasons: Mapping[str, str | None]) -> str:
    """List the first reasons, each with its first layers: a model may have hundreds."""
    layers: dict[str | None, list[str]] = {}
    for name, reason in reasons.items():
        layers.setdefault(reason, []).append(name)
    parts = []
    for reason, names in list(layers.items())[:REASONS]:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts.append(f"{reason} ({', '.join(names[:NAMED])}{more})")
    untold = sum(map(len, list(layers.values())[REASONS:]))
    return "; ".join([*parts, f"and {untold} more"] if untold else parts)
