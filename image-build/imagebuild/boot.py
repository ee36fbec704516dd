"""The boot partition: kernel and initramfs of the slot, boot loader, firmware, meetingbox.toml."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from imagebuild import base, chroot, slotstate
from imagebuild.archive import store
from imagebuild.common import CHECKOUT, HERE, cache_folder, digest, run, tree_digest
from imagebuild.lock import Lock
from imagebuild.rootfs import kernel_version

# `quiet` and no cursor: the first thing on the screen is the box. A kernel that is lost begins anew.
COMMAND_LINE = "boot=slot ro quiet loglevel=3 console=tty0 vt.global_cursor_default=0 panic=10"


def initramfs(
    root: Path, tar: Path, left_out: Sequence[str], architecture: str, epoch: int, log: Path
) -> Path:
    """The initramfs of the root file system, from the cache where nothing of it changed."""
    key = digest(tar.stem, *left_out, tree_digest(HERE / "rootfs/etc/initramfs-tools"))
    target = cache_folder() / "initramfs" / f"{architecture}-{key}"
    if target.is_file():
        return target
    base.register_emulation(architecture)
    version = kernel_version(root)
    env = {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    chroot.run_in(root, ["mkinitramfs", "-o", "/initrd.img.new", version], env=env, log=log)
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f"{architecture}-*"):
        old.unlink()
    shutil.move(root / "initrd.img.new", target)
    return target


def _take_out(pinned: Lock, folder: Path) -> None:
    """Unpack the packages that are used but not installed."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in pinned.of("files"):
        run(["dpkg-deb", "--extract", store() / f"{package.sha256}.deb", folder / package.name])


def fill(folder: Path, root: Path, pinned: Lock, initrd: Path, tools: Path, epoch: int, log: Path) -> None:
    """Put the boot partition's files into the empty `folder`."""
    taken = folder.with_name("files")
    shutil.rmtree(taken, ignore_errors=True)
    _take_out(pinned, taken)
    version = kernel_version(root)
    slot = folder / "slot-a"
    slot.mkdir(parents=True)
    shutil.copyfile(root / f"boot/vmlinuz-{version}", slot / "vmlinuz")
    shutil.copyfile(initrd, slot / "initrd.img")
    shutil.copyfile(CHECKOUT / "appliance/provision/card.toml", folder / "meetingbox.toml")
    if pinned.architecture == "amd64":
        _grub(folder, taken)
    else:
        _uboot(folder, taken, root, version, tools, epoch, log)


def _grub(folder: Path, taken: Path) -> None:
    """Debian's signed chain, as Secure Boot wants it: shim, then GRUB, which looks in /EFI/debian."""
    efi = folder / "EFI/BOOT"
    efi.mkdir(parents=True)
    shutil.copyfile(taken / "shim-signed/usr/lib/shim/shimx64.efi.signed", efi / "BOOTX64.EFI")
    grub = "grub-efi-amd64-signed/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
    shutil.copyfile(taken / grub, efi / "grubx64.efi")
    config = folder / "EFI/debian/grub.cfg"
    config.parent.mkdir()
    config.write_text((HERE / "boot/grub.cfg").read_text().replace("@COMMAND_LINE@", COMMAND_LINE))


def _uboot(folder: Path, taken: Path, root: Path, version: str, tools: Path, epoch: int, log: Path) -> None:
    """The Raspberry Pi's firmware, U-Boot and its script. An emulator brings a U-Boot of its own."""
    firmware = taken / "raspi-firmware/usr/lib/raspi-firmware"
    for name in ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"):
        shutil.copyfile(firmware / name, folder / name)
    shutil.copyfile(taken / "u-boot-rpi/usr/lib/u-boot/rpi_arm64/u-boot.bin", folder / "u-boot.bin")
    trees = root / f"usr/lib/linux-image-{version}"
    # Raspberry Pi's kernel comes with overlays, Debian's has none.
    own = (trees / "overlays").is_dir()
    shutil.copyfile(HERE / f"boot/{'config-raspberrypi.txt' if own else 'config.txt'}", folder / "config.txt")
    if own:
        shutil.copytree(trees / "overlays", folder / "overlays")
    for tree in sorted((trees / "broadcom").glob("bcm*-rpi-*.dtb")):
        shutil.copyfile(tree, folder / tree.name)
    script = (HERE / "boot/boot.cmd").read_text()
    script = script.replace("@COMMAND_LINE@", COMMAND_LINE).replace("@LEFT_AT@", hex(slotstate.LEFT_AT))
    script = script.replace("@STATE_AT@", hex(slotstate.AT // 512))
    source = folder.with_name("boot.cmd")
    source.write_text(script)
    argv = ["mkimage", "-A", "arm64", "-O", "linux", "-T", "script", "-C", "none", "-n", "meetingbox"]
    env = {"SOURCE_DATE_EPOCH": str(epoch)}
    chroot.run_in(tools, [*argv, "-d", source, folder / "boot.scr"], [folder.parent], env=env, log=log)


def board_firmware(root: Path, pinned: Lock) -> None:
    """What the Raspberry Pi's Wi-Fi wants to know of its board; Debian ships it with the boot firmware."""
    if "raspi-firmware" not in {package.name for package in pinned.of("files")}:
        return
    taken = root.with_name("board")
    shutil.rmtree(taken, ignore_errors=True)
    _take_out(pinned, taken)
    source = taken / "raspi-firmware/usr/lib/firmware"
    if source.is_dir():
        shutil.copytree(source, root / "usr/lib/firmware", dirs_exist_ok=True, symlinks=True)
    shutil.rmtree(taken)
