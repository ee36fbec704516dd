"""``meetingbox provision`` as a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from provision.boxes_disk import Disk
from provision.broken_cards import BROKEN, put

from appliance.provision import report

WIFI = '[network.wifi]\ncountry = "DE"\nssid = "Conference"\npassphrase = "open sesame"\n'


def provision(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "appliance", "provision", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_right_card_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "meetingbox.toml"
    file.write_text('name = "Galley"\nservers = ["ws://relay.example:8787"]\n' + WIFI)
    done = provision("--check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Galley" in done.stdout
    assert '"Conference" (DE, wpa2)' in done.stdout
    assert "taken off the card by the box: network.wifi.passphrase" in done.stdout
    assert "relay.example is a name" in done.stdout
    assert "open sesame" not in done.stdout
    assert file.read_text().endswith(WIFI)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_exits_with_2(name: str, tmp_path: Path) -> None:
    put(name, tmp_path)
    done = provision("--check", tmp_path / "meetingbox.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"meetingbox: {tmp_path / 'meetingbox.toml'}: ")
    if BROKEN[name].line:
        assert f"line {BROKEN[name].line}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_of_several_each_is_told(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("name = 1\n" if name == "b" else f'name = "{name}"\n')
    done = provision("--check", *(tmp_path / name for name in "abc"))
    assert done.returncode == 2
    assert done.stdout.count("is right") == 2
    assert done.stderr.count("expected") == 1


def test_the_template_is_right(tmp_path: Path) -> None:
    done = provision("template")
    assert done.stdout == report.template()


def test_cards_are_made_and_put(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text("card;system.name\nbridge;Bridge\ngalley;Galley\n")
    (tmp_path / "t.toml").write_text(provision("template").stdout)
    done = provision(
        "cards", "--template", tmp_path / "t.toml", "--list", tmp_path / "rooms.csv", "--out", tmp_path / "o"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 cards\n")
    (tmp_path / "card").mkdir()
    done = provision("put", tmp_path / "o/galley/meetingbox.toml", tmp_path / "card")
    assert done.returncode == 0
    assert 'name = "Galley"' in (tmp_path / "card/meetingbox.toml").read_text()
    done = provision("put", tmp_path / "rooms.csv", tmp_path / "card")
    assert done.returncode == 2
    assert 'name = "Galley"' in (tmp_path / "card/meetingbox.toml").read_text()
    done = provision("put", tmp_path / "o/galley/meetingbox.toml", tmp_path / "none")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_start_below_a_folder_needs_no_root(tmp_path: Path) -> None:
    box = Disk(tmp_path)
    box.write('[system]\nname = "Galley"\n')
    done = provision("boot", "--root", tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'name = "Galley"' in box.box
    assert (box / "data/meetingbox/identity.key").exists()
    put("bad-toml", box.card.parent)
    for step in ("first-boot", "apply"):
        done = provision(step, "--root", tmp_path)
        assert done.returncode == 0
    assert "line 5" in done.stderr
    assert box.problem.startswith("meetingbox.toml, line 5")


def test_no_secret_is_in_what_it_logs(tmp_path: Path) -> None:
    box = Disk(tmp_path)
    box.write(WIFI + '[system]\nadmin_pin = "471147"\n')
    done = provision("boot", "--root", tmp_path)
    assert "open sesame" not in done.stderr
    assert "471147" not in done.stderr
    box.write(WIFI.replace("open sesame", "short") + "[system]\nadmin_pin = 471147\n")
    done = provision("boot", "--root", tmp_path)
    assert "short" not in done.stderr
    assert "471147" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0 and os.environ.get("CI") != "true", reason="needs root for a mount")
def test_a_card_that_is_mounted_read_only_is_writable_as_long_as_it_is_written(tmp_path: Path) -> None:
    """In a mount namespace of its own; the card is a tmpfs there, as no FAT needs to be."""
    box = Disk(tmp_path)
    script = f"""
set -eu
mount -t tmpfs tmpfs {box.card.parent}
printf '%s' "$CARD" > {box.card}
mount -o remount,ro {box.card.parent}
{sys.executable} -m appliance provision boot --root {tmp_path}
cat {box.card}
grep -q 'firmware tmpfs ro,' /proc/mounts
touch {box.card.parent}/x 2>/dev/null && exit 9
exit 0
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CARD": WIFI},
    )
    assert done.returncode == 0, done.stderr
    assert "open sesame" not in done.stdout
    assert 'ssid = "Conference"' in done.stdout
