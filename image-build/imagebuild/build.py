"""One image, from the manifest, the lock and the checkout: the order of the steps."""

import fcntl
import json
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from imagebuild import app, archive, base, boot, chroot, disk, lock, manifest, rootfs, sbom
from imagebuild.common import CHECKOUT, BuildError, Steps, cache_folder, file_sha256, run, say

IMAGE_LIMIT = 450_000_000  # bytes of the compressed image
OWNER = 900  # of rootfs.USERS


@dataclass(frozen=True)
class Built:
    """What a build left: the disk, compressed and not, its sum, what is in it, and how long it took."""

    disk: Path
    compressed: Path
    checksum: Path
    bill: Path
    facts: Path


def origin() -> rootfs.Origin:
    """What is checked out. Raises BuildError outside a git checkout."""
    git = ["git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT)]
    commit = run([*git, "rev-parse", "HEAD"]).strip()
    epoch = int(run([*git, "log", "-1", "--format=%ct"]))
    changed = bool(run([*git, "status", "--porcelain"]).strip())
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return rootfs.Origin(commit, changed, epoch, version)


def build(name: str, where: archive.Mirrors, out: Path, *, compress: bool = True) -> Built:
    """Build the image of the lock `name` into the folder `out`."""
    steps = Steps()
    asked = manifest.load()
    pinned, tools_lock = lock.load(name), lock.load("tools")
    for each in (pinned, tools_lock):
        if each.manifest != archive.manifest_digest(asked, each.name):
            raise BuildError(
                f"the manifest asks for other packages than {each.name}.lock has: `./dev image --lock`"
            )
    made = origin()
    if made.changed:
        say("there are changes that are not committed; the image is marked as changed")
    work = cache_folder() / "work" / name
    log = cache_folder() / "log" / f"build-{name}.log"
    work.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with (work.parent / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        shutil.rmtree(work)
        work.mkdir()
        return _steps(steps, asked, pinned, tools_lock, where, made, work, out, log, compress=compress)


def _steps(
    steps: Steps,
    asked: manifest.Manifest,
    pinned: lock.Lock,
    tools_lock: lock.Lock,
    where: archive.Mirrors,
    made: rootfs.Origin,
    work: Path,
    out: Path,
    log: Path,
    *,
    compress: bool,
) -> Built:
    architecture, epoch = pinned.architecture, made.epoch
    with steps.step("tools"):
        tools = base.tools(tools_lock, asked, where)
    with steps.step("base"):
        tar = base.base(pinned, asked, where)
        archive.fetch(pinned, where, ["files"])
    with steps.step("wheel"):
        ours = app.wheel(work / "wheel", epoch)
    root = work / "root"
    root.mkdir(mode=0o755)
    with steps.step("root file system"):
        rootfs.make(root, pinned, tar, tools, asked, ours, made, log)
        boot.board_firmware(root, pinned)
    with steps.step("initramfs"):
        initrd = boot.initramfs(root, tar, asked.left_out, architecture, pinned.epoch, log)
    with steps.step("boot partition"):
        boot.fill(work / "boot", root, pinned, initrd, tools, epoch, log)
    with steps.step("bill of materials"):
        bill = sbom.make(root, pinned, made, work / "bill", log)
    with steps.step("byte-code, clean-up"):
        rootfs.finish(root, tools, asked.python, epoch)
    with steps.step("slot"):
        disk.slot(root, work / "slot.squashfs", tools, epoch, log)
        slot_size = (work / "slot.squashfs").stat().st_size
    with steps.step("disk"):
        image = disk.make(work, architecture, OWNER, tools, epoch, log)
    out.mkdir(parents=True, exist_ok=True)
    built = Built(
        out / f"meetingbox-{pinned.name}.img",
        out / f"meetingbox-{pinned.name}.img.xz",
        out / f"meetingbox-{pinned.name}.img.xz.sha256",
        out / f"meetingbox-{pinned.name}.cdx.json",
        out / f"meetingbox-{pinned.name}.json",
    )
    for path in (built.disk, built.compressed, built.checksum, built.bill, built.facts):
        path.unlink(missing_ok=True)
    run(["cp", "--sparse=always", image, built.disk])
    shutil.copyfile(bill, built.bill)
    if compress:
        with steps.step("compression"):
            # Cut into blocks by more than one thread, so that it does not matter how many there are. What is
            # in a slot is compressed already: a higher preset gains nothing.
            threads = max(2, os.cpu_count() or 2)
            argv = ["xz", "--keep", "-1", f"--threads={threads}", "--block-size=16MiB", image]
            chroot.run_in(tools, argv, [work], log=log)
            shutil.move(image.with_name("disk.img.xz"), built.compressed)
        if built.compressed.stat().st_size > IMAGE_LIMIT:
            raise BuildError(
                f"the image has more than {IMAGE_LIMIT / 1e6:.0f} MB: {built.compressed.stat().st_size}"
            )
        built.checksum.write_text(f"{file_sha256(built.compressed)}  {built.compressed.name}\n")
    facts = {
        "architecture": architecture,
        "variant": pinned.name,
        "commit": made.commit,
        "changed": made.changed,
        "lock": pinned.digest,
        "kernel": rootfs.kernel_version(root),
        "command_line": boot.COMMAND_LINE,
        "bytes": {
            "root": rootfs.size(root),
            "slot": slot_size,
            "disk": built.disk.stat().st_size,
            "image": built.compressed.stat().st_size if compress else None,
        },
        "sha256": {"disk": file_sha256(built.disk)},
        "seconds": steps.timings,
    }
    built.facts.write_text(json.dumps(facts, indent=1) + "\n")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile(work / "boot/slot-a" / name, out / f"{name}-{pinned.name}")
    shutil.rmtree(work)
    say(f"the image is {built.compressed if compress else built.disk}")
    return built
