"""A table with emulated boxes on it: cards are flashed, boxes switched on, and what happened is kept.

Whatever fails, ``tell`` writes what there is to know of every box that is on into the folder of artifacts.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image import home
from image.emulator import boards, disk
from image.emulator.boards import Computer, Wire
from image.emulator.disk import Card
from image.emulator.guest import GuestError
from image.emulator.machine import GaveUpError, Machine
from image.emulator.qmp import QmpError
from image.emulator.screen import Pixels
from image.emulator.tools import Tools
from image.reading import Reader

NO_BATTERY = "2000-01-01T00:00:00"  # what a clock says that stood still; UEFI knows no earlier year
BOOT_WITHIN = {"amd64": 240.0, "arm64": 480.0}  # seconds from power to the keypad, emulated and disturbed
SHELL_WITHIN = {"amd64": 180.0, "arm64": 360.0}
TOLD_WITHIN = 60.0  # seconds for the shell of a box that failed before anybody asked for it
JOURNAL = "journalctl --no-pager -o short-monotonic -b | tail -n 4000"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tested and how. ``slow``: every time-out is so many times as long."""

    architecture: str
    image: Path
    packed: Path | None
    tools: Tools
    artifacts: Path
    kvm: bool
    slow: float


def say(sentence: str) -> None:
    """A line for the person who waits."""
    sys.stderr.write(f"image-test: {sentence}\n")
    sys.stderr.flush()


class Lab:
    """Owns everything that a run makes: a folder for cards and sockets, machines, a reader."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.began = time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="mbx-vm-"))  # a short path: sockets have 107 bytes
        self.reader = Reader(boards.SCREEN)
        self._machines: dict[str, Machine] = {}
        self._serial = 0

    def close(self) -> None:
        """Switch everything off, and clean the table."""
        self.switch_all_off()
        self.reader.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def architecture(self) -> str:
        return self.settings.architecture

    # --- cards ----------------------------------------------------------------------------------

    def card(self, name: str, toml: bytes | None = None, words: str | None = "") -> Card:
        """Flash a card. ``toml``: None for the file that is on the image. ``words``: more for the kernel's
        arguments than a console, a root shell and test devices; None for nothing, a card as it is shipped.
        """
        card = Card(self.settings.tools, self.settings.image, self.folder / f"{name}.card")
        if toml is not None:
            card.put(disk.CONFIG, toml)
        if words is not None:
            card.add_kernel_words(self.kernel_words(words))
        return card

    def kernel_words(self, more: str = "", devices: bool = True) -> str:
        """The kernel's arguments of a test: it says on a serial line what it does, a root shell is on
        another one, and there are a camera and a sound card.
        """
        words = [f"console={boards.CONSOLE[self.architecture]},115200"]
        words += [f"systemd.debug_shell={boards.SHELL[self.architecture]}"]
        words += ["meetingbox.test=1"] if devices else []
        return " ".join([*words, more]).strip()

    def wires(self) -> tuple[Wire, Wire]:
        """A network cable between two boxes: its two ends."""
        self._serial += 1
        one, other = (self.folder / f"lan{self._serial}{end}" for end in "ab")
        return Wire(one, other), Wire(other, one)

    # --- machines -------------------------------------------------------------------------------

    def machine(self, name: str, card: Card, *, plugged: bool = True, **parts: Any) -> Machine:
        """Put a computer together and switch it on; ``parts`` are ``Computer``'s."""
        self._serial += 1
        computer = Computer(
            self.architecture,
            self.folder / f"{name}{self._serial}",
            card.path,
            kvm=self.settings.kvm,
            **parts,
        )
        machine = Machine(self.settings.tools, computer, plugged=plugged)
        self._machines[name] = machine
        machine.start()
        return machine

    def switch_off(self, name: str) -> None:
        """Pull a box's plug and forget it."""
        machine = self._machines.pop(name, None)
        if machine is not None:
            machine.kill()

    def switch_all_off(self) -> None:
        """Pull every plug."""
        for name in list(self._machines):
            self.switch_off(name)

    def within(self, seconds: float) -> float:
        """A time-out, on this computer."""
        return seconds * self.settings.slow

    def connect(self, machine: Machine) -> None:
        """Wait for the root shell inside."""
        machine.guest.connect(self.within(SHELL_WITHIN[self.architecture]))

    def wait_for_home(self, machine: Machine, every: float = 1.0) -> Pixels:
        """Wait until a box that was switched on shows its two doors; return the picture."""
        within = self.within(BOOT_WITHIN[self.architecture])
        return self.wait_for(
            machine, "home", lambda picture: home.is_home(self.reader, picture), within, every
        )

    def wait_for(
        self, machine: Machine, what: str, seen: Callable[[Pixels], bool], within: float, every: float = 1.0
    ) -> Pixels:
        """``Machine.wait_for_screen``, with a line that says how long it took."""
        began = time.monotonic()
        picture = machine.wait_for_screen(what, seen, within, every)
        took = time.monotonic() - began
        self.say(f"{what} is on the screen {took:.1f} s later, {machine.uptime:.1f} s after power-on")
        return picture

    def wait_to_read(self, machine: Machine, sentence: str, within: float = 60.0) -> Pixels:
        """Wait until a sentence is on a box's screen."""
        try:
            return self.wait_for(
                machine, repr(sentence), lambda p: self.reader.says(p, sentence), self.within(within)
            )
        except GaveUpError as error:
            left = " ".join(self.reader.unread(machine.screen(), sentence))
            raise GaveUpError(f"{error}; what is not there begins with {left!r}") from error

    # --- telling --------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """A line for the person who waits, with the time since the beginning."""
        say(f"{time.monotonic() - self.began:6.1f} s  {sentence}")

    def tell(self, folder: Path) -> None:
        """Write down what there is to know of every box that is on: screen, serial line, journal, status."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, machine in self._machines.items():
            with contextlib.suppress(OSError):
                (folder / f"{name}-console.log").write_text(machine.console())
                (folder / f"{name}-qemu.log").write_text(machine.emulator_log())
            with contextlib.suppress(QmpError, OSError, ValueError):
                machine.save_screen(folder / f"{name}-screen.png")
            with contextlib.suppress(GuestError, OSError):
                if not machine.guest.connected:
                    machine.guest.connect(TOLD_WITHIN)
            for kind, command in (
                ("journal", JOURNAL),
                ("units", "systemctl --no-pager list-units --all; systemctl --failed; systemctl list-jobs"),
                ("network", "ip address; ip route; ss -tulpn; nft list ruleset"),
                ("processes", "ps axo pid,ppid,stat,pcpu,rss,wchan:20,args; free -m; df"),
            ):
                with contextlib.suppress(GuestError, OSError):
                    told = machine.guest.run(command, within=60.0, check=False)
                    (folder / f"{name}-{kind}.log").write_text(told)
            with contextlib.suppress(GuestError, OSError):
                (folder / f"{name}-status.txt").write_text(str(machine.guest.ask("status")))
