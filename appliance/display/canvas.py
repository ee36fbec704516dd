"""What is drawn: the view of the moment, the pictures of its tiles, and what turns by itself.

It has one surface and one look at a time; either can be exchanged, and the pictures of the tiles outlive
another look. What was drawn in a turn of the loop comes to the screen with one ``flush``, and only then a
picture counts as drawn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pygame

from appliance.bridge import Bridge, FrameSlot
from appliance.core import limits, timecode
from appliance.core.languages import RIGHT_TO_LEFT
from appliance.core.picture import Picture
from appliance.core.redraw import RedrawPace
from appliance.core.view import LookView, Snapshot
from appliance.core.words import Text
from appliance.display.fonts import Fonts
from appliance.display.render import Renderer
from appliance.display.scene import Node, Video, View
from appliance.display.stage import Moment
from appliance.display.text import Typesetter
from appliance.display.theme import DARK, PALETTES, Theme

LATENCY_MAX_MS = 10_000  # an older time code is a damaged one
SMALLEST_SIDE = 64  # pixels; a window dragged smaller than this shows nothing


class Canvas:
    """Belongs to the display thread. Before ``open`` and after ``close`` nothing is drawn.

    ``clock``: monotonic seconds. ``wall``: local time for the clock. ``speak``: by a language's code, what
    puts a text into it. ``measure``: read the time code of every picture that was drawn.
    """

    def __init__(
        self,
        bridge: Bridge,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        speak: Callable[[str], Callable[[Text], str]],
        *,
        measure: bool,
    ) -> None:
        self._bridge = bridge
        self._clock = clock
        self._wall = wall
        self._speak = speak
        self._measure = measure
        self._look = LookView()  # that of the theme
        self._typesetter: Typesetter | None = None
        self._old_faults: Counter[str] = Counter()  # of the renderers before this one
        self._slots: dict[str, FrameSlot] = {}  # of the tiles on the screen
        self._drawn: list[tuple[str, Picture]] = []  # since the last flush
        self._pace = RedrawPace()
        self._spun_at = -math.inf
        self._renderer: Renderer | None = None
        self.theme: Theme | None = None
        """None: nothing is open."""
        self.view = View()
        """What is on the screen, or will be with the next ``flush``."""
        self.due = -math.inf
        """When the next pictures may be brought to the screen."""
        self.flushed_at = -math.inf
        """When something was brought to the screen last."""

    def open(self, surface: pygame.Surface, look: LookView) -> None:
        """Draw on another surface from now on, and nothing on it yet."""
        self._look = look
        self.theme = _themed(surface.get_size(), look)
        self._typesetter = self._typesetter or Typesetter(Fonts())
        if self._renderer is not None:
            self._old_faults += self._renderer.faults
        self._renderer = Renderer(surface, self._typesetter, self.theme)

    def close(self) -> None:
        """Let go of the fonts and the surface."""
        if self._typesetter is not None:
            self._typesetter.close()
        self.theme = self._typesetter = self._renderer = None

    @property
    def size(self) -> tuple[int, int]:
        """Of the surface, in pixels; (0, 0) while there is none."""
        return self.theme.size if self.theme is not None else (0, 0)

    @property
    def faults(self) -> Counter[str]:
        """What could not be drawn so far, by kind."""
        now = self._renderer.faults if self._renderer is not None else Counter[str]()
        return self._old_faults + now

    @property
    def has_tiles(self) -> bool:
        """Whether the view shows pictures that may change at any time."""
        return bool(self._slots)

    # --- the view -----------------------------------------------------------------------------------------

    def restyle(self, look: LookView) -> bool:
        """Draw in another look from now on, and say whether it is another. The pictures of the tiles stay."""
        if look == self._look or self.theme is None or self._renderer is None:
            return False
        self._look = look
        self.theme = _themed(self.theme.size, look)
        self._renderer.restyle(self.theme)
        return True

    def prepare(self, node: Node) -> None:
        """Have at hand what a node is made of; nothing is seen of it."""
        if self._renderer is not None:
            self._renderer.prepare(node)

    def moment(self, snapshot: Snapshot) -> Moment | None:
        """Everything that a view of this snapshot depends on now; None while nothing can be drawn."""
        if self.theme is None or self._typesetter is None or self._renderer is None:
            return None
        if min(self.theme.size) < SMALLEST_SIDE:
            return None
        return Moment(
            snapshot,
            self._clock(),
            self._wall(),
            self.theme,
            self._typesetter,
            pictures=self._renderer.pictures,
            right_to_left=self._look.language in RIGHT_TO_LEFT,
            tr=self._speak(self._look.language),
        )

    def show(self, view: View) -> None:
        """Draw what differs from the view before. Pictures of tiles that are gone are dropped."""
        renderer = self._renderer
        if renderer is None:
            return
        self.view = view
        self._slots = {video.tile: self._bridge.slot(video.tile) for video in view.videos()}
        for tile in renderer.pictures - self._slots.keys():
            renderer.drop_picture(tile)
        renderer.show(view)

    def expose(self) -> None:
        """Bring everything to the screen again: something lay over it."""
        if self._renderer is not None:
            self._renderer.expose()

    def copy(self) -> pygame.Surface:
        """What is on the screen after a ``flush``; only while there is a theme."""
        assert self._renderer is not None
        return self._renderer.copy()

    # --- in every turn of the loop ------------------------------------------------------------------------

    def take_pictures(self) -> bool:
        """Draw the new pictures of the tiles; return whether other tiles have one than before."""
        renderer = self._renderer
        if renderer is None:
            return False
        had = renderer.pictures
        for video in self.view.videos():
            slot = self._slots.get(video.tile)
            fresh, picture = slot.take() if slot is not None else (False, None)
            if fresh:
                self._take_picture(renderer, video, picture)
        return renderer.pictures != had

    def _take_picture(self, renderer: Renderer, video: Video, picture: Picture | None) -> None:
        if picture is None:
            renderer.drop_picture(video.tile)
        elif renderer.picture(video, picture):
            self._drawn.append((video.tile, picture))

    def spin_at(self, every: float) -> float:
        """When spinners take their next position, one in ``every`` seconds; never while there are none."""
        spinning = self._renderer is not None and self._renderer.spinning
        return self._spun_at + every if spinning else math.inf

    def spin(self, now: float, every: float) -> None:
        """Draw the spinners at their next position, if it is time."""
        renderer = self._renderer
        if renderer is not None and renderer.spinning and now - self._spun_at >= every:
            self._spun_at = now
            renderer.spin(int(now / limits.SPINNER_EVERY))

    def flush(self, turned_at: float) -> None:
        """Bring everything drawn in this turn to the screen, and note which pictures are on it."""
        if self._renderer is None or not self._renderer.flush():
            return
        self.flushed_at = self._clock()
        # On a grid, where there are pictures: what takes longer now and then delays nothing after it.
        every = self._pace.every if self._slots else limits.REDRAW_EVERY
        grid = self.due if 0 <= turned_at - self.due < every / 2 else turned_at
        self.due = grid + every
        if self._slots and (rest := self._pace.rest(self.flushed_at - turned_at)):
            self.due = max(self.due, self.flushed_at + rest)
        drawn, self._drawn = self._drawn, []
        for tile, picture in drawn:
            self._pace.shown(tile, self.flushed_at)
            self._bridge.note_drawn(tile, picture, self._latency_ms(picture))

    def _latency_ms(self, picture: Picture) -> float | None:
        if not self._measure:
            return None
        ms = timecode.read_rgb(picture.rgb, picture.width, picture.height, picture.pitch)
        if ms is None:
            return None
        age = timecode.age_ms(ms, int(self.flushed_at * 1000))
        return float(age) if 0 <= age <= LATENCY_MAX_MS else None


def _themed(size: tuple[int, int], look: LookView) -> Theme:
    """The theme of a screen of ``size`` pixels; dark, when there is none of that name."""
    return Theme(size, PALETTES.get(look.theme, DARK), look.still)
