"""What a box has for itself alone, made once on its data partition: machine id, SSH host key, identity.

None of it is in the image, so no two boxes share any. Every step does only what is missing, so it may be cut
short at any point and run at every start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from appliance import config as configuration
from appliance.core import limits
from appliance.provision import disk, keeping, reset, system

log = logging.getLogger("meetingbox")

DATA = "data"
MACHINE_ID = "data/machine-id"
STATE = "data/meetingbox"
IDENTITY = "identity.key"  # of the box's state folder: app/state_files.py
IDENTITY_BYTES = 32
SERIAL = "proc/device-tree/serial-number"
VOLATILE = f"{configuration.PROVISION_RUN}/volatile".lstrip("/")
USER = "meetingbox"


def run(root: Path) -> None:
    """Make what is missing below ``root``. What can't be made is logged: a box must start."""
    if root == Path("/"):
        _something_to_write_on(root)
    if reset.if_asked(root):
        # The system that runs keeps its machine id until it is switched off: others have read it already.
        _try(_new_machine_id, root)
    steps: tuple[Callable[[Path], None], ...] = (_machine_id, _folders, _identity, _host_key)
    for step in steps:
        _try(step, root)


def _try(step: Callable[[Path], None], root: Path) -> None:
    try:
        step(root)
    except (OSError, ValueError) as error:
        log.warning("first-boot.%s %s", step.__name__.strip("_"), error)


def host_name(root: Path) -> str:
    """The name of this computer on the network: see ``system.host_name``."""
    return system.host_name(_text(root / SERIAL).strip("\0"), _valid_id(_text(root / "etc/machine-id")))


def _something_to_write_on(root: Path) -> None:
    """Without its data partition a box works all the same, and forgets everything when it is switched off."""
    data = root / DATA
    if os.path.ismount(data):
        return
    log.warning("first-boot.no-data-partition")
    try:
        command = ["mount", "-t", "tmpfs", "-o", "mode=0755,size=64M", "tmpfs", str(data)]
        subprocess.run(command, timeout=limits.MOUNT_WITHIN, check=True)
        disk.write(root / VOLATILE, b"")
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("first-boot.nothing-to-write-on %s", error)


def _machine_id(root: Path) -> None:
    """The one that the system runs with at its first start is kept. What starts the system gives it this one
    again, before anything reads it; where nothing did, there is one from here on.
    """
    kept, running = root / MACHINE_ID, root / "etc/machine-id"
    found = _valid_id(_text(kept)) or _valid_id(_text(running)) or _new_id()
    disk.write(kept, f"{found}\n".encode(), mode=0o444)
    if not _valid_id(_text(running)):
        disk.write(running, f"{found}\n".encode(), mode=0o444)


def _new_machine_id(root: Path) -> None:
    disk.write(root / MACHINE_ID, f"{_new_id()}\n".encode(), mode=0o444)


def _new_id() -> str:
    """machine-id(5): a random UUID of version 4."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return raw.hex()


def _valid_id(text: str) -> str:
    found = text.strip()
    return found if re.fullmatch(r"[0-9a-f]{32}", found) and found.strip("0") else ""


def _text(path: Path) -> str:
    try:
        return disk.read_limited(path, limits.CONFIG_MAX_BYTES).decode("ascii", "replace")
    except (OSError, ValueError):
        return ""


def _folders(root: Path) -> None:
    (root / keeping.FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    state = root / STATE
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER)
        # Another system image may number its users otherwise.
        if state.stat().st_uid != user.pw_uid:
            for path in (*state.rglob("*"), state):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _identity(root: Path) -> None:
    path = root / STATE / IDENTITY
    if not path.exists():
        disk.write(path, os.urandom(IDENTITY_BYTES), mode=0o600, like=path.parent)
        log.info("first-boot.identity made")


def _host_key(root: Path) -> None:
    path = root / system.HOST_KEY.lstrip("/")
    public = path.with_name(path.name + ".pub")
    if path.exists() and public.exists():
        return
    # Imported when it is needed, at the first start: it takes a tenth of a second.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists():
        key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    else:
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        disk.write(path, private, mode=0o600)
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    disk.write(public, line + b" meetingbox\n")
    log.info("first-boot.host-key made")
