"""The units by systemd's own judgement, and by what must never be in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from units.unit_files import ROOT, SYSTEMD, install, settings, with_a_system, words

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and os.environ.get("CI") != "true",
    reason="systemd-analyze is not installed: ./dev setup test installs it",
)

# `systemd-analyze security`, 0.0 safe to 10.0 exposed, in tenths.
EXPOSED_AT_MOST = {
    "meetingbox.service": 25,
    "meetingbox-serve.service": 15,
    "meetingbox-sound.service": 20,
    "meetingbox-sound-policy.service": 20,
    "meetingbox-panel.service": 30,
    "meetingbox-bundle.service": 60,
    "meetingbox-cec@.service": 40,
    "meetingbox-firewall.service": 55,
    "meetingbox-first.service": 25,
    "meetingbox-wifi@.service": 55,
}
# What comes when it comes: who waits for it hangs in a room without a network, or without a clock.
NEVER_WAITED_FOR = {
    "network.target", "network-online.target", "nss-lookup.target", "remote-fs.target", "time-set.target",
    "time-sync.target", "systemd-networkd-wait-online.service", "systemd-networkd.service",
    "systemd-timesyncd.service", "systemd-time-wait-sync.service", "systemd-udev-settle.service",
    "multi-user.target", "graphical.target",
}  # fmt: skip


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("appliance")
    install(root, appliance=True)
    with_a_system(root)
    yield root
    shutil.rmtree(root)


def ours(root: Path) -> list[Path]:
    return sorted((root / "usr/lib/systemd/system").glob("meetingbox*.*[!d]"))


def verify(root: Path, *units: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=yes", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    own = [line for line in done.stderr.splitlines() if "meetingbox" in line or "seatd" in line]
    return "\n".join(own) + ("" if done.returncode == 0 or own else done.stderr)


def test_systemd_finds_nothing_wrong_with_any_unit(system: Path) -> None:
    units = [unit.name.replace("@.", "@dev0.") for unit in ours(system) if unit.is_file()]
    assert len(units) >= 14
    assert verify(system, *units, "seatd.service") == ""


def test_the_units_without_an_appliance_are_whole_too(tmp_path: Path) -> None:
    folder = install(tmp_path, appliance=False)
    with_a_system(tmp_path)
    assert not (folder / "meetingbox.target").exists()
    units = [unit.name.replace("@.", "@dev0.") for unit in ours(tmp_path) if unit.is_file()]
    assert verify(tmp_path, *units) == ""
    assert list(tmp_path.glob("etc/**/*")) == []  # nothing is enabled, nothing of the computer's is changed
    assert "Unit.StartLimitAction" not in settings(folder / "meetingbox.service")


def test_verifying_notices_a_mistake(system: Path) -> None:
    unit = system / "usr/lib/systemd/system/meetingbox-serve.service"
    whole = unit.read_text()
    try:
        unit.write_text(whole.replace("WatchdogSec=15", "WatchDogSeconds=15"))
        assert "WatchDogSeconds" in verify(system, unit.name)
    finally:
        unit.write_text(whole)


@pytest.mark.parametrize(("unit", "most"), EXPOSED_AT_MOST.items())
def test_exposure(system: Path, unit: str, most: int) -> None:
    file = system / "usr/lib/systemd/system" / unit
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={most}", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.findall(r"Overall exposure level.*", done.stdout)
    assert told, done.stderr
    assert done.returncode == 0, told


def test_every_service_that_runs_by_itself_is_judged(system: Path) -> None:
    """All but those of the set-up and the test, which do what only the system itself may."""
    alone = {
        "meetingbox-provision.service",
        "meetingbox-devices.service",
        "meetingbox-test-devices.service",
    }
    services = {unit.name for unit in ours(system) if unit.suffix == ".service"}
    assert services - alone == set(EXPOSED_AT_MOST)


def test_the_keypad_waits_for_no_network_and_no_clock(system: Path) -> None:
    folder = system / "usr/lib/systemd/system"
    seen: set[str] = set()
    due = ["meetingbox.service", "basic.target", "sysinit.target"]
    while due:
        name = due.pop()
        if name in seen:
            continue
        seen.add(name)
        unit = folder / name
        if not unit.is_file():
            continue
        # Ordering alone makes nobody wait for what nothing pulls in; ours must not even be ordered so.
        after = words(unit, "Unit.After") | words(unit, "Unit.Requires") | words(unit, "Unit.BindsTo")
        if name.startswith(("meetingbox", "seatd")):
            assert not after & NEVER_WAITED_FOR, name
            assert not words(unit, "Unit.Wants") & NEVER_WAITED_FOR, name
        due += [other for other in after if other.startswith(("meetingbox", "seatd", "modprobe"))]
    assert "meetingbox-sound.socket" in seen


def test_the_box_is_loaded_while_the_rest_of_an_appliance_starts(system: Path) -> None:
    folder = system / "usr/lib/systemd/system"
    for name in ("meetingbox.service", "meetingbox-sound.socket", "seatd.service"):
        unit = settings(folder / name)
        assert unit["Unit.DefaultDependencies"] == ["no"], name
        assert unit["Unit.Conflicts"][-1:] == ["shutdown.target"], name
        assert "shutdown.target" in words(folder / name, "Unit.Before")
        # Who must not be waited for: what provisioning says comes by a file.
        assert not words(folder / name, "Unit.After") & {"basic.target", "sysinit.target", "seatd.service"}
        assert "meetingbox-provision.service" not in words(folder / name, "Unit.After")
    # The rest waits for the keypad, and not for ever.
    first = folder / "meetingbox-first.service"
    assert {"systemd-networkd.service", "meetingbox-sound.service"} <= words(first, "Unit.Before")
    assert settings(first)["Service.TimeoutStartSec"] == ["40"]
    assert "meetingbox.service" not in words(first, "Unit.Before") | words(first, "Unit.After")
    provision = settings(folder / "meetingbox-provision.service")
    (waited,) = (
        value.partition("=")[2]
        for value in settings(folder / "meetingbox.service")["Service.Environment"]
        if value.startswith("MEETINGBOX_PROVISIONED=")
    )
    assert waited in provision["Service.ExecStopPost"][0], "a provisioning that was killed holds up the box"
    assert f"{Path(waited).name}\n" in (SYSTEMD / "lib/provision").read_text()


def test_the_target_takes_the_rest_of_the_machine_along_but_does_not_wait_for_it(system: Path) -> None:
    target = system / "usr/lib/systemd/system/meetingbox.target"
    assert words(target, "Unit.Wants") == {"meetingbox.service", "multi-user.target", "ssh.service"}
    assert "network-online.target" not in target.read_text()
    assert (system / "etc/systemd/system/default.target").readlink().name == "meetingbox.target"


def test_every_device_that_was_there_before_udev_is_told_of_once(system: Path) -> None:
    """A compositor that hears of a keyboard twice opens it twice."""
    folder = system / "usr/lib/systemd/system"
    trigger = (folder / "systemd-udev-trigger.service.d/meetingbox.conf").read_text()
    rest = (folder / "meetingbox-devices.service").read_text()
    now, later = (
        set(re.findall(rf"--subsystem-{kind}=(\S+)", text))
        for kind, text in (("match", trigger), ("nomatch", rest))
    )
    assert now == later
    assert {"input", "drm", "block", "usb", "platform", "sound", "video4linux"} <= now


def test_what_the_presets_say_is_in_force(system: Path) -> None:
    enabled = {link.name for link in (system / "etc/systemd/system").glob("*.wants/*")}
    preset = (SYSTEMD / "appliance/system-preset/50-meetingbox.preset").read_text()
    assert enabled == set(re.findall(r"^enable (\S+)$", preset, re.M))
    assert "meetingbox-serve.service" not in enabled
    assert "disable meetingbox-serve.service" in preset


class TestTheBox:
    """What the issue asks of meetingbox.service."""

    def unit(self, system: Path) -> dict[str, list[str]]:
        return settings(system / "usr/lib/systemd/system/meetingbox.service")

    def test_restarts_by_itself_and_at_last_the_machine_does(self, system: Path) -> None:
        unit = self.unit(system)
        assert unit["Service.Type"] == ["notify"]
        assert unit["Service.NotifyAccess"] == ["all"]
        assert unit["Service.WatchdogSec"] == ["15"]
        assert unit["Service.Restart"] == ["always"]
        assert unit["Service.RuntimeDirectoryPreserve"] == ["restart"]
        assert unit["Unit.StartLimitBurst"] == ["10"]
        assert unit["Unit.StartLimitAction"] == ["reboot"]

    def test_a_hang_is_over_within_20_seconds(self, system: Path) -> None:
        from appliance.core import limits

        unit = self.unit(system)
        watchdog, abort = int(unit["Service.WatchdogSec"][0]), int(unit["Service.TimeoutAbortSec"][0])
        # The last feeding may be one look after the hang; see app/heartbeat.py.
        worst = limits.WATCHDOG_EVERY + watchdog + abort + 0.3
        assert unit["Service.RestartSec"] == ["300ms"]
        assert worst < 20

    def test_reaches_the_lan_and_nothing_else(self, system: Path) -> None:
        for name in ("meetingbox.service", "meetingbox-serve.service"):
            unit = system / "usr/lib/systemd/system" / name
            assert words(unit, "Service.IPAddressDeny") == {"any"}
            assert words(unit, "Service.IPAddressAllow") == {
                "localhost", "link-local", "multicast", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                "255.255.255.255/32", "fc00::/7",
            }  # fmt: skip

    def test_has_its_devices_and_no_others(self, system: Path) -> None:
        unit = system / "usr/lib/systemd/system/meetingbox.service"
        assert settings(unit)["Service.DevicePolicy"] == ["closed"]
        allowed = {value.split()[0] for value in settings(unit)["Service.DeviceAllow"]}
        classes = {"drm", "input", "video4linux", "media", "dma_heap", "alsa"}
        assert allowed == {f"char-{name}" for name in classes} | {"/dev/tty1"}

    def test_knows_the_classes_of_its_devices_when_it_starts(self, system: Path, tmp_path: Path) -> None:
        """A class that the kernel does not know yet when the unit starts would be left out of the list."""
        computer = install(tmp_path, appliance=False) / "meetingbox.service"
        assert {"modprobe@drm.service", "modprobe@videodev.service", "modprobe@snd.service"} <= (
            words(computer, "Unit.After") & words(computer, "Unit.Wants")
        )
        # An appliance waits for nobody: its initramfs loads them, and makes the folder that tmpfiles would.
        initramfs = (ROOT / "image-build/rootfs/etc/initramfs-tools/scripts/slot").read_text()
        assert 'modprobe -d "${rootmnt}" -a drm videodev snd' in initramfs
        unit = system / "usr/lib/systemd/system/meetingbox.service"
        there_or_never = {"meetingbox-sound.socket", "getty@tty1.service", "plymouth-quit.service"}
        assert words(unit, "Unit.After") == there_or_never
        assert settings(unit)["Service.PrivateTmp"][-1] == "no"
        assert {place.partition(":")[0] for place in words(unit, "Service.TemporaryFileSystem")} == {
            "/tmp", "/var/tmp",
        }  # fmt: skip
        tmpfiles = (SYSTEMD / "tmpfiles.d/meetingbox.conf").read_text()
        assert "d /run/meetingbox-session 0700 meetingbox meetingbox -" in tmpfiles
        users = (ROOT / "image-build/imagebuild/rootfs.py").read_text()
        (user,) = re.findall(r"'u meetingbox (\d+) ", users)
        assert f"mode=0700,uid={user},gid={user}" in initramfs


def test_who_opens_the_devices_has_no_list_of_them(system: Path) -> None:
    """ProtectClock= and PrivateDevices= bring one (systemd.exec(5)), and seatd opens screens and inputs."""
    seatd = settings(system / "usr/lib/systemd/system/seatd.service")
    closing = {f"Service.{key}" for key in ("ProtectClock", "PrivateDevices", "DeviceAllow", "DevicePolicy")}
    assert not closing & set(seatd)


def test_virtual_devices_come_only_when_the_kernel_is_told(system: Path) -> None:
    unit = settings(system / "usr/lib/systemd/system/meetingbox-test-devices.service")
    assert unit["Unit.ConditionKernelCommandLine"] == ["meetingbox.test=1"]


def test_users_and_folders(system: Path) -> None:
    """By systemd's own tools, into an empty system."""
    (system / "etc").mkdir(exist_ok=True)
    subprocess.run(
        ["systemd-sysusers", f"--root={system}", str(system / "usr/lib/sysusers.d/meetingbox.conf")],
        check=True,
        capture_output=True,
    )
    users = {line.split(":")[0]: line.split(":") for line in (system / "etc/passwd").read_text().splitlines()}
    assert set(users) == {"meetingbox", "meetingbox-serve"}
    assert all(user[-1].endswith("nologin") and int(user[2]) < 1000 for user in users.values())
    groups = {
        line.split(":")[0]: line.split(":")[3] for line in (system / "etc/group").read_text().splitlines()
    }
    assert {group for group, members in groups.items() if "meetingbox" in members.split(",")} == {
        "video", "render", "input", "audio",
    }  # fmt: skip


def test_the_ports_of_the_kernel_and_of_the_firewall_are_the_same() -> None:
    sysctl = (SYSTEMD / "appliance/sysctl.d/50-meetingbox.conf").read_text()
    low, high = re.findall(r"^net.ipv4.ip_local_port_range = (\d+) (\d+)$", sysctl, re.M)[0]
    assert f"{low}-{high}" in (SYSTEMD / "share/firewall.nft").read_text()


def test_sound_settings_are_as_pipewire_reads_them() -> None:
    """SPA-JSON is JSON with fewer commas and quotes: braces and brackets match, and no line is lost."""
    for file in (SYSTEMD / "share/sound").rglob("*.conf"):
        text = re.sub(r"#.*", "", file.read_text())
        assert text.count("{") == text.count("}")
        assert text.count("[") == text.count("]")


def test_nothing_of_the_repository_is_left_out_of_the_installation(system: Path, tmp_path: Path) -> None:
    files = [path for path in SYSTEMD.rglob("*") if path.is_file() and path.name != "install.sh"]
    installed = {path.name for path in system.rglob("*") if path.is_file()}
    for_others = {path.name for path in files if "computer" in path.parts}
    assert {path.name for path in files} - for_others <= installed
    assert not for_others & installed
    install(tmp_path, appliance=False)
    assert for_others <= {path.name for path in tmp_path.rglob("*")}
