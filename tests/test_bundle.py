"""The support report: what is in it, what is not, and what a stick may do to it."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from net.boxes import Boxes

from appliance import bundle
from appliance import config as configuration
from appliance.core import limits
from appliance.core.masking import MASK, Masker
from appliance.errors import DeviceError

NOW = 1_790_000_000.0
IDENTITY = bytes(range(100, 132))
# Every kind of secret that a box has, by where it is kept.
PLANTED = {
    "token": "t0ken-of-this-fleet",
    "server key": "other-servers-apikey",
    "pin": "471108",
    "wifi passphrase": "correct horse battery",
    "wifi psk": "8f0e1d2c3b4a59687786958473625140f1e2d3c4b5a697887766554433221100",
    "wpa3": "Süße Träume 42",
    "pin hash": "scrypt$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
    "line secret": "bGluZXNlY3JldGxpbmVzZWNyZXQ=",
    "card passphrase": "still-on-the-card",
}
ADDRESSES = (
    "10.77.3.14",
    "192.168.178.20",
    "fe80::5054:ff:fe12:3456",
    "2001:db8:77::14",
    "52:54:00:12:34:56",
)

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true", reason="mounts a small file system: needs root"
)


def plant(root: Path) -> bundle.Sources:
    """A machine with a secret in every place where one may be."""
    p = PLANTED
    config = configuration.parse(
        f'name = "Bridge"\nservers = ["ws://{ADDRESSES[1]}:8787/[CHANNEL_ID]?apiKey={p["server key"]}"]\n'
        f'[signaling]\ntoken = "{p["token"]}"\n[admin]\npin = "{p["pin"]}"\n',
        "planted",
    )
    files = {
        "etc/meetingbox/meetingbox.toml": f'[signaling]\ntoken = "{p["token"]}"\n',
        "boot/firmware/meetingbox.toml": f'[network.wifi]\npassphrase = "{p["card passphrase"]}"\n',
        "etc/wpa_supplicant/wpa_supplicant.conf": f"network={{\n\tssid=6d6565\n\tpsk={p['wifi psk']}\n"
        f"\tsae_password={p['wpa3'].encode().hex()}\n}}\n",
        "data/provision/applied.json": json.dumps(
            {"v": 1, "kept": {"wifi": {"passphrase": p["wifi passphrase"]}}}
        ),
        "data/ssh/ssh_host_ed25519_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nc2hvcnRib2R5\n-----END-----\n",
        "data/ssh/ssh_host_ed25519_key.pub": "ssh-ed25519 AAAA\n",
        "run/meetingbox/joined-0.json": json.dumps({"lines": [{"secret": p["line secret"]}]}),
        "run/meetingbox-provision/problem.json": json.dumps({"sentence": f"{p['token']} at {ADDRESSES[0]}"}),
        "var/lib/meetingbox/pin.json": json.dumps({"hash": p["pin hash"]}),
        "etc/os-release": "ID=debian\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "var/lib/meetingbox/identity.key").write_bytes(IDENTITY)
    text = configuration.effective_toml(config)
    return bundle.Sources(config, text, root / "var/lib/meetingbox", root / "nobody.sock", root)


def everything_said() -> str:
    """A log in which all of it was said, in every way, between words that are to stay."""
    lines = [
        f"box.started kept-line {name}: {secret} and {secret.encode().hex()}"
        for name, secret in PLANTED.items()
    ]
    lines += [f"peer at {address} port 8787 kept-address" for address in ADDRESSES]
    lines += [f"identity {IDENTITY.hex()} {b64encode(IDENTITY).decode()}", "c2hvcnRib2R5", "kept-end"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bundle.Sources:
    """With programs that say all of it: they come before the real ones."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "said").write_text(everything_said())
    for name in ("journalctl", "ip", "ss", "nft", "networkctl", "systemctl", "ps"):
        program = programs / name
        program.write_text(f"#!/bin/sh\ncat '{tmp_path}/said'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    root = tmp_path / "root"
    root.mkdir()
    return plant(root)


def read(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {Path(name).name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_and_no_address_is_in_it(machine: bundle.Sources, tmp_path: Path) -> None:
    files = read(bundle.write(tmp_path / "report.zip", machine, NOW))
    text = "\n".join(files.values())
    for name, secret in PLANTED.items():
        for form in (secret, secret.encode().hex(), b64encode(secret.encode()).decode()):
            assert form not in text, name
    for form in (IDENTITY.hex(), b64encode(IDENTITY).decode(), "c2hvcnRib2R5"):
        assert form not in text
    for address in ADDRESSES:
        assert address not in text
    assert not re.search(r"52-?:?54-?:?00", text)


def test_what_helps_is_in_it(machine: bundle.Sources, tmp_path: Path) -> None:
    files = read(bundle.write(tmp_path / "report.zip", machine, NOW))
    assert set(files) == {part.name for part in bundle.parts(machine)}
    assert "kept-end" in files["journal.txt"]
    assert files["journal.txt"].count("kept-line") == len(PLANTED)
    assert 'name = "Bridge"' in files["config.toml"]
    assert "aiortc" in files["versions.txt"]
    assert f'"sentence": "{MASK} at private-ipv4-' in files["provision.txt"]
    assert "[control.no-box:" in files["status.json"]
    assert "meetingbox" in files["about.txt"]


def test_an_address_has_one_name_in_all_files(machine: bundle.Sources, tmp_path: Path) -> None:
    files = read(bundle.write(tmp_path / "report.zip", machine, NOW))
    told = [
        re.findall(r"peer at (\S+) port", files[name])
        for name in ("network.txt", "journal.txt", "kernel.txt")
    ]
    assert len(set(told[1])) == len(ADDRESSES)
    assert told[1] == told[2] == told[0][: len(ADDRESSES)]


def test_a_running_box_tells_what_it_knows(machine: bundle.Sources, tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge")
        sources = bundle.Sources(
            machine.config, machine.config_text, machine.state_dir, box.folder / "control.sock", machine.root
        )
        files = read(bundle.write(tmp_path, sources, NOW))
    assert json.loads(files["status.json"])["state"] == "idle"
    assert "counters" in json.loads(files["counters.json"])
    assert "findings" in files["doctor.json"]


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_PART_MAX", 1000)
    monkeypatch.setattr(limits, "BUNDLE_MAX", 2500)
    line = "a line of a log that goes on and on\n"
    told = [bundle.Part(f"{n}.txt", lambda: line * 10_000 + "the end\n") for n in range(5)]
    files = dict(bundle.collect(told, Masker()))
    assert sum(len(text) for text in files.values()) <= 2500 + 5 * len(bundle.CUT)
    assert files["0.txt"].startswith(bundle.CUT + "a line of")
    assert files["0.txt"].endswith("the end\n")
    assert "a line of" not in files["4.txt"]


def test_a_part_that_can_not_be_had_says_so() -> None:
    def broken() -> str:
        raise OSError(errno.EIO, "the disk at 10.9.8.7 is gone")

    ((_, text),) = bundle.collect([bundle.Part("x.txt", broken)], Masker())
    assert text == "[could not be had: OSError: [Errno 5] the disk at private-ipv4-1 is gone]\n"


def test_a_folder_gets_a_file_with_a_name_that_windows_takes(machine: bundle.Sources, tmp_path: Path) -> None:
    written = bundle.write(tmp_path, machine, NOW)
    assert written.name == "meetingbox-report-Bridge-20260921-141320.zip"
    assert bundle.file_name("Küche/2 ♥", 0.0) == "meetingbox-report-K-che-2-19700101-000000.zip"


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@needs_root
def test_a_stick_that_is_full(machine: bundle.Sources, tmp_path: Path) -> None:
    with small_disk(tmp_path / "stick", "size=8k") as stick:
        (stick / "holiday.jpg").write_bytes(b"x" * 4096)
        with pytest.raises(DeviceError, match=r"no room: the report needs \d+ kB") as refused:
            bundle.write(stick, machine, NOW)
        assert refused.value.code == "bundle.full"
        assert [path.name for path in stick.iterdir()] == ["holiday.jpg"]


@needs_root
def test_a_stick_that_is_write_protected(machine: bundle.Sources, tmp_path: Path) -> None:
    with small_disk(tmp_path / "stick", "ro") as stick:
        with pytest.raises(DeviceError, match="write-protected") as refused:
            bundle.write(stick, machine, NOW)
        assert refused.value.code == "bundle.read-only"


def test_no_folder(machine: bundle.Sources, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="There is no folder") as refused:
        bundle.write(tmp_path / "nowhere" / "report.zip", machine, NOW)
    assert refused.value.code == "bundle.folder"


def test_the_command(tmp_path: Path) -> None:
    """As it is typed; a configuration with a mistake is in the report, and keeps nobody from it."""
    config = tmp_path / "broken.toml"
    config.write_text("[signaling]\nport = 1000000\n")
    argv = [sys.executable, "-m", "appliance", "doctor", "--config", str(config), "--json", "--bundle"]
    environment = {**os.environ, "MEETINGBOX_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [*argv, str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "written"
    assert "signaling.port" in read(tmp_path / told["file"])["config.toml"]
    done = subprocess.run([*argv, "/nowhere/x"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "bundle.folder"
