"""One variant of a budget file as it is written, with the settings that it inherits."""

from dataclasses import dataclass
from typing import Any

from pytest_modelbudget.budgetfile.document import Location
from pytest_modelbudget.budgetfile.recipe import WrittenStage
from pytest_modelbudget.budgetfile.sections import Setting, Settings


@dataclass(frozen=True)
class Variant:
    """The settings of one variant, with what it inherits; ``name`` is None for the only one."""

    name: str | None
    location: Location
    settings: Settings

    def value(self, *key: str) -> Any:
        """Return the value of ``key``; None if it is missing or has a problem."""
        setting = self.settings.get(key)
        return setting.value if setting else None

    def lacks(self, *key: str) -> bool:
        """Tell whether ``key`` is missing: written with a mistake, it is not."""
        return key not in self.settings and key[:1] not in self.settings

    def limits(self) -> dict[str, Setting]:
        """Return the limits by name, unusable ones included."""
        return {key[1]: s for key, s in self.settings.items() if key[0] == "budget" and key[1:]}

    def recipe(self) -> tuple[WrittenStage, ...]:
        """Return the stages; an empty recipe is the float model as it is."""
        return self.value("recipe") or ()
