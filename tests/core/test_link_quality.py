"""Bars on a tile, and a picture that does not come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.link_quality import LinkQuality
from appliance.core.missing_picture import MissingPicture


def after(*looks: tuple[int, int, float | None]) -> list[int]:
    """The bars after each second; each look names packets received and lost in it, and the round trip."""
    quality, received, lost, seen = LinkQuality(), 0, 0, []
    for second, (came, gone, rtt) in enumerate(looks):
        received, lost = received + came, lost + gone
        quality.look(received, lost, rtt, float(second))
        seen.append(quality.value)
    return seen


class TestBars:
    def test_a_good_link(self) -> None:
        assert after(*[(100, 0, 2.0)] * 3) == [3, 3, 3]

    def test_before_a_heartbeat_came_back_nothing_is_known(self) -> None:
        assert after((100, 0, None), (100, 0, 2.0)) == [0, 3]

    def test_silence_is_not_bad(self) -> None:
        assert after((0, 0, 2.0), (0, 0, 2.0)) == [3, 3]

    def test_loss_shows_at_once_however_long_all_was_well(self) -> None:
        assert after(*[(100, 0, 2.0)] * 600, (90, 10, 2.0), (90, 10, 2.0))[-2:] == [2, 2]
        assert after(*[(100, 0, 2.0)] * 600, (50, 50, 2.0))[-1] == 1

    def test_a_long_way_shows(self) -> None:
        assert after((100, 0, 60.0))[-1] == 2
        assert after((100, 0, 400.0))[-1] == 1

    def test_bars_come_back_one_by_one_and_late(self) -> None:
        seen = after((100, 0, 400.0), *[(100, 0, 2.0)] * 12)
        assert seen == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3]

    def test_a_new_connection_counts_anew(self) -> None:
        quality = LinkQuality()
        quality.look(10_000, 5_000, 2.0, 0.0)
        quality.look(10, 0, 2.0, 1.0)
        quality.look(110, 0, 2.0, 2.0)
        assert quality.loss == 0.0

    @given(st.lists(st.tuples(st.integers(0, 1000), st.integers(-20, 1000), st.none() | st.floats(0, 1e5))))
    def test_whatever_comes_it_is_a_share_and_three_bars(self, looks) -> None:
        quality, received, lost = LinkQuality(), 0, 0
        for second, (came, gone, rtt) in enumerate(looks):
            received, lost = received + came, max(0, lost + gone)
            quality.look(received, lost, rtt, float(second))
            assert 0 <= quality.loss <= 1
            assert 0 <= quality.value <= 3


class TestMissingPicture:
    LONG = limits.NO_PICTURE_AFTER

    def test_it_is_told_once(self) -> None:
        watch = MissingPicture()
        told = [watch.look(expected=True, came=False, now=float(s)) for s in range(30)]
        assert [s for s, said in enumerate(told) if said] == [int(self.LONG)]
        assert watch.missing

    def test_a_picture_now_and_then_is_enough(self) -> None:
        watch = MissingPicture()
        assert not any(watch.look(expected=True, came=s % 9 == 0, now=float(s)) for s in range(60))

    def test_nobody_waits_for_a_camera_that_is_off_or_a_tile_that_is_hidden(self) -> None:
        watch = MissingPicture()
        for s in range(60):
            assert not watch.look(expected=s % 9 > 0, came=False, now=float(s))
        assert not watch.missing

    def test_when_pictures_come_again_it_is_over_and_may_be_told_again(self) -> None:
        watch = MissingPicture()
        watch.look(expected=True, came=False, now=0.0)
        assert watch.look(expected=True, came=False, now=self.LONG)
        watch.look(expected=True, came=True, now=self.LONG + 1)
        assert not watch.missing
        watch.look(expected=True, came=False, now=self.LONG + 2)
        assert watch.look(expected=True, came=False, now=2 * self.LONG + 2)
