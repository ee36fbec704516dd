"""The state of the two slots: one block that GRUB, U-Boot and the box itself read and change alike."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from imagebuild import slotstate
from imagebuild.common import HERE

PROGRAM = HERE / "rootfs/usr/lib/meetingbox/slot"


def test_the_box_looks_where_the_build_puts_it(slot: dict[str, Any]) -> None:
    assert (slot["AT"], slot["SIZE"], slot["HEADER"]) == (slotstate.AT, slotstate.SIZE, slotstate.HEADER)


@pytest.fixture(scope="module")
def slot() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM), run_name="slot")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "slot-state"
    path.write_bytes(b"\xff" * slotstate.AT + slotstate.factory() + b"\xff" * 1024)
    return path


def test_a_new_card_starts_slot_a_and_has_nothing_on_trial(slot: dict[str, Any], state: Path) -> None:
    assert slot["read"](str(state)) == {"left": "0", "slot": "a", "try": ""}


def test_what_the_box_writes_is_grubs_block(slot: dict[str, Any], state: Path) -> None:
    slot["write"]({"left": "3", "slot": "a", "try": "b"}, str(state))
    before, data = state.read_bytes()[: slotstate.AT], state.read_bytes()[slotstate.AT :]
    assert data[:1024] == slotstate.block(left="3", slot="a", **{"try": "b"})
    assert before + data[1024:] == b"\xff" * (slotstate.AT + 1024), "only the block is written"
    assert data.startswith(b"# GRUB Environment Block\n")
    assert slot["read"](str(state)) == {"left": "3", "slot": "a", "try": "b"}


def test_the_digit_that_u_boot_changes_is_where_it_looks(slot: dict[str, Any], state: Path) -> None:
    slot["write"]({"left": "3", "slot": "a", "try": "b"}, str(state))
    data = bytearray(state.read_bytes())
    digit = slotstate.AT + slotstate.LEFT_AT
    assert data[digit : digit + 1] == b"3"
    data[digit] = ord("2")
    state.write_bytes(data)
    assert slot["read"](str(state)) == {"left": "2", "slot": "a", "try": "b"}


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 1024, b"\xff" * 1024, b"# GRUB Environment Block\nslot=c\nleft=x\n"]
)
def test_a_spoilt_block_counts_as_a_new_card(slot: dict[str, Any], state: Path, data: bytes) -> None:
    state.write_bytes(b"\xff" * slotstate.AT + data)
    assert slot["read"](str(state)) == {"left": "0", "slot": "a", "try": ""}


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        slotstate.block(extra="x" * 1024)
    with pytest.raises(ValueError, match="does not fit"):
        slotstate.block(extra="a\nslot=b")


def test_wrong_usage_is_told() -> None:
    for arguments in ([], ["try"], ["try", "c"], ["good", "a"]):
        done = subprocess.run(
            [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "slot try a|b" in done.stderr


def test_the_block_is_as_grub_documents_it(state: Path) -> None:
    text = state.read_bytes()[slotstate.AT :][:1024].decode("ascii")
    assert len(text) == 1024
    head, _, rest = text.partition("\n")
    assert head == "# GRUB Environment Block"
    pairs = [line.split("=", 1) for line in rest.rstrip("#").splitlines()]
    assert pairs == [["left", "0"], ["slot", "a"], ["try", ""]]


class TestTheBootScripts:
    def test_both_start_the_slots_in_the_same_way(self) -> None:
        grub = (HERE / "boot/grub.cfg").read_text()
        uboot = (HERE / "boot/boot.cmd").read_text()
        for script in (grub, uboot):
            assert "@COMMAND_LINE@ slot=" in script
            assert "extra.env" in script
            assert re.search(r"slot-\$\{?now\}?/vmlinuz", script)
            assert re.search(r"slot-\$\{?now\}?/initrd\.img", script)

    def test_grub_counts_down_from_every_number_of_tries(self, slot: dict[str, Any]) -> None:
        grub = (HERE / "boot/grub.cfg").read_text()
        for left in range(1, slot["TRIES"] + 1):
            assert f'if [ "$left" = {left} ]; then set left={left - 1}; fi' in grub
