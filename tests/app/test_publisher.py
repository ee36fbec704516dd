"""What goes to the screen, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appliance.app.publisher import Publisher
from appliance.core.limits import NOTICE_KEPT_FOR, NOTICES_MAX
from appliance.core.view import Notice, Snapshot, Tone
from appliance.core.words import say


@dataclass
class Timer:
    when: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Of an event loop what a publisher needs, in simulated time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(when, callback)
        self.due.append(timer)
        return timer

    def call_soon(self, callback: Callable[[], None]) -> Timer:
        return self.call_at(self.now, callback)

    def pass_to(self, now: float) -> None:
        """Let time pass, and everything happen that is due until then."""
        while due := [timer for timer in self.due if timer.when <= now]:
            first = min(due, key=lambda timer: timer.when)
            self.due.remove(first)
            self.now = max(self.now, first.when)
            if not first.cancelled:
                first.callback()
        self.now = now


class Rig:
    def __init__(self) -> None:
        self.clock = Clock()
        self.published: list[tuple[float, tuple[Notice, ...]]] = []
        loop: Any = self.clock
        self.publisher = Publisher(loop, self._snapshot, self._publish)

    def _snapshot(self) -> Snapshot:
        return Snapshot(name="Bridge", notices=tuple(self.publisher.notices))

    def _publish(self, snapshot: Snapshot) -> None:
        self.published.append((self.clock.now, snapshot.notices))


def test_what_happens_together_is_one_snapshot() -> None:
    rig = Rig()
    for _ in range(5):
        rig.publisher.changed()
    assert rig.published == []
    rig.clock.pass_to(101.0)
    assert len(rig.published) == 1


def test_snapshots_keep_their_distance() -> None:
    rig = Rig()
    rig.publisher.every = 0.5
    rig.publisher.publish()
    rig.publisher.changed()
    rig.clock.pass_to(101.0)
    assert [at for at, _ in rig.published] == [100.0, 100.5]


def test_at_once_takes_the_place_of_one_that_is_due_later() -> None:
    rig = Rig()
    rig.publisher.every = 0.5
    rig.publisher.publish()
    rig.publisher.changed()
    rig.publisher.changed(at_once=True)
    rig.publisher.changed(at_once=True)
    rig.clock.pass_to(102.0)
    assert [at for at, _ in rig.published] == [100.0, 100.0]


def test_a_notice_goes_when_it_was_read() -> None:
    rig = Rig()
    rig.publisher.notify(say("The meeting is closed to newcomers now"), Tone.CALM)
    rig.clock.pass_to(101.0)
    assert [str(notice.text) for notice in rig.published[-1][1]] == ["The meeting is closed to newcomers now"]
    rig.clock.pass_to(100.0 + NOTICE_KEPT_FOR)
    rig.publisher.changed()
    rig.clock.pass_to(rig.clock.now + 1)
    assert rig.published[-1][1] == ()


def test_of_many_notices_the_newest_stay_each_with_its_own_number() -> None:
    rig = Rig()
    for n in range(NOTICES_MAX + 3):
        rig.publisher.notify(f"notice {n}", Tone.CALM)
    assert [notice.text for notice in rig.publisher.notices] == [
        f"notice {n}" for n in range(3, NOTICES_MAX + 3)
    ]
    assert len({notice.id for notice in rig.publisher.notices}) == NOTICES_MAX


def test_a_box_that_stopped_publishes_nothing() -> None:
    rig = Rig()
    rig.publisher.changed()
    rig.publisher.stop()
    rig.clock.pass_to(101.0)
    assert rig.published == []
