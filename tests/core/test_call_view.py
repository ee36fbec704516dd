"""Whose tile is large."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.core.call_view import CallView, JoiningView, TileState, TileView

TILES = tuple(TileView(peer, peer.upper(), TileState.LIVE) for peer in ("a", "b", "c"))
CALL = CallView(42, 0.0, JoiningView(True, None), TILES)


@pytest.mark.parametrize(
    ("layout", "pinned", "speaker", "large"),
    [
        ("grid", None, None, None),
        ("grid", None, "b", None),
        ("grid", "c", "b", "c"),
        ("grid", "gone", "b", None),
        ("speaker", None, None, "a"),
        ("speaker", None, "b", "b"),
        ("speaker", None, "gone", "a"),
        ("speaker", "c", "b", "c"),
        ("speaker", "gone", "b", "b"),
    ],
)
def test_the_pinned_one_else_the_speaker_else_the_first(layout, pinned, speaker, large) -> None:
    assert replace(CALL, layout=layout, pinned=pinned, speaker=speaker).large == large


def test_nobody_is_large_in_an_empty_room() -> None:
    assert replace(CALL, tiles=(), layout="speaker", pinned="a", speaker="a").large is None
