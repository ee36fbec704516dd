"""Home: start a meeting, join one, and see at a glance whether the box is ready."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.view import BoxSeen, NetworkView, StartMeeting, SwitchRoom
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import MARGIN, RADIUS, Page, ago
from appliance.display.screens.room_menu import held, words
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

PANEL_WIDTH = 333.0
TOP = 131.0
LONGEST = 700.0  # on a portrait screen the tiles don't become towers
GAP = 21.0
ROW = 51.0

NETWORKS = {
    "wired": "Wired network",
    "wireless": "Wireless network",
    "local": "This computer only",
}
SETTINGS = say("Settings")
ANOTHER = "Another box's address"
OTHER = 52.0  # height of its button
NO_NETWORK = "No network. Plug in a network cable."
DEVICE_WORDS = {"camera": "camera", "microphone": "microphone", "speaker": "loudspeaker"}


class Home:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        bottom = min(page.h - 100, TOP + LONGEST)
        left_width = page.w - PANEL_WIDTH - 2 * MARGIN - 64
        tiles_bottom = self._presets(page, left_width, bottom)
        self._doors(page, left_width, tiles_bottom)
        self._boxes(page, page.w - MARGIN - PANEL_WIDTH, bottom)
        self._status(page)
        page.toasts(page.w - MARGIN, 92)
        return page.done()

    def _doors(self, page: Page, width: float, bottom: float) -> None:
        each = (width - GAP) / 2
        for i, (name, icon, title, line) in enumerate(
            (
                ("start", "camera", "Start a meeting", "Get a number and a password to read out"),
                ("join", "keypad", "Join", "Type the room number and the password"),
            )
        ):
            x = MARGIN + i * (each + GAP)
            rect = page.rect(x, TOP, each, bottom - TOP)
            fill, fill_pressed, color, dim = (
                (Ink.ACCENT, Ink.ACCENT_PRESSED, Ink.ON_ACCENT, Ink.ON_ACCENT)
                if name == "start"
                else (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.TEXT, Ink.DIM)
            )
            page.box(rect, fill_pressed if page.pressed(name) else fill, RADIUS)
            page.target(name, rect, RADIUS, first=name == "start")
            inner = each - 60
            page.icon((x + 30 + 29, TOP + 58), 58, icon, color)
            page.text(page.rect(x + 30, bottom - 136, inner, 54), title, t.HEADLINE, color, bold=True)
            page.text(page.rect(x + 30, bottom - 82, inner, 58), line, t.BODY, dim, lines=2, top=True)

    def _presets(self, page: Page, width: float, bottom: float) -> float:
        """Draw the rooms on hold and the preset ones from the bottom up; return where the space above them
        ends.
        """
        snapshot = page.moment.snapshot
        waiting = held(snapshot)
        rooms = [(f"held:{room.room}", *words(room)) for room in waiting]
        rooms += [
            (f"preset:{i}", preset.label, f"Room {preset.room}")
            for i, preset in enumerate(snapshot.presets)
            if preset.room not in {room.room for room in waiting}
        ]
        rooms = rooms[: limits.PRESETS_SHOWN]
        if not rooms:
            return bottom
        columns = 3
        rows = -(-len(rooms) // columns)
        high, gap = (104.0, 17.0) if rows == 1 else (88.0, 14.0)
        top = bottom - rows * high - (rows - 1) * gap
        each = (width - (columns - 1) * 17) / columns
        title = "Rooms you are in" if waiting else "Rooms you use"
        page.text(page.rect(MARGIN, top - 42, width, 30), title, t.BODY, Ink.DIM)
        for i, (name, label, line) in enumerate(rooms):
            x = MARGIN + (i % columns) * (each + 17)
            y = top + (i // columns) * (high + gap)
            rect = page.rect(x, y, each, high)
            border = Ink.ACCENT if i < len(waiting) else None
            page.box(rect, Ink.BUTTON_PRESSED if page.pressed(name) else Ink.PANEL, 16, border)
            page.target(name, rect, 16)
            middle = y + high / 2
            page.text(page.rect(x + 22, middle - 34, each - 44, 36), label, t.SUBHEAD, bold=True)
            page.text(page.rect(x + 22, middle + 4, each - 44, 28), line, t.NOTE, Ink.DIM)
        return top - 42 - 24

    def _boxes(self, page: Page, x: float, bottom: float) -> None:
        page.box(page.rect(x, TOP, PANEL_WIDTH, bottom - TOP), Ink.PANEL)
        inner = PANEL_WIDTH - 48
        other = page.rect(x + 12, bottom - 12 - OTHER, PANEL_WIDTH - 24, OTHER)
        page.button("address", other, ANOTHER, t.NOTE, color=Ink.DIM, radius=12)
        bottom -= OTHER + 12
        page.text(page.rect(x + 24, TOP + 20, inner, 32), "On this network", t.BODY, Ink.DIM)
        boxes = [box for box in page.moment.snapshot.boxes if box.found_by == "mdns"]
        y = TOP + 61
        if not boxes:
            page.icon((x + PANEL_WIDTH / 2, (TOP + bottom) / 2 - 44), 58, "box", Ink.FAINT)
            page.text(
                page.rect(x + 24, (TOP + bottom) / 2 + 4, inner, 90),
                "No other box yet.\nSwitch one on: it appears here by itself.",
                t.BODY,
                Ink.DIM,
                lines=3,
                top=True,
                align="center",
            )
            return
        fit = int((bottom - 12 - y) // ROW)
        shown = boxes if len(boxes) <= fit else boxes[: fit - 1]
        for i, box in enumerate(shown):
            if i:
                page.box(page.rect(x + 24, y - 1, inner, 1), Ink.LINE, 0)
            self._box(page, x, y, inner, box)
            y += ROW
        if len(shown) < len(boxes):
            page.box(page.rect(x + 24, y - 1, inner, 1), Ink.LINE, 0)
            more = f"and {len(boxes) - len(shown)} more"
            page.text(page.rect(x + 48, y, inner - 24, ROW), more, t.NOTE, Ink.DIM)

    def _box(self, page: Page, x: float, y: float, inner: float, box: BoxSeen) -> None:
        now = page.moment.now
        state = "ready" if box.present else f"seen {ago(now - box.seen_at)}"
        if not box.present:
            page.until(now + 60.0 - (now - box.seen_at) % 60.0)
        page.dot(x + 29, y + ROW / 2, 5.5, Ink.ACCENT if box.present else Ink.FAINT)
        wide = page.measure(state, t.NOTE) + 1
        page.text(page.rect(x + 24 + inner - wide, y, wide, ROW), state, t.NOTE, Ink.DIM, align="right")
        name = page.rect(x + 48, y, inner - 24 - wide - 14, ROW)
        page.text(name, box.name, t.LEAD, Ink.TEXT if box.present else Ink.DIM)

    def _status(self, page: Page) -> None:
        middle = page.h - 47
        network, network_ok = network_line(page.moment.snapshot.network)
        wide = page.measure(network, t.NOTE) + 2
        right = page.rect(page.w - MARGIN - wide, middle - 16, wide, 32)
        page.text(right, network, t.NOTE, Ink.DIM if network_ok else Ink.WARNING_TEXT, align="right")
        check = page.measure(SETTINGS, t.NOTE) + 66
        button = page.rect(page.w - MARGIN - wide - 30 - check, middle - 26, check, 52)
        page.button(
            "settings", button, SETTINGS, t.NOTE, fill=Ink.PANEL, color=Ink.DIM, icon="settings", radius=12
        )
        room = page.w - 2 * MARGIN - wide - 30 - check - 30
        devices = page.moment.snapshot.devices
        problems = [d.problem for d in devices if d.problem]
        if problems:
            lines, color = problems[: limits.PROBLEMS_SHOWN], Ink.WARNING
        elif devices:
            lines, color = [ready_line([d.kind for d in devices])], Ink.ACCENT
        else:
            lines, color = ["Looking for camera, microphone and loudspeaker"], Ink.FAINT
        text_color = Ink.WARNING_TEXT if problems else Ink.DIM
        for i, line in enumerate(lines):
            y = middle + (i - (len(lines) - 1) / 2) * 29
            page.dot(MARGIN + 5.5, y, 5.5, color)
            page.text(page.rect(MARGIN + 22, y - 16, room - 22, 32), line, t.NOTE, text_color)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if target == "start":
            self._stage.send(StartMeeting(at))
        elif target == "join":
            self._stage.open_keypad()
        elif target == "settings":
            self._stage.open_settings()
        elif target == "address":
            self._stage.open_address()
        elif target.startswith("held:"):
            self._stage.send(SwitchRoom(int(target.partition(":")[2])))
        elif target.startswith("preset:"):
            presets = self._stage.snapshot.presets
            index = int(target.partition(":")[2])
            if index < len(presets):
                self._stage.open_keypad(presets[index].room)

    def key(self, key: Key) -> bool:
        """A digit is the first of a room number: no need to press Join."""
        if key.digit:
            self._stage.open_keypad(char=key.digit)
            return True
        return False


def network_line(network: NetworkView) -> tuple[str, bool]:
    """The line about the network, and whether all is well."""
    word = NETWORKS.get(network.kind)
    if word is None:
        return NO_NETWORK, False
    return (f"{word}, {network.address}" if network.address else word), True


def ready_line(kinds: list[str]) -> str:
    words = [DEVICE_WORDS.get(kind, kind) for kind in kinds]
    joined = ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]
    return f"{joined[0].upper()}{joined[1:]} ready"
