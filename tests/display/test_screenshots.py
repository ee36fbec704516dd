"""Whom a turn of the display's loop answers."""

from __future__ import annotations

import pygame

from appliance.display.screenshots import Screenshots


def test_who_asks_while_a_turn_is_under_way_is_answered_by_the_next() -> None:
    """The one that is under way may have missed what happened just before they asked."""
    shots = Screenshots()
    early = shots.ask()
    asked = len(shots)
    late = shots.ask()
    shots.serve(lambda: pygame.Surface((2, 2)), asked)
    assert early.done.is_set()
    assert not late.done.is_set()
    shots.serve(lambda: pygame.Surface((2, 2)), len(shots))
    assert late.done.is_set()
    assert late.surface is not None
    assert len(shots) == 0
