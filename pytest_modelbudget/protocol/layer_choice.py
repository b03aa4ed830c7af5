"""The layers of a model that a stage works on, those that it skips, and why."""

from collections.abc import Mapping
from pathlib import Path

from pytest_modelbudget.frozen import Frozen, Sequence

NO_WEIGHTS = "no weights"
IN_SKIP = "in layers: skip"
NOT_IN_ONLY = "not in layers: only"
EXPECTED = {NO_WEIGHTS, IN_SKIP, NOT_IN_ONLY}  # Reasons that need no mention in a report.
MAX_NAMES = 3  # layers for each reason in a message
MAX_REASONS = 4  # in a message
_FILE = "layers.json"


class LayerChoice(Frozen):
    """The layers by name, in the model's order; a layer of a nested model is ``outer/inner``.

    Attributes:
        chosen: Those that the stage works on.
        skipped: Those that it does not change, with the reason.
    """

    chosen: Sequence[str]
    skipped: dict[str, str]

    def write(self, output: Path) -> None:
        """Write the choice to the folder ``output``."""
        (output / _FILE).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "LayerChoice | None":
        """Return what ``write`` wrote to ``folder``; None if the stage does not choose layers."""
        path = folder / _FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def why_skipped(self) -> str:
        """Return in one line which layers were skipped unexpectedly, and why; empty if none."""
        return summary({name: why for name, why in self.skipped.items() if why not in EXPECTED})


def summary(reasons: Mapping[str, str | None]) -> str:
    """Return the first reasons, each with its first layers: a model may have hundreds.

    Args:
        reasons: The reason for each layer, by the layer's name.
    """
    layers: dict[str | None, list[str]] = {}
    for name, reason in reasons.items():
        layers.setdefault(reason, []).append(name)
    parts = []
    for reason, names in list(layers.items())[:MAX_REASONS]:
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        parts.append(f"{reason} ({', '.join(names[:MAX_NAMES])}{more})")
    rest = sum(map(len, list(layers.values())[MAX_REASONS:]))
    return "; ".join([*parts, f"and {rest} more"] if rest else parts)
