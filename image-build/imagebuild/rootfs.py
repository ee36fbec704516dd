"""The root file system: base, box, units; and nothing that tells one card from another."""

import json
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagebuild import app, base, chroot
from imagebuild.common import CHECKOUT, HERE, BuildError, cache_folder, replacing, tree_digest
from imagebuild.lock import Lock
from imagebuild.manifest import Manifest

# Fixed, because files on the data partition belong to them over many images. Units name them by name.
USERS = (
    'u meetingbox 900 "Meeting box" -',
    'u meetingbox-serve 901 "Meeting box, signaling" -',
)
ENABLED = ("systemd-networkd.service", "meetingbox-slot.service", "meetingbox-grow.service")
DISABLED = ("systemd-networkd-wait-online.service", "wpa_supplicant.service", "ssh.service", "ssh.socket")
# Started by nobody here: they write to flash, look for what a box has not got, or wait for the network.
# Volumes are PipeWire's, and udev gives every card its first ones.
MASKED = (
    "alsa-restore.service",
    "alsa-state.service",
    "dev-hugepages.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "proc-sys-fs-binfmt_misc.automount",
    "sshd-keygen.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-sysinit.service",
)
# Generators of units that nobody asked for: SSH on sockets of virtual machines, partitions found by type.
NO_GENERATORS = ("systemd-gpt-auto-generator", "systemd-ssh-generator")
# Made while building, or different on every box: gone from the slot.
REMOVED = (
    "boot/*",
    "initrd.img*",
    "vmlinuz*",
    "dev/*",
    "proc/*",
    "run/*",
    "sys/*",
    "tmp/*",
    "root/.??*",
    "etc/.pwd.lock",
    "etc/*-",
    "etc/apt",
    "etc/hostname",
    "etc/machine-id",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "usr/lib/python3*/EXTERNALLY-MANAGED",
    "usr/share/doc/*/*.gz",
    "usr/share/initramfs-tools/hooks/raspi-firmware-fsck",
    "var/backups/*",
    "var/cache/apt",
    "var/cache/debconf/*",
    "var/cache/ldconfig",
    "var/cache/man",
    "var/lib/apt",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/*-old",
    "var/lib/initramfs-tools",
    "var/lib/systemd/random-seed",
    "var/lib/ucf/cache",
    "var/log/*",
    "var/tmp/*",
)
MADE = ("boot/firmware", "data", "var/lib/meetingbox")


@dataclass(frozen=True)
class Origin:
    """What an image is made of; `epoch` is the commit's time, in seconds since 1970."""

    commit: str
    changed: bool
    epoch: int
    version: str


def make(
    root: Path, pinned: Lock, tar: Path, tools: Path, asked: Manifest, ours: Path, origin: Origin, log: Path
) -> None:
    """Fill the empty folder `root` with the root file system, all but its last touches (see `finish`)."""
    base.unpack(tar, root)
    app.install(root, pinned.architecture, asked.python, ours)
    shutil.copytree(HERE / "rootfs", root, dirs_exist_ok=True, symlinks=True)
    for path in (HERE / "rootfs").rglob("*"):
        os.chown(root / path.relative_to(HERE / "rootfs"), 0, 0, follow_symlinks=False)
    binds = [root, CHECKOUT]
    chroot.run_in(tools, ["systemd-sysusers", f"--root={root}", "--inline", *USERS], binds, log=log)
    chroot.run_in(tools, ["sh", CHECKOUT / "systemd/install.sh", "--appliance", root], binds, log=log)
    control = ["systemctl", f"--root={root}", "--quiet"]
    for verb, units in (("disable", DISABLED), ("enable", ENABLED), ("mask", MASKED)):
        there = [
            unit for unit in units if verb == "mask" or (root / "usr/lib/systemd/system" / unit).exists()
        ]
        chroot.run_in(tools, [*control, verb, *there], binds, log=log)
    chroot.run_in(tools, ["systemd-sysusers", f"--root={root}"], binds, log=log)
    generators = root / "etc/systemd/system-generators"
    generators.mkdir(parents=True)
    for name in NO_GENERATORS:
        (generators / name).symlink_to("/dev/null")
    base.register_emulation(pinned.architecture)
    _hardware_database(root, log)
    prune(root, asked.left_out)
    chroot.run_in(root, ["depmod", kernel_version(root)], log=log)
    facts = {
        "architecture": pinned.architecture,
        "changed": origin.changed,
        "commit": origin.commit,
        "lock": pinned.digest,
        "variant": pinned.name,
        "version": origin.version,
    }
    target = root / "usr/lib/meetingbox/image.json"
    target.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    release = root / "usr/lib/os-release"
    release.write_text(
        release.read_text() + f"IMAGE_ID=meetingbox-{pinned.name}\nIMAGE_VERSION={origin.version}\n"
    )


def _hardware_database(root: Path, log: Path) -> None:
    """Compile udev's hardware database, or take it from the cache: under emulation it takes minutes."""
    target = root / "usr/lib/udev/hwdb.bin"
    kept = cache_folder() / "hwdb" / tree_digest(root / "usr/lib/udev/hwdb.d")
    if not kept.is_file():
        chroot.run_in(root, ["systemd-hwdb", "--usr", "update"], log=log)
        with replacing(kept) as part:
            shutil.copyfile(target, part)
    target.unlink(missing_ok=True)
    shutil.copyfile(kept, target)


def kernel_version(root: Path) -> str:
    """The one kernel of the root file system."""
    found = [path.name for path in (root / "usr/lib/modules").iterdir() if (path / "modules.dep").exists()]
    if len(found) != 1:
        raise BuildError(f"expected one kernel in the image, found {', '.join(found) or 'none'}")
    return found[0]


def prune(root: Path, patterns: Sequence[str]) -> None:
    """Take out what the manifest leaves out, but no kernel module that one which stays depends on."""
    folder = root / "usr/lib/modules" / kernel_version(root)
    needs: dict[Path, list[Path]] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        module, _, others = line.partition(":")
        needs[folder / module] = [folder / other for other in others.split()]
    unwanted: set[Path] = set()
    for pattern in patterns:
        for path in root.glob(pattern):
            unwanted |= (
                {path} if not path.is_dir() else {each for each in path.rglob("*") if not each.is_dir()}
            )
    kept = {other for module, others in needs.items() if module not in unwanted for other in others}
    for path in unwanted - kept:
        path.unlink()
    for pattern in patterns:
        for path in root.glob(pattern):
            for empty in sorted((path, *path.rglob("*")), reverse=True) if path.is_dir() else ():
                if empty.is_dir() and not any(empty.iterdir()):
                    empty.rmdir()


def finish(root: Path, tools: Path, python: str, epoch: int) -> None:
    """Take out what belongs to no image, compile, and set the times: the last step before the slot."""
    for pattern in REMOVED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for folder in MADE:
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/machine-id").touch(mode=0o444)
    (root / "etc/resolv.conf").touch()
    (root / "etc/hosts").write_text("127.0.0.1 localhost meetingbox\n::1 localhost meetingbox\n")
    (root / "etc/hostname").write_text("meetingbox\n")
    fix_shadow(root)
    app.compile_all(root, tools, python)
    # Newer than /usr, so that nothing is made anew at each boot (systemd-update-done.service(8)).
    for name in ("etc/.updated", "var/.updated"):
        (root / name).write_text(f"# The image was made complete.\nTIMESTAMP_NSEC={epoch}000000000\n")
    clamp(root, epoch)


def fix_shadow(root: Path) -> None:
    """The day of the last password change is the building's: no password, no day."""
    path = root / "etc/shadow"
    lines = [line.split(":") for line in path.read_text().splitlines()]
    for fields in lines:
        if not fields[1].startswith(("!", "*")):
            raise BuildError(f"{fields[0]} has a password in the image")
        fields[2] = ""
    path.write_text("".join(":".join(fields) + "\n" for fields in lines))


def clamp(root: Path, epoch: int) -> None:
    """No file is newer than the commit; what was made just now is exactly as old."""
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files, "."]:
            path = os.path.join(folder, name)
            if os.lstat(path).st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)


def size(root: Path) -> int:
    """Bytes in regular files."""
    return sum(found.st_size for path in root.rglob("*") if stat.S_ISREG((found := path.lstat()).st_mode))
