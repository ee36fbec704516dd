"""Debian packages made into a root file system: the base of an image, and the chroot of the tools.

Both are cached by what went into them: the lock, the manifest's part of it, and this file's settings.
"""

import platform
import shutil
from pathlib import Path

from imagebuild import archive, lock, manifest
from imagebuild.common import BuildError, cache_folder, digest, run, say

# What dpkg leaves out. The copyright files stay: the licences ask for it.
LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/bug/*",
    "path-exclude=/usr/share/reportbug/*",
    "path-exclude=/usr/share/bash-completion/*",
    "path-exclude=/usr/share/zsh/*",
    "path-exclude=/usr/share/fish/*",
    "path-exclude=/usr/share/gtk-doc/*",
)
VERSION = "1"  # of what is done here: another one, and every base is made anew
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def needs_emulation(architecture: str) -> bool:
    """Whether programs of this architecture don't run on this computer by themselves."""
    own = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    return architecture != own


def register_emulation(architecture: str) -> None:
    """Have the kernel start arm64 programs through qemu-user. Raises BuildError when that is not possible."""
    if not needs_emulation(architecture):
        return
    if architecture != "arm64":
        raise BuildError(
            f"on this computer an image for {architecture} can't be built: its programs don't run here"
        )
    if (_BINFMT / "qemu-aarch64").exists():
        return
    try:
        if not (_BINFMT / "register").exists():
            run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT])
        (_BINFMT / "register").write_text(_FORMAT.read_text().strip())
    except (OSError, BuildError) as error:
        raise BuildError(
            f"arm64 programs don't run here; the package qemu-user-static is needed: {error}"
        ) from error


def _bootstrap(
    pinned: lock.Lock, use: str, asked: manifest.Manifest, files: list[Path], target: Path
) -> None:
    """Run mmdebstrap over exactly the locked packages; `target` is a tar archive."""
    repository = cache_folder() / "repository" / f"{pinned.name}-{use}"
    archive.make_repository(files, asked.suite, repository)
    register_emulation(pinned.architecture)
    names = [package.name for package in pinned.of(use)]
    log = cache_folder() / "log" / f"base-{pinned.name}.log"
    log.unlink(missing_ok=True)
    argv: list[object] = ["mmdebstrap", "--mode=root", "--variant=essential", "--format=tar"]
    argv += [f"--architectures={pinned.architecture}", f"--include={','.join(names)}"]
    argv += [f"--dpkgopt={option}" for option in LEFT_OUT]
    # The initramfs is made later, when ours is in place; man pages are left out, so is their index.
    argv += ["--setup-hook=mkdir -p $1/etc/initramfs-tools"]
    argv += ["--skip=check/qemu"] if needs_emulation(pinned.architecture) else []
    argv += [asked.suite, target, f"deb [trusted=yes] copy:{repository} ./"]
    run(argv, env={"SOURCE_DATE_EPOCH": str(pinned.epoch), "INITRD": "No", "LC_ALL": "C.UTF-8"}, log=log)


def _key(pinned: lock.Lock, use: str) -> str:
    packages = "".join(package.sha256 for package in pinned.of(use))
    return digest(pinned.architecture, use, str(pinned.epoch), packages, VERSION, *LEFT_OUT)


def base(pinned: lock.Lock, asked: manifest.Manifest, where: archive.Mirrors) -> Path:
    """The image's Debian packages, installed: a tar archive in the cache."""
    target = cache_folder() / "base" / f"{pinned.name}-{_key(pinned, 'image')}.tar"
    if target.is_file():
        return target
    files = archive.fetch(pinned, where, ["image"])
    say(
        f"making the base of {pinned.name} anew"
        + (", under emulation" if needs_emulation(pinned.architecture) else "")
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part.tar")
    _bootstrap(pinned, "image", asked, list(files.values()), part)
    part.rename(target)
    for old in target.parent.glob(f"{pinned.name}-*.tar"):
        if old != target and old.stem.rsplit("-", 1)[0] == pinned.name:
            old.unlink()
    return target


def tools_folder() -> Path:
    """The chroot with the tools, as a build made it. Raises BuildError where today's lock has none."""
    folder = cache_folder() / "tools" / _key(lock.load("tools"), "tools")
    if not folder.is_dir():
        raise BuildError("the chroot with the tools is not there; `./dev image --arch amd64` makes it")
    return folder


def tools(pinned: lock.Lock, asked: manifest.Manifest, where: archive.Mirrors) -> Path:
    """The chroot with the tools: a folder in the cache."""
    target = cache_folder() / "tools" / _key(pinned, "tools")
    if target.is_dir():
        return target
    files = archive.fetch(pinned, where, ["tools"])
    say("making the chroot with the tools anew")
    target.parent.mkdir(parents=True, exist_ok=True)
    tar = target.with_suffix(".tar")
    _bootstrap(pinned, "tools", asked, list(files.values()), tar)
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o755)
    unpack(tar, part)
    tar.unlink()
    part.rename(target)
    for old in target.parent.iterdir():
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return target


def unpack(tar: Path, folder: Path) -> None:
    """Unpack a root file system as it is: owners, permissions, devices, capabilities."""
    run(["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f", tar, "-C", folder])
