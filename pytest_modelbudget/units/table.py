"""The one table of units: what is written, and how many base units that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

BaseUnit = Literal["bytes", "seconds", "score", "share", "count", "ratio", "operators"]
"""What a value is stored in: a score is in the metric's own units, a share is a part of 1."""

UNITS: Mapping[BaseUnit, Mapping[str, Decimal]] = MappingProxyType(
    {
        "bytes": {
            "B": Decimal(1),
            "kB": Decimal(10**3),
            "MB": Decimal(10**6),
            "GB": Decimal(10**9),
            "KiB": Decimal(2**10),
            "MiB": Decimal(2**20),
            "GiB": Decimal(2**30),
        },
        "seconds": {
            "us": Decimal("1e-6"),
            "ms": Decimal("1e-3"),
            "s": Decimal(1),
            "min": Decimal(60),
            "h": Decimal(3600),
        },
        "count": {
            "": Decimal(1),
            "k": Decimal(10**3),
            "M": Decimal(10**6),
            "G": Decimal(10**9),
            "T": Decimal(10**12),
        },
        "score": {"": Decimal(1), "pp": Decimal("0.01")},
        "share": {"%": Decimal("0.01"), "": Decimal(1)},
        "ratio": {"": Decimal(1)},
        "operators": {"": Decimal(1)},
    }
)


@dataclass(frozen=True)
class Quantity:
    """A value in its base unit, and the unit that it was written in, such as ``kB``."""

    value: float
    unit: str
