"""One tile: the picture or what stands for it, the name, the state of the link."""

from __future__ import annotations

from appliance.core.grid import Rect, covering
from appliance.core.view import SELF_TILE, CallView, Snapshot, TileState, TileView
from appliance.display import theme as t
from appliance.display.scene import Bars, Box, Video
from appliance.display.screens.parts import Page
from appliance.display.text import clean

RADIUS = 16.0
CHIP_HEIGHT = 38.0
CHIP_INSET = 14.0
SMALL = 250.0  # units of width; below this a tile has small letters
LOW = 192.0  # units of height; below this there is no room for a sentence in the middle


def draw_peer(page: Page, rect: Rect, peer: TileView) -> None:
    """The tile of a remote peer."""
    page.box(rect, t.PANEL, RADIUS)
    page.tiles.append((peer.peer, *covering(rect)))
    has_picture = peer.peer in page.moment.pictures
    away = peer.state is TileState.RECONNECTING
    label = peer.name
    if away:
        label = _waiting(page, rect, f"Reconnecting to {peer.name}", peer.name)
    elif not peer.camera_on:
        _poster(page, rect, peer.name, "Camera off")
    else:
        if not has_picture:
            label = _waiting(page, rect, f"Connecting to {peer.name}", peer.name)
        _video(page, rect, peer.peer)
    if peer.speaking and not away:
        page.box(rect, None, RADIUS, t.ACCENT, 4)
    live = peer.state is TileState.LIVE
    _chip(page, rect, label, muted=peer.muted, quality=peer.quality if live else 0)


def draw_self(page: Page, rect: Rect, snapshot: Snapshot, call: CallView) -> None:
    """The self-view."""
    page.box(rect, t.PANEL, RADIUS)
    page.tiles.append((SELF_TILE, *covering(rect)))
    if call.camera_on:
        if SELF_TILE not in page.moment.pictures:
            broken = any(d.kind == "camera" and d.problem for d in snapshot.devices)
            _poster(page, rect, snapshot.name, "No picture from the camera" if broken else "")
        _video(page, rect, SELF_TILE)
    else:
        _poster(page, rect, snapshot.name, "Your camera is off")
    _chip(page, rect, f"You · {snapshot.name}", muted=call.muted, quality=0)


def initials(name: str) -> str:
    """One or two capitals that stand for a name: the first of its first and last word."""
    words = [word for word in clean(name).split() if word[0].isalnum()]
    if not words:
        return ""
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper() if len(letters.upper()) == len(letters) else letters


def _video(page: Page, rect: Rect, name: str) -> None:
    page.add(Video(rect, name, page.theme.px(RADIUS), page.background))


def _waiting(page: Page, rect: Rect, sentence: str, name: str) -> str:
    """A spinner with its sentence; return what the chip says (the sentence, where it is too low)."""
    scale = page.theme.scale
    x, y = rect.center
    low = rect.h / scale < LOW
    if low:
        lift = min(CHIP_HEIGHT + CHIP_INSET, rect.h / scale * 0.4) / 2
        page.spinner((x / scale, y / scale - lift), min(40.0, rect.h / scale * 0.3))
        return sentence
    page.spinner((x / scale, y / scale - 38), 46)
    inset = page.theme.px(16)
    place = page.rect(0, y / scale + 4, 10, 38)
    size = t.LEAD if rect.w / scale >= SMALL else t.NOTE
    page.text(
        Rect(rect.x + inset, place.y, rect.w - 2 * inset, place.h), sentence, size, t.DIM, align="center"
    )
    return name


def _poster(page: Page, rect: Rect, name: str, line: str) -> None:
    """Initials in a disc, and why there is no picture where there is room to say it."""
    scale = page.theme.scale
    x, y = rect.center
    low = rect.h / scale < LOW
    side = int(min(rect.h * (0.42 if low else 0.36), 150 * scale))
    middle = y - (CHIP_INSET * scale if low else 34 * scale)
    disc = Rect(int(x - side / 2), int(middle - side / 2), side, side)
    page.add(Box(disc, t.LINE, side // 2))
    letters = initials(name)
    if letters:
        page.text(disc, letters, side / scale * 0.38, t.TEXT, bold=True, align="center")
    else:
        page.icon((x / scale, middle / scale), side / scale * 0.5, "person", t.TEXT)
    if line and not low:
        inset = page.theme.px(16)
        place = page.rect(0, (disc.bottom / scale) + 6, 10, 30)
        page.text(
            Rect(rect.x + inset, place.y, rect.w - 2 * inset, place.h), line, t.NOTE, t.DIM, align="center"
        )


def _chip(page: Page, rect: Rect, label: str, *, muted: bool, quality: int) -> None:
    """The name at the bottom left, with the microphone's state and the link's quality."""
    scale = page.theme.scale
    small = rect.w / scale < SMALL
    size = t.NOTE - 2 if small else t.BODY
    inset = 8.0 if small else CHIP_INSET
    high = 30.0 if small else CHIP_HEIGHT
    pad = 9.0 if small else 13.0
    x, bottom = rect.x / scale + inset, rect.bottom / scale - inset
    bars = (17.0, 14.0) if small else (20.0, 17.0)
    extra = bars[0] + 9 if quality else 0.0
    suffix = " · muted" if muted else ""
    room = rect.w / scale - 2 * inset - 2 * pad - extra
    tail = page.measure(suffix, size) if suffix else 0.0
    if suffix:
        tail = page.measure(f"x{suffix}", size) - page.measure("x", size)
    px = page.theme.font_px(size)
    name = page.typesetter.fit(clean(label), px, False, int((room - tail) * scale))
    text = name + suffix
    wide = page.measure(text, size) + 1
    page.box(page.rect(x, bottom - high, wide + 2 * pad + extra, high), t.CHIP, 9)
    color = t.WARNING_TEXT if muted else t.TEXT
    page.text(page.rect(x + pad, bottom - high, wide, high), text, size, color)
    if quality:
        lit = {1: t.BAD, 2: t.WARNING}.get(quality, t.ACCENT)
        place = page.rect(x + pad + wide + 8, bottom - high / 2 - bars[1] / 2, *bars)
        page.add(Bars(place, quality, lit, t.FAINT))
