"""What is in the image, and what is not. Nothing is booted."""

from __future__ import annotations

import re

import pytest
from image.emulator.disk import BOOT, CONFIG, DATA, SLOT_A, SLOT_B, partitions
from image.lab import Lab
from image.slot import Entry, Slot

from appliance.provision import card as cards

MB = 1_000_000
SLOT_MAX = 450 * MB
PACKED_MAX = 450 * MB

# What makes programs or fetches packages, and what they leave; paths in the slot.
NOT_FOR_BOXES = {
    "a compiler": r"usr/(local/)?bin/([\w-]*-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|ld|as|make|rustc|go)(-[\d.]+)?",
    "headers": r"usr/include/(?!iproute2/).*\.h",  # a single one that nobody can build with
    "pip": r".*/(bin/pip[\d.]*|(site|dist)-packages/pip|ensurepip)(/.*)?",
    "uv": r".*/bin/uvx?",
    "packages": r".*\.(deb|whl)",
    "apt's lists": r"var/lib/apt/lists/.*(_Packages|_Sources|_InRelease|_Release)",
    "apt's cache": r"var/cache/apt/.*\.bin",
    "a cache": r"(root|home/[^/]+)/\.cache/.*",
    "the sources' history": r".*/\.git(/.*)?",
}
# What makes a box this box and no other.
IDENTITY = {
    "an SSH host key": r".*ssh_host_\w+_key(\.pub)?",
    "a box's identity": r".*identity\.key",
    "a random seed": r"var/lib/systemd/random-seed",
    "a D-Bus machine id": r"var/lib/dbus/machine-id",
    "a private key": r"(?!usr/share/).*\.(pem|key)",
    "logs of the build": r"var/log/.*\.(log|journal)(\.\w+)?",
}


@pytest.fixture(scope="module")
def slot(lab: Lab) -> Slot:
    return Slot(lab.settings.tools, lab.settings.image)


@pytest.fixture(scope="module")
def entries(slot: Slot) -> list[Entry]:
    found = slot.entries()
    assert len(found) > 5000, "that is not a whole system"
    return found


def matching(entries: list[Entry], pattern: str, kinds: str = "-l") -> list[str]:
    wanted = re.compile(pattern)
    return [entry.path for entry in entries if entry.kind in kinds and wanted.fullmatch(entry.path)]


def test_the_card_has_its_partitions(lab: Lab) -> None:
    found = partitions(lab.settings.image)
    assert {BOOT, SLOT_A, SLOT_B, DATA} <= set(found)
    assert found[SLOT_A].size == found[SLOT_B].size, "an update must fit into either slot"
    assert found[DATA].start == max(each.start for each in found.values()), "the data partition can grow"


def test_it_is_small_enough(lab: Lab, slot: Slot) -> None:
    lab.say(f"slot: {slot.size / MB:.0f} MB")
    assert slot.size <= SLOT_MAX
    assert lab.settings.packed is not None, "the image was not compressed"
    size = lab.settings.packed.stat().st_size
    lab.say(f"compressed image: {size / MB:.0f} MB")
    assert size <= PACKED_MAX


@pytest.mark.parametrize("what", NOT_FOR_BOXES)
def test_the_slot_has_no(entries: list[Entry], what: str) -> None:
    assert matching(entries, NOT_FOR_BOXES[what]) == []


@pytest.mark.parametrize("what", IDENTITY)
def test_the_slot_has_nobodys(entries: list[Entry], what: str) -> None:
    assert matching(entries, IDENTITY[what], "-") == []


def test_the_machine_id_is_made_at_the_first_start(slot: Slot, entries: list[Entry]) -> None:
    here = [entry for entry in entries if entry.path == "etc/machine-id"]
    assert not here or slot.read("etc/machine-id").strip() in (b"", b"uninitialized")


def test_nobody_can_log_in_with_a_password(slot: Slot) -> None:
    for line in slot.read("etc/shadow").decode().splitlines():
        name, password = line.split(":")[:2]
        assert password.startswith(("!", "*")), f"{name} has a password"


def test_the_data_partition_is_empty(lab: Lab) -> None:
    card = lab.card("empty", words=None)
    try:
        for folder in ("/", "/ssh", "/meetingbox", "/provision"):
            left = set(card.data_names(folder)) - {"lost+found", "ssh", "meetingbox", "provision"}
            assert not left, f"{folder} of the image's data partition has {left}"
    finally:
        card.remove()


def test_the_settings_file_explains_itself_and_sets_nothing(lab: Lab) -> None:
    shipped = lab.card("shipped", words=None)
    try:
        text = shipped.take(CONFIG).decode()
    finally:
        shipped.remove()
    card = cards.parse(text)
    assert (card.network, card.system) == (cards.Network(), cards.System())
    assert all(table == {} for table in card.box.values()), "only empty tables, to write into"
    for key in ("[network.wifi]", "country", "[system]", "name"):
        assert key in text


def test_the_kernel_is_told_nothing_of_tests(lab: Lab) -> None:
    card = lab.card("words", words=None)
    try:
        with pytest.raises(Exception, match=r"not found|No such|does not exist"):
            card.take("extra.env")
    finally:
        card.remove()
