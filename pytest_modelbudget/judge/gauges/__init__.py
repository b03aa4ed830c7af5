"""How each limit is read from what was found: one small pure function a limit."""

from collections.abc import Mapping
from functools import partial

from pytest_modelbudget.budgetfile.types import Budget, CommandTarget, Limit
from pytest_modelbudget.judge.findings import Gauge, Need, UnmeasuredError
from pytest_modelbudget.judge.gauges import (
    accuracy_gauges,
    latency_gauges,
    size_gauges,
    structure_gauges,
    target_gauges,
)

_STRUCTURE: frozenset[Need] = frozenset({"artifact", "structure"})
GAUGES: Mapping[str, Gauge] = {
    "max_bytes": Gauge(frozenset({"artifact"}), size_gauges.size),
    "max_gzip_bytes": Gauge(frozenset({"artifact"}), size_gauges.gzip_size),
    "min_accuracy": Gauge(frozenset({"artifact", "score"}), accuracy_gauges.score),
    "max_accuracy_drop": Gauge(frozenset({"artifact", "score", "baseline"}), accuracy_gauges.drop),
    "max_relative_accuracy_drop": Gauge(
        frozenset({"artifact", "score", "baseline"}), accuracy_gauges.relative_drop
    ),
    "min_sparsity": Gauge(_STRUCTURE, structure_gauges.sparsity),
    "max_unique_weights": Gauge(_STRUCTURE, structure_gauges.unique_weights),
    "max_macs": Gauge(_STRUCTURE, structure_gauges.macs),
    "integer_only": Gauge(_STRUCTURE, structure_gauges.integer_only),
    "max_memory": Gauge(frozenset({"artifact", "arena"}), size_gauges.memory),
    "max_latency": Gauge(frozenset({"artifact", "latency"}), latency_gauges.latency("p50")),
    "max_latency_p90": Gauge(frozenset({"artifact", "latency"}), latency_gauges.latency("p90")),
    "max_latency_p99": Gauge(frozenset({"artifact", "latency"}), latency_gauges.latency("p99")),
    "max_latency_ratio": Gauge(frozenset({"artifact", "ratio"}), latency_gauges.latency("ratio")),
}

_ON_TARGET: frozenset[Need] = frozenset({"artifact", "figures"})
_TARGET_LATENCIES: Mapping[str, Gauge] = {
    "max_latency": Gauge(_ON_TARGET, target_gauges.target_latency("latency_s")),
    "max_latency_p90": Gauge(_ON_TARGET, target_gauges.target_latency("p90_s")),
    "max_latency_p99": Gauge(_ON_TARGET, target_gauges.target_latency("p99_s")),
    "max_latency_ratio": Gauge(frozenset({"artifact"}), target_gauges.no_ratio),
}
TARGET_GAUGES: Mapping[str, Gauge] = {
    **_TARGET_LATENCIES,
    "max_bytes": Gauge(_ON_TARGET, target_gauges.target_size),
    "max_memory": Gauge(_ON_TARGET, target_gauges.target_memory),
}
"""The gauges that differ where ``latency.target`` is not this machine."""

# adb runs LiteRT on the same file: what is stored and planned there is known here.
_ELSEWHERE: Mapping[str | CommandTarget, Mapping[str, Gauge]] = {
    "host": {},
    "adb": _TARGET_LATENCIES,
}


def gauge_of(limit: Limit, budget: Budget) -> Gauge:
    """Return the gauge of ``limit``.

    Raises:
        UnmeasuredError: If this version cannot judge the limit as the budget asks for it.
    """
    if isinstance(limit.bound, tuple):
        return Gauge(_STRUCTURE, partial(structure_gauges.other_operators, limit.bound))
    elsewhere = _ELSEWHERE.get(budget.latency.target, TARGET_GAUGES)
    gauge = elsewhere.get(limit.name) or GAUGES.get(limit.name)
    if gauge is None:
        raise UnmeasuredError(f"{limit.name} is not available in this version")
    return gauge
