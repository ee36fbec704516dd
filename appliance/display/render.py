"""Draws a view on a surface, and afterwards only what changed.

All that the loop knows of drawing is ``Renderer``'s public part. One with a texture per tile would be a file
beside this one that has the same, and be chosen where ``canvas.Canvas`` makes its renderer; docs/decisions.md
says why there is none.

Between two views the nodes that differ are redrawn, with whatever stands above or below them there.
A new picture of a tile is drawn by itself: the picture where it is seen, its four corners, and the few nodes
above. What lies under a bar or a menu is left out, and the bar with its buttons stays as it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import pygame

from appliance.core import limits
from appliance.core.grid import Rect, covering
from appliance.core.picture import Picture
from appliance.display import icons, shapes
from appliance.display.lines import drawing
from appliance.display.scene import Bars, Box, Icon, Lines, Node, Spinner, Text, Video, View
from appliance.display.text import Typesetter, cap_height, line_height
from appliance.display.theme import RGB, Ink, Theme

log = logging.getLogger(__name__)

Part = tuple[Rect, tuple[tuple[Rect, Node], ...]]  # of a tile; the nodes above it, each within a rectangle

WHOLE_SHARE = 0.6  # of the screen: from here on one large update is cheaper than many


class Renderer:
    """Belongs to the display thread. ``faults`` counts nodes and pictures that could not be drawn."""

    def __init__(self, surface: pygame.Surface, typesetter: Typesetter, theme: Theme) -> None:
        self._surface = surface
        self._type = typesetter
        self._theme = theme
        self._screen = Rect(0, 0, *surface.get_size())
        self._view: View | None = None
        self._pictures: dict[str, pygame.Surface] = {}
        self._parts: dict[Video, tuple[Part, ...]] = {}  # of each tile, what is seen of it
        self._dirty: list[Rect] = []
        self._step = 0
        self.faults: Counter[str] = Counter()

    @property
    def pictures(self) -> frozenset[str]:
        """The tiles that have a picture to show."""
        return frozenset(self._pictures)

    def restyle(self, theme: Theme) -> None:
        """Take another theme; the next view is drawn as a whole."""
        self._theme = theme
        self._view = None

    def show(self, view: View) -> None:
        """Draw what differs from the view before."""
        before, self._view = self._view, view
        self._parts = {
            node: self._seen(node, [n for n in view.nodes[i + 1 :] if n.rect.overlaps(node.rect)])
            for i, node in enumerate(view.nodes)
            if isinstance(node, Video)
        }
        if before is None or before.background != view.background:
            self._redraw([self._screen])
        else:
            self._redraw([node.rect for node in _differing(before.nodes, view.nodes)])

    def picture(self, video: Video, picture: Picture) -> bool:
        """Take a tile's new picture and draw it; False when it is unusable (dropped and counted)."""
        frame = self._frame(picture)
        if frame is None:
            return False
        first = video.tile not in self._pictures
        self._pictures[video.tile] = frame
        if first:
            self._redraw([video.rect])
            return True
        frame = _fitted(frame, video.rect)
        for clip, above in self._parts.get(video, ()):
            self._surface.set_clip(clip)
            self._blit_video(video, frame)
            for within, node in above:
                self._surface.set_clip(within)
                self._draw(node)
            self._dirty.append(clip)
        self._surface.set_clip(None)
        return True

    def _seen(self, video: Video, above: list[Node]) -> tuple[Part, ...]:
        """The parts of a tile that no opaque box covers, and what is drawn over each."""
        whole = video.rect.common(self._screen)
        parts = [whole]
        for node in above:
            if isinstance(node, Box) and node.fill is not None and len(self._theme.palette[node.fill]) == 3:
                for hole in shapes.covered(node.rect, node.radius):
                    parts = [left for part in parts for left in part.without(hole)]
        if len(parts) > limits.TILE_PARTS_MAX:
            parts = [whole]
        return tuple(
            (part, tuple((part.common(n.rect), n) for n in above if n.rect.overlaps(part))) for part in parts
        )

    def drop_picture(self, tile: str) -> None:
        """Take a tile's picture off the screen, if there is one."""
        if self._pictures.pop(tile, None) is not None and self._view is not None:
            self._redraw([v.rect for v in self._view.videos() if v.tile == tile])

    def spin(self, step: int) -> None:
        """Draw the spinners at another position."""
        self._step = step % limits.SPINNER_STEPS
        if self._view is not None:
            self._redraw([n.rect for n in self._view.nodes if isinstance(n, Spinner)])

    def prepare(self, node: Node) -> None:
        """Have at hand what a node is made of, letters and icons and corners; nothing is seen of it."""
        self._surface.set_clip((0, 0, 0, 0))
        if isinstance(node, Video):
            shapes.round_off(self._surface, node.rect, node.radius, self._theme.color(node.behind))
        else:
            self._draw(node)
        self._surface.set_clip(None)

    @property
    def spinning(self) -> bool:
        return self._view is not None and any(isinstance(n, Spinner) for n in self._view.nodes)

    def flush(self) -> bool:
        """Bring everything drawn since the last call to the screen; False when that was nothing."""
        dirty, self._dirty = self._dirty, []
        if dirty:
            pygame.display.update(dirty)
        return bool(dirty)

    def expose(self) -> None:
        """Bring everything to the screen again: something lay over it."""
        pygame.display.update()

    def copy(self) -> pygame.Surface:
        """What is on the screen after a ``flush``."""
        return self._surface.copy()

    # --- drawing ------------------------------------------------------------------------------

    def _redraw(self, rects: list[Rect]) -> None:
        assert self._view is not None
        for rect in _merged([r.common(self._screen) for r in rects], self._screen):
            self._surface.set_clip(rect)
            self._surface.fill(self._theme.color(self._view.background))
            for node in self._view.nodes:
                if node.rect.overlaps(rect):
                    self._surface.set_clip(rect.common(node.rect))
                    self._draw(node)
            self._dirty.append(rect)
        self._surface.set_clip(None)

    def _draw(self, node: Node) -> None:
        try:
            match node:
                case Box():
                    self._draw_box(node)
                case Text():
                    self._draw_text(node)
                case Icon():
                    drawn = icons.icon(node.name, node.rect.h, self._theme.color(node.color))
                    self._surface.blit(drawn, node.rect[:2])
                case Bars():
                    drawn = icons.bars(
                        node.rect.w, node.rect.h, node.quality, *self._colors(node.on, node.off)
                    )
                    self._surface.blit(drawn, node.rect[:2])
                case Spinner():
                    drawn = icons.spinner(node.rect.h, self._step, *self._colors(node.color, node.track))
                    self._surface.blit(drawn, node.rect[:2])
                case Video():
                    self._draw_video(node)
                case Lines():
                    lines = tuple((line, self._theme.color(line.color)) for line in node.lines)
                    self._surface.blit(drawing(node.rect.w, node.rect.h, lines), node.rect[:2])
        except Exception as error:  # one node must never take the screen down
            self._fault(type(node).__name__.lower(), error)

    def _colors(self, one: Ink, other: Ink) -> tuple[RGB, RGB]:
        return self._theme.color(one), self._theme.color(other)

    def _draw_box(self, node: Box) -> None:
        fill = self._theme.palette[node.fill] if node.fill is not None else None
        border = self._theme.color(node.border) if node.border is not None else None
        shapes.draw_box(self._surface, node.rect, fill, node.radius, border, node.border_width)

    def _draw_text(self, node: Text) -> None:
        lines = layout(node, self._type)
        high = line_height(node.px)
        x, y, w, h = node.rect
        if not node.top:
            y += (h - high * len(lines)) // 2
        drop = (high + cap_height(node.px)) // 2 - self._type.baseline(node.px)
        color = self._theme.color(node.color)
        for i, line in enumerate(lines):
            if not line:
                continue
            drawn = self._type.line(line, node.px, node.bold, color, node.tracking)
            spare = w - drawn.get_width()
            left = {"left": 0, "center": spare // 2, "right": spare}[node.align]
            self._surface.blit(drawn, (x + left, y + i * high + drop))

    def _draw_video(self, node: Video) -> None:
        frame = self._pictures.get(node.tile)
        if frame is not None:
            self._blit_video(node, _fitted(frame, node.rect))

    def _blit_video(self, node: Video, frame: pygame.Surface) -> None:
        x, y, w, h = node.rect
        over_x, over_y = (frame.get_width() - w) // 2, (frame.get_height() - h) // 2
        self._surface.blit(frame, (x, y), (over_x, over_y, w, h))
        shapes.round_off(self._surface, node.rect, node.radius, self._theme.color(node.behind))

    def _frame(self, picture: Picture) -> pygame.Surface | None:
        size = picture.width, picture.height
        if min(size) < 1 or max(size) > limits.PICTURE_SIDE_MAX:
            self._fault("picture", f"size {size}")
            return None
        try:
            return pygame.image.frombuffer(picture.rgb, size, "RGB", picture.pitch or -1)
        except (ValueError, TypeError, BufferError, pygame.error) as error:
            self._fault("picture", error)
            return None

    def _fault(self, kind: str, why: object) -> None:
        self.faults[kind] += 1
        if self.faults[kind] == 1:
            log.error("display.fault.%s: not drawn, counted from here on: %s", kind, why)


def _differing(before: Sequence[Node], after: Sequence[Node]) -> Counter[Node]:
    """The nodes that one of two views has more of than the other. Mostly they differ in a few, close by."""
    first, shorter = 0, min(len(before), len(after))
    while first < shorter and before[first] == after[first]:
        first += 1
    last = 0
    while last < shorter - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old, new = Counter(before[first : len(before) - last]), Counter(after[first : len(after) - last])
    return (old - new) + (new - old)


def layout(node: Text, typesetter: Typesetter) -> list[str]:
    """The lines a text node is drawn as."""
    if node.lines == 1:
        return [typesetter.fit(node.text, node.px, node.bold, node.rect.w, node.tracking)]
    lines: list[str] = []
    for paragraph in node.text.split("\n"):
        left = node.lines - len(lines)
        if left > 0:
            lines += typesetter.wrap(paragraph, node.px, node.bold, node.rect.w, left)
    return lines


def _fitted(frame: pygame.Surface, rect: Rect) -> pygame.Surface:
    return frame if frame.get_size() == covering(rect) else _scaled(frame, rect)


def _scaled(frame: pygame.Surface, rect: Rect) -> pygame.Surface:
    """A picture of another size (just after the layout changed) scaled to cover its tile, and cut."""
    w, h = frame.get_size()
    part_w = min(w, max(1, round(h * rect.w / rect.h)))
    part_h = min(h, max(1, round(w * rect.h / rect.w)))
    part = frame.subsurface(((w - part_w) // 2, (h - part_h) // 2, part_w, part_h))
    return pygame.transform.scale(part, (rect.w, rect.h))


def _merged(rects: list[Rect], screen: Rect) -> list[Rect]:
    """Rectangles that don't overlap, covering the given ones."""
    done: list[Rect] = []
    for wanted in rects:
        rect, grown = wanted, wanted.w > 0 and wanted.h > 0
        if not grown:
            continue
        while grown:
            grown = False
            for other in done:
                if rect.overlaps(other):
                    done.remove(other)
                    x, y = min(rect.x, other.x), min(rect.y, other.y)
                    right, bottom = max(rect.right, other.right), max(rect.bottom, other.bottom)
                    rect = Rect(x, y, right - x, bottom - y)
                    grown = True
                    break
        done.append(rect)
    area = sum(r.w * r.h for r in done)
    return [screen] if area > WHOLE_SHARE * screen.w * screen.h else done
