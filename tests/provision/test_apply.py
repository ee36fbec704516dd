"""An appliance's start: the card into force, whole, or the last good one; whenever the power goes."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provision.boxes_disk import Disk
from provision.broken_cards import BROKEN, put

from appliance import config, settings_file
from appliance.app import state_files
from appliance.app.pin import PIN, AdminPin
from appliance.provision import apply, disk, first_boot, keeping, plan, report
from appliance.settings_file import Changes

GOOD = """\
# The galley
[system]
name = "Galley"
language = "de"
time_zone = "Europe/Berlin"
admin_pin = "4711"  # the cook knows it
[network.wifi]
country = "DE"
ssid = "Conference"
passphrase = "open sesame"
[signaling]
token = "harbour"
"""
SUPPLICANT = "etc/wpa_supplicant/wpa_supplicant.conf"


@pytest.fixture
def box(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def parsed(box: Disk) -> config.Config:
    return config.parse(box.box, "meetingbox.toml")


class TestAGoodCard:
    def test_everything_is_where_the_system_looks_for_it(self, box: Disk) -> None:
        assert box.start(GOOD) == ""
        assert parsed(box).name == "Galley"
        assert parsed(box).display.language == "de"
        assert parsed(box).signaling.token == "harbour"
        assert stat.S_IMODE((box / "etc/meetingbox/meetingbox.toml").stat().st_mode) == 0o640
        assert (box / "etc/hostname").read_text() == "meetingbox-a1b2c3d4\n"
        assert "meetingbox-a1b2c3d4" in (box / "etc/hosts").read_text()
        assert os.readlink(box / "etc/localtime") == "/usr/share/zoneinfo/Europe/Berlin"
        assert "ssid=" + b"Conference".hex() in (box / SUPPLICANT).read_text()
        assert stat.S_IMODE((box / SUPPLICANT).stat().st_mode) == 0o600
        assert sorted(p.name for p in (box / "etc/systemd/network").iterdir()) == [
            "10-meetingbox-ethernet.network",
            "20-meetingbox-wifi.network",
        ]
        assert "XKB_DEFAULT_LAYOUT=us\n" in (box / "run/meetingbox-provision/session.env").read_text()
        assert "8787" in (box / "run/meetingbox-provision/nftables.conf").read_text()

    def test_its_secrets_leave_it_and_nothing_else(self, box: Disk) -> None:
        box.start(GOOD)
        after = box.card.read_text()
        for secret in ("4711", "open sesame", "harbour"):
            assert secret not in after
        assert "# The galley" in after
        assert "# the cook knows it" in after
        assert [line.partition(" =")[0].lstrip("# ") for line in after.splitlines()] == [
            line.partition(" =")[0].lstrip("# ") for line in GOOD.splitlines()
        ]
        assert b"4711" not in box.all_bytes("data") + box.all_bytes("etc") + box.all_bytes("run")
        assert b"open sesame" not in box.all_bytes("")
        assert stat.S_IMODE((box / "data/provision/applied.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((box / "data/provision").stat().st_mode) == 0o700

    def test_it_is_the_same_at_every_start_and_the_card_is_not_written_again(self, box: Disk) -> None:
        box.start(GOOD)
        before = {path: path.stat() for path in box.root.rglob("*") if path.is_file()}
        texts = {path: path.read_bytes() for path in before}
        assert box.start() == ""
        assert {path: path.read_bytes() for path in box.root.rglob("*") if path.is_file()} == texts
        for path, found in before.items():
            assert (path.stat().st_ino, path.stat().st_mtime_ns) == (found.st_ino, found.st_mtime_ns), path

    def test_a_system_that_forgets_everything_but_its_data_has_it_all_again(self, box: Disk) -> None:
        box.start(GOOD)
        first = box.all_bytes("etc")
        for path in sorted((box / "etc").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        box.start()
        assert box.all_bytes("etc") == first

    def test_the_pin_is_the_boxs(self, box: Disk) -> None:
        box.start(GOOD)
        pin = AdminPin(box / "data/meetingbox")
        pin.adopt_hash(parsed(box).admin.pin_hash)
        assert pin.fits("4711")
        assert not pin.fits("4712")

    def test_the_card_of_a_new_box_works(self, box: Disk) -> None:
        assert box.start(report.template()) == ""
        assert box.card.read_text() == report.template()
        assert parsed(box) == config.Config()
        assert not (box / SUPPLICANT).exists()
        assert not (box / "etc/ssh").exists()

    def test_what_a_new_card_does_not_ask_for_goes(self, box: Disk) -> None:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMYBUsVnlfh/mtKVeRw"
        box.start(GOOD.replace("[network", f'ssh_keys = ["{key}"]\n[network'))
        assert key in (box / "etc/ssh/authorized_keys/admin").read_text()
        assert "22" in (box / "run/meetingbox-provision/nftables.conf").read_text()
        box.start('[system]\nname = "Galley"\n')
        for name in plan.OPTIONAL:
            assert not (box / name.lstrip("/")).exists(), name
        assert "22" not in (box / "run/meetingbox-provision/nftables.conf").read_text()

    def test_notepads_marks_stay(self, box: Disk) -> None:
        box.card.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
        assert box.start() == ""
        after = box.card.read_bytes()
        assert after.startswith(b"\xef\xbb\xbf# The galley\r\n")
        assert after.count(b"\r\n") == after.count(b"\n") == GOOD.count("\n")
        assert box.start() == ""
        assert parsed(box).signaling.token == "harbour"

    def test_where_the_old_text_stood_nothing_can_be_read(self, box: Disk) -> None:
        box.write(GOOD)
        os.link(box.card, box / "old")
        box.start()
        assert (box / "old").read_bytes() == b" " * len(GOOD.encode())
        assert box.card.read_text().startswith("# The galley")


class TestAMistake:
    @pytest.mark.parametrize("name", BROKEN)
    def test_the_last_good_card_stays_in_force_and_home_says_what_is_wrong(
        self, box: Disk, name: str
    ) -> None:
        box.start(GOOD)
        first = box.all_bytes("etc"), box.all_bytes("data")
        put(name, box.card.parent)
        shown = box.start()
        assert shown.startswith(BROKEN[name].says)
        assert "last good settings" in shown
        assert (box.all_bytes("etc"), box.all_bytes("data")) == first
        if box.card.is_dir():
            box.card.rmdir()
        assert box.start(GOOD.replace("Galley", "Bridge")) == ""
        assert parsed(box).name == "Bridge"

    @pytest.mark.parametrize("name", BROKEN)
    def test_at_the_first_start_the_standard_settings_are_in_force(self, box: Disk, name: str) -> None:
        put(name, box.card.parent)
        shown = box.start()
        assert shown.startswith(BROKEN[name].says)
        assert "standard settings" in shown
        assert parsed(box) == config.Config()
        assert (box / "etc/hostname").read_text() == "meetingbox-a1b2c3d4\n"

    def test_a_card_with_a_mistake_keeps_its_secrets_until_it_is_right(self, box: Disk) -> None:
        broken = GOOD + "[system]\n"
        box.start(broken)
        assert box.card.read_text() == broken
        box.start(GOOD)
        assert "open sesame" not in box.card.read_text()

    def test_a_damaged_copy_of_the_last_good_card_is_no_reason_not_to_start(self, box: Disk) -> None:
        box.start(GOOD)
        for damage in (b"", b"{", b'{"text": 4}', b"\xff" * 100, b" " * 2_000_000):
            (box / "data/provision/applied.json").write_bytes(damage)
            put("bad-toml", box.card.parent)
            assert "standard settings" in box.start()

    def test_a_last_good_card_of_another_version_may_have_keys_that_are_unknown_now(self, box: Disk) -> None:
        keeping.save(box.root, keeping.Applied("[system]\nhologram = true\n"))
        put("bad-toml", box.card.parent)
        assert "standard settings" in box.start()


class TestSecrets:
    def test_a_new_value_that_is_typed_later_wins(self, box: Disk) -> None:
        box.start(GOOD)
        first = (box / SUPPLICANT).read_text()
        box.start(box.card.read_text().replace('# passphrase = ""', 'passphrase = "another one"'))
        assert (box / SUPPLICANT).read_text() != first
        assert "another one" not in box.card.read_text()
        assert parsed(box).signaling.token == "harbour"

    def test_what_is_lost_is_told_and_everything_else_is_in_force(self, box: Disk) -> None:
        box.start(GOOD)
        (box / "data/provision/applied.json").unlink()
        shown = box.start()
        assert shown.startswith("Write network.wifi.passphrase into meetingbox.toml again")
        assert parsed(box).name == "Galley"
        assert not (box / SUPPLICANT).exists()

    def test_a_card_that_can_not_be_written_keeps_them_and_the_box_works(
        self, box: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path, data: bytes) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(disk, "exchange", refuse)
        assert box.start(GOOD) == ""
        assert box.card.read_text() == GOOD
        first = box.box
        assert box.start() == ""
        assert box.box == first  # the hash of the PIN, too
        monkeypatch.undo()
        box.start()
        assert "4711" not in box.card.read_text()
        assert box.box == first

    def test_where_nothing_can_be_kept_they_stay_on_the_card_and_home_says_so(self, box: Disk) -> None:
        (box / "data").rmdir()
        (box / "data").write_text("no folder")
        assert "can't be written to" in box.start(GOOD)
        assert box.card.read_text() == GOOD
        assert parsed(box).name == "Galley"


class TestTheScreensSettings:
    def change(self, box: Disk, **values: object) -> None:
        state = box / "data/meetingbox"
        (state / settings_file.SETTINGS).write_bytes(settings_file.to_bytes(Changes(dict(values))))

    def on_screen(self, box: Disk) -> dict[str, object]:
        return settings_file.load(box / "data/meetingbox", parsed(box)).values

    def test_they_win_over_the_card_as_long_as_it_stays_the_same(self, box: Disk) -> None:
        box.start(GOOD)
        self.change(box, name="Canteen")
        box.start()
        box.start(box.card.read_text() + "# another comment\n")
        assert self.on_screen(box) == {"name": "Canteen"}

    def test_what_is_changed_on_the_card_later_wins_over_them(self, box: Disk) -> None:
        box.start(GOOD)
        self.change(box, **{"name": "Canteen", "display.theme": "light"})
        box.start(box.card.read_text().replace('"Galley"', '"Mess"'))
        assert self.on_screen(box) == {"display.theme": "light"}
        assert parsed(box).name == "Mess"
        assert stat.S_IMODE((box / "data/meetingbox" / settings_file.SETTINGS).stat().st_mode) == 0o600

    def test_a_pin_that_is_taken_off_the_card_is_gone(self, box: Disk) -> None:
        box.start(GOOD)
        pin = AdminPin(box / "data/meetingbox")
        pin.adopt_hash(parsed(box).admin.pin_hash)
        assert (box / "data/meetingbox" / PIN).exists()
        box.start(re.sub("# admin_pin.*\n", "", box.card.read_text()))
        assert not (box / "data/meetingbox" / PIN).exists()
        assert parsed(box).admin.pin_hash == ""

    def test_a_trap_in_the_boxs_folder_leads_nowhere(self, box: Disk) -> None:
        box.start(GOOD)
        self.change(box, name="Canteen")
        victim = box / "victim"
        victim.write_text("untouched")
        (box / "data/meetingbox" / f"{settings_file.SETTINGS}.new").symlink_to(victim)
        box.start(box.card.read_text().replace('"Galley"', '"Mess"'))
        assert victim.read_text() == "untouched"
        assert not (box / "data/meetingbox" / settings_file.SETTINGS).is_symlink()


# --- Anything at all on the card ----------------------------------------------------------------------

RIGHT = GOOD.replace("admin_pin", "# admin_pin").encode()  # the hash of a PIN takes its time
CUTS = st.tuples(
    st.integers(0, len(RIGHT)), st.integers(0, 40), st.sampled_from([b"", b'"', b"\n", b"[", b"=", b"\xff"])
)


@settings(max_examples=60)
@given(
    st.binary(max_size=200)
    | CUTS.map(lambda cut: RIGHT[: cut[0]] + cut[2] + RIGHT[cut[0] + cut[1] :])
    | st.integers(1, 400).map(lambda n: b"a = " + b"[" * n + b"]" * n)
    | st.integers(1, 200).map(lambda n: b"a = " + b"{b = " * n + b"1" + b"}" * n)
)
def test_whatever_is_on_the_card_the_box_starts_and_says_what_it_thinks_of_it(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = Disk(Path(folder))
        box.card.write_bytes(raw)
        shown = box.start()
        found = parsed(box)
        assert found == config.Config() or not shown or "standard" not in shown
        assert (box / "etc/hostname").exists()
        assert box.start() == shown
        assert parsed(box) == found


# --- The power goes ------------------------------------------------------------------------------------

TOUCHES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "shutil.rmtree")


def until(step: Callable[[], None], stop_at: int, root: Path) -> bool:
    """Do something in a process that vanishes before it touches a file for the n-th time; did it finish?"""
    pid = os.fork()
    if pid == 0:
        seen = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in TOUCHES and str(arguments[0]).startswith(str(root)):
                if seen == stop_at:
                    os._exit(9)
                seen += 1

        code = 1
        try:
            sys.addaudithook(watch)
            step()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 0


def cut_everywhere(tmp_path: Path, prepare: Callable[[Disk], None], check: Callable[[Disk], None]) -> int:
    """Cut the power before every single touch of a start, and start again; return how many there were."""
    for stop_at in range(500):
        box = Disk(tmp_path / str(stop_at))
        prepare(box)
        finished = until(lambda box=box: _start(box), stop_at, box.root)
        check(box) if finished else (box.start(), check(box))
        if finished:
            return stop_at
    pytest.fail("it never ends")


def _start(box: Disk) -> None:
    first_boot.run(box.root)
    apply.run(box.root)


def test_power_that_goes_at_any_moment_of_the_first_start_does_no_harm(tmp_path: Path) -> None:
    # No PIN here: its hash takes a tenth of a second, and is in the next test once.
    text = GOOD.replace("admin_pin", "# admin_pin")

    def check(box: Disk) -> None:
        assert box.problem == ""
        assert parsed(box).name == "Galley"
        assert parsed(box).signaling.token == "harbour"
        assert b"Conference".hex() in (box / SUPPLICANT).read_text()
        after = box.card.read_text()
        assert "open sesame" not in after
        assert "# The galley" in after
        assert tomllib.loads(after)["system"]["name"] == "Galley"
        assert state_files.load_identity(box / "data/meetingbox")
        assert sorted(p.name for p in box.card.parent.iterdir()) == ["meetingbox.toml"]

    assert cut_everywhere(tmp_path, lambda box: box.write(text), check) > 40


def test_power_that_goes_at_any_moment_of_a_change_leaves_the_old_card_or_the_new_one(tmp_path: Path) -> None:
    first = Disk(tmp_path / "first")
    first.start(GOOD)
    (first / "data/meetingbox/settings.toml").write_bytes(
        settings_file.to_bytes(Changes({"name": "Canteen"}))
    )
    identity = (first / "data/meetingbox/identity.key").read_bytes()
    machine_id = (first / "etc/machine-id").read_text()

    def prepare(box: Disk) -> None:
        shutil.copytree(first.root, box.root, dirs_exist_ok=True, symlinks=True)
        text = box.card.read_text().replace('# passphrase = ""', 'passphrase = "another one"')
        box.write(text.replace('"Galley"', '"Mess"'))

    def check(box: Disk) -> None:
        assert box.problem == ""
        assert parsed(box).name == "Mess"
        assert parsed(box).admin.pin_hash == config.parse(first.box, "").admin.pin_hash
        assert settings_file.load(box / "data/meetingbox", parsed(box)).values == {}
        assert "another one" not in box.card.read_text()
        assert (box / "data/meetingbox/identity.key").read_bytes() == identity
        assert (box / "etc/machine-id").read_text() == machine_id

    assert cut_everywhere(tmp_path, prepare, check) > 20


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def watched_sync(handle: int) -> None:
        order.append(f"sync {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        sync(handle)

    def watched_replace(path: Path, target: Path) -> Path:
        order.append(f"rename {path.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    card = tmp_path / "meetingbox.toml"
    card.write_text("old, and longer\n")
    disk.exchange(card, b"new\n")
    assert order == [
        "sync meetingbox.toml.new",
        "rename meetingbox.toml.new",
        f"sync {tmp_path.name}",
        "sync meetingbox.toml (deleted)",
    ]
    assert card.read_text() == "new\n"


def test_an_exchange_that_was_cut_short_between_two_names_is_finished(box: Disk) -> None:
    box.start(GOOD)
    box.card.rename(box.card.with_name("meetingbox.toml.new"))
    assert box.start() == ""
    assert parsed(box).name == "Galley"
    assert box.card.exists()
