"""All connections of a meeting: boxes around a circle, a line for every two, and what is wrong in words.

How a line is drawn tells as much as its colour: whole and thin is good, long strokes are fair, thick dots
are bad, and a line that is interrupted in its middle by a cross is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from appliance.core.call_view import LinkState, MeshLink, MeshView
from appliance.core.grid import Rect
from appliance.core.mesh_words import BROKEN, sentences
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.scene import Line, Lines
from appliance.display.screens.parts import Page
from appliance.display.text import line_height
from appliance.display.theme import Ink, Theme

WIDTH = 0.58  # of the screen's
DOT = 9.0
LABEL_GAP = 16.0  # between a box's dot and its name
LABEL_SHARE = 0.25  # of the panel's width, for a name at either side
CROSS = 8.0
SAMPLE = 46.0  # length of a line in the legend
SENTENCE_LINES = 2


@dataclass(frozen=True, slots=True)
class Style:
    """How a line looks, in units; no gap: whole."""

    color: Ink
    width: float
    dash: float = 0.0
    gap: float = 0.0
    cross: bool = False


GOOD = Style(Ink.ACCENT, 2.2)
THIN = 1.2  # of good lines, where there are many: what is wrong stands out
MANY = 8  # boxes
FAIR = Style(Ink.WARNING, 3.4, 17, 8)
BAD = Style(Ink.BAD, 5, 4, 9)
NONE = Style(Ink.BAD, 3, cross=True)
CONNECTING = Style(Ink.DIM, 2.2, 1, 7)
UNKNOWN = Style(Ink.FAINT, 2, 1, 9)
LEGEND: tuple[tuple[Style, Text], ...] = (
    (GOOD, say("good")),
    (FAIR, say("fair")),
    (BAD, say("bad")),
    (NONE, say("none")),
)


def style(link: MeshLink) -> Style:
    """How the line of a link is drawn."""
    if link.state in BROKEN:
        return NONE
    if link.state is LinkState.CONNECTING:
        return CONNECTING
    if link.state is LinkState.UNKNOWN or not link.quality:
        return UNKNOWN
    return {1: BAD, 2: FAIR}.get(link.quality, GOOD)


def draw(page: Page, area: Rect, mesh: MeshView) -> None:
    """The circle, what is wrong, and what the lines mean, in pixels of ``area``."""
    scale = page.theme.scale
    x, y, w, h = (value / scale for value in area)
    note = line_height(page.theme.font_px(t.NOTE)) / scale
    bottom = y + h
    legend = _legend(page, x, bottom, w)
    bottom -= legend + 12
    bottom -= _sentences(page, mesh, x, bottom, w) + 10
    name = line_height(page.theme.font_px(t.BODY)) / scale
    radius = max(40.0, min((bottom - y) / 2 - name - DOT, w * (0.5 - LABEL_SHARE)))
    _circle(page, mesh, (x + w / 2, y + (bottom - y) / 2), radius, (x, w), max(name, note))


def _sentences(page: Page, mesh: MeshView, x: float, bottom: float, w: float) -> float:
    """What is wrong, its last line ending at ``bottom``; return how high it is."""
    px, said = page.theme.font_px(t.LEAD), sentences(mesh)
    line = line_height(px) / page.theme.scale
    width = page.rect(0, 0, w, 0).w
    counts = [len(page.typesetter.wrap(page.said(each), px, False, width, SENTENCE_LINES)) for each in said]
    y = bottom - line * sum(counts)
    for sentence, count in zip(said, counts, strict=True):
        page.text(page.rect(x, y, w, line * count), sentence, t.LEAD, lines=SENTENCE_LINES, top=True)
        y += line * count
    return line * sum(counts)


def _legend(page: Page, x: float, bottom: float, w: float) -> float:
    """Every kind of line with its meaning, in one row or two; return how high it is."""
    high = line_height(page.theme.font_px(t.NOTE)) / page.theme.scale + 4
    widths = [SAMPLE + 10 + page.measure(text, t.NOTE) + 24 for _, text in LEGEND]
    per_row = len(LEGEND) if sum(widths) <= w else 2
    rows = -(-len(LEGEND) // per_row)
    cell = w / per_row
    for i, (kind, text) in enumerate(LEGEND):
        left, top = x + i % per_row * cell, bottom - (rows - i // per_row) * high
        place = page.rect(left, top, SAMPLE, high)
        page.add(
            Lines(place, tuple(strokes_of(page.theme, kind, (4, place.h // 2), (place.w - 4, place.h // 2))))
        )
        page.text(page.rect(left + SAMPLE + 10, top, cell - SAMPLE - 12, high), text, t.NOTE, Ink.DIM)
    return rows * high


def _circle(
    page: Page,
    mesh: MeshView,
    center: tuple[float, float],
    radius: float,
    across: tuple[float, float],
    high: float,
) -> None:
    """The boxes clockwise, this one first, none at the very top, and every line between two of them."""
    count = len(mesh.boxes)
    turn = 2 * math.pi / max(count, 2)
    places = {
        box.peer: (math.sin((i + 0.5) * turn), -math.cos((i + 0.5) * turn))
        for i, box in enumerate(mesh.boxes)
    }
    edge = DOT + 4
    place = page.rect(
        center[0] - radius - edge, center[1] - radius - edge, 2 * (radius + edge), 2 * (radius + edge)
    )
    scale = page.theme.scale

    def pixel(peer: str) -> tuple[int, int]:
        dx, dy = places[peer]
        return round(place.w / 2 + dx * radius * scale), round(place.h / 2 + dy * radius * scale)

    lines: list[Line] = []
    for link in sorted(mesh.links, key=lambda link: _weight(style(link))):  # what is wrong lies on top
        kind = style(link)
        if kind is GOOD and count > MANY:
            kind = replace(GOOD, width=THIN)
        lines += strokes_of(page.theme, kind, pixel(link.one), pixel(link.other))
    if lines:
        page.add(Lines(place, tuple(lines)))
    left, wide = across
    for i, box in enumerate(mesh.boxes):
        dx, dy = places[box.peer]
        x, y = center[0] + dx * radius, center[1] + dy * radius
        page.dot(x, y, DOT, Ink.FAINT if box.away else Ink.TEXT if i == 0 else Ink.ACCENT)
        name: Text = say("{name} · away", name=box.name) if box.away else box.name
        color = Ink.DIM if box.away else Ink.TEXT
        if abs(dx) < 0.01:
            page.text(page.rect(left, y + DOT, wide, high), name, t.BODY, color, bold=i == 0, align="center")
        elif dx > 0:
            begin = x + LABEL_GAP
            room = page.rect(begin, y - high / 2, left + wide - begin, high)
            page.text(room, name, t.BODY, color, bold=i == 0)
        else:
            room = page.rect(left, y - high / 2, x - LABEL_GAP - left, high)
            page.text(room, name, t.BODY, color, bold=i == 0, align="right")


def _weight(kind: Style) -> int:
    return (UNKNOWN, GOOD, CONNECTING, FAIR, BAD, NONE).index(kind)


def strokes_of(theme: Theme, kind: Style, one: tuple[int, int], other: tuple[int, int]) -> list[Line]:
    """A line in a style, in pixels; with a cross in a gap in its middle where there is no connection."""
    width, dash, gap = (theme.px(value) for value in (kind.width, kind.dash, kind.gap))
    if not kind.cross:
        return [Line(*one, *other, kind.color, width, dash, gap)]
    length = math.hypot(other[0] - one[0], other[1] - one[1]) or 1.0
    middle = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
    arm = min(theme.px(CROSS), length / 5)
    back = 2 * arm / length
    stop = [
        (
            round(middle[0] + (end[0] - middle[0]) * 2 * back),
            round(middle[1] + (end[1] - middle[1]) * 2 * back),
        )
        for end in (one, other)
    ]
    whole = [Line(*one, *stop[0], kind.color, width), Line(*other, *stop[1], kind.color, width)]
    x, y = middle
    cross = [
        Line(round(x - arm), round(y - arm), round(x + arm), round(y + arm), kind.color, width),
        Line(round(x - arm), round(y + arm), round(x + arm), round(y - arm), kind.color, width),
    ]
    return whole + cross
