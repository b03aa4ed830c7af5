"""The channels of a model by number: which are removed only together, and which must stay."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.intp]
"""The numbers of the channels along one axis of a tensor or weight, shape ``(channels,)``."""


class Channels:
    """Numbers channels, and ties those that stay or are removed together (union-find)."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._pinned: dict[int, str] = {}

    def new(self, count: int) -> Ids:
        """Return the numbers of ``count`` new channels."""
        start = len(self._parents)
        self._parents += range(start, start + count)
        return np.arange(start, start + count)

    def tie(self, first: Ids, second: Ids) -> None:
        """Tie each channel of ``first`` to the channel of ``second`` at the same position."""
        differs = first != second
        for one, other in zip(first[differs], second[differs], strict=True):
            self._parents[self._root(int(other))] = self._root(int(one))

    def pin(self, ids: Ids, reason: str) -> None:
        """Make channels stay. If a channel is pinned twice, the second reason counts."""
        self._pinned |= dict.fromkeys(map(int, ids), reason)

    def roots(self) -> Ids:
        """Return for each channel the number of its root, which all channels tied to it have."""
        return np.array([self._root(channel) for channel in range(len(self._parents))], np.intp)

    def pinned(self) -> dict[int, str]:
        """Return the reasons why channels must stay, by their root."""
        return {self._root(channel): reason for channel, reason in self._pinned.items()}

    def _root(self, channel: int) -> int:
        parents = self._parents
        while parents[channel] != channel:
            parents[channel] = channel = parents[parents[channel]]
        return channel
