"""The command line of `./dev image`."""

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from imagebuild import archive, build, lock, manifest, reproduce
from imagebuild.common import CHECKOUT, BuildError, Steps, say

ARCHITECTURES = ("amd64", "arm64")
NEEDED = ("mmdebstrap", "dpkg-deb", "apt-get", "git", "uv", "unshare", "chroot", "tar")


def parser() -> argparse.ArgumentParser:
    """The options of `./dev image`."""
    made = argparse.ArgumentParser(
        prog="./dev image",
        description="Build the flashable image, with its SHA-256 and its bill of materials.",
    )
    made.add_argument("--arch", choices=ARCHITECTURES, help="the computer it is for")
    made.add_argument(
        "--raspberrypi",
        metavar="URL",
        nargs="?",
        const="",
        help="for arm64: with kernel, firmware and camera from Raspberry Pi's archive too, whose address is"
        " needed unless this computer's apt has it. Out of reach, the image of Debian alone is built",
    )
    made.add_argument(
        "--raspberrypi-keyring", metavar="FILE", type=Path, help="with the one key that signs it"
    )
    made.add_argument(
        "--lock", action="store_true", help="renew the lock files from the mirrors, and build nothing"
    )
    made.add_argument("--verify-reproducible", action="store_true", help="build twice and compare")
    made.add_argument("--no-compress", action="store_true", help="leave out the .img.xz")
    made.add_argument("--out", metavar="FOLDER", type=Path, default=CHECKOUT / "out", help="default: out")
    made.add_argument(
        "--mirror", metavar="URL", help="Debian's archive; default: what this computer's apt uses"
    )
    made.add_argument("--security-mirror", metavar="URL", help="Debian's security archive, likewise")
    made.add_argument(
        "--snapshot", metavar="URL", help="an archive that keeps packages which left the mirror"
    )
    return made


def main(arguments: Sequence[str]) -> int:
    """Build an image, or renew the locks. Returns the exit status: 3 where the lock has to be renewed."""
    known = parser()
    options = known.parse_args(arguments)
    if options.arch is None and not options.lock:
        known.error("--arch is missing")
    if options.raspberrypi is not None and options.arch == "amd64":
        known.error("--raspberrypi is for --arch arm64")
    try:
        where = archive.mirrors(
            options.mirror,
            options.security_mirror,
            options.snapshot,
            options.raspberrypi or None,
            options.raspberrypi_keyring,
        )
        if options.lock:
            names = [options.arch] if options.arch else list(ARCHITECTURES)
            if options.raspberrypi is not None:
                names.append("arm64-raspberrypi")
            renew(where, [*names, manifest.TOOLS])
            return 0
        _check()
        name = options.arch
        if options.raspberrypi is not None:
            name = _with_second_source(where)
        out = options.out.resolve()
        if options.verify_reproducible:
            return 0 if reproduce.verify(name, where, out, compress=not options.no_compress) else 1
        build.build(name, where, out, compress=not options.no_compress)
    except BuildError as error:
        say(str(error))
        return error.status
    return 0


def _check() -> None:
    """Raise BuildError where an image can't be built on this computer."""
    if os.geteuid() != 0:
        raise BuildError("an image is made of files of many owners: run it as root, or with sudo")
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise BuildError(f"missing here: {', '.join(missing)}; `./dev image` installs them")


def _with_second_source(where: archive.Mirrors) -> str:
    """The name of the lock to build from: with Raspberry Pi's archive, or without it."""
    name = "arm64-raspberrypi"
    if not lock.path_of(name).exists():
        reason = f"there is no {lock.path_of(name).name}; `./dev image --lock --raspberrypi URL` makes one"
    elif archive.is_cached(lock.load(name)):
        return name
    elif "raspberrypi" not in where.roots:
        reason = "its address is not known here: name it after --raspberrypi"
    elif not archive.reachable(where.roots["raspberrypi"], manifest.load().suite):
        reason = f"{where.roots['raspberrypi']} does not answer"
    else:
        return name
    say(f"without Raspberry Pi's archive: {reason}")
    say("the image of Debian alone is built: for Raspberry Pi 3 and 4, with USB cameras")
    return "arm64"


def renew(where: archive.Mirrors, names: Sequence[str]) -> None:
    """Write the lock files of these names anew and say what changed."""
    steps = Steps()
    asked = manifest.load()
    for name in names:
        with steps.step(f"lock {name}"):
            new = archive.make_lock(name, asked, where)
        path = lock.path_of(name)
        old = lock.load(name).packages if path.exists() else ()
        path.write_text(lock.write(new))
        for line in lock.changes(old, new.packages):
            say(f"  {line}")
        size = sum(package.size for package in new.packages) / 1e6
        say(f"{path.name}: {len(new.packages)} packages, {size:.0f} MB to download")
