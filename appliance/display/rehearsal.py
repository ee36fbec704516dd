"""What comes after home is drawn ahead, in nobody's sight: the keypad, a join, a meeting of who is here.

A letter or an icon takes time only when it is drawn first; all of a meeting took 60 ms of a box that had its
connections to make. The pages are built from what the box knows at home, a few nodes in each turn of the
loop, and again now and then: what was not used for long is let go of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.view import JoinView, Phase, Snapshot
from appliance.display.navigator import Navigator
from appliance.display.scene import Node
from appliance.display.stage import Moment


class Rehearsal:
    """Belongs to the display thread. ``prepare``: see ``Renderer.prepare``. ``clock``: monotonic seconds."""

    def __init__(self, prepare: Callable[[Node], None], clock: Callable[[], float]) -> None:
        self._prepare = prepare
        self._clock = clock
        self._due = math.inf
        self._steps: Iterator[None] | None = None  # of the one that is going on
        self._for: tuple[str, ...] = ()  # who was here then

    @property
    def going_on(self) -> bool:
        """Whether it has begun and is to be gone on with soon."""
        return self._steps is not None

    def soon(self) -> None:
        """Everything is drawn differently from now on: another surface, another look."""
        self._steps = None
        self._due = self._clock() + limits.REHEARSE_AFTER

    def go_on(self, snapshot: Snapshot, moment: Callable[[Snapshot], Moment | None]) -> None:
        """Draw some of it ahead, for at most ``REHEARSED_PER_TURN`` and one step; mostly nothing is left.

        ``moment``: everything else that a view of a snapshot depends on, None while nothing can be drawn.
        """
        if snapshot.phase is not Phase.IDLE:
            self._steps = None  # it begins again at home
            return
        if self._steps is None and not self._begin(snapshot, moment):
            return
        assert self._steps is not None
        until = self._clock() + limits.REHEARSED_PER_TURN
        for _ in self._steps:
            if self._clock() >= until:
                return
        self._steps = None
        self._due = self._clock() + limits.REHEARSE_EVERY

    def _begin(self, snapshot: Snapshot, moment: Callable[[Snapshot], Moment | None]) -> bool:
        here = _here(snapshot)
        if here != self._for:
            self._for = here
            self._due = min(self._due, self._clock() + limits.REHEARSE_AFTER)
        if self._clock() < self._due:
            return False
        now = moment(snapshot)
        if now is None:
            return False
        self._steps = self._play(now, here)
        return True

    def _play(self, moment: Moment, here: tuple[str, ...]) -> Iterator[None]:
        for snapshot, pictures in _pages(moment.snapshot, here, moment.now):
            stage = Navigator(snapshot, lambda _: None)
            stage.adopt(snapshot, moment.now)
            if snapshot.phase is Phase.IDLE:
                stage.open_keypad()
            view = stage.build(replace(moment, snapshot=snapshot, pictures=pictures))
            yield
            for node in view.nodes:
                self._prepare(node)
                yield


def _here(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of the boxes that may be in the next meeting."""
    return tuple(box.name for box in snapshot.boxes if box.present and box.name)[: limits.PEERS_MAX]


def _pages(home: Snapshot, here: tuple[str, ...], now: float) -> Iterator[tuple[Snapshot, frozenset[str]]]:
    """What the box will say, and the tiles that have a picture then: somebody types; it joins; it connects
    to one, then to everybody; all are seen.
    """
    nothing = frozenset[str]()
    yield home, nothing
    room = limits.ROOM_MAX
    joining = JoinView(room, now + limits.JOIN_GIVE_UP_AFTER, proving=True)
    yield replace(home, phase=Phase.JOINING, joining=joining), nothing
    names = here or (home.name,)
    tiles = tuple(TileView(f"rehearsal {i}", name, TileState.LIVE, quality=3) for i, name in enumerate(names))
    everybody = CallView(room, now, JoiningView(True, now + 1), tiles)
    for call in (replace(everybody, tiles=tiles[:1]), everybody):
        yield replace(home, phase=Phase.IN_CALL, call=call), nothing
    yield replace(home, phase=Phase.IN_CALL, call=everybody), frozenset(tile.peer for tile in tiles)
