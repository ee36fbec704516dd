"""The settings' screen: which page is open, and what belongs to no page.

    home  --open-->  the list of pages, one of them beside it  --OK-->  in the page  -->  a level within it

"Back" goes up one level. Where there is an admin PIN, its keypad stands in the place of all pages.
"""

from __future__ import annotations

from appliance.core import focus, limits
from appliance.core.focus import Direction
from appliance.core.settings_view import PAGES, OpenSettings, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.scene import Target, View
from appliance.display.screens.parts import MARGIN, Page
from appliance.display.screens.settings.about import AboutPage
from appliance.display.screens.settings.camera import CameraPage
from appliance.display.screens.settings.joining import JoiningPage
from appliance.display.screens.settings.language import LanguagePage
from appliance.display.screens.settings.look import LookPage
from appliance.display.screens.settings.name import NamePage
from appliance.display.screens.settings.network import NetworkPage
from appliance.display.screens.settings.page import Area, SettingsPage
from appliance.display.screens.settings.pin import Lock, PinPage
from appliance.display.screens.settings.reset import ResetPage
from appliance.display.screens.settings.rooms import RoomsPage
from appliance.display.screens.settings.sound import SoundPage
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

PREFIX = "page:"  # of a target in the list
BACK = "back"
LIST = 316.0  # width of the list
TOP = 104.0
BOTTOM = 30.0
ROW_GAP = 3.0
ROW_MOST = 66.0
SIDEWAYS = {"left": Direction.LEFT, "right": Direction.RIGHT}


class SettingsScreen:
    """Closed, it forgets everything that was typed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        pages: tuple[SettingsPage, ...] = (
            SoundPage(stage),
            CameraPage(stage),
            NetworkPage(stage),
            NamePage(stage),
            RoomsPage(stage),
            JoiningPage(stage),
            LanguagePage(stage),
            LookPage(stage),
            PinPage(stage),
            ResetPage(stage),
            AboutPage(stage),
        )
        self._pages = {page.name: page for page in pages}
        self._lock = Lock(stage)
        self.page = PAGES[0]
        self._used_at: float | None = None
        self._targets: tuple[Target, ...] = ()  # of the last view
        self.reset()

    def reset(self, page: str = PAGES[0]) -> None:
        """Be as just opened, on this page."""
        self.page = page if page in self._pages else PAGES[0]
        self._lock.reset()
        for each in self._pages.values():
            each.reset()
        self._used_at = None

    def left(self, now: float) -> bool:
        """Did nobody touch it for a while?"""
        return self._used_at is not None and now - self._used_at >= limits.SETTINGS_LEFT_AFTER

    @property
    def _settings(self) -> SettingsView:
        return self._stage.snapshot.settings or SettingsView()

    @property
    def _open(self) -> SettingsPage:
        return self._lock if self._settings.locked else self._pages[self.page]

    # --- drawing --------------------------------------------------------------------------------

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        settings = moment.snapshot.settings or SettingsView()
        if self._used_at is None:
            self._used_at = moment.now
        page.until(self._used_at + limits.SETTINGS_LEFT_AFTER)
        if self._open.draw_whole(page):
            self._targets = ()
            return page.done()
        page.button(BACK, page.rect(MARGIN - 12, 30, 56, 56), "", t.TITLE, icon="back", fill=Ink.BACKGROUND)
        page.text(page.rect(MARGIN + 58, 30, LIST, 56), say("Settings"), t.TITLE, bold=True)
        x = MARGIN + LIST + 40
        area = Area(x, 36, page.w - MARGIN - x, page.h - 36 - BOTTOM - 6)
        if settings.locked:
            x = MARGIN + 58
            there = Area(x, 110, page.w - MARGIN - x, page.h - 110 - BOTTOM - 6)
            self._lock.draw(page, there, settings)
        else:
            self._open.draw(page, area, settings)
            self._list(page, settings)
        view = page.done()
        self._targets = view.targets
        return view

    def _list(self, page: Page, settings: SettingsView) -> None:
        led = any(target.first for target in page.targets)
        names = [name for name in settings.pages if name in self._pages]
        high = min(ROW_MOST, (page.h - TOP - BOTTOM - (len(names) - 1) * ROW_GAP) / len(names))
        for i, name in enumerate(names):
            y = TOP + i * (high + ROW_GAP)
            chosen = name == self.page
            target = PREFIX + name
            rect = page.rect(MARGIN, y, LIST, high)
            fill = Ink.BUTTON_PRESSED if page.pressed(target) else Ink.BUTTON if chosen else Ink.BACKGROUND
            page.box(rect, fill, 12)
            page.target(target, rect, 12, first=chosen and not led)
            if chosen:
                page.box(page.rect(MARGIN, y + 12, 5, high - 24), Ink.ACCENT, 2.5)
            color = Ink.TEXT if chosen else Ink.DIM
            page.icon((MARGIN + 36, y + high / 2), 25, self._pages[name].icon, color)
            place = page.rect(MARGIN + 66, y, LIST - 78, high)
            title = self._pages[name].title
            fits = page.measure(title, t.BODY, bold=True) <= place.w / page.theme.scale
            size, lines = (t.BODY, 1) if fits else (t.NOTE - 1, 2)  # in a longer language
            page.text(place, title, size, color, bold=chosen, lines=lines)

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:
        self._used_at = at
        if target == BACK:
            if not self._open.back():
                self._stage.go_home()
        elif target.startswith(PREFIX):
            self._turn(target.removeprefix(PREFIX))
        else:
            self._open.press(target, at, touched)

    def _turn(self, name: str) -> None:
        if name != self.page:
            self._pages[self.page].reset()
            self.page = name
            self._stage.send(OpenSettings(name))
        self._stage.focus("")  # into the page

    def key(self, key: Key) -> bool:
        self._used_at = key.at
        if self._open.key(key):
            return True
        if key.name == "back":
            self._back()
            return True
        return key.name in SIDEWAYS and self._to_list(SIDEWAYS[key.name])

    def _to_list(self, direction: Direction) -> bool:
        """From the page an arrow leads to the page's own row in the list, wherever it began."""
        here = self._stage.focused or ""
        places = [(target.name, target.rect) for target in self._targets]
        there = focus.move(places, here, direction) or ""
        if here.startswith(PREFIX) or not there.startswith(PREFIX):
            return False
        self._stage.focus(PREFIX + self.page)
        return True

    def _back(self) -> None:
        focused = self._stage.focused or ""
        if self._open.back():
            return
        if self._settings.locked or focused == BACK or focused.startswith(PREFIX):
            self._stage.go_home()
        else:
            self._stage.focus(PREFIX + self.page)
