"""The targets that a latency can be measured on, and what the rest of the package asks of each."""

from dataclasses import dataclass

from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.judge.limits import LIMITS

_LATENCY_FIELDS = ("latency_s", "p90_s", "p99_s")
_LATENCIES = frozenset(
    name for name, kind in LIMITS.items() if kind.target_field in _LATENCY_FIELDS
)
_ALL_FIGURES = frozenset(name for name, kind in LIMITS.items() if kind.target_field)


@dataclass(frozen=True)
class TargetKind:
    """What is known of a target.

    Attributes:
        module: Of ``workers/measure/targets``, that measures on it.
        names: Under which a budget file knows it; none where it is written otherwise.
        has_threads: Whether `latency.threads` can be chosen.
        is_estimate: Whether figures are computed, so that other work does not disturb them.
        limits: Those that it answers in place of a measurement on this machine.
    """

    module: str
    names: tuple[str, ...] = ()
    has_threads: bool = False
    is_estimate: bool = False
    limits: frozenset[str] = _ALL_FIGURES


HOST = TargetKind("", ("host",), has_threads=True, limits=frozenset())
# adb runs LiteRT on the same file: its size and its arena are known here.
ADB = TargetKind("adb", ("adb",), has_threads=True, limits=_LATENCIES)
ETHOS_U = TargetKind(
    "ethos_u",
    (
        *(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256)),
        *(f"ethos-u65-{macs}" for macs in (256, 512)),
        *(f"ethos-u85-{macs}" for macs in (128, 256, 512, 1024, 2048)),
    ),
    is_estimate=True,
)
COMMAND = TargetKind("command")
USER = TargetKind("user")

TARGETS = {name: kind for kind in (HOST, ADB, ETHOS_U) for name in kind.names}
"""The targets that a budget file can name."""


def target_kind(target: str | CommandTarget) -> TargetKind:
    """Return what is known of `latency.target`."""
    if isinstance(target, CommandTarget):
        return COMMAND
    return TARGETS.get(target, USER)
