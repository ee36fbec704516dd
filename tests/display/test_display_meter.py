"""The line under a name that is as long as the voice is loud."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.limits import METER_STEPS
from appliance.core.view import Phase
from appliance.display.preview.snapshots import HOME
from appliance.display.scene import Box, Text
from appliance.display.screens.tile import METER_HEIGHT
from appliance.display.theme import Ink

PEER = TileView("p1", "Bridge", TileState.LIVE, quality=3)
WIDE = (1280, 720)


def in_call(own: int = 0, **changes: object):
    call = CallView(42, 0.0, JoiningView(False, None), (replace(PEER, **changes),), meter=own)
    return replace(HOME, phase=Phase.IN_CALL, call=call)


def meters(shown) -> list[int]:
    """The lengths of all meters on the screen, in pixels, from left to right."""
    found = [
        node.rect
        for node in shown.display.view.nodes
        if isinstance(node, Box) and node.fill == Ink.ACCENT and node.rect.h == METER_HEIGHT
    ]
    return [rect.w for rect in sorted(found, key=lambda rect: rect.x)]


def but_meters_and_clocks(shown) -> list[object]:
    return [
        node
        for node in shown.display.view.nodes
        if not (isinstance(node, Box) and node.rect.h == METER_HEIGHT)
        and not (isinstance(node, Text) and ":" in node.text)
    ]


def test_silence_shows_nothing(shower) -> None:
    assert meters(shower(in_call(), size=WIDE)) == []


def test_louder_is_longer_and_the_loudest_is_as_long_as_the_name_with_its_bars(shower) -> None:
    shown = shower(in_call(meter=1), size=WIDE)
    lengths = meters(shown)
    for meter in range(2, METER_STEPS + 1):
        shown.show(in_call(meter=meter))
        lengths += meters(shown)
    assert len(lengths) == METER_STEPS
    assert lengths == pytest.approx([lengths[-1] * n / METER_STEPS for n in range(1, METER_STEPS + 1)], abs=1)
    chip = next(n.rect for n in shown.display.view.nodes if isinstance(n, Box) and n.fill == Ink.CHIP)
    assert 0.6 * chip.w < lengths[-1] < chip.w


@pytest.mark.parametrize("mute", ["muted", "muted_here"])
def test_who_is_muted_has_none(shower, mute) -> None:
    assert meters(shower(in_call(meter=4, **{mute: True}), size=WIDE)) == []


def test_we_have_one_too(shower) -> None:
    assert len(meters(shower(in_call(own=3), size=WIDE))) == 1


def test_only_the_meter_moves(shower) -> None:
    """Nothing on the tile changes its place when somebody speaks up."""
    shown = shower(in_call(), size=WIDE)
    before = but_meters_and_clocks(shown)
    shown.show(in_call(meter=5))
    assert but_meters_and_clocks(shown) == before
