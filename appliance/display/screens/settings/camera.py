"""Our own picture, and which camera it comes from."""

from __future__ import annotations

from appliance.core.grid import covering
from appliance.core.picture import SELF_TILE
from appliance.core.settings_view import ChooseDevice, SettingsView
from appliance.core.view import Tone
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.scene import Video
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, OptionList, SettingsPage, heading, problem
from appliance.display.theme import Ink

RADIUS = 16.0
SHARE = 0.6  # of the width, for the picture


class CameraPage(SettingsPage):
    name, title, icon = "camera", say("Camera"), "camera"

    def reset(self) -> None:
        self._list = OptionList("camera")

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title)
        wide = area.w * SHARE - 24
        self._preview(page, Area(area.x, y, wide, wide * 9 / 16), settings)
        x = area.x + area.w * SHARE
        there = Area(x, y, area.w * (1 - SHARE), area.bottom - y)
        self._list.draw(page, there, settings.camera, first=True)
        problem(page, Area(area.x, area.y, wide, area.h), settings)

    def _preview(self, page: Page, area: Area, settings: SettingsView) -> None:
        rect = page.rect(*area)
        page.box(rect, Ink.PANEL, RADIUS)
        camera = next((d for d in page.moment.snapshot.devices if d.kind == "camera"), None)
        call = page.moment.snapshot.call
        x, y = area.x + area.w / 2, area.y + area.h / 2
        off = settings.camera.value == "none" or (call is not None and not call.camera_on)
        if not off:
            page.tiles.append((SELF_TILE, *covering(rect)))
        if off or (camera is not None and camera.problem):
            page.icon((x, y), 64, "camera-off", Ink.DIM)
        elif SELF_TILE not in page.moment.pictures:
            page.spinner((x, y), 46)
        if not off:
            page.add(Video(rect, SELF_TILE, page.theme.px(RADIUS), page.background))
        y = area.bottom + 14
        if camera is not None and camera.problem:
            page.sentence_box(area.x, y, area.w, camera.problem, Tone.WARNING)
        elif camera is not None:
            line = camera.label if not off else say("Your camera is off")
            page.text(page.rect(area.x, y, area.w, 34), line, t.BODY, Ink.DIM)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        value = self._list.pressed(target)
        if value is not None:
            self.stage.send(ChooseDevice("camera", value))
