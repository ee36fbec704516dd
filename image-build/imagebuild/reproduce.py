"""Two builds of one image, nothing but the downloads shared between them, compared byte by byte."""

import os
import shutil
from pathlib import Path

from imagebuild import archive, base, build, chroot, disk
from imagebuild.common import BuildError, cache_folder, file_sha256, say

_CHUNK = 1 << 20


def verify(name: str, where: archive.Mirrors, out: Path, *, compress: bool = True) -> bool:
    """Build the image of this lock twice; True when both are the same.

    The second build has a cache of its own, below another path: it makes chroot, base and initramfs anew.
    Where the images differ, diffoscope writes what differs to `out`/differences.txt.
    """
    begun = build.origin()
    first = build.build(name, where, out, compress=compress)
    ours = os.environ.get("MEETINGBOX_IMAGE_CACHE")
    other = cache_folder() / "again"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir(parents=True)
    archive.store().mkdir(parents=True, exist_ok=True)
    (other / "packages").symlink_to(archive.store())
    tools = base.tools_folder()
    try:
        os.environ["MEETINGBOX_IMAGE_CACHE"] = str(other)
        second = build.build(name, where, other / "out", compress=compress)
    finally:
        if ours is None:
            del os.environ["MEETINGBOX_IMAGE_CACHE"]
        else:
            os.environ["MEETINGBOX_IMAGE_CACHE"] = ours
    if begun != build.origin():
        raise BuildError("the checkout changed between the two builds: they can't be compared")
    same = True
    pairs = [("disk", first.disk, second.disk), ("bill of materials", first.bill, second.bill)]
    if compress:
        pairs.append(("image", first.compressed, second.compressed))
    for label, one, two in pairs:
        equal = file_sha256(one) == file_sha256(two)
        same = same and equal
        say(f"{label}: {'the same' if equal else 'DIFFERENT'}, {file_sha256(one)}")
    if not same:
        report = out / "differences.txt"
        compare(first.disk, second.disk, tools, cache_folder() / "compared", report)
        say(f"what differs is in {report}; the second build is in {other}")
        return False
    shutil.rmtree(other)
    return True


def parts() -> dict[str, tuple[int, int]]:
    """The disk's parts in bytes: where they begin, how long they are."""
    at = 0
    found = {}
    sizes = {
        "partition table": disk.MIB,
        "MEETINGBOX": disk.BOOT_SIZE,
        "slot-state": disk.MIB,
        "slot-a": disk.SLOT_SIZE,
        "slot-b": disk.SLOT_SIZE,
        "meetingbox-data": disk.DATA_SIZE,
    }
    for label, size in sizes.items():
        found[label] = (at, size)
        at += size
    return found


def differing(one: Path, two: Path) -> list[str]:
    """The parts in which two disks differ."""
    found = []
    with one.open("rb") as first, two.open("rb") as second:
        for label, (at, size) in parts().items():
            first.seek(at)
            second.seek(at)
            left = size
            while left:
                a, b = first.read(min(_CHUNK, left)), second.read(min(_CHUNK, left))
                if a != b:
                    found.append(label)
                    break
                left -= min(_CHUNK, left)
    return found


def compare(one: Path, two: Path, tools: Path, work: Path, report: Path) -> None:
    """Write what differs between two disks: the files in their boot partitions and slots, by diffoscope."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    lines = [f"{label} differs" for label in differing(one, two)]
    places = parts()
    for side, image in (("one", one), ("two", two)):
        (work / side).mkdir()
        boot = ["mcopy", "-s", "-m", "-i", f"{image}@@{places['MEETINGBOX'][0]}", "::", work / side / "boot"]
        chroot.run_in(tools, boot, [work, image.parent], env={"MTOOLS_SKIP_CHECK": "1"})
        slot = ["unsquashfs", "-q", "-n", "-o", str(places["slot-a"][0]), "-d", work / side / "slot", image]
        chroot.run_in(tools, slot, [work, image.parent])
    target = work / "report.txt"
    argv = [
        "diffoscope",
        "--text",
        target,
        "--exclude-directory-metadata=recursive",
        work / "one",
        work / "two",
    ]
    try:
        chroot.run_in(tools, argv, [work])
    except BuildError as error:
        lines.append(str(error)[:500] if not target.exists() else "")
    found = target.read_text() if target.exists() else "no file differs in content\n"
    report.write_text("\n".join(lines) + "\n\n" + found)
