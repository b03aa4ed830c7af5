"""Ranks the channels that can be removed, and chooses those that stay."""

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_modelbudget.protocol.layer_choice import NO_WEIGHTS
from pytest_modelbudget.workers.compress.channels.rules import kernel_of
from pytest_modelbudget.workers.compress.channels.ties import Ids
from pytest_modelbudget.workers.compress.channels.trace import Trace
from pytest_modelbudget.workers.compress.models.keras_types import Layer
from pytest_modelbudget.workers.compress.models.sources import class_name

Criterion = Literal["l1", "l2", "batch_norm"]
Keep = NDArray[np.bool_]
"""For each channel of a trace whether it stays, shape ``(channels,)``."""


@dataclass(frozen=True, eq=False)
class Group:
    """Channels that can be removed and that the same layers make.

    Attributes:
        makers: The names of the layers.
        roots: The root of each channel.
    """

    makers: tuple[str, ...]
    roots: Ids

    def removed(self, fraction: float) -> int:
        """Return the number of channels in ``fraction``, rounded down; one channel always stays."""
        # Rounded before: 0.29 * 100 is 28.999999999999996.
        return min(math.floor(round(fraction * len(self.roots), 6)), len(self.roots) - 1)


def find_groups(trace: Trace) -> list[Group]:
    """Group the channels that are not pinned by the layers that make them.

    A root is in one group only. So each group is ranked on its own, and if each group keeps a
    channel, each layer does.
    """
    roots, pinned = trace.roots, trace.pinned
    makers = defaultdict(list)
    for name, maker in trace.makers.items():
        for root in np.unique(roots[maker.channels]):
            makers[int(root)].append(name)
    groups = defaultdict(list)
    for root, names in sorted(makers.items()):
        if root not in pinned:
            groups[tuple(names)].append(root)
    return [Group(names, np.array(found, np.intp)) for names, found in groups.items()]


def why_whole(trace: Trace, layer: Layer, criterion: Criterion) -> str | None:
    """Return why no channel of a layer can be removed, or None if some can.

    Args:
        trace: The channels of the model.
        layer: A layer of the model, or of a model nested in it.
        criterion: How channels are ranked.
    """
    if not layer.weights:
        return NO_WEIGHTS
    if kernel_of(layer) is None:
        return f"{class_name(layer)} has no filters or units that can be removed"
    maker = trace.makers.get(layer.name)
    if maker is None or maker.layer is not layer:
        return "its filters or units cannot be traced through the model"
    roots, pinned = trace.roots, trace.pinned
    free = [root for root in roots[maker.channels] if root not in pinned]
    if not free:
        return pinned[int(roots[maker.channels[0]])]
    if criterion == "batch_norm" and not _scaled(trace)[free].all():
        return "no BatchNormalization with a scale follows it"
    return None


def choose(trace: Trace, groups: Collection[Group], fraction: float, criterion: Criterion) -> Keep:
    """Choose the channels that stay: all but the lowest-ranked of each group.

    Args:
        trace: The channels of the model.
        groups: The groups to remove channels from.
        fraction: The share of each group to remove; see ``Group.removed``.
        criterion: ``l1`` or ``l2``, the norm of a filter's weights without the bias, or
            ``batch_norm``, the absolute scale (Liu et al. 2017, arXiv:1708.06519). If several
            layers make a channel, each counts the same, whatever the size of its weights.

    Returns:
        For each channel of the trace whether it stays.
    """
    scores = _scores(trace, criterion)
    roots = trace.roots
    keep = np.ones(len(roots), np.bool_)
    for group in groups:
        ranked = np.argsort(scores[group.roots], kind="stable")
        keep[group.roots[ranked[: group.removed(fraction)]]] = False
    kept: Keep = keep[roots]
    return kept


def _scores(trace: Trace, criterion: Criterion) -> NDArray[np.float64]:
    """Return a score for each root."""
    roots = trace.roots
    scores = np.zeros(len(roots))
    if criterion == "batch_norm":
        for gamma, channels in trace.scales:
            np.add.at(scores, roots[channels], np.abs(gamma.numpy()))
        return scores
    for maker in trace.makers.values():
        norms = _norms(maker.kernel, maker.axis, 1 if criterion == "l1" else 2)
        np.add.at(scores, roots[maker.channels], norms / (norms.mean() or 1.0))
    return scores


def _norms(kernel: Any, axis: int, order: int) -> NDArray[np.float64]:
    filters = np.moveaxis(kernel.numpy().astype(np.float64), axis, 0)
    norms: NDArray[np.float64] = np.linalg.norm(filters.reshape(len(filters), -1), order, axis=1)
    return norms


def _scaled(trace: Trace) -> Keep:
    """Tell for each root whether a batch normalization scales it."""
    roots = trace.roots
    scaled = np.zeros(len(roots), np.bool_)
    for _, channels in trace.scales:
        scaled[roots[channels]] = True
    return scaled
