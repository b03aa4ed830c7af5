"""How each limit is read from what was found: one small pure function a limit."""

from collections.abc import Mapping
from functools import partial

from pytest_modelbudget.budgetfile.types import Budget, CommandTarget, Limit
from pytest_modelbudget.findings import Gauge, Need, UnmeasuredError
from pytest_modelbudget.gauges import accuracy, latency, size, structure, target

_STRUCTURE: frozenset[Need] = frozenset({"artifact", "structure"})
GAUGES: Mapping[str, Gauge] = {
    "max_bytes": Gauge(frozenset({"artifact"}), size.size),
    "max_gzip_bytes": Gauge(frozenset({"artifact"}), size.gzip_size),
    "min_accuracy": Gauge(frozenset({"artifact", "score"}), accuracy.score),
    "max_accuracy_drop": Gauge(frozenset({"artifact", "score", "baseline"}), accuracy.drop),
    "max_relative_accuracy_drop": Gauge(
        frozenset({"artifact", "score", "baseline"}), accuracy.relative_drop
    ),
    "min_sparsity": Gauge(_STRUCTURE, structure.sparsity),
    "max_unique_weights": Gauge(_STRUCTURE, structure.unique_weights),
    "max_macs": Gauge(_STRUCTURE, structure.macs),
    "integer_only": Gauge(_STRUCTURE, structure.integer_only),
    "max_memory": Gauge(frozenset({"artifact", "arena"}), size.memory),
    "max_latency": Gauge(frozenset({"artifact", "latency"}), latency.latency("p50")),
    "max_latency_p90": Gauge(frozenset({"artifact", "latency"}), latency.latency("p90")),
    "max_latency_p99": Gauge(frozenset({"artifact", "latency"}), latency.latency("p99")),
    "max_latency_ratio": Gauge(frozenset({"artifact", "ratio"}), latency.latency("ratio")),
}

_ON_TARGET: frozenset[Need] = frozenset({"artifact", "figures"})
_TARGET_LATENCIES: Mapping[str, Gauge] = {
    "max_latency": Gauge(_ON_TARGET, target.target_latency("latency_s")),
    "max_latency_p90": Gauge(_ON_TARGET, target.target_latency("p90_s")),
    "max_latency_p99": Gauge(_ON_TARGET, target.target_latency("p99_s")),
    "max_latency_ratio": Gauge(frozenset({"artifact"}), target.no_ratio),
}
TARGET_GAUGES: Mapping[str, Gauge] = {
    **_TARGET_LATENCIES,
    "max_bytes": Gauge(_ON_TARGET, target.target_size),
    "max_memory": Gauge(_ON_TARGET, target.target_memory),
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
        return Gauge(_STRUCTURE, partial(structure.other_operators, limit.bound))
    elsewhere = _ELSEWHERE.get(budget.latency.target, TARGET_GAUGES)
    gauge = elsewhere.get(limit.name) or GAUGES.get(limit.name)
    if gauge is None:
        raise UnmeasuredError(f"{limit.name} is not available in this version")
    return gauge
