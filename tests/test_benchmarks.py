"""The benchmarks' own arithmetic and their engines: figures that nobody checks are worth nothing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "benchmarks"))

import _delay
import _engine
import _engine_process
import _figures
import _soak_report
import draw
import join
import loss
import mesh

from appliance.core import timecode


def steady(start: int, end: int, age: float, every: int = 33) -> list[tuple[float, float]]:
    """A picture every ``every`` milliseconds, all of one age."""
    return [(float(at), age) for at in range(start, end, every)]


class TestFigures:
    def test_a_freeze_counts_from_the_windows_start_and_to_its_end(self) -> None:
        seen = steady(0, 1000, 5.0) + steady(1400, 2000, 5.0)
        assert _figures.stream(seen, 0, 2000).freeze_ms == 1400 - 990
        assert _figures.stream(seen, 1100, 2000).freeze_ms == 300
        assert _figures.stream([], 100, 600).freeze_ms == 500

    def test_pictures_outside_of_the_window_do_not_count(self) -> None:
        seen = steady(0, 3000, 7.0, every=100)
        figures = _figures.stream([*seen, (3500.0, 900.0)], 1000, 2000)
        assert figures == _figures.Stream(10.0, 100.0, 7.0, 7.0)

    def test_windows_are_whole_and_say_when_nothing_came(self) -> None:
        seen = steady(0, 500, 4.0) + steady(1000, 1400, 6.0)
        assert _figures.windows(seen, 0, 1800, 500) == [(500, 4.0), (1000, None), (1500, 6.0)]

    @pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.95, 10), (0.0, 1), (1.0, 10)])
    def test_percentiles_are_nearest_ranks(self, share: float, expected: float) -> None:
        assert _figures.percentile([float(n) for n in range(10, 0, -1)], share) == expected


class TestLatencyBack:
    def test_at_once(self) -> None:
        assert loss.back_s(steady(0, 9000, 5.0), 0, 2000, 5000, 9000) == 0.5

    def test_after_a_while(self) -> None:
        seen = steady(0, 2000, 5.0) + steady(2000, 6000, 40.0) + steady(6000, 9000, 6.0)
        back = loss.back_s(seen, 0, 2000, 5000, 9000)
        assert back is not None
        assert 1.2 <= back <= 1.5  # half of the window is good again

    def test_never(self) -> None:
        seen = steady(0, 2000, 5.0) + steady(2000, 9000, 40.0)
        assert loss.back_s(seen, 0, 2000, 5000, 9000) is None

    def test_not_while_it_comes_back_for_good(self) -> None:
        seen = steady(0, 5600, 5.0) + steady(5600, 9000, 40.0)
        assert loss.back_s(seen, 0, 2000, 5000, 9000) is None

    def test_in_spite_of_a_hiccup(self) -> None:
        seen = steady(0, 6000, 5.0) + steady(6000, 6600, 40.0) + steady(6600, 9000, 5.0)
        assert loss.back_s(seen, 0, 2000, 5000, 9000) == 0.5


class TestJoinPhases:
    def test_they_add_up_to_the_whole(self) -> None:
        milestones = {"proven": 10.1, "identified": 10.15, "line": 10.2, "connected": 10.4, "bound": 10.45}
        found = join.took({"milestones": milestones, "first_drawn_at": 10.6}, 10.0)
        assert round(found.whole) == 600
        assert round(sum(found.phases.values())) == 600
        assert round(found.phases["connected"]) == 200

    def test_what_came_before_its_turn_took_no_time(self) -> None:
        milestones = {"proven": 9.9, "line": 10.3, "identified": 10.2, "connected": 10.25, "bound": 10.5}
        found = join.took({"milestones": milestones, "first_drawn_at": 10.6}, 10.0)
        assert found.phases["proven"] == found.phases["connected"] == 0
        assert round(sum(found.phases.values())) == 600


class TestDrawRows:
    def test_medians_over_rounds_and_percentiles_of_all(self) -> None:
        rounds = [{"cores": c, "times_ms": [30.0] * 10 + [ms]} for c, ms in ((0.1, 35), (0.3, 36), (0.2, 90))]
        row = draw.row("call-9", "dummy", rounds, [])
        assert row == {"screen": "call-9", "driver": "dummy", "cores": 0.2, "frame_p95_ms": 36}

    def test_a_key_costs_no_cores_and_an_idle_home_shows_no_pictures(self) -> None:
        key = draw.row("key", "dummy", [{"cores": 0.0, "times_ms": [20.0]}], [])
        idle = draw.row("home-idle", "dummy", [{"cores": 0.004, "times_ms": []}], [])
        assert (key["cores"], key["frame_p95_ms"]) == (None, 20.0)
        assert (idle["cores"], idle["frame_p95_ms"]) == (0.004, None)


class TestGrowth:
    def test_is_of_medians_after_the_fifth_minute(self) -> None:
        samples = [
            (minute * 60.0 + 30, value) for minute, value in enumerate([90, 95, 99, 100, 100, 101, 104])
        ]
        assert _soak_report.growth(samples, 60.0) == (100, 104, 4)

    def test_one_outlier_is_no_growth(self) -> None:
        samples = [(float(at), 100.0) for at in range(0, 1200, 10)]
        samples[70] = (700.0, 160.0)
        assert _soak_report.growth(samples, 60.0) == (100, 100, 0)


def test_a_relay_takes_the_place_of_the_candidate() -> None:
    line = "a=candidate:0 1 udp 2130706431 10.77.0.1 41000 typ host\r\n"
    assert _delay.CANDIDATE.sub(r"\1 10.77.0.3 5000 \4", line) == (
        "a=candidate:0 1 udp 2130706431 10.77.0.3 5000 typ host\r\n"
    )


def test_a_picture_that_came_before_is_not_new() -> None:
    width, height = 640, 360

    def picture(ms: int) -> bytes:
        luma = bytearray(bytes((16,)) * (width * height))
        timecode.draw_luma(memoryview(luma), width, width, height, ms)
        return bytes(value for value in luma for _ in range(3))

    watch = _engine.Watch()
    for rgb in (picture(1000), picture(1033), picture(1033), picture(1000), bytes(width * height * 3)):
        watch.saw(rgb, width, height)
    taken = watch.take()
    assert len(taken["seen"]) == 2
    assert (taken["pictures"], taken["repeated"], taken["unreadable"]) == (5, 2, 1)
    assert watch.take()["seen"] == []


@pytest.mark.parametrize(
    ("offerer", "answerer"),
    [
        ((_engine_process.PLAIN, "--whole"), (_engine_process.OURS,)),
        ((_engine_process.OURS,), (_engine_process.PLAIN,)),
        ((_engine_process.PLAIN,), (_engine_process.PLAIN,)),
    ],
    ids=["plain-ours", "ours-plain", "plain-plain"],
)
def test_engines_see_each_others_pictures(offerer: tuple, answerer: tuple) -> None:
    with (
        _engine_process.EngineProcess(*offerer) as a,
        _engine_process.EngineProcess(*answerer) as b,
    ):
        _engine_process.connect(a, b, 0)
        for engine in (a, b):
            for _ in range(200):
                if engine.take()["streams"][0]["seen"]:
                    break
                time.sleep(0.05)
            else:
                pytest.fail(f"{engine.name} saw nothing")
    assert a.process.returncode == b.process.returncode == 0


@pytest.mark.parametrize("count", [2, 6, 8, 16])
def test_a_mesh_is_measured_on_the_largest_screen_whose_tiles_are_small(count: int) -> None:
    width, height = mesh.screen(count)
    assert width * 9 // 16 == height
    assert 320 < width <= 1280
    assert width == 1280 or count < 16
