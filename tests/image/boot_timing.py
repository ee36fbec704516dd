"""From power to the keypad, as a ratio to the same kernel that boots the same root to a bare log-in.

Each is measured several times in the same emulator, in turn; the medians count. All are later boots of a card
that was booted before and shut down, without test devices.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from image import home, settings, wellness
from image.emulator.disk import Card
from image.emulator.machine import Machine
from image.lab import BOOT_WITHIN, Lab

ROUNDS = 3
RATIO_MAX = 1.35
OFFLINE_MORE_MAX = 1.0  # seconds
LOOK_EVERY = 0.2  # seconds
LOG_IN = "systemd.unit=getty.target systemd.wants=serial-getty@{console}.service"
# A bare log-in starts nothing of ours: what a box does before the keypad counts for the keypad.
OURS = ("provision", "first", "devices", "firewall", "grow", "sound-policy", "sound")


def prepared(lab: Lab, name: str, words: str) -> Card:
    """A card with its first boot behind it, shut down."""
    card = lab.card(name, settings.card(name, 1))
    machine = lab.machine(name, card, wire=lab.wires()[0])
    lab.wait_for_home(machine)
    lab.connect(machine)
    machine.guest.run("sync")
    machine.power_off(lab.within(120.0))
    lab.switch_off(name)
    card.add_kernel_words(words)
    return card


def test_power_to_keypad(lab: Lab) -> None:
    quiet = lab.kernel_words(devices=False)
    card = prepared(lab, "timing", quiet)
    bare = card.duplicate(lab.folder / "bare.card")
    console = quiet.partition("console=")[2].partition(",")[0]
    masked = " ".join(f"systemd.mask=meetingbox-{unit}.service" for unit in OURS)
    bare.add_kernel_words(f"{quiet} {LOG_IN.format(console=console)} {masked}")
    within = lab.within(BOOT_WITHIN[lab.architecture])

    def keypad(machine: Machine) -> None:
        machine.wait_for_screen("home", lambda p: home.may_be_home(p), within, LOOK_EVERY)

    def log_in(machine: Machine) -> None:
        machine.wait_for_console("login:", within)

    kinds: dict[str, tuple[Card, bool, Callable[[Machine], None]]] = {
        "log-in": (bare, True, log_in),
        "keypad": (card, True, keypad),
        "keypad without network": (card, False, keypad),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS):
        for kind, (on, plugged, reached) in kinds.items():
            machine = lab.machine("timing", on, wire=lab.wires()[0], plugged=plugged)
            reached(machine)
            took[kind].append(machine.uptime)
            lab.say(f"{kind}: {machine.uptime:.1f} s")
            if kind == "keypad" and turn == ROUNDS - 1:
                keep_chain(lab, machine)
            lab.switch_off("timing")
    for each in (card, bare):
        each.remove()
    middle = {kind: median(times) for kind, times in took.items()}
    ratio = middle["keypad"] / middle["log-in"]
    more = middle["keypad without network"] - middle["keypad"]
    lab.say(f"medians: {', '.join(f'{kind} {each:.1f} s' for kind, each in middle.items())}")
    lab.say(f"keypad to log-in {ratio:.2f}; without network {more:+.1f} s")
    assert ratio <= RATIO_MAX
    assert more <= OFFLINE_MORE_MAX


def keep_chain(lab: Lab, machine: Machine) -> None:
    """Say what the keypad waited for, and keep more of it."""
    lab.connect(machine)
    wellness.assert_well(lab, machine)  # systemd knows no chain before all has started
    chain = machine.guest.run("systemd-analyze --no-pager critical-chain meetingbox.service", check=False)
    for line in chain.splitlines():
        lab.say(line)
    told = machine.guest.run("systemd-analyze --no-pager time; systemd-analyze --no-pager blame", check=False)
    (lab.settings.artifacts / "critical-chain.txt").write_text(f"{chain}\n{told}")
