"""Lock files: every package of an image, with version, size and SHA-256; one line each.

`lock/amd64.lock` and `lock/arm64.lock` are of the images, `lock/tools.lock` of the chroot that builds
them (on x86-64), `lock/arm64-raspberrypi.lock` of the image with Raspberry Pi's archive. A build uses
nothing else: a file whose SHA-256 is another is refused, whatever a mirror's index says. At the time of
locking the sums come from indexes that apt verified by the archive's signature.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagebuild.common import HERE, BuildError, digest

FOLDER = HERE / "lock"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True, order=True)
class Package:
    """One package: `path` is below the archive's root, `use` is image, files or tools."""

    use: str
    name: str
    version: str
    architecture: str
    archive: str
    size: int
    sha256: str
    path: str


@dataclass(frozen=True)
class Lock:
    """What one image is made of. `epoch`: when the newest of the indexes was made, in seconds since 1970."""

    name: str
    architecture: str
    epoch: int
    manifest: str
    packages: tuple[Package, ...]

    @property
    def digest(self) -> str:
        """A name for exactly this content."""
        return digest(write(self))

    def of(self, use: str) -> tuple[Package, ...]:
        """The packages of one use."""
        return tuple(package for package in self.packages if package.use == use)


def path_of(name: str) -> Path:
    """Where the lock file of this name is."""
    return FOLDER / f"{name}.lock"


def write(lock: Lock) -> str:
    """The lock as the text of its file."""
    lines = [
        "# Every package of the image: use name version architecture archive size SHA-256 path.",
        "# Made by `./dev image --lock`; the build takes these files and no others.",
        f"name {lock.name}",
        f"architecture {lock.architecture}",
        f"epoch {lock.epoch}",
        f"manifest {lock.manifest}",
    ]
    lines += [
        f"{p.use} {p.name} {p.version} {p.architecture} {p.archive} {p.size} {p.sha256} {p.path}"
        for p in sorted(lock.packages)
    ]
    return "\n".join(lines) + "\n"


def parse(text: str, where: str) -> Lock:
    """Read a lock. Raises BuildError with the line at fault."""
    head: dict[str, str] = {}
    packages: list[Package] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("name", "architecture", "epoch", "manifest") and len(words) == 2:
            head[words[0]] = words[1]
            continue
        if len(words) != 8 or words[0] not in ("image", "files", "tools"):
            raise BuildError(
                f"{where}, line {number}: expected use name version architecture archive size SHA-256 path,"
                f" found {line[:120]!r}"
            )
        use, name, version, architecture, archive, size, sha256, path = words
        if not _SHA256.fullmatch(sha256):
            raise BuildError(
                f"{where}, line {number}: expected a SHA-256 of 64 digits, found {sha256[:80]!r}"
            )
        if not size.isdecimal():
            raise BuildError(f"{where}, line {number}: expected a size in bytes, found {size[:80]!r}")
        if not _NAME.fullmatch(name) or path.startswith("/") or ".." in path.split("/"):
            raise BuildError(
                f"{where}, line {number}: no package, or no path below an archive: {line[:120]!r}"
            )
        packages.append(Package(use, name, version, architecture, archive, int(size), sha256, path))
    missing = {"name", "architecture", "epoch", "manifest"} - head.keys()
    if missing or not packages:
        raise BuildError(f"{where}: {', '.join(sorted(missing)) or 'every package'} is missing")
    if not head["epoch"].isdecimal():
        raise BuildError(f"{where}: expected the epoch in seconds, found {head['epoch']!r}")
    seen: set[tuple[str, str]] = set()
    for package in packages:
        if (package.use, package.name) in seen:
            raise BuildError(f"{where}: {package.name} is there twice for {package.use}")
        seen.add((package.use, package.name))
    return Lock(
        head["name"], head["architecture"], int(head["epoch"]), head["manifest"], tuple(sorted(packages))
    )


def load(name: str) -> Lock:
    """The lock of this name. Raises BuildError where there is none, or it is damaged."""
    path = path_of(name)
    try:
        text = path.read_text()
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror}; make it with `./dev image --lock`") from error
    lock = parse(text, str(path))
    if lock.name != name:
        raise BuildError(f"{path}: it is the lock of {lock.name}, not of {name}")
    return lock


def changes(old: Iterable[Package], new: Iterable[Package]) -> list[str]:
    """What changed from one lock to another, a line for each package."""
    before = {(p.use, p.name): p for p in old}
    after = {(p.use, p.name): p for p in new}
    lines = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was is None and now is not None:
            lines.append(f"+ {now.name} {now.version} ({now.use})")
        elif now is None and was is not None:
            lines.append(f"- {was.name} {was.version} ({was.use})")
        elif was is not None and now is not None and was.version != now.version:
            lines.append(f"  {now.name} {was.version} -> {now.version} ({now.use})")
        elif was is not None and now is not None and was.sha256 != now.sha256:
            lines.append(f"! {now.name} {now.version}: another file of the same version ({now.use})")
    return lines
