"""One running computer: switched on, looked at, touched, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from image.emulator import boards, keys, touch
from image.emulator.guest import Guest
from image.emulator.qmp import Qmp, QmpError
from image.emulator.screen import Pixels, parse_ppm, save_png
from image.emulator.tools import Tools

END_WITHIN = 20.0  # seconds from SIGKILL until QEMU is gone, on a machine that writes
LOOK_EVERY = 1.0  # at a screen that something is waited for on: a look costs a hundredth of a second
FINGER_DOWN = 0.25  # how long a finger stays: an emulated box looks at its events a few times a second
PRESS_EVERY = 0.4  # the same for keys, from one to the next

Seen = Callable[[Pixels], bool]


class GaveUpError(AssertionError):
    """Something that was waited for did not come in time."""


class Machine:
    """A computer that is switched on, from ``start`` to ``kill`` or ``power_off``. A context manager.

    ``guest``: the root shell inside it, where the kernel's arguments made one.
    """

    def __init__(self, tools: Tools, computer: boards.Computer, *, plugged: bool = True) -> None:
        self.computer = computer
        computer.folder.mkdir(parents=True, exist_ok=True)
        boards.variables(tools, computer)
        self._contact = 0
        self._shot = computer.folder / "screen.ppm"
        self.guest = Guest(computer.shell)
        log = (computer.folder / "qemu.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *boards.command(tools, computer)],
                env={**os.environ, **tools.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.monitor = Qmp(computer.monitor)
            if not plugged or computer.wire is None:
                self.plug(False)
        except BaseException as error:
            self.kill()
            if isinstance(error, QmpError):
                raise QmpError(f"QEMU did not start: {error}\n{self.emulator_log()}") from error
            raise
        self.started = 0.0

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Switch it on. ``started``: when that was, monotonic."""
        self.started = time.monotonic()
        self.monitor.execute("cont")

    @property
    def uptime(self) -> float:
        """Seconds since it was switched on."""
        return time.monotonic() - self.started

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Pull the plug: SIGKILL for the emulator, nothing is written any more."""
        self.guest.close()
        if hasattr(self, "monitor"):
            self.monitor.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(END_WITHIN)

    def power_off(self, within: float) -> None:
        """Press the power button and wait until it has shut down by itself; GaveUpError when it does not."""
        self.monitor.execute("system_powerdown")
        deadline = time.monotonic() + within
        while self.running:
            if time.monotonic() > deadline:
                raise GaveUpError(f"did not shut down within {within:.0f} s of the power button")
            time.sleep(0.2)
        self.kill()

    # --- the network cable ----------------------------------------------------------------------

    def plug(self, plugged: bool) -> None:
        """Put the network cable in, or pull it out: the box sees its carrier come and go."""
        self.monitor.execute("set_link", name="card0", up=plugged)

    # --- the screen -----------------------------------------------------------------------------

    def screen(self) -> Pixels:
        """What is on the screen now."""
        self.monitor.execute("screendump", filename=str(self._shot))
        return parse_ppm(self._shot.read_bytes())

    def save_screen(self, path: Path) -> None:
        """What is on the screen now, as a PNG file."""
        save_png(self.screen(), path)

    def wait_for_screen(self, what: str, seen: Seen, within: float, every: float = LOOK_EVERY) -> Pixels:
        """Look until the screen shows it, and return that picture; GaveUpError after ``within`` seconds.

        ``what``: for the message, "the keypad".
        """
        deadline = time.monotonic() + within
        while True:
            picture = self.screen()
            if seen(picture):
                return picture
            if time.monotonic() > deadline:
                raise GaveUpError(f"{what} was not on the screen within {within:.0f} s")
            time.sleep(every)

    # --- fingers --------------------------------------------------------------------------------

    def press(self, *names: str) -> None:
        """Press keys, one after the other: digits, letters, and what the box calls ok, back, up..."""
        for name in names:
            self.monitor.execute("send-key", keys=keys.combination(name))
            time.sleep(PRESS_EVERY)

    def tap(self, x: int, y: int) -> None:
        """Touch a pixel of the screen with a finger, and lift it."""
        self._contact += 1
        down = touch.down(x, y, self.computer.screen, self._contact)
        self.monitor.execute("input-send-event", events=down)
        time.sleep(FINGER_DOWN)
        self.monitor.execute("input-send-event", events=touch.up())
        time.sleep(PRESS_EVERY)

    # --- what it says ---------------------------------------------------------------------------

    def console(self) -> str:
        """What firmware, boot loader and kernel wrote to the serial line so far."""
        try:
            return self.computer.console_log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for_console(self, text: str, within: float) -> None:
        """Wait until a text is on the serial line; GaveUpError when it is not in time."""
        deadline = time.monotonic() + within
        while text not in self.console():
            if time.monotonic() > deadline:
                raise GaveUpError(f"{text!r} was not on the serial line within {within:.0f} s")
            if not self.running:
                raise GaveUpError(f"the emulator ended:\n{self.emulator_log()}")
            time.sleep(0.1)

    def resets(self) -> int:
        """How often it started anew, by itself or by its hardware watchdog."""
        return self.monitor.count("RESET") + self.monitor.count("WATCHDOG")

    def emulator_log(self) -> str:
        """What QEMU itself had to say."""
        return (self.computer.folder / "qemu.log").read_text(errors="replace")[-2000:]


def wait_until(what: str, true: Callable[[], bool], within: float, every: float = 1.0) -> None:
    """Ask until it is true; GaveUpError after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise GaveUpError(f"not within {within:.0f} s: {what}")
        time.sleep(every)


def kill_all(machines: Iterable[Machine]) -> None:
    """Pull the plug of every one, whatever happens to the others."""
    for machine in machines:
        machine.kill()
