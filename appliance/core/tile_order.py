"""In which order the tiles of a meeting stand: as their peers came, until a person moves one."""

from __future__ import annotations

from collections.abc import Sequence


class TileOrder:
    """Of one room. A peer that is out of reach for a while comes back to where it was."""

    def __init__(self) -> None:
        self._order: list[str] = []  # of every peer that was there when somebody moved one

    def sorted(self, here: Sequence[str]) -> list[str]:
        """The peers that are here, in order; who came after the last move is last."""
        ranks = {peer: rank for rank, peer in enumerate(self._order)}
        return sorted(here, key=lambda peer: ranks.get(peer, len(ranks)))

    def move(self, peer: str, place: int, here: Sequence[str]) -> None:
        """Put a peer at a place, from 0, among those that are here; one that is not is left alone."""
        if peer not in here:
            return
        shown = self.sorted(here)
        absent = [other for other in self._order if other not in here]
        whole = self._order + [other for other in shown if other not in self._order]
        others = [other for other in shown if other != peer]
        whole.remove(peer)
        place = max(0, min(place, len(others)))
        if place < len(others):
            whole.insert(whole.index(others[place]), peer)
        elif others:
            whole.insert(whole.index(others[-1]) + 1, peer)
        else:
            whole.append(peer)
        assert len(whole) == len(shown) + len(absent)
        self._order = whole

    def forget(self, peer: str) -> None:
        """A peer left."""
        if peer in self._order:
            self._order.remove(peer)
