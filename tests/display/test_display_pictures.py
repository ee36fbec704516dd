"""Pictures: drawn once each, counted, cut to their tiles; a bad one harms nobody."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pygame
import pytest
from display_helpers import plain, wait_for

from appliance.core import timecode
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.intents import TilesShown
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import DeviceView, Phase
from appliance.display.preview.snapshots import HOME
from appliance.display.theme import DARK, Ink

PEER = TileView("p1", "Bridge", TileState.LIVE)
CALL = CallView(42, 0.0, JoiningView(False, None), (PEER,))
IN_CALL = replace(HOME, phase=Phase.IN_CALL, call=CALL)
RED, GREEN = (200, 40, 40), (40, 160, 60)


def with_peer(**changes: object):
    return replace(IN_CALL, call=replace(CALL, tiles=(replace(PEER, **changes),)))


def sizes(shown) -> dict[str, tuple[int, int]]:
    told: TilesShown = shown.tiles[-1]
    assert told.self_view is not None
    return {name: (w, h) for name, w, h in told.sizes} | {SELF_TILE: told.self_view}


def middle_of(surface: pygame.Surface, left: bool) -> tuple[int, ...]:
    w, h = surface.get_size()
    return tuple(surface.get_at((w // 4 if left else 3 * w // 4, h // 2)))[:3]


def test_every_picture_of_two_tiles_at_30_a_second_is_drawn_and_counted(shower) -> None:
    shown = shower(IN_CALL, size=(1280, 720))
    wanted = sizes(shown)
    frames = 45
    pictures = {name: [plain(c, size) for c in (RED, GREEN)] for name, size in wanted.items()}
    clock = time.pthread_getcpuclockid(shown.thread.ident)
    before = time.clock_gettime(clock)

    def feed() -> None:
        started = time.monotonic()
        for i in range(frames):
            for name, pair in pictures.items():
                shown.bridge.slot(name).put(replace(pair[i % 2], serial=i))
            time.sleep(max(0.0, started + (i + 1) / 30 - time.monotonic()))

    feeder = threading.Thread(target=feed)
    feeder.start()
    feeder.join()
    shown.settle()
    for name, size in wanted.items():
        drawn = shown.bridge.drawn(name)
        put, replaced = shown.bridge.slot(name).counts
        assert put == frames
        assert drawn.count == put - replaced
        assert drawn.count >= frames * 0.93
        assert (drawn.width, drawn.height) == size
        assert len(drawn.times) == drawn.count
    cost = (time.clock_gettime(clock) - before) / (2 * frames)
    assert cost < 0.004, f"{cost * 1000:.2f} ms per picture"
    assert shown.display.faults == {}


def test_the_sizes_of_the_tiles_are_told_when_they_change(shower) -> None:
    shown = shower(HOME)
    assert shown.tiles == []
    shown.show(IN_CALL)
    assert set(sizes(shown)) == {"p1", SELF_TILE}
    alone = sizes(shown)["p1"]
    more = (PEER, *(replace(PEER, peer=f"p{i}") for i in range(2, 7)))
    shown.show(replace(IN_CALL, call=replace(CALL, tiles=more)))
    assert len(sizes(shown)) == 7
    assert sizes(shown)["p1"] < alone
    shown.show(HOME)
    assert shown.tiles[-1] == TilesShown((), None)


def test_a_peer_whose_camera_is_off_or_who_is_away_keeps_its_size(shower) -> None:
    shown = shower(IN_CALL)
    told = len(shown.tiles)
    shown.show(with_peer(camera_on=False))
    shown.show(with_peer(state=TileState.RECONNECTING))
    assert len(shown.tiles) == told


def test_a_picture_covers_its_tile_and_only_its_tile(shower) -> None:
    shown = shower(IN_CALL, size=(1280, 720))
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    shown.bridge.slot(SELF_TILE).put(plain(GREEN, sizes(shown)[SELF_TILE]))
    surface = shown.settle()
    assert middle_of(surface, left=True) == RED
    assert middle_of(surface, left=False) == GREEN
    assert tuple(surface.get_at((640, 360)))[:3] == DARK[Ink.STAGE]  # the gap between the tiles
    assert tuple(surface.get_at((2, 2)))[:3] == DARK[Ink.STAGE]


@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (160, 120), (90, 160), (2, 2)])
def test_a_picture_of_another_size_is_scaled_to_cover(shower, size) -> None:
    shown = shower(IN_CALL)
    shown.bridge.slot("p1").put(plain(RED, size))
    assert middle_of(shown.settle(), left=True) == RED
    assert shown.bridge.drawn("p1").count == 1


def test_a_wide_picture_is_cut_not_stretched(shower) -> None:
    shown = shower(IN_CALL, size=(1280, 720))
    w, h = sizes(shown)["p1"]
    surface = pygame.Surface((w, h))
    pygame.draw.circle(surface, (255, 255, 255), (w // 2, h // 2), 80)
    shown.bridge.slot("p1").put(Picture(pygame.image.tobytes(surface, "RGB"), w, h, 1))
    screen = shown.settle()
    (rect,) = [video.rect for video in shown.display.view.videos() if video.tile == "p1"]
    x0, y0 = rect.x + rect.w // 2, rect.y + rect.h // 2
    row = [screen.get_at((x, y0))[0] > 128 for x in range(x0 - 120, x0 + 120)]
    column = [screen.get_at((x0, y))[0] > 128 for y in range(y0 - 120, y0 + 120)]
    assert abs(sum(row) - sum(column)) <= 3


@pytest.mark.parametrize(
    "bad",
    [
        Picture(b"short", 640, 360, 1),
        Picture(b"", 0, 0, 1),
        Picture(b"x" * 12, -2, 2, 1),
        Picture(b"x" * 300_000, 100_000, 1, 1),
        Picture(b"x" * 7, 2, 1, 1),
        Picture("text", 2, 1, 1),
    ],
)
def test_an_unusable_picture_is_dropped_and_counted(shower, bad) -> None:
    shown = shower(IN_CALL)
    good = plain(RED, sizes(shown)["p1"])
    shown.bridge.slot("p1").put(good)
    shown.settle()
    shown.bridge.slot("p1").put(bad)
    assert middle_of(shown.settle(), left=True) == RED
    assert shown.display.faults == {"picture": 1}
    assert shown.bridge.drawn("p1").count == 1
    shown.bridge.slot("p1").put(plain(GREEN, sizes(shown)["p1"]))
    assert middle_of(shown.settle(), left=True) == GREEN


def test_a_picture_that_is_taken_off_leaves_the_poster(shower) -> None:
    shown = shower(IN_CALL)
    before = middle_of(shown.settle(), left=True)
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    assert middle_of(shown.settle(), left=True) == RED
    shown.bridge.slot("p1").put(None)
    assert middle_of(shown.settle(), left=True) == before


@pytest.mark.parametrize("change", [{"camera_on": False}, {"state": TileState.RECONNECTING}])
def test_an_old_picture_does_not_come_back_after_a_pause(shower, change) -> None:
    shown = shower(IN_CALL)
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    shown.settle()
    assert middle_of(shown.show(with_peer(**change)), left=True) != RED
    assert middle_of(shown.show(IN_CALL), left=True) != RED
    shown.bridge.slot("p1").put(plain(GREEN, sizes(shown)["p1"]))
    assert middle_of(shown.settle(), left=True) == GREEN


def test_a_first_picture_is_shown_even_while_the_tile_says_connecting(shower) -> None:
    shown = shower(with_peer(state=TileState.CONNECTING))
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    assert middle_of(shown.settle(), left=True) == RED


def test_what_stands_above_a_picture_survives_the_next_one(shower) -> None:
    shown = shower(with_peer(speaking=True, muted=True), size=(1280, 720))
    size = sizes(shown)["p1"]
    shown.bridge.slot("p1").put(plain(RED, size))
    first = shown.settle()
    shown.bridge.slot("p1").put(plain(RED, size, serial=2))
    second = shown.settle()
    tile = pygame.Rect(0, 60, 640, 520)  # below the header with its clock
    assert pygame.image.tobytes(first.subsurface(tile), "RGB") == pygame.image.tobytes(
        second.subsurface(tile), "RGB"
    )
    left = shown.display.view.target("tile:p1").rect.x
    ring = {tuple(second.get_at((left + 1, y)))[:3] for y in range(200, 400)}
    assert ring == {DARK[Ink.ACCENT]}


def test_the_age_of_a_drawn_picture_is_read_from_its_time_code(shower) -> None:
    shown = shower(IN_CALL, size=(1280, 720), measure=True)
    w, h = sizes(shown)["p1"]
    for late_ms in (35, 20_000):  # the second is implausible and not counted
        luma = bytearray(bytes((16,)) * (w * h))
        timecode.draw_luma(memoryview(luma), w, w, h, int(time.monotonic() * 1000) - late_ms)
        rgb = bytes(value for value in luma for _ in range(3))
        shown.bridge.slot("p1").put(Picture(rgb, w, h, late_ms))
        shown.settle()
    drawn = shown.bridge.drawn("p1")
    assert drawn.count == 2
    assert len(drawn.latencies_ms) == 1
    assert 35 <= drawn.latencies_ms[0] < 400


def test_without_measuring_no_time_code_is_read(shower) -> None:
    shown = shower(IN_CALL)
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    shown.settle()
    assert not shown.bridge.drawn("p1").latencies_ms


def test_a_camera_that_fails_is_said_in_the_self_view(shower) -> None:
    broken = replace(IN_CALL, devices=(DeviceView("camera", "", "The camera is gone. Plug it in again."),))
    shown = shower(IN_CALL)
    fine = pygame.image.tobytes(shown.settle(), "RGB")
    assert pygame.image.tobytes(shown.show(broken), "RGB") != fine


def test_a_peers_picture_is_on_the_screen_within_a_moment(shower) -> None:
    shown = shower(IN_CALL)
    put_at = time.monotonic()
    shown.bridge.slot("p1").put(plain(RED, sizes(shown)["p1"]))
    wait_for(lambda: shown.bridge.drawn("p1") is not None)
    assert shown.bridge.drawn("p1").first_at - put_at < 0.2
