"""Speakerphones that cancel their own echo: a second canceller behind theirs only harms what people say.

A USB device says so itself, with the terminal type 0x0405 ("echo-canceling speakerphone", USB Device Class
Definition for Terminal Types 1.0, section 2.4). Those that do, and only say something else, are in a table.
"""

from __future__ import annotations

from pathlib import Path

from appliance.media.audio import devices
from appliance.media.audio.devices import SoundDevice

ECHO_CANCELLING = 0x0405  # wTerminalType

# Vendor:product as /proc/asound/card*/usbid has them. From fwupd's quirks of Jabra's, Chromium OS's list of
# meeting hardware, and people's lsusb; who is not sure to be one is not here.
KNOWN = {
    "0b0e:0412": "Jabra Speak 410",
    "0b0e:0420": "Jabra Speak 510",
    "0b0e:2475": "Jabra Speak 710",
    "0b0e:2456": "Jabra Speak 810",
    "0b0e:ae6b": "Jabra Speak2 40",
    "0b0e:ae6d": "Jabra Speak2 40",
    "0b0e:ae6f": "Jabra Speak2 40",
    "0b0e:ae6a": "Jabra Speak2 55",
    "0b0e:ae6c": "Jabra Speak2 55",
    "0b0e:ae6e": "Jabra Speak2 55",
    "0b0e:ae70": "Jabra Speak2 55",
    "0b0e:24ef": "Jabra Speak2 75",
    "0b0e:24f0": "Jabra Speak2 75",
    "0b0e:24f1": "Jabra Speak2 75",
    "18d1:8001": "Google Meet speakermic",
    "291a:3301": "Anker PowerConf",
    "328f:2001": "eMeet Luna",
    "328f:2005": "eMeet M0",
}

ASOUND = Path("/proc/asound")
SOUND_CLASS = Path("/sys/class/sound")


def cancels_itself(device: SoundDevice, asound: Path = ASOUND, sound_class: Path = SOUND_CLASS) -> bool:
    """Tell whether a device is a speakerphone with an echo canceller of its own.

    A sound server's device is not: nobody says which card is behind it.
    """
    card_id = device.id.partition(",")[0]
    cards = devices.parse_cards(devices.read_cards(asound / "cards"))
    card = next((card for card in cards if card.id == card_id), None)
    if card is None:
        return False
    usb_id = devices.read_cards(asound / f"card{card.index}" / "usbid").strip().lower()
    if usb_id in KNOWN:
        return True
    try:
        interface = (sound_class / f"card{card.index}" / "device").resolve(strict=True)
        return ECHO_CANCELLING in terminal_types((interface.parent / "descriptors").read_bytes())
    except OSError:
        return False  # no USB device, or one that went


def terminal_types(descriptors: bytes) -> set[int]:
    """Return the ``wTerminalType`` of all audio terminals in a USB device's descriptors."""
    found = set()
    in_control = False  # inside an interface of class audio, subclass control
    at = 0
    while at + 2 <= len(descriptors) and descriptors[at] >= 2:
        body = descriptors[at : at + descriptors[at]]
        if body[1] == 0x04 and len(body) >= 9:
            in_control = (body[5], body[6]) == (1, 1)
        elif body[1] == 0x24 and in_control and len(body) >= 6 and body[2] in (0x02, 0x03):
            found.add(int.from_bytes(body[4:6], "little"))
        at += len(body)
    return found
