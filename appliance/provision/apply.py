"""Bring the card into force, at every start: whole, or the last good one in its place.

The order is what makes it harmless to lose the power at any point. First the card's text without its secrets
and the secrets go to the data partition, in one file; then the secrets leave the card; then the system's
files are written, which live until the next start only.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from appliance import config as configuration
from appliance import settings_file
from appliance.config import Config
from appliance.core import limits
from appliance.errors import ConfigError
from appliance.provision import again, disk, first_boot, keeping, mistake, plan, takeover
from appliance.provision import card as cards
from appliance.provision.card import Card
from appliance.provision.keeping import Applied
from appliance.provision.mistake import ProblemFile
from appliance.provision.takeover import Taken

log = logging.getLogger("meetingbox")

CARD = f"boot/firmware/{cards.FILE}"
PIN = "pin.json"  # of the box's state folder: app/pin.py
_NOTHING = "# nothing but the defaults\n"


def run(root: Path) -> ProblemFile | None:
    """Apply the card below ``root``; return what home will show, if anything. Never raises for a card."""
    path = root / CARD
    before = keeping.load(root)
    problem: ProblemFile | None = None
    bom = False
    try:
        text, bom = disk.read_card(path)
        card = cards.parse(text, str(path))
        taken = _take(card, before)
        good = True
    except ConfigError as error:
        log.warning("%s %s", error.code, error)
        card, taken, last_good = _instead(before)
        problem = mistake.of_card(error, last_good)
        good = False
    if good and not _keep(root, card, taken, before):
        problem = mistake.of_disk()
    elif good and taken.off:
        _take_off(root, taken, bom)
    made = plan.make(card, taken.kept, taken.lost, machine(root))
    for found in made.problems:
        log.warning("%s %s", found.code, found.key)
        problem = problem or mistake.of_plan(found, cards.FILE)
    if (root / first_boot.VOLATILE).exists():
        problem = problem or mistake.of_disk()
    written = write(root, made, problem)
    if root == Path("/"):
        _into_the_kernel(made)
    if problem is None and written and keeping.load(root).pending == "":
        again.keep(root, path, made)
    return problem


def _take(card: Card, before: Applied) -> Taken:
    again = before.pending != "" and before.pending == keeping.digest(card.text)
    return takeover.take(card, before.kept, os.urandom(limits.PIN_SALT_BYTES), again)


def _instead(before: Applied) -> tuple[Card, Taken, bool]:
    """The last good card, or an empty one where there is none that this version knows; and which of them."""
    if before.text is not None:
        try:
            card = cards.parse(before.text, keeping.FILE)
            return card, _take(card, before), True
        except ConfigError as error:
            log.warning("provision.last-good %s", error)
    card = cards.parse(_NOTHING)
    return card, _take(card, Applied()), False


# --- What is kept ------------------------------------------------------------------------------------


def _keep(root: Path, card: Card, taken: Taken, before: Applied) -> bool:
    """Keep a good card and its secrets on the data partition, if they are new; say whether they are there."""
    now = Applied(taken.text, taken.kept, keeping.digest(card.text) if taken.off else "")
    if now == before:
        return True
    try:
        if before.text is not None:
            _newer_wins(root / first_boot.STATE, before, card, taken)
        keeping.save(root, now)
    except OSError as error:
        log.warning("provision.not-kept %s", error.strerror)
        return False
    log.info("provision.applied a new card")
    return True


def _newer_wins(state: Path, before: Applied, card: Card, taken: Taken) -> None:
    """What was changed on the card wins over what was set on the screen before. Raises OSError."""
    try:
        old = plan.config_of(cards.parse(before.text or _NOTHING, keeping.FILE), before.kept)
    except ConfigError:
        return
    new = plan.config_of(card, taken.kept)
    changed = {key for key in settings_file.KEYS if _get(old, key) != _get(new, key)}
    on_screen = settings_file.load(state, new)
    left = {key: value for key, value in on_screen.values.items() if key not in changed}
    if on_screen.problem is None and left != on_screen.values:
        data = settings_file.to_bytes(settings_file.Changes(left))
        disk.write(state / settings_file.SETTINGS, data, mode=0o600, like=state)
        log.info("provision.over-the-screen %s", ", ".join(sorted(changed & set(on_screen.values))))
    if before.kept.pin_hash and not taken.kept.pin_hash:
        (state / PIN).unlink(missing_ok=True)


def _get(config: Config, key: str) -> Any:
    value: Any = msgspec.to_builtins(config)
    for part in key.split("."):
        value = value[part]
    return value


def _take_off(root: Path, taken: Taken, bom: bool) -> None:
    """Exchange the card's text. Where the card can't be written it is tried again at the next start."""
    try:
        disk.exchange(root / CARD, taken.text.encode("utf-8-sig" if bom else "utf-8"))
        keeping.save(root, Applied(taken.text, taken.kept))
        log.info("provision.taken-over %s", ", ".join(taken.off))
    except OSError as error:
        log.warning("provision.still-on-the-card %s: %s", ", ".join(taken.off), error.strerror)


# --- The system --------------------------------------------------------------------------------------


def machine(root: Path) -> plan.Machine:
    """What the machine below ``root`` is called and has."""
    zones = root / plan.ZONES.lstrip("/")
    layouts = root / "usr/share/X11/xkb/symbols"
    locales = root / "usr/lib/locale"

    def has_keyboard(text: str) -> bool:
        layout, _, variant = text.rstrip(")").partition("(")
        try:
            return not variant or f'"{variant}"' in (layouts / layout).read_text(encoding="utf-8")
        except OSError:
            return not layouts.is_dir()

    return plan.Machine(
        host_name=first_boot.host_name(root),
        zones=lambda name: (zones / name).is_file() or not zones.is_dir(),
        keyboards=has_keyboard,
        locales=lambda name: (locales / f"{name}.utf8").is_dir(),
    )


def write(root: Path, made: plan.Plan, problem: ProblemFile | None) -> bool:
    """Write every file of a plan; one that can't be written is logged and keeps none of the others. Return
    whether all of them were.
    """
    files = {name: (file.text.encode(), file.mode, file.group) for name, file in made.files.items()}
    told = f"{configuration.PROVISION_RUN}/{mistake.PROBLEM}"
    if problem is not None:
        files[told] = (mistake.to_bytes(problem), 0o644, "root")
    done = [
        _try(name, lambda p, d=data, m=mode, g=group: disk.write(p, d, m, g), root)
        for name, (data, mode, group) in files.items()
    ]
    done += [_try(name, lambda p, t=to: disk.link(p, t), root) for name, to in made.links.items()]
    done += [
        _try(name, lambda p: p.unlink(missing_ok=True), root)
        for name in (*plan.OPTIONAL, told)
        if name not in files
    ]
    return all(done)


def _try(name: str, step: Any, root: Path) -> bool:
    try:
        step(root / name.lstrip("/"))
        return True
    except OSError as error:
        log.warning("provision.not-written %s %s", name, error.strerror)
        return False


def _into_the_kernel(made: plan.Plan) -> None:
    """The host name, and the administrator's account: what no file brings into force by itself."""
    try:
        socket.sethostname(made.host_name)
    except OSError as error:
        log.warning("provision.host-name %s", error.strerror)
    if plan.SYSUSERS in made.files:
        try:
            subprocess.run(["systemd-sysusers", plan.SYSUSERS], timeout=limits.COMMAND_WITHIN, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("provision.administrator %s", type(error).__name__)
