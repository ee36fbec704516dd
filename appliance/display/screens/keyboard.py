"""The full keyboard on the screen, for passwords that are not numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.screens.parts import Page as Draw
from appliance.display.screens.parts import fitting
from appliance.display.theme import Ink

GAP = 9.0
KEY_HEIGHT_MAX = 100.0
JOIN = say("Join")

LETTERS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
SIGNS = ("1234567890", "@#$%&*-+=/", "!?:;'\"(),", ".<>[]{}")
MORE_SIGNS = ("1234567890", "_~^|\\`€£§°", "äöüßéèêàç", "ñåøæłšž")
LAYERS = {"letters": LETTERS, "signs": SIGNS, "more": MORE_SIGNS}
NEXT_LAYER = {"letters": "signs", "signs": "more", "more": "letters"}
LAYER_LABELS = {"letters": "#+=", "signs": "äéß", "more": "abc"}  # of the key that leaves the layer


@dataclass(frozen=True, slots=True)
class Page:
    """Which keys are shown. ``upper`` lasts for one letter."""

    layer: str = "letters"
    upper: bool = False

    def rows(self) -> tuple[str, ...]:
        rows = LAYERS[self.layer]
        return tuple(raised(row) for row in rows) if self.upper else rows

    def switched(self, what: str) -> Page:
        """``shift``, or ``next`` for the following layer."""
        if what == "shift":
            return replace(self, upper=not self.upper)
        return Page(NEXT_LAYER[self.layer])

    def after_key(self) -> Page:
        return replace(self, upper=False)


def raised(row: str) -> str:
    """Capitals, where a letter has one of one character."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in row)


def draw(
    page: Draw,
    keys: Page,
    area: tuple[float, float, float, float],
    *,
    ready: bool,
    go: Text = JOIN,
) -> None:
    """Five rows of keys in an area (x, y, width, height; units). ``go``: the label of the key that goes on,
    ``ready``: it would be accepted.
    """
    x, y, w, h = area
    h = min(h, 5 * KEY_HEIGHT_MAX + 4 * GAP)
    each = (w - 9 * GAP) / 10
    high = (h - 4 * GAP) / 5
    for i, row in enumerate(keys.rows()):
        top = y + i * (high + GAP)
        left = x + (10 - len(row)) / 2 * (each + GAP)
        for j, char in enumerate(row):
            first = (i, j) == (1, 0)
            rect = page.rect(left + j * (each + GAP), top, each, high)
            page.button(f"key:{char}", rect, char, t.SUBHEAD + 3, radius=12, first=first)
        if i == 3:
            side = left - GAP - x
            shift = "shift-on" if keys.upper else "shift"
            page.button("layer:shift", page.rect(x, top, side, high), "", t.SUBHEAD, icon=shift, radius=12)
            end = left + len(row) * (each + GAP)
            delete = page.rect(end, top, x + w - end, high)
            page.button("delete", delete, "", t.SUBHEAD, icon="delete", radius=12)
    top = y + 4 * (high + GAP)
    wide = 2 * each + GAP
    page.button(
        "layer:next",
        page.rect(x, top, wide, high),
        LAYER_LABELS[keys.layer],
        t.LEAD,
        color=Ink.DIM,
        radius=12,
    )
    space = page.rect(x + wide + GAP, top, w - 2 * (wide + GAP), high)
    page.button("key: ", space, say("Space"), t.BODY, color=Ink.DIM, radius=12)
    size = fitting(page, go, t.SUBHEAD, wide - 24)
    page.go_button("next", page.rect(x + w - wide, top, wide, high), go, size, ready=ready)
