"""Speakerphones that cancel themselves, known by /proc/asound and by their USB descriptors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.audio.devices import SoundDevice
from appliance.media.audio.speakerphones import KNOWN, cancels_itself, terminal_types

CARDS = """ 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 1 [USB            ]: USB-Audio - A speakerphone
                      Somebody's speakerphone at usb-0000:01:00.0-1.2, full speed
"""

DEVICE = bytes([18, 1, 0, 2, 0, 0, 0, 64, 0x0E, 0x0B, 0x20, 0x04, 0, 1, 1, 2, 3, 1])


def interface(kind: int, subclass: int) -> bytes:
    return bytes([9, 4, 0, 0, 0, kind, subclass, 0, 0])


def terminal(subtype: int, kind: int) -> bytes:
    return bytes([12, 0x24, subtype, 1, *kind.to_bytes(2, "little"), 0, 1, 0, 0, 0, 0])


def speakerphone(kind: int) -> bytes:
    control = interface(1, 1) + terminal(2, 0x0101) + terminal(3, kind) + terminal(2, kind)
    return DEVICE + bytes([9, 2, 100, 0, 4, 1, 0, 0x80, 50]) + control + interface(1, 2)


class Machine:
    """A /proc/asound and a /sys/class/sound with one USB card."""

    def __init__(self, folder: Path) -> None:
        self.asound, self.sound_class = folder / "asound", folder / "class"
        usb = folder / "devices" / "1-1.2"
        (usb / "1-1.2:1.0").mkdir(parents=True)
        (self.asound / "card1").mkdir(parents=True)
        (self.sound_class / "card1").mkdir(parents=True)
        (self.sound_class / "card1" / "device").symlink_to(usb / "1-1.2:1.0")
        (self.asound / "cards").write_text(CARDS)
        self.descriptors = usb / "descriptors"
        self.usbid = self.asound / "card1" / "usbid"

    def cancels(self, device_id: str) -> bool:
        device = SoundDevice(device_id, "A speakerphone", 3, 1, 1, usb=True)
        return cancels_itself(device, self.asound, self.sound_class)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_device_that_says_so(machine: Machine) -> None:
    machine.usbid.write_text("1234:5678\n")
    machine.descriptors.write_bytes(speakerphone(0x0405))
    assert machine.cancels("USB")
    assert machine.cancels("USB,1")


@pytest.mark.parametrize("kind", [0x0201, 0x0301, 0x0402, 0x0403, 0x0404])
def test_a_device_that_says_it_is_something_else(machine: Machine, kind: int) -> None:
    machine.usbid.write_text("1234:5678\n")
    machine.descriptors.write_bytes(speakerphone(kind))
    assert not machine.cancels("USB")


def test_a_device_from_the_table(machine: Machine) -> None:
    machine.usbid.write_text("0b0e:0420\n")
    assert machine.cancels("USB")


def test_no_card_behind(machine: Machine) -> None:
    """A sound server's device, the screen's, one that just went."""
    machine.usbid.write_text("0b0e:0420\n")
    assert not machine.cancels("pipewire")
    assert not machine.cancels("vc4hdmi0")
    machine.usbid.unlink()
    assert not machine.cancels("USB")


def test_terminals_of_a_camera_are_none_of_audio() -> None:
    """A video control interface has terminals too, with the same subtypes."""
    assert terminal_types(DEVICE + interface(14, 1) + terminal(2, 0x0405)) == set()
    assert terminal_types(DEVICE + interface(1, 2) + terminal(2, 0x0405)) == set()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    assert all(0 <= kind <= 0xFFFF for kind in terminal_types(data))


@given(st.integers(0, 80))
def test_descriptors_cut_short(length: int) -> None:
    assert terminal_types(speakerphone(0x0405)[:length]) <= {0x0101, 0x0405}


def test_the_table_is_in_the_form_that_the_kernel_writes() -> None:
    for usb_id in KNOWN:
        vendor, _, product = usb_id.partition(":")
        assert (len(vendor), len(product)) == (4, 4)
        assert usb_id == f"{int(vendor, 16):04x}:{int(product, 16):04x}"
