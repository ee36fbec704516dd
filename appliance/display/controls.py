"""Keys: their names for scripts, and what a pygame key event means to a person.

A number pad, a keyboard, and a TV remote (through CEC or a USB receiver) send different key codes for
the same wish; here they become one ``Key``.
"""

from __future__ import annotations

import pygame

from appliance.display.stage import Key
from appliance.errors import ControlError

# What ``press`` understands besides single characters.
NAMED = {
    "ok": pygame.K_RETURN,
    "back": pygame.K_ESCAPE,
    "up": pygame.K_UP,
    "down": pygame.K_DOWN,
    "left": pygame.K_LEFT,
    "right": pygame.K_RIGHT,
    "delete": pygame.K_BACKSPACE,
    "tab": pygame.K_TAB,
}

# Codes of SDL that pygame has no name for: the USB usage of the key, and SDL's mark for such codes.
SDLK_EXECUTE = 1 << 30 | 0x74
SDLK_SELECT = 1 << 30 | 0x77

MEANING = {
    pygame.K_RETURN: "ok",
    pygame.K_KP_ENTER: "ok",
    SDLK_SELECT: "ok",  # remotes
    SDLK_EXECUTE: "ok",
    pygame.K_ESCAPE: "back",
    pygame.K_AC_BACK: "back",  # remotes
    pygame.K_UP: "up",
    pygame.K_DOWN: "down",
    pygame.K_LEFT: "left",
    pygame.K_RIGHT: "right",
    pygame.K_BACKSPACE: "delete",
    pygame.K_DELETE: "delete",
    # A number pad alone reaches everything: on, back one, take back, go back.
    pygame.K_KP_PLUS: "tab",
    pygame.K_KP_MULTIPLY: "backtab",
    pygame.K_KP_MINUS: "delete",
    pygame.K_KP_DIVIDE: "back",
}

# A number pad types digits whether Num Lock is on or not: this box has no cursor to move with it.
PAD_DIGITS = {
    pygame.K_KP_0: "0",
    pygame.K_KP_1: "1",
    pygame.K_KP_2: "2",
    pygame.K_KP_3: "3",
    pygame.K_KP_4: "4",
    pygame.K_KP_5: "5",
    pygame.K_KP_6: "6",
    pygame.K_KP_7: "7",
    pygame.K_KP_8: "8",
    pygame.K_KP_9: "9",
}
PAD_POINT = (pygame.K_KP_PERIOD, 1 << 30 | 0x85)  # and the number pad comma, which pygame does not name
# What keys of a number pad make, besides what they mean here.
PAD_TEXTS = {
    **PAD_DIGITS,
    **dict.fromkeys(PAD_POINT, ".,"),
    pygame.K_KP_PLUS: "+",
    pygame.K_KP_MINUS: "-",
    pygame.K_KP_MULTIPLY: "*",
    pygame.K_KP_DIVIDE: "/",
}
ROW_DIGITS = {
    pygame.KSCAN_1: "1",
    pygame.KSCAN_2: "2",
    pygame.KSCAN_3: "3",
    pygame.KSCAN_4: "4",
    pygame.KSCAN_5: "5",
    pygame.KSCAN_6: "6",
    pygame.KSCAN_7: "7",
    pygame.KSCAN_8: "8",
    pygame.KSCAN_9: "9",
    pygame.KSCAN_0: "0",
}


def key_events(name: str, at: float) -> tuple[pygame.Event, pygame.Event]:
    """The events of a key going down and up, as SDL would send them, for a key's name or a character.

    ``at``: monotonic seconds, carried along so that a join is timed from here; it is also the mark of a
    script's key. Raises ControlError.
    """
    if name in NAMED:
        code, text = NAMED[name], ""
    elif len(name) == 1 and name.isprintable():
        code, text = ord(name.lower()), name
    else:
        raise ControlError("control.key.unknown", f"There is no key called “{name[:40]}”.")
    values = {"key": code, "mod": pygame.KMOD_NONE, "unicode": text, "scancode": 0, "at": at}
    return pygame.Event(pygame.KEYDOWN, values), pygame.Event(pygame.KEYUP, values)


def is_scripted(event: pygame.Event) -> bool:
    """Whether a script pressed this key, and no person."""
    return hasattr(event, "at")


class Typing:
    """What is typed, without a character lost or doubled.

    SDL tells a key and then the text that it made. pygame copies that text to the key if it came in time and
    is one character; what is late, and what an input method or a compose key makes, comes as text alone.
    """

    def __init__(self) -> None:
        self._taken: str | None = ""  # texts of the last key that were acted on; None: whatever it makes
        self._digit = ""  # on the last key

    def key(self, event: pygame.Event, now: float) -> Key | None:
        """What a KEYDOWN event means as far as it is known yet."""
        self._digit = ""
        if event.key in PAD_TEXTS:
            self._taken = PAD_TEXTS[event.key]
        elif event.unicode or event.key in MEANING:
            self._taken = event.unicode
        elif event.scancode in ROW_DIGITS and not is_scripted(event):
            self._taken, self._digit = "", ROW_DIGITS[event.scancode]
            return None  # its text is late
        else:
            self._taken = ""
        return key_of(event, now)

    def text(self, event: pygame.Event, now: float) -> list[Key]:
        """The keys that a piece of text stands for, but for what was acted on already."""
        taken, self._taken = self._taken, ""
        text: str = event.text
        if not text or taken is None or text in taken:
            return []
        kept = [char for char in text if char.isprintable()]
        digit = self._digit if len(kept) == 1 else ""
        return [Key("text", char, char if char in "0123456789" else digit, now) for char in kept]

    def skip(self) -> None:
        """The last key is not to be acted on, nor what it makes."""
        self._taken = None


def key_of(event: pygame.Event, now: float) -> Key | None:
    """What a KEYDOWN event means; None for a key that means nothing here (shift, volume, ...)."""
    at = getattr(event, "at", now)
    if event.key in MEANING:
        return Key(MEANING[event.key], at=at)
    if event.key == pygame.K_TAB:
        return Key("backtab" if event.mod & pygame.KMOD_SHIFT else "tab", at=at)
    pad_digit = PAD_DIGITS.get(event.key)
    if pad_digit:
        return Key("text", pad_digit, pad_digit, at)
    if event.key in PAD_POINT:
        return Key("text", ".", at=at)
    text = event.unicode if len(event.unicode) == 1 and event.unicode.isprintable() else ""
    digit = text if text and text in "0123456789" else ROW_DIGITS.get(event.scancode, "")
    if not text and not digit:
        return None
    return Key("text", text or digit, digit, at)
