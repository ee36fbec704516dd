"""What every step needs: where things are, a command that fails loudly, steps with timings."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = CHECKOUT / "image-build"


class BuildError(Exception):
    """The image can't be built; the message says to a person why, and what to do. ``status``: of the exit."""

    status = 1


class StaleLockError(BuildError):
    """A locked package is in no archive any more: the lock has to be renewed."""

    status = 3


def cache_folder() -> Path:
    """Where downloads, chroots and bases are kept from one build to the next."""
    base = os.environ.get("MEETINGBOX_IMAGE_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meetingbox-image"


def say(sentence: str) -> None:
    """One line for the person who waits."""
    sys.stderr.write(f"image: {sentence}\n")
    sys.stderr.flush()


def digest(*parts: str | bytes) -> str:
    """A short name for content: the same parts in the same order, the same name."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()[:20]


def tree_digest(*folders: Path) -> str:
    """A name for the content of folders: paths, permissions, bytes, targets of links."""
    parts: list[str | bytes] = []
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            if "__pycache__" in path.parts:
                continue
            parts.append(str(path.relative_to(folder)))
            if path.is_symlink():
                parts.append(str(path.readlink()))
            elif path.is_file():
                parts += ["x" if os.access(path, os.X_OK) else "-", path.read_bytes()]
    return digest(*parts)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(
    argv: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    input_: str | None = None,
    shown: Sequence[object] | None = None,
) -> str:
    """Run a command and return its standard output. `env` is added to ours.

    What it prints besides goes to `log`. Raises BuildError with the end of that when it fails; `shown` is the
    command that log and error name, where it is not `argv`.
    """
    words = [str(word) for word in argv]
    name = " ".join(str(word) for word in shown or argv)
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            input=input_,
            stdin=None if input_ is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise BuildError(f"{words[0]} is not there: {error}") from error
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"$ {name}\n{done.stdout}{done.stderr}\n")
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise BuildError(f"{name[:300]}: exit status {done.returncode}\n{tail}")
    return done.stdout


class Steps:
    """The steps of one build, each announced and timed; `timings` is theirs in seconds, in order."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, run the block, say how long it took."""
        say(f"{name} ...")
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        self.timings[name] = round(seconds, 1)
        say(f"{name}: {seconds:.1f} s")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to that takes the place of `path` only when the block went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield part
        part.rename(path)
    finally:
        if part.is_file():
            part.unlink()
