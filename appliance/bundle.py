"""The support report: a ZIP file with what somebody needs who was not there, and nothing that is secret.

    what is looked at -> masked (core/masking.py) -> bounded -> packed in memory -> written whole, or not

Every part is masked by one ``Masker``, which was shown every file that this machine keeps a secret in. A
part that can't be had says so in its place.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import platform
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from appliance import __version__
from appliance import config as configuration
from appliance.bundle_sources import Sources, secrets
from appliance.core import limits
from appliance.core.masking import Masker
from appliance.errors import ControlError, DeviceError

log = logging.getLogger("meetingbox")

CUT = "[the beginning was left out]\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the report: its name, and what tells its text. ``tell`` may take its time and may raise."""

    name: str
    tell: Callable[[], str]


def write(target: Path, sources: Sources, now: float) -> Path:
    """Write the report to ``target``, a file, or under a name of its own into a folder; return where it is.

    ``now``: seconds since 1970, as this machine knows them. Raises DeviceError: ``bundle.folder``,
    ``bundle.full``, ``bundle.read-only``, ``bundle.write``; nothing is left behind then.
    """
    if target.is_dir():
        target = target / file_name(configuration.box_name(sources.config), now)
    packed = pack(collect(parts(sources), Masker(secrets(sources))), now)
    _write_whole(target, packed)
    return target


def file_name(box: str, now: float) -> str:
    """Of letters that every file system takes."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", box).strip("-")[:32] or "box"
    return f"meetingbox-report-{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}.zip"


def collect(told: Iterable[Part], masker: Masker) -> Iterator[tuple[str, str]]:
    """Each part's name and its masked text, within the bounds."""
    left = limits.BUNDLE_MAX
    for part in told:
        try:
            text = part.tell()
        except Exception as error:  # a report without one of its parts is worth more than none
            text = f"[could not be had: {type(error).__name__}: {error}]\n"
        text = _last(masker.mask(text), min(limits.BUNDLE_PART_MAX, left))
        left -= len(text.encode(errors="replace"))
        yield part.name, text


def pack(files: Iterable[tuple[str, str]], now: float) -> bytes:
    """A ZIP file of these, which any computer opens."""
    stamp = time.gmtime(now)[:6]
    stamp = stamp if 1980 <= stamp[0] <= 2107 else (1980, 1, 1, 0, 0, 0)  # what the format knows
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(
                zipfile.ZipInfo(f"meetingbox-report/{name}", stamp),
                text.encode(errors="replace"),
                zipfile.ZIP_DEFLATED,
            )
    return packed.getvalue()


def _last(text: str, most: int) -> str:
    """The end of a text, which is where the trouble is, in at most so many bytes."""
    data = text.encode(errors="replace")
    if len(data) <= most:
        return text
    rest = data[-max(most - len(CUT), 0) :] if most > len(CUT) else b""
    return CUT + rest.decode(errors="ignore").partition("\n")[2]


def _write_whole(target: Path, data: bytes) -> None:
    part = target.with_name(target.name + ".part")
    try:
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _refused(target, len(data), error) from None
    with contextlib.suppress(OSError):  # FAT knows no fsync of a folder
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _refused(target: Path, size: int, error: OSError) -> DeviceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kilobytes = -(-size // 1024)
        return DeviceError("bundle.full", f"There is no room: the report needs {kilobytes} kB.")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return DeviceError("bundle.read-only", f"{target.parent} can't be written to: is it write-protected?")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return DeviceError("bundle.folder", f"There is no folder {target.parent}.")
    return DeviceError("bundle.write", f"{target} can't be written: {error.strerror}.")


# --- What is in it ----------------------------------------------------------------------------------------


def parts(sources: Sources) -> tuple[Part, ...]:
    """Every part, the shortest and most telling first."""
    root = sources.root

    def ask(verb: str) -> Callable[[], str]:
        return lambda: _ask(sources.socket, verb)

    def run(*commands: str) -> Callable[[], str]:
        return lambda: "\n".join(_run(command) for command in commands)

    def read(*patterns: str) -> Callable[[], str]:
        return lambda: "\n".join(_read(root, pattern) for pattern in patterns)

    journal = f"journalctl --no-pager --quiet --output=short-precise --lines={limits.BUNDLE_JOURNAL_LINES}"
    return (
        Part("about.txt", lambda: _about(root)),
        Part("doctor.json", ask("doctor")),
        Part("status.json", ask("status")),
        Part("counters.json", ask("stats")),
        Part("config.toml", lambda: sources.config_text),
        Part("provision.txt", read("run/meetingbox-provision/problem.json", "usr/lib/meetingbox/image.json")),
        Part("versions.txt", _versions),
        Part(
            "network.txt",
            run(
                "ip -brief address",
                "ip route",
                "ip -6 route",
                "ip -statistics link",
                "ip neighbour",
                "ss --tcp --udp --listening --numeric --processes",
                "networkctl --no-pager status",
                "nft list table inet meetingbox",
            ),
        ),
        Part(
            "services.txt",
            run(
                "systemctl --no-pager --failed",
                "systemctl --no-pager --lines=0 status meetingbox* seatd*",
                "systemd-analyze --no-pager critical-chain meetingbox.service",
            ),
        ),
        Part(
            "devices.txt",
            read(
                "proc/asound/cards",
                "sys/class/drm/card*-*/status",
                "sys/class/drm/card*-*/modes",
                "sys/class/video4linux/*/name",
                "proc/bus/input/devices",
                "sys/bus/usb/devices/*/product",
            ),
        ),
        Part(
            "machine.txt",
            lambda: (
                read(
                    "proc/device-tree/model",
                    "proc/meminfo",
                    "proc/loadavg",
                    "proc/pressure/*",
                    "proc/cmdline",
                )()
                + run("df --human-readable", "ps -eo pid,user,pcpu,rss,etime,comm")()
                + read("sys/class/thermal/thermal_zone*/temp")()
            ),
        ),
        Part("kernel.txt", run(f"{journal} --dmesg")),
        Part("journal.txt", run(journal)),
    )


def _about(root: Path) -> str:
    release = _read(root, "etc/os-release")
    return (
        f"meetingbox {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"written {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} by this machine's clock, "
        f"{time.clock_gettime(time.CLOCK_BOOTTIME):.0f} s after its start\n\n"
        "Passwords, keys and tokens are masked. Addresses have other names, the same in every file here.\n"
        "Names of boxes and numbers of rooms are as they are.\n\n"
        f"{release}"
    )


def _versions() -> str:
    found = sorted({(d.name.lower(), d.version) for d in metadata.distributions()})
    python = "\n".join(f"{name} {version}" for name, version in found)
    return f"Python packages\n{python}\n\n" + _run("dpkg-query --show")


def _ask(socket: Path, verb: str) -> str:
    from appliance.control.client import ControlClient

    try:
        with ControlClient(socket, timeout=limits.DOCTOR_BUNDLE_WITHIN) as client:
            return json.dumps(client.request(verb), indent=1, ensure_ascii=False) + "\n"
    except ControlError as error:
        return f"[{error.code}: {error}]\n"


def _run(command: str) -> str:
    """What a program says, with a line on how it ended if it did not end well."""
    head = f"$ {command}\n"
    try:
        done = subprocess.run(
            command.split(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.BUNDLE_COMMAND_WITHIN,
            check=False,
            env={**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        )
    except FileNotFoundError:
        return f"{head}[this machine does not have it]\n"
    except subprocess.TimeoutExpired:
        return f"{head}[no end within {limits.BUNDLE_COMMAND_WITHIN:g} s]\n"
    said = done.stdout[-limits.BUNDLE_PART_MAX :].decode(errors="replace")
    if done.returncode != 0:
        said += f"[ended with {done.returncode}] {done.stderr[-2000:].decode(errors='replace')}\n"
    return head + said


def _read(root: Path, pattern: str) -> str:
    """Files below the root, each with its name."""
    told = []
    for path in sorted(root.glob(pattern)):
        with contextlib.suppress(OSError), path.open("rb") as file:
            text = file.read(limits.BUNDLE_SECRET_FILE_MAX).decode(errors="replace").replace("\0", "")
            told.append(f"== /{path.relative_to(root)}\n{text}")
    return "\n".join(told) + "\n"


# --- The command --------------------------------------------------------------------------------------------


def run(target: Path, config_path: Path | None, *, as_json: bool) -> int:
    """`meetingbox doctor --bundle`; return the exit code. Raises DeviceError, unless ``as_json`` tells it."""
    try:
        written = write(target, sources(config_path), time.time())
    except DeviceError as error:
        if not as_json:
            raise
        told = {"state": "failed", "code": error.code, "sentence": str(error)}
        sys.stdout.write(json.dumps(told) + "\n")
        return 1
    size = written.stat().st_size
    done = {"state": "written", "file": written.name, "bytes": size}
    sys.stdout.write(json.dumps(done) + "\n" if as_json else f"{written} ({-(-size // 1024)} kB)\n")
    return 0


def sources(config_path: Path | None) -> Sources:
    """Of this machine. A configuration with a mistake is a finding, and no reason to write nothing."""
    from appliance import settings_file
    from appliance.errors import ConfigError

    state = configuration.state_dir()
    try:
        loaded = settings_file.in_force(configuration.load(config_path), state)
        config = loaded.config
        origins = dict.fromkeys(loaded.given, "from the file")
        text = configuration.effective_toml(config, sources=origins)
    except ConfigError as error:
        config = configuration.Config()
        text = f"# {error}\n# What is in force instead is not known here.\n"
    return Sources(config, text, state, Path(config.control.socket or configuration.find_socket()))
