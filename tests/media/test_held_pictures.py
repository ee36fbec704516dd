"""Pictures that wait for their sound: in front of the decoder, in order, bounded, and in nobody's way."""

from __future__ import annotations

import time
from itertools import pairwise

from link_helpers import number_of
from screen_helpers import Screen, frames

from appliance.core import limits

FAR = 3600.0  # seconds


def test_a_frame_that_waits_is_shown_when_it_is_due_and_not_sooner() -> None:
    stream = frames()
    with Screen() as screen:
        screen.show(stream[0])
        due = time.monotonic() + 0.2
        screen.decoder.push(stream[1], due)
        screen.wait(lambda: len(screen.pictures) == 2)
        assert time.monotonic() >= due
        shown = screen.decoder.shown[-1]
        assert (shown.timestamp, shown.ready) == (stream[1].timestamp, due)
        assert shown.at >= due


def test_frames_that_wait_are_all_shown_each_in_its_own_time() -> None:
    """They are no backlog: until they are due they count as not there."""
    stream = frames()
    times = []
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder._on_picture = lambda picture: (
            times.append(time.monotonic()),
            screen._picture(picture),
        )
        start = time.monotonic() + 0.1
        dues = [start + number * 0.25 for number in range(4)]
        for frame, due in zip(stream[1:5], dues, strict=True):
            screen.decoder.push(frame, due)
        assert screen.decoder.queue[0] == 4
        screen.wait(lambda: len(screen.pictures) == 5)
    assert [number_of(picture) for picture in screen.pictures] == list(range(5))
    assert all(at >= due for at, due in zip(times, dues, strict=True))
    assert all(b > a for a, b in pairwise(times))


def test_one_that_is_due_at_once_does_not_overtake_one_that_waits() -> None:
    stream = frames()
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.push(stream[1], time.monotonic() + 0.1)
        screen.decoder.push(stream[2])
        screen.wait(lambda: screen.decoder.counts.decoded == 3)
        screen.wait(lambda: number_of(screen.pictures[-1]) == 2)


def test_no_more_wait_than_there_is_room_for() -> None:
    stream = frames()
    more = 3
    with Screen() as screen:
        for frame in stream[: limits.SYNC_HELD_MAX + more]:
            screen.decoder.push(frame, time.monotonic() + FAR)
        screen.wait(lambda: screen.decoder.counts.decoded == more)
        assert screen.decoder.queue[0] == limits.SYNC_HELD_MAX
        screen.wait(lambda: number_of(screen.pictures[-1]) == more - 1)
        assert screen.decoder.counts.decoded == more
        assert screen.asked == 0
    assert limits.SYNC_HELD_MAX < limits.DECODE_QUEUE_MAX


def test_a_tile_that_is_hidden_forgets_what_waits() -> None:
    stream = frames()
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.push(stream[1], time.monotonic() + FAR)
        screen.decoder.set_tile(None)
        screen.decoder.set_tile((320, 180))
        screen.show(stream[0])  # a keyframe
        assert [number_of(picture) for picture in screen.pictures] == [0, 0]
        assert screen.decoder.counts.decoded == 2


def test_stop_does_not_wait_for_a_frame_that_does() -> None:
    stream = frames()
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.push(stream[1], time.monotonic() + FAR)
        screen.decoder.stop()
        screen.decoder.join()
        assert not screen.decoder._thread.is_alive()
        assert len(screen.pictures) == 1
