"""Home: start a meeting, join one, and see at a glance whether the box is ready."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.intents import StartMeeting, SwitchRoom
from appliance.core.view import BoxSeen, NetworkView, Snapshot
from appliance.core.words import Text, Words, say, say_n
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import MARGIN, RADIUS, Page, fitting
from appliance.display.screens.room_menu import held, words
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

PANEL_WIDTH = 333.0
TOP = 131.0
LONGEST = 700.0  # on a portrait screen the tiles don't become towers
GAP = 21.0
ROW = 51.0
FOOTER = 100.0  # what is below the tiles
OTHER = 52.0  # height of the button for another box's address
LINE = 27.2  # of a problem
PROBLEM_GAP = 14.0
DOOR_WITH_ICON = 220.0  # height from which a door has room for its icon
DOOR_LEAST = 118.0
PRESET_ROWS = (0.0, 170.0, 256.0)  # height of no, one and two rows of rooms

NO_NETWORK = say("No network")
READY = say("Camera, microphone and loudspeaker ready")
LOOKING = say("Looking for camera, microphone and loudspeaker")
DEVICES = {"camera", "microphone", "speaker"}


class Home:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        bottom = min(page.h - FOOTER, TOP + LONGEST)
        left_width = page.w - PANEL_WIDTH - 2 * MARGIN - 64
        rooms = self._rooms(moment.snapshot)
        above = self._problems(page, left_width, bottom, TOP + DOOR_LEAST + PRESET_ROWS[-(-len(rooms) // 3)])
        above = self._presets(page, rooms, left_width, above)
        self._doors(page, left_width, above)
        self._boxes(page, page.w - MARGIN - PANEL_WIDTH, bottom)
        self._status(page)
        page.toasts(page.w - MARGIN, 92)
        return page.done()

    def _doors(self, page: Page, width: float, bottom: float) -> None:
        each = (width - GAP) / 2
        for i, (name, icon, title, line) in enumerate(
            (
                (
                    "start",
                    "camera",
                    say("Start a meeting"),
                    say("Get a number and a password to read out"),
                ),
                ("join", "keypad", say("Join"), say("Type the room number and the password")),
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
            if bottom - TOP >= DOOR_WITH_ICON:
                page.icon((x + 30 + 29, TOP + 58), 58, icon, color)
            size = fitting(page, title, t.HEADLINE, inner)
            y = bottom - 136 - min(0.0, bottom - TOP - 152) / 2
            page.text(page.rect(x + 30, y, inner, 54), title, size, color, bold=True)
            page.text(page.rect(x + 30, y + 54, inner, 58), line, t.BODY, dim, lines=2, top=True)

    def _rooms(self, snapshot: Snapshot) -> list[tuple[str, Text, Text]]:
        """The rooms on hold and the preset ones: target, label, line."""
        waiting = held(snapshot)
        rooms: list[tuple[str, Text, Text]] = [(f"held:{room.room}", *words(room)) for room in waiting]
        rooms += [
            (f"preset:{i}", preset.label, say("Room {room}", room=preset.room))
            for i, preset in enumerate(snapshot.presets)
            if preset.room not in {room.room for room in waiting}
        ]
        return rooms[: limits.PRESETS_SHOWN]

    def _presets(self, page: Page, rooms: list[tuple[str, Text, Text]], width: float, bottom: float) -> float:
        """Draw the rooms from the bottom up; return where the space above them ends."""
        if not rooms:
            return bottom
        waiting = held(page.moment.snapshot)
        columns = 3
        rows = -(-len(rooms) // columns)
        high, gap = (104.0, 17.0) if rows == 1 else (88.0, 14.0)
        top = bottom - rows * high - (rows - 1) * gap
        each = (width - (columns - 1) * 17) / columns
        title = say("Rooms you are in") if waiting else say("Rooms you use")
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

    def _problems(self, page: Page, width: float, bottom: float, top: float) -> float:
        """What is wrong and its remedy, from the bottom up, not above ``top``; return where the space above
        it ends. What finds no room comes when the others are mended.
        """
        inner = width - 66
        lines: list[tuple[Text, int]] = []
        high = 32 - PROBLEM_GAP
        for sentence in problems(page.moment.snapshot)[: limits.PROBLEMS_SHOWN]:
            count = page.lines(sentence, t.BODY, inner, 3)
            more = count * LINE + PROBLEM_GAP
            if lines and bottom - high - more - 24 < top:
                break
            lines.append((sentence, count))
            high += more
        if not lines:
            return bottom
        y = bottom - high
        page.box(page.rect(MARGIN, y, width, high), Ink.WARNING_BACK, 16)
        y += 16
        for sentence, count in lines:
            page.dot(MARGIN + 24, y + LINE / 2, 5.5, Ink.WARNING)
            rect = page.rect(MARGIN + 44, y - 3, inner, count * LINE + 6)
            page.text(rect, sentence, t.BODY, Ink.WARNING_TEXT, lines=3)
            y += count * LINE + PROBLEM_GAP
        return bottom - high - 24

    # --- the boxes --------------------------------------------------------------------------------

    def _boxes(self, page: Page, x: float, bottom: float) -> None:
        page.box(page.rect(x, TOP, PANEL_WIDTH, bottom - TOP), Ink.PANEL)
        inner = PANEL_WIDTH - 48
        other = page.rect(x + 12, bottom - 12 - OTHER, PANEL_WIDTH - 24, OTHER)
        label = say("Another box's address")
        size = fitting(page, label, t.NOTE, PANEL_WIDTH - 44)
        page.button("address", other, label, size, color=Ink.DIM, radius=12)
        bottom -= OTHER + 12
        boxes = page.moment.snapshot.boxes
        here = [box for box in boxes if not box.elsewhere]
        there = [box for box in boxes if box.elsewhere]
        rows = [*here, *there]
        page.text(page.rect(x + 24, TOP + 20, inner, 32), say("On this network"), t.BODY, Ink.DIM)
        y = TOP + 61
        if not rows:
            self._nobody(page, x, inner, (TOP + bottom) / 2)
            return
        fit = int((bottom - 12 - y - (ROW - 10 if there else 0)) // ROW)
        shown = rows if len(rows) <= fit else rows[: fit - 1]
        for i, box in enumerate(shown):
            if box.elsewhere and (i == 0 or not shown[i - 1].elsewhere):
                if i:
                    page.text(page.rect(x + 24, y + 4, inner, 32), say("Elsewhere"), t.BODY, Ink.DIM)
                    y += ROW - 10
            elif i:
                page.box(page.rect(x + 24, y - 1, inner, 1), Ink.LINE, 0)
            self._box(page, x, y, inner, box)
            y += ROW
        if len(shown) < len(rows):
            page.box(page.rect(x + 24, y - 1, inner, 1), Ink.LINE, 0)
            left = len(rows) - len(shown)
            more = say_n("and {n} more", "and {n} more", left)
            page.text(page.rect(x + 48, y, inner - 24, ROW), more, t.NOTE, Ink.DIM)

    def _nobody(self, page: Page, x: float, inner: float, middle: float) -> None:
        page.icon((x + PANEL_WIDTH / 2, middle - 44), 58, "box", Ink.FAINT)
        page.text(
            page.rect(x + 24, middle + 4, inner, 30),
            say("No other box yet."),
            t.BODY,
            Ink.DIM,
            align="center",
        )
        page.text(
            page.rect(x + 24, middle + 34, inner, 84),
            say("Switch one on: it appears here by itself."),
            t.BODY,
            Ink.DIM,
            lines=3,
            top=True,
            align="center",
        )

    def _box(self, page: Page, x: float, y: float, inner: float, box: BoxSeen) -> None:
        now = page.moment.now
        state = state_of(box, now)
        if not box.present and not box.elsewhere:
            page.until(now + 60.0 - (now - box.seen_at) % 60.0)
        page.dot(x + 29, y + ROW / 2, 5.5, Ink.ACCENT if box.present else Ink.FAINT)
        wide = page.measure(state, t.NOTE) + 1
        page.text(page.rect(x + 24 + inner - wide, y, wide, ROW), state, t.NOTE, Ink.DIM, align="right")
        name = page.rect(x + 48, y, inner - 24 - wide - 14, ROW)
        page.text(name, box.name, t.LEAD, Ink.TEXT if box.present else Ink.DIM)

    # --- the line at the bottom ---------------------------------------------------------------------

    def _status(self, page: Page) -> None:
        middle = page.h - 47
        label = say("Settings")
        wide = page.measure(label, t.BODY) + 76
        button = page.rect(page.w - MARGIN - wide, middle - 28, wide, 56)
        page.button("settings", button, label, t.BODY, fill=Ink.PANEL, icon="settings", radius=14)
        network, network_ok = network_line(page.moment.snapshot.network)
        right = page.w - MARGIN - wide - 30
        said = page.measure(network, t.NOTE) + 2
        color = Ink.DIM if network_ok else Ink.WARNING_TEXT
        page.text(page.rect(right - said, middle - 16, said, 32), network, t.NOTE, color, align="right")
        devices = page.moment.snapshot.devices
        if any(device.problem for device in devices):
            return  # it stands above
        ready = {device.kind for device in devices} == DEVICES
        line, dot = (READY, Ink.ACCENT) if ready else (LOOKING, Ink.FAINT)
        page.dot(MARGIN + 5.5, middle, 5.5, dot)
        room = right - said - 30 - MARGIN - 22
        page.text(page.rect(MARGIN + 22, middle - 16, room, 32), line, t.NOTE, Ink.DIM)

    # --- acting -------------------------------------------------------------------------------------

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


def problems(snapshot: Snapshot) -> list[Text]:
    """What a person has to put right, the worst first."""
    return [
        *(problem.sentence for problem in snapshot.problems),
        *(device.problem for device in snapshot.devices if device.problem),
    ]


def network_line(network: NetworkView) -> tuple[Words, bool]:
    """The line about the network, and whether all is well."""
    at = network.address
    match network.kind:
        case "unknown":
            return say("One moment"), True
        case "wired":
            return say("Wired network, {address}", address=at) if at else say("Wired network"), True
        case "wireless":
            return say("Wireless network, {address}", address=at) if at else say("Wireless network"), True
        case "local":
            return say("This computer only, {address}", address=at) if at else say("This computer only"), True
    return NO_NETWORK, False


def state_of(box: BoxSeen, now: float) -> Words:
    """Whether a box is there, and since when it is not."""
    if box.present:
        return say("ready")
    if box.elsewhere:
        return say("no answer")
    minutes = int(max(0.0, now - box.seen_at)) // 60
    if minutes < 1:
        return say("seen just now")
    if minutes < 60:
        return say_n("seen {n} min ago", "seen {n} min ago", minutes)
    return say_n("seen {n} h ago", "seen {n} h ago", minutes // 60)
