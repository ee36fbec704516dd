"""What a screen is given to draw itself and to act: the moment, the measures, and a few verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from appliance.core.intents import Intent
from appliance.core.view import Notice, Snapshot
from appliance.core.words import Text
from appliance.display.scene import View
from appliance.display.text import Typesetter
from appliance.display.theme import Theme


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything a view depends on. ``now``: monotonic seconds; ``wall``: for the clock in the corner.

    ``pictures``: tiles that have a picture. ``pressed``: the target under a finger. ``notices``: those
    to be seen now, the newest last. ``tr``: a text in the language of the screen; ``right_to_left``: that
    is written so, and pages are mirrored.
    """

    snapshot: Snapshot
    now: float
    wall: datetime
    theme: Theme
    typesetter: Typesetter
    pictures: frozenset[str] = frozenset()
    pressed: str | None = None
    notices: tuple[Notice, ...] = ()
    tr: Callable[[Text], str] = str
    right_to_left: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A key as a person means it.

    ``name``: ok, back, up, down, left, right, delete, tab, backtab, or text for anything typed.
    ``text``: the character. ``digit``: the digit on that key, on any keyboard (a French one types
    digits with shift). ``at``: monotonic seconds when it was pressed.
    """

    name: str
    text: str = ""
    digit: str = ""
    at: float = 0.0


class Stage(Protocol):
    """What screens may do to the world outside them."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def focused(self) -> str | None:
        """The target that has the focus."""

    def send(self, intent: Intent) -> None:
        """Hand an intent to the box."""

    def go_home(self) -> None: ...

    def open_keypad(self, room: int | None = None, char: str = "") -> None:
        """Show the keypad, empty or with a preset's room, and type ``char`` if there is one."""

    def open_settings(self, page: str = "") -> None:
        """Show the settings; in a call only the pages of ``settings_view.CALL_PAGES``."""

    def open_address(self) -> None: ...

    def focus(self, target: str) -> None: ...


class Screen(Protocol):
    """One screen. It keeps only what a person did on it; everything else is in the snapshot."""

    def view(self, moment: Moment) -> View:
        """The screen at this moment."""

    def press(self, target: str, at: float, touched: bool) -> None:
        """A target was pressed: by finger or mouse (``touched``), or by OK."""

    def key(self, key: Key) -> bool:
        """A key; True when the screen took it. The rest (arrows, tab, ok) moves and presses the focus."""
