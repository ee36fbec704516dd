"""The panel's own power: a screen that nobody looks at may go off, and is on again when somebody comes."""

from __future__ import annotations

from typing import Protocol

import pygame


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
