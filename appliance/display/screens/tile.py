"""One tile: the picture or what stands for it, the name, the state of the link."""

from __future__ import annotations

from appliance.core.call_view import CallView, TileState, TileView
from appliance.core.grid import Rect, covering
from appliance.core.limits import METER_STEPS
from appliance.core.picture import SELF_TILE
from appliance.core.view import Snapshot
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.scene import Bars, Box, Video
from appliance.display.screens.parts import Page
from appliance.display.text import clean
from appliance.display.theme import Ink

PREFIX = "tile:"  # of a tile's target
RADIUS = 16.0
CHIP_HEIGHT = 38.0
CHIP_INSET = 14.0
METER_HEIGHT = 3.0
SMALL = 250.0  # units of width; below this a tile has small letters
TINY = 200.0  # below this a chip is as tight as can be, and the self-view says "You" and no more
NAME_LEAST = 6.0  # em: where less of a longer name would be left, a sign stands for the words after it
LOW = 192.0  # units of height; below this there is no room for a sentence in the middle
ABOVE_BAR = 8.0  # units between what a tile says and the bar that lies on it


def free(page: Page, rect: Rect, bar: Rect | None) -> Rect:
    """The part of a tile that the bar does not lie on."""
    if bar is None or not rect.overlaps(bar):
        return rect
    return Rect(rect.x, rect.y, rect.w, max(0, bar.y - page.theme.px(ABOVE_BAR) - rect.y))


def draw_peer(
    page: Page, rect: Rect, peer: TileView, *, pinned: bool, hidden: bool, bar: Rect | None = None
) -> Rect:
    """The tile of a remote peer; return where its name stands. What it says is not below the ``bar``.

    ``hidden``: with its name, but without its picture.
    """
    seen = free(page, rect, bar)
    page.target(target_of(peer.peer), seen, RADIUS)
    page.box(rect, Ink.PANEL, RADIUS)
    if not hidden:
        page.tiles.append((peer.peer, *covering(rect)))
    has_picture = peer.peer in page.moment.pictures
    away = peer.state is TileState.RECONNECTING
    label: Text = peer.name
    if away:
        label = _waiting(page, seen, say("Reconnecting to {name}", name=peer.name), peer.name)
    elif peer.held:
        _poster(page, seen, peer.name, say("On hold"))
    elif not peer.camera_on:
        _poster(page, seen, peer.name, say("Camera off"))
    elif hidden:
        _poster(page, seen, peer.name, say("Pictures are hidden"))
    else:
        if peer.no_picture and not has_picture:
            _poster(page, seen, peer.name, say("No picture"))
        elif not has_picture:
            label = _waiting(page, seen, say("Connecting to {name}", name=peer.name), peer.name)
        _video(page, rect, peer.peer)
    if peer.speaking and not away:
        page.box(rect, None, RADIUS, Ink.ACCENT, 4)
    live = peer.state is TileState.LIVE
    mute = "on hold" if peer.held else "muted here" if peer.muted_here else "muted" if peer.muted else ""
    quality = peer.quality if live else 0
    return _chip(page, seen, label, mute=mute, quality=quality, meter=peer.meter, pinned=pinned)


def target_of(peer: str) -> str:
    """The name of the target that a peer's tile is."""
    return f"{PREFIX}{peer}"


def peer_of(target: str) -> str | None:
    """The peer whose tile a target is; None for any other target."""
    return target.removeprefix(PREFIX) if target.startswith(PREFIX) else None


def draw_self(page: Page, rect: Rect, snapshot: Snapshot, call: CallView, bar: Rect | None = None) -> Rect:
    """The self-view; return where its name stands."""
    seen = free(page, rect, bar)
    page.box(rect, Ink.PANEL, RADIUS)
    if not call.hidden:
        page.tiles.append((SELF_TILE, *covering(rect)))
    if call.hidden and call.camera_on:
        _poster(page, seen, snapshot.name, say("Pictures are hidden"))
    elif call.camera_on:
        if SELF_TILE not in page.moment.pictures:
            broken = any(d.kind == "camera" and d.problem for d in snapshot.devices)
            _poster(page, seen, snapshot.name, say("No picture from the camera") if broken else "")
        _video(page, rect, SELF_TILE)
    else:
        _poster(page, seen, snapshot.name, say("Your camera is off"))
    wide = rect.w / page.theme.scale >= TINY
    label = say("You · {name}", name=snapshot.name) if wide else say("You")
    mute = "muted" if call.muted else ""
    return _chip(page, seen, label, mute=mute, quality=0, meter=call.meter)


def initials(name: str) -> str:
    """One or two capitals that stand for a name: the first of its first and last word."""
    words = [word for word in clean(name).split() if word[0].isalnum()]
    if not words:
        return ""
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper() if len(letters.upper()) == len(letters) else letters


def _video(page: Page, rect: Rect, name: str) -> None:
    page.add(Video(rect, name, page.theme.px(RADIUS), page.background))


def _waiting(page: Page, rect: Rect, sentence: Text, name: str) -> Text:
    """A spinner with its sentence; return what the chip says (the sentence, where the tile is too low)."""
    scale = page.theme.scale
    x, y = rect.center
    low = rect.h / scale < LOW
    if low:
        lift = min(CHIP_HEIGHT + CHIP_INSET, rect.h / scale * 0.4) / 2
        page.spinner((x / scale, y / scale - lift), min(40.0, rect.h / scale * 0.3))
        # A sentence that is cut would lose the name: then the spinner has to say it alone.
        size, inset, _, pad = _chip_measures(rect.w / scale)
        fits = page.measure(sentence, size) + 1 <= rect.w / scale - 2 * inset - 2 * pad
        return sentence if fits else name
    page.spinner((x / scale, y / scale - 38), 46)
    inset = page.theme.px(16)
    place = page.rect(0, y / scale + 4, 10, 38)
    size = t.LEAD if rect.w / scale >= SMALL else t.NOTE
    page.text(
        Rect(rect.x + inset, place.y, rect.w - 2 * inset, place.h), sentence, size, Ink.DIM, align="center"
    )
    return name


def _poster(page: Page, rect: Rect, name: str, line: Text) -> None:
    """Initials in a disc, and why there is no picture where there is room to say it."""
    scale = page.theme.scale
    x, y = rect.center
    low = rect.h / scale < LOW
    side = int(min(rect.h * (0.42 if low else 0.36), 150 * scale))
    middle = y - (CHIP_INSET * scale if low else 34 * scale)
    disc = Rect(int(x - side / 2), int(middle - side / 2), side, side)
    page.add(Box(disc, Ink.LINE, side // 2))
    letters = initials(name)
    if letters:
        page.text(disc, letters, side / scale * 0.38, Ink.TEXT, bold=True, align="center")
    else:
        page.icon((x / scale, middle / scale), side / scale * 0.5, "person", Ink.TEXT)
    if line and not low:
        inset = page.theme.px(16)
        place = page.rect(0, (disc.bottom / scale) + 6, 10, 30)
        page.text(
            Rect(rect.x + inset, place.y, rect.w - 2 * inset, place.h), line, t.NOTE, Ink.DIM, align="center"
        )


def _chip_measures(width: float) -> tuple[float, float, float, float]:
    """In a tile that many units wide: the letters' size, the inset, the height, the padding of a chip."""
    if width < SMALL:
        return t.NOTE - 2, *((5.0, 30.0, 7.0) if width < TINY else (8.0, 30.0, 9.0))
    return t.BODY, CHIP_INSET, CHIP_HEIGHT, 13.0


def _with(mute: str, name: Text) -> Text:
    """A name, and why nobody is heard there."""
    match mute:
        case "muted":
            return say("{name} · muted", name=name)
        case "muted here":
            return say("{name} · muted here", name=name)
        case "on hold":
            return say("{name} · on hold", name=name)
    return name


def _chip(
    page: Page,
    rect: Rect,
    label: Text,
    *,
    mute: str,
    quality: int,
    meter: int,
    pinned: bool = False,
) -> Rect:
    """At the bottom left: a pin, the name, ``mute`` (why nobody is heard), the link's quality; return where.

    Along its lower edge a line is as long as the voice is loud.
    """
    scale = page.theme.scale
    size, inset, high, pad = _chip_measures(rect.w / scale)
    sign = size * 1.1
    bars = (17.0, 14.0) if size < t.BODY else (20.0, 17.0)
    color = Ink.WARNING_TEXT if mute else Ink.TEXT
    before = sign + 6 if pinned else 0.0
    after = bars[0] + 8 if quality else 0.0
    tail = page.measure(_with(mute, "x"), size) - page.measure("x", size)
    room = rect.w / scale - 2 * inset - 2 * pad - before - after - 1
    said = clean(page.tr(label))
    sign_only = bool(mute) and room - tail < min(NAME_LEAST * size, page.measure(said, size))
    if sign_only:
        tail = 0.0
        after += sign + 6
        room -= sign + 6
    px = page.theme.font_px(size)
    fitted = page.typesetter.fit(said, px, False, int((room - tail) * scale))
    text = _with("" if sign_only else mute, label if fitted == said else fitted)
    wide = page.measure(text, size) + 1
    x, bottom = rect.x / scale + inset, rect.bottom / scale - inset
    whole = 2 * pad + before + wide + after
    place = page.rect(x, bottom - high, whole, high)
    middle = bottom - high / 2
    page.box(place, Ink.CHIP, 9)
    x += pad
    if pinned:
        page.icon((x + sign / 2, middle), sign, "pin", color)
    x += before
    page.text(page.rect(x, bottom - high, wide, high), text, size, color)
    x += wide
    if sign_only:
        name = "sound-off" if mute == "muted here" else "microphone-off"
        page.icon((x + 6 + sign / 2, middle), sign, name, color)
        x += sign + 6
    if quality:
        lit = {1: Ink.BAD, 2: Ink.WARNING}.get(quality, Ink.ACCENT)
        page.add(Bars(page.rect(x + 8, middle - bars[1] / 2, *bars), quality, lit, Ink.FAINT))
    if meter and not mute:
        loud = (whole - 2 * pad) * meter / METER_STEPS
        page.box(
            page.rect(place.x / scale + pad, bottom - METER_HEIGHT - 3, loud, METER_HEIGHT), Ink.ACCENT, 1.5
        )
    return place
