"""Which of the boxes that were heard of are really there.

mDNS says that a box was there once: its record lives 75 minutes, and a box that crashes does not take
it back. So a box is *present* only while its signaling server accepts TCP connections, which is tried
every ``limits.BOX_PROBE_EVERY`` seconds. One that is gone stays known, as mDNS will not announce it
anew: it is tried less often, and at once when its record is repeated.

Whatever is heard may be forged. The number of boxes is bounded, and a newcomer takes the place of a
box that is gone, never of one that answers. A goodbye hides a box, but one that still answers a
moment later is shown again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.core import limits
from appliance.signaling.dial import connect_first


@dataclass(frozen=True, slots=True)
class FoundBox:
    """Another box on this network.

    ``instance``: its random name in mDNS. ``name``: what it calls itself, cleaned for a screen.
    ``addresses``: where its server may be dialled, as IP addresses, best first. ``present``: its
    server answered the last probe. ``seen_at``: when it last did, on the monotonic clock. ``relay``: it
    is a signaling server and no box (``meetingbox serve``).
    """

    instance: str
    name: str
    addresses: tuple[str, ...]
    port: int
    seen_at: float
    present: bool = True
    relay: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """Where mDNS says that a box is. No addresses: nowhere that may be dialled."""

    name: str
    addresses: tuple[str, ...]
    port: int
    relay: bool = False


@dataclass(slots=True, eq=False)
class _Known:
    """What we know of one instance; ``task`` locates and probes it for as long as it is known."""

    instance: str
    heard: int  # order in which instances were heard of: the newest of two at one address is right
    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    stale: bool = True  # its mDNS records changed since they were read
    located: Located | None = None
    present: bool = False
    seen_at: float | None = None  # None: never answered a probe, and so never shown
    misses: int = 0
    asks: int = 0  # in vain, since its records changed
    goodbye: bool = False  # it took its record back: forgotten as soon as it does not answer


class Presence:
    """Follows every box it hears of.

    ``locate(instance, ask)`` reads where a box is, or None when that is not known; with ``ask`` it may
    take the time to ask the network. ``on_change(boxes)`` is called on the loop whenever ``boxes``
    differ in anything but ``seen_at``. ``own``: our own instance.
    """

    def __init__(
        self,
        own: str,
        locate: Callable[[str, bool], Awaitable[Located | None]],
        on_change: Callable[[tuple[FoundBox, ...]], None],
        counters: Counter[str],
    ) -> None:
        self._own = own
        self._locate = locate
        self._on_change = on_change
        self._counters = counters
        self._known: dict[str, _Known] = {}
        self._heard = 0
        self._told: tuple[FoundBox, ...] = ()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def boxes(self) -> tuple[FoundBox, ...]:
        """Every box that answered once and did not say goodbye, the present ones first, then by name."""
        found = [
            FoundBox(box.instance, at.name, at.addresses, at.port, box.seen_at, box.present, at.relay)
            for box in self._known.values()
            if (at := box.located) is not None
            and box.seen_at is not None
            and (box.present or not box.goodbye)
        ]
        return tuple(sorted(found, key=lambda box: (not box.present, box.name.casefold(), box.instance)))

    def __len__(self) -> int:
        """How many instances are known, shown or not; at most ``limits.BOXES_MAX``."""
        return len(self._known)

    def hear(self, instance: str) -> bool:
        """A record of this instance came or changed. Returns whether the instance is a new one."""
        box = self._known.get(instance)
        new = box is None
        if box is None:
            if not self._make_place():
                self._counters["discovery.too-many"] += 1
                return True
            self._heard += 1
            box = self._known[instance] = _Known(instance, self._heard)
            box.task = asyncio.get_running_loop().create_task(self._follow(box), name=f"box {instance}")
        box.goodbye = False
        box.stale = True
        box.asks = 0
        box.wake.set()
        return new

    def hear_again(self, instance: str) -> None:
        """A record came that we knew already: its box, or somebody who forges it, is awake."""
        box = self._known.get(instance)
        if box is not None and not box.present:
            box.wake.set()

    def hear_goodbye(self, instance: str) -> None:
        """The instance took its record back, or the record ran out."""
        box = self._known.get(instance)
        if box is not None:
            box.goodbye = True
            box.present = False
            box.wake.set()
            self._tell()

    def locate_all(self) -> None:
        """Read again where every box is: what may be dialled depends on our own addresses."""
        for box in self._known.values():
            box.stale = True
            box.wake.set()

    def probe_now(self, instance: str) -> None:
        """Look at once whether this box is there."""
        box = self._known.get(instance)
        if box is not None:
            box.wake.set()

    async def stop(self) -> None:
        """Forget every box, without telling."""
        for instance in list(self._known):
            self._forget(instance)
        while self._ending:
            await asyncio.wait(self._ending)

    def _make_place(self) -> bool:
        if len(self._known) < limits.BOXES_MAX:
            return True
        absent = [box for box in self._known.values() if not box.present]
        if not absent:
            return False
        self._forget(min(absent, key=lambda box: box.seen_at or 0.0).instance)
        return True

    def _forget(self, instance: str) -> None:
        task = self._known.pop(instance).task
        assert task is not None
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _follow(self, box: _Known) -> None:
        while True:
            box.wake.clear()
            if box.goodbye:
                await asyncio.sleep(limits.BOX_GOODBYE_SETTLE)
            ask, box.stale = box.stale, False
            located = await self._locate(box.instance, ask)
            if located is not None and located != box.located:
                box.located = located
                box.misses = 0
                self._replace_older(box)
            if located is None and ask and box.asks < limits.BOX_ASKS_MAX:
                # Many that start at once drown each other's answers.
                box.asks += 1
                box.stale = True
                pause = limits.BOX_ASK_AGAIN_AFTER * box.asks
            else:
                pause = await self._probe(box)
            if box.goodbye and not box.present:
                self._forget(box.instance)
            self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause * _spread(self._own + box.instance)):
                    await box.wake.wait()

    def _replace_older(self, newer: _Known) -> None:
        """A box that crashed and started again has a new instance at its old address: the old one,
        whose probe would now succeed, is forgotten."""
        at = newer.located
        for box in list(self._known.values()):
            if box.located is None or at is None or box.heard >= newer.heard:
                continue
            if box.located.port == at.port and set(box.located.addresses) == set(at.addresses):
                self._forget(box.instance)

    async def _probe(self, box: _Known) -> float:
        """Try the box's server; return how long to wait until the next time."""
        at = box.located
        if at is None or not at.addresses:
            box.present = False
            return self._pace(limits.BOX_PROBE_GONE_EVERY)
        try:
            connection = await connect_first(at.addresses, at.port, within=limits.BOX_PROBE_WITHIN)
        except ConnectionRefusedError:
            box.misses = limits.BOX_MISSES_MAX
        except OSError:
            box.misses += 1
        else:
            connection.close()
            box.misses = 0
            box.present = True
            box.seen_at = time.monotonic()
            return self._pace(limits.BOX_PROBE_EVERY)
        if box.misses < limits.BOX_MISSES_MAX:
            return limits.BOX_PROBE_AGAIN_AFTER
        self._counters["discovery.gone"] += box.present
        box.present = False
        return self._pace(limits.BOX_PROBE_GONE_EVERY)

    def _pace(self, every: float) -> float:
        """Many boxes are each looked for less often: a probe costs both ends the same."""
        return every * max(1.0, len(self._known) / limits.BOX_PROBED_OFTEN)

    def _tell(self) -> None:
        boxes = self.boxes
        if [_without_time(box) for box in boxes] != [_without_time(box) for box in self._told]:
            self._told = boxes
            self._on_change(boxes)


def _without_time(box: FoundBox) -> tuple[object, ...]:
    return box.instance, box.name, box.addresses, box.port, box.present, box.relay


def _spread(pair: str) -> float:
    """0.8 to 1.2, fixed for a pair of boxes: many boxes must not probe one another in step."""
    return 0.8 + 0.4 * zlib.crc32(pair.encode()) / 2**32
