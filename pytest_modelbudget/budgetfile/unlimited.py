"""What is measured of a variant where nothing is judged."""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pytest_modelbudget.budgetfile.document import Document
from pytest_modelbudget.budgetfile.limit_checks import why_not_measured
from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.budgetfile.variant import Variant
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit, Limit

_OTHERS = ("max_accuracy_drop", "min_sparsity", "max_unique_weights")
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        name.removeprefix("max_").removeprefix("min_"): name
        for name, kind in LIMITS.items()
        if isinstance(kind, FigureLimit) or name in _OTHERS
    }
)
"""Every figure by its name, such as ``bytes``, with the name of a limit that judges it."""


def figure_limits(document: Document, variant: Variant) -> Iterator[Limit]:
    """Yield a limit that nothing exceeds for each figure that can be measured of ``variant``."""
    metric = variant.value("metric") or Metric()
    for figure, name in _NAMES.items():
        if any(why_not_measured(name, variant, document)):
            continue
        kind = LIMITS[name]
        is_drop_in_points = name == "max_accuracy_drop" and metric.lies_between_0_and_1
        yield Limit(
            name,
            math.inf if kind.lower_is_better else -math.inf,
            "pp" if is_drop_in_points else "",
            document.key_span(variant.location),
            figure,
        )
