"""The panel's own power: a screen that nobody looks at may go off, and is on again when somebody comes."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pygame

from appliance.core.idle import Light

log = logging.getLogger(__name__)


class ScreenPower(Protocol):
    """What switches a panel. Called on the display thread, each time something changed; never blocks.

    The picture of a screen that is off is black, so one whose panel can't be switched is dark all the same.
    """

    def on(self) -> None:
        """People look at the screen, or may at any moment: it must be on and stay on."""

    def free(self) -> None:
        """Whoever owns the desktop may do as usual with the screen."""

    def off(self) -> None:
        """Nobody looks: the panel may go off."""


class SaverPower:
    """By the screen saver of X or Wayland: it is kept away, or allowed to do what it is set to do.

    Nothing else works everywhere. On a bare screen (KMS) there is none, and the picture is black.
    """

    def on(self) -> None:
        pygame.display.set_allow_screensaver(False)

    def free(self) -> None:
        pygame.display.set_allow_screensaver(True)

    def off(self) -> None:
        pygame.display.set_allow_screensaver(True)


class PanelPower:
    """On an appliance: the wish is left in a file, ``on`` or ``off``, and who has the right carries it out.

    A box in its sandbox may switch neither a backlight nor an output; systemd/lib/panel does, woken by the
    file (meetingbox-panel.path). What was wished last stands beside it, so that a box that is restarted
    while the panel is off has it switched on again; one that starts with the machine finds it on.
    """

    def __init__(self, request: Path) -> None:
        self._request = request
        self._last = request.with_suffix(".last")
        self._saver = SaverPower()

    def on(self) -> None:
        self._saver.on()
        self._wish("on")

    def free(self) -> None:
        self._saver.free()
        self._wish("on")

    def off(self) -> None:
        self._saver.off()
        self._wish("off")

    def _wish(self, state: str) -> None:
        if state == self._wished():
            return
        try:
            # The wish first, whole: its name is what wakes who carries it out.
            new = self._request.with_suffix(".new")
            new.write_text(state)
            new.replace(self._request)
            self._last.write_text(state)
        except OSError as error:
            log.warning("display.panel %s: %s", self._request, error.strerror)

    def _wished(self) -> str:
        with contextlib.suppress(OSError):
            return self._last.read_text()
        return "on"


def find_power() -> ScreenPower:
    """What switches the panel here: the unit of an appliance says where wishes are heard."""
    request = os.environ.get("MEETINGBOX_PANEL_REQUEST", "")
    return PanelPower(Path(request)) if request else SaverPower()


class Panel:
    """Tells the panel what is wanted of it, and nothing twice."""

    def __init__(self, power: ScreenPower) -> None:
        self._power = power
        self._told: Callable[[], None] | None = None

    def forget(self) -> None:
        """It is another one, maybe: tell it again."""
        self._told = None

    def tell(self, light: Light, in_use: bool) -> None:
        """``in_use``: a meeting is on the screen, or it is all ours; a window at home is one among others."""
        if light is Light.OFF:
            told = self._power.off
        elif in_use:
            told = self._power.on
        else:
            told = self._power.free
        if told != self._told:
            self._told = told
            told()
