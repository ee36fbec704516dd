"""Watching a meeting of whole boxes: whose pictures are drawn where, and since when. See ``faults.py``.

A thread a box asks for ``stats`` several times a second and takes down, for every tile, its state and how
many pictures were drawn. All times are seconds of CLOCK_MONOTONIC, which every namespace shares.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any

from net.boxes import TestBox

from appliance.control.client import ControlClient
from appliance.errors import ControlError

LOOK_EVERY = 0.15  # seconds; pictures of the smallest layer come every 0.067
GAP_MAX = 0.8  # between two new pictures of a stream that flows, as seen by these looks on a busy machine
ON_SCREEN = frozenset(("identified", "connecting", "live", "silent"))  # states of peers that have a tile
ASK_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Tile:
    """One remote peer on one box's screen. ``drawn``: pictures, since this peer id came."""

    peer: str
    name: str
    state: str
    drawn: int
    rtt_ms: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one box showed at one moment; ``tiles`` is None while it did not answer."""

    at: float
    tiles: tuple[Tile, ...] | None

    def tile(self, who: str) -> Tile | None:
        """The tile of a peer, by its name or id: the one that shows most, where two have it."""
        found = [tile for tile in self.tiles or () if who in (tile.name, tile.peer)]
        return max(found, key=lambda tile: (tile.state == "live", tile.drawn), default=None)


@dataclass
class Watch:
    """Looks at one box from ``with`` to its end."""

    box: TestBox
    looks: list[Look] = field(default_factory=list)

    def __enter__(self) -> Watch:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {self.box.name}")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with ControlClient(self.box.folder / "control.sock", ASK_WITHIN) as client:
            while not self._over.wait(LOOK_EVERY):
                try:
                    stats = client.request("stats", since=time.monotonic())
                except ControlError:
                    self.looks.append(Look(time.monotonic(), None))
                else:
                    self.looks.append(Look(time.monotonic(), tuple(map(_tile, stats["peers"]))))

    # --- what was seen ------------------------------------------------------------------------------

    def progress(self, who: str, since: float = 0.0) -> list[tuple[float, int]]:
        """(when, how many) new pictures of a peer were seen; of a peer that proved itself anew, all are."""
        found: list[tuple[float, int]] = []
        before: Tile | None = None
        for look in list(self.looks):
            tile = look.tile(who)
            if tile is not None and tile.state in ON_SCREEN:
                same = before is not None and before.peer == tile.peer
                new = tile.drawn - before.drawn if same and before is not None else tile.drawn
                if new > 0 and look.at >= since:
                    found.append((look.at, new))
            before = tile or before
        return found

    def flowing_since(self, who: str, origin: float) -> float | None:
        """Since when, ``origin`` at the earliest, this peer's pictures come without a gap up to now.

        A box that does not answer is no box that draws.
        """
        now, since = time.monotonic(), None
        for at, _ in reversed(self.progress(who)):
            if (now if since is None else since) - at > GAP_MAX:
                break
            since = at
            if at < origin:
                return origin
        return since

    def rate(self, who: str, start: float, end: float) -> float:
        """Pictures a second that were drawn in a time."""
        return sum(new for at, new in self.progress(who) if start < at <= end) / max(end - start, 0.1)

    def freeze(self, who: str, start: float, end: float) -> float:
        """The longest time without a new picture, in seconds."""
        times = [start, *(at for at, _ in self.progress(who) if start < at <= end), end]
        return max(b - a for a, b in pairwise(times))

    def first(self, who: str, since: float, states: Sequence[str]) -> float | None:
        """When a peer was first in one of these states ("" is: no tile at all)."""
        for look in list(self.looks):
            if look.at < since or look.tiles is None:
                continue
            tile = look.tile(who)
            state = tile.state if tile is not None and tile.state in ON_SCREEN else ""
            if state in states:
                return look.at
        return None

    def round_trips(self, since: float) -> list[float]:
        """Every round trip that was told since then, in milliseconds."""
        return [
            tile.rtt_ms
            for look in list(self.looks)
            if look.at >= since
            for tile in look.tiles or ()
            if tile.rtt_ms is not None
        ]


def _tile(peer: dict[str, Any]) -> Tile:
    return Tile(peer["id"], peer["name"], peer["state"], peer["drawn"], peer["rtt_ms"])
