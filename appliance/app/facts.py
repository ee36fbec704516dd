"""What is in use, as lines of the settings' page about picture and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core.settings_view import Fact
from appliance.core.words import Text, say, say_n

if TYPE_CHECKING:
    from appliance.app.box import Box

_KINDS = {
    "wired": say("Wired network"),
    "wireless": say("Wireless network"),
    "local": say("This computer only"),
}
NOTHING = say("None")


def facts(box: Box) -> tuple[Fact, ...]:
    """The network that is used, its addresses, the boxes on it; the camera, its encoder, the uplink."""
    used = [interface for interface in box.interfaces if interface.addresses]
    kinds: list[Text] = [_KINDS.get(interface.kind, NOTHING) for interface in used]
    here = sum(found.present for found in box.found)
    camera = box.media.camera.stats()
    return (
        Fact(say("Network"), _network(kinds, [interface.name for interface in used])),
        Fact(say("Addresses"), ", ".join(box.addresses()) or NOTHING),
        Fact(say("Port"), str(box.server.port)),
        Fact(say("Boxes on this network"), say_n("{n} other box", "{n} other boxes", here)),
        Fact(say("Camera"), box.media.camera.state.label or NOTHING),
        Fact(say("Picture encoder"), camera["encoder"] or _encoder(box.config.video.encoder)),
        Fact(say("Limit for all pictures sent"), _uplink(box.config.video.uplink_kbps)),
    )


def _network(kinds: list[Text], names: list[str]) -> Text:
    if not kinds:
        return NOTHING
    return say("{kind} ({name})", kind=kinds[0], name=", ".join(names))


def _encoder(chosen: str) -> Text:
    return say("Chosen when somebody watches") if chosen == "auto" else chosen


def _uplink(kbps: int) -> Text:
    return say("{n} kbit/s", n=kbps) if kbps else say("No limit")
