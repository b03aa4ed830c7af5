"""Every channel of a model by its number: which go only together, and which must stay."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.intp]
"""The numbers of the channels along one axis of a tensor or weight, shape ``(channels,)``."""


class Channels:
    """Numbers channels, and joins those that must stay or go together (union-find)."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._pinned: dict[int, str] = {}

    def new(self, count: int) -> Ids:
        """Number ``count`` more channels."""
        start = len(self._parents)
        self._parents += range(start, start + count)
        return np.arange(start, start + count)

    def tie(self, first: Ids, second: Ids) -> None:
        """Make each channel of ``first`` stay or go with its partner, of the same place."""
        differs = first != second
        for one, other in zip(first[differs], second[differs], strict=True):
            self._parents[self._root(int(other))] = self._root(int(one))

    def pin(self, ids: Ids, reason: str) -> None:
        """Make channels stay; the last reason given for one is kept."""
        self._pinned |= dict.fromkeys(map(int, ids), reason)

    def roots(self) -> Ids:
        """Return for each channel the number that it shares with all tied to it."""
        return np.array([self._root(channel) for channel in range(len(self._parents))], np.intp)

    def pinned(self) -> dict[int, str]:
        """Return why channels must stay, by their root."""
        return {self._root(channel): reason for channel, reason in self._pinned.items()}

    def _root(self, channel: int) -> int:
        parents = self._parents
        while parents[channel] != channel:
            parents[channel] = channel = parents[parents[channel]]
        return channel
