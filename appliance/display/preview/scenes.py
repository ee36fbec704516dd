"""The pictures to be taken: what the made-up box says, and the keys that lead there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, ShutOutView
from appliance.core.languages import RIGHT_TO_LEFT
from appliance.core.view import LookView, NetworkView, Phase, Snapshot
from appliance.display.mirror import OTHER_SIDE
from appliance.display.preview import settings
from appliance.display.preview.snapshots import (
    AWAY,
    CALL,
    ELSEWHERE,
    FULL_MESH,
    HALF_BROKEN,
    HELD,
    HOME,
    JOINED,
    JOINING,
    LOOKING,
    MUTED_HERE,
    NAMESAKE,
    NOTICES,
    NOW,
    PEERS,
    PROVING,
    REFUSED,
    ROOMS,
    SILENT,
    SPEAKER,
    STAYED_AWAY,
    TOO_OFTEN,
    TROUBLE,
    in_call,
    mesh,
)

TO_ADDRESS = "right right ok"  # from home to another box's address
TYPED = " ".join("10.31.0.14")


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to be taken: what the box says, then keys, then what the box says after them.

    ``idle``: seconds that pass after all of it.
    """

    name: str
    snapshot: Snapshot
    keys: str = ""
    after: Snapshot | None = None
    idle: float = 0.0

    def looking(self, look: LookView) -> Scene:
        """The same in another theme or language. Where pages are mirrored, so are the arrows."""
        after = replace(self.after, look=look) if self.after is not None else None
        keys = self.keys
        if look.language in RIGHT_TO_LEFT:
            keys = " ".join(OTHER_SIDE.get(key, key) for key in keys.split())
        return replace(self, snapshot=replace(self.snapshot, look=look), keys=keys, after=after)


TO_ROOMS = "right right right right right ok"  # the first only shows the focus
TO_PEOPLE = "right right right right right right ok"  # the first only shows the focus
SCENES = (
    Scene("home", HOME),
    Scene("home-trouble", TROUBLE),
    Scene("home-namesake", NAMESAKE),
    Scene("home-elsewhere", ELSEWHERE),
    Scene("home-new", replace(HOME, boxes=(), presets=(), network=NetworkView("wireless", "10.20.0.14"))),
    Scene("idle", HOME, idle=30 * 60.0),
    Scene("idle-off", HOME, idle=300 * 60.0),
    Scene("keypad-room", HOME, "4 2"),
    Scene("keypad-range", HOME, "4 2 0 1"),
    Scene("keypad", HOME, "4 2 ok 1 7 4 0 2 ok", REFUSED),
    Scene("keyboard", HOME, "4 2 ok down ok S e a"),
    Scene("address", HOME, TO_ADDRESS),
    Scene("address-looking", HOME, f"{TO_ADDRESS} {TYPED} ok", replace(HOME, connect=LOOKING)),
    Scene("address-silent", HOME, f"{TO_ADDRESS} {TYPED} ok", replace(HOME, connect=SILENT)),
    Scene("keypad-too-often", HOME, "4 2 ok 1 7 4 0 2 ok", TOO_OFTEN),
    Scene("keypad-shown", HOME, "4 2 ok S e a 7 up up up up ok"),
    Scene("joining", HOME, "4 2 ok 1 2 3 4 ok", JOINING),
    Scene("joining-proving", HOME, "4 2 ok 1 2 3 4 ok", PROVING),
    Scene("coming-back", replace(HOME, phase=Phase.JOINING, coming_back=42)),
    Scene("start", in_call(CallView(417, NOW - 12, JoiningView(True, NOW + 588), password="502938"))),  # noqa: S106
    Scene("call", in_call(CALL, JOINED)),
    Scene("call-alone", in_call(replace(CALL, tiles=()))),
    Scene("call-unanswered", in_call(replace(CALL, tiles=(), unanswered=True))),
    Scene("call-2", in_call(replace(CALL, tiles=PEERS[:1]))),
    Scene("call-3", in_call(replace(CALL, tiles=PEERS[:2]), NOTICES)),
    Scene("call-leave", in_call(replace(CALL, tiles=PEERS[:3], muted=True, camera_on=False)), "back"),
    Scene("call-closed", in_call(replace(CALL, tiles=PEERS[:6], joining=JoiningView(False, None)))),
    Scene("call-shut-out", in_call(replace(CALL, shut_out=ShutOutView(NOW + 431)))),
    Scene("call-9", in_call(replace(CALL, tiles=PEERS[:8]))),
    Scene("call-16", in_call(replace(CALL, tiles=PEERS))),
    Scene("call-speaker", in_call(SPEAKER, JOINED)),
    Scene("call-speaker-2", in_call(replace(SPEAKER, tiles=PEERS[:1]))),
    Scene("call-speaker-16", in_call(replace(SPEAKER, tiles=PEERS, pinned="p9"))),
    Scene("call-pinned", in_call(replace(CALL, tiles=MUTED_HERE, pinned="p3"))),
    Scene("call-menu", in_call(CALL), "up up ok"),
    Scene("home-rooms", replace(HOME, rooms=HELD)),
    Scene("call-held", in_call(replace(CALL, tiles=AWAY))),
    Scene("call-rooms", replace(in_call(CALL), rooms=ROOMS), TO_ROOMS),
    *(Scene(*scene) for scene in settings.scenes(HOME, NOW)),
    Scene("call-peace", in_call(CALL, NOTICES), idle=limits.BAR_FOR),
    Scene("call-people", in_call(replace(HALF_BROKEN, tiles=STAYED_AWAY[1:])), TO_PEOPLE),
    Scene("call-people-16", in_call(FULL_MESH), TO_PEOPLE),
    Scene("call-mesh", in_call(HALF_BROKEN), "h"),
    Scene("call-mesh-2", in_call(replace(CALL, tiles=PEERS[:1], mesh=mesh(PEERS[:1]))), "h"),
    Scene("call-mesh-16", in_call(FULL_MESH), "h"),
    Scene("call-move", in_call(CALL), "up up ok down down ok right"),
    Scene("call-no-picture", in_call(replace(CALL, tiles=STAYED_AWAY), NOTICES)),
    Scene("call-menu-close", in_call(replace(SPEAKER, tiles=MUTED_HERE)), "up up right ok down down down ok"),
)
