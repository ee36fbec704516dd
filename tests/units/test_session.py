"""The kiosk session: cage and the box in it, and the box alone where cage does not get to the keypad."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from units.unit_files import SYSTEMD, settings

SESSION = SYSTEMD / "lib/session"

BOX = """#!/bin/sh
if [ -n "${MEETINGBOX_SCREEN_FROM-}" ]; then
	read -r WAYLAND_DISPLAY <>"$MEETINGBOX_SCREEN_FROM"
	[ ! -e /proc/$$/fd/4 ] || lock=kept
fi
where="driver=${SDL_VIDEODRIVER-} x=${DISPLAY-} wayland=${WAYLAND_DISPLAY-}"
echo "box $* $where for=${WATCHDOG_PID-} ends=${MEETINGBOX_ENDS_WITH_SCREEN-} lock=${lock-} me=$$"
"""
BOX_ENDS = """#!/bin/sh
exit 1
"""
CAGE = """#!/bin/sh
echo "cage $* me=$$ fd4=$([ ! -e /proc/$$/fd/4 ] || echo open)"
echo "renderer=${WLR_RENDERER-}" >"$XDG_RUNTIME_DIR/renderer"
export WAYLAND_DISPLAY=wayland-0 DISPLAY=:0
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
CAGE_FAILS = """#!/bin/sh
echo "cage: no GPU"
exit 1
"""
RANDR = """#!/bin/sh
if [ $# -eq 0 ]; then cat "$0.outputs"; else echo "$*" >>"$0.calls"; fi
"""
OUTPUTS = """HDMI-A-1 "Philips TV (HDMI-A-1)"
  Enabled: yes
  Transform: 90
HDMI-A-2 "Dell (HDMI-A-2)"
  Enabled: yes
  Transform: normal
"""


NETWORK, DISK, GPU = 1, 2, 16  # of virtio
# That the session calls.
TOOLS = ("sh", "cat", "env", "flock", "mkfifo", "readlink", "rm", "sleep", "timeout", "true")


class Kiosk:
    """A machine with these programs. ``run`` is one start of the unit."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.system = folder / "system"  # whatever else this computer has, a compositor perhaps, is not there
        self.system.mkdir()
        for name in TOOLS:
            (self.system / name).symlink_to(shutil.which(name) or name)
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.sys = folder / "sys"
        self.program("box", BOX)

    def works(self) -> None:
        """The keypad was drawn: what the unit's ExecStartPost= does then."""
        unit = SYSTEMD / "system/meetingbox.service"
        (post,) = settings(unit)["Service.ExecStartPost"]
        assert post == "+/bin/rm -f /run/meetingbox-session/cage-tried"
        (self.runtime / "cage-tried").unlink(missing_ok=True)

    def card(self, node: str, driver: str) -> None:
        """A graphics card of the driver of this name."""
        device = self.sys / "class/drm" / node / "device"
        device.mkdir(parents=True)
        (device / "driver").symlink_to(f"../../../bus/drivers/{driver}")

    def virtual(self, *kinds: int) -> None:
        """A virtual machine with devices of these kinds."""
        for number, kind in enumerate(kinds):
            device = self.sys / f"bus/virtio/devices/virtio{number}"
            device.mkdir(parents=True)
            (device / "device").write_text(f"0x{kind:04x}\n")

    def program(self, name: str, text: str) -> Path:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:{self.system}",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "MEETINGBOX_COMMAND": str(self.programs / "box"),
            "WATCHDOG_PID": "1",
            "SESSION_SYS": str(self.sys),
            **more,
        }

    def run(self, *arguments: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(SESSION), *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(tmp_path)


def test_under_cage(kiosk: Kiosk) -> None:
    kiosk.program("cage", CAGE)
    code, said = kiosk.run()
    assert code == 0
    box, cage = sorted(said.splitlines())
    assert cage.startswith(f"cage -d -m last -- {SESSION} client ")
    assert box.startswith("box run --last-good driver=wayland x= wayland=wayland-0 for= ends=1 lock=kept ")


def test_the_process_that_is_started_is_the_one_that_stays(kiosk: Kiosk) -> None:
    """systemd watches the process that it started: cage takes its place, and has nothing of the box's."""
    kiosk.program("cage", CAGE)
    process = subprocess.Popen([str(SESSION)], env=kiosk.environment(), stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate(timeout=20)
    (cage,) = (line for line in said.splitlines() if line.startswith("cage "))
    assert cage.endswith(f" me={process.pid} fd4=")


def test_the_box_does_not_wait_for_cage_to_start(kiosk: Kiosk) -> None:
    """Each of the two may be the first; and a name that was said before the box is there is not lost."""
    kiosk.program("box", '#!/bin/sh\necho >"$XDG_RUNTIME_DIR/first"\n' + BOX.removeprefix("#!/bin/sh\n"))
    kiosk.program(
        "cage", CAGE.replace("export W", 'until [ -e "$XDG_RUNTIME_DIR/first" ]; do :; done\nexport W')
    )
    assert "wayland=wayland-0 " in kiosk.run()[1]
    kiosk.program("box", BOX.replace("read -r", "sleep 0.5\n\tread -r"))
    kiosk.program("cage", CAGE)
    assert "wayland=wayland-0 " in kiosk.run()[1]


def test_cage_stays_as_long_as_the_box_and_no_longer(kiosk: Kiosk) -> None:
    kiosk.program(
        "cage",
        CAGE.replace("shift\nexec", 'shift\n"$@"\necho over=$(cat "$XDG_RUNTIME_DIR/over")\nexit; exec'),
    )
    kiosk.program("box", BOX + 'sleep 0.5\necho yes >"$XDG_RUNTIME_DIR/over"\n')
    assert "over=yes" in kiosk.run()[1]
    (kiosk.runtime / "over").write_text("early")
    kiosk.program("box", BOX_ENDS)  # before there is a display at all
    assert "over=early" in kiosk.run()[1]


@pytest.mark.parametrize(("ends", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_unit_ends_as_the_box_did(kiosk: Kiosk, ends: str, code: int) -> None:
    kiosk.program("cage", CAGE)
    kiosk.program("box", f"#!/bin/sh\n{ends}\n")
    assert kiosk.run()[0] == code
    kiosk.program("box", BOX)  # what was is forgotten
    assert kiosk.run()[0] == 0


def test_a_box_that_can_not_be_ended_holds_up_no_other_one(kiosk: Kiosk) -> None:
    """A process that is stuck in a driver keeps its files, and the lock, whatever is sent to it."""
    kiosk.program("cage", CAGE)
    with (kiosk.runtime / "lives").open("w") as old:
        fcntl.flock(old, fcntl.LOCK_EX)
        begun = time.monotonic()
        assert "wayland=wayland-0 " in kiosk.run()[1]
        assert time.monotonic() - begun < 5


def test_without_cage(kiosk: Kiosk) -> None:
    code, said = kiosk.run(DISPLAY=":7")
    assert code == 0
    assert "box run --last-good driver=KMSDRM x= wayland= for=1 ends= " in said
    assert "session.kms no cage" in said


def test_a_cage_that_fails_is_tried_twice_then_the_box_draws_by_itself(kiosk: Kiosk) -> None:
    kiosk.program("cage", CAGE_FAILS)
    kiosk.program("box", BOX_ENDS)  # as the service manager sees to
    assert kiosk.run() == (1, "cage: no GPU\n")
    assert kiosk.run() == (1, "cage: no GPU\n")
    kiosk.program("box", BOX)
    code, said = kiosk.run()
    assert code == 0
    assert "driver=KMSDRM" in said
    assert "driver=KMSDRM" in kiosk.run()[1]  # and it stays so


def test_a_cage_that_hangs_until_it_is_killed_counts_as_one_that_fails(kiosk: Kiosk) -> None:
    kiosk.program("cage", "#!/bin/sh\nexec sleep 60\n")
    kiosk.program("box", BOX_ENDS)
    for _ in range(2):
        process = subprocess.Popen([str(SESSION)], env=kiosk.environment())
        deadline = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait(10)
    kiosk.program("box", BOX)
    assert "driver=KMSDRM" in kiosk.run()[1]


def test_a_keypad_that_was_drawn_makes_it_forget_what_failed_before(kiosk: Kiosk) -> None:
    cage = kiosk.program("cage", CAGE_FAILS)
    box = kiosk.program("box", BOX_ENDS)
    kiosk.run()
    cage.write_text(CAGE)
    box.write_text(BOX)
    assert "driver=wayland" in kiosk.run()[1]
    kiosk.works()
    assert not (kiosk.runtime / "cage-tried").exists()
    for _ in range(5):  # a box that restarts often is not cage's fault
        assert "driver=wayland" in kiosk.run()[1]
        kiosk.works()


@pytest.mark.parametrize(
    ("virtual", "cards", "renderer"),
    [
        ((), {}, ""),  # no driver yet: cage waits for it
        ((), {"card0": "vc4-drm"}, ""),
        ((NETWORK, DISK), {"card0": "bochs-drm"}, ""),
        ((NETWORK, GPU, DISK), {}, "pixman"),
        ((GPU,), {"card0": "virtio-pci"}, "pixman"),  # of virtio-vga; and of the others:
        ((GPU,), {"card0": "virtio_gpu"}, "pixman"),
        ((GPU,), {"card0": "virtio-pci", "card1": "i915"}, ""),
    ],
)
def test_a_virtual_card_composes_in_software_at_once(
    kiosk: Kiosk, virtual: tuple[int, ...], cards: dict[str, str], renderer: str
) -> None:
    kiosk.virtual(*virtual)
    for node, driver in cards.items():
        kiosk.card(node, driver)
    kiosk.program("cage", CAGE)
    kiosk.run()
    assert (kiosk.runtime / "renderer").read_text() == f"renderer={renderer}\n"
    kiosk.run(WLR_RENDERER="vulkan")
    assert (kiosk.runtime / "renderer").read_text() == "renderer=vulkan\n"


def test_the_box_is_loaded_while_the_card_is_read_and_cage_waits(kiosk: Kiosk) -> None:
    loaded = 'echo early >"$XDG_RUNTIME_DIR/loaded"\n'
    kiosk.program("box", BOX.replace("#!/bin/sh\n", f"#!/bin/sh\n{loaded}"))
    asks = 'echo "keys=$XKB_DEFAULT_LAYOUT variant=$XKB_DEFAULT_VARIANT preload=${LD_PRELOAD-}"\n'
    kiosk.program("cage", CAGE.replace("#!/bin/sh\n", f"#!/bin/sh\n{asks}"))
    done, said = kiosk.runtime / "done", kiosk.runtime / "session.env"
    said.write_text("XKB_DEFAULT_LAYOUT=de\nXKB_DEFAULT_VARIANT=\nLD_PRELOAD=x\n")
    environment = kiosk.environment(
        MEETINGBOX_PROVISIONED=str(done), MEETINGBOX_SESSION_ENV=str(said), XKB_DEFAULT_VARIANT="mine"
    )
    session = subprocess.Popen([str(SESSION)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 10
        while not (kiosk.runtime / "loaded").exists():
            assert time.monotonic() < deadline, "the box is not started before the card is read"
            time.sleep(0.02)
        time.sleep(0.3)
        assert not (kiosk.runtime / "renderer").exists(), "cage does not wait for the card"
        done.touch()
        told, _ = session.communicate(timeout=20)
    finally:
        session.kill()
        session.wait()
    assert "keys=de variant=mine preload=\n" in told


def test_the_rest_of_the_system_waits_for_the_first_page_and_no_longer(kiosk: Kiosk) -> None:
    """The box lets go of a lock, or ends; a shell that has the same file open keeps nobody waiting."""
    kiosk.program("cage", CAGE)
    lets_go = """#!/bin/sh
    read -r WAYLAND_DISPLAY <>"$MEETINGBOX_SCREEN_FROM"
    while [ ! -e "$XDG_RUNTIME_DIR/drawn" ]; do sleep 0.05; done
    flock -u "$MEETINGBOX_FIRST_PAGE"
    while [ ! -e "$XDG_RUNTIME_DIR/over" ]; do sleep 0.05; done
    """
    kiosk.program("box", lets_go)
    page = kiosk.runtime / "first-page"
    environment = kiosk.environment(FIRST_PAGE=str(page), FIRST_WITHIN="60")
    first = subprocess.Popen([str(SYSTEMD / "lib/first")], env=environment)  # before there is a session
    session = subprocess.Popen([str(SESSION)], env=environment, stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        assert first.poll() is None, "nobody waits for the first page"
        (kiosk.runtime / "drawn").touch()
        assert first.wait(10) == 0
        assert session.poll() is None
    finally:
        (kiosk.runtime / "drawn").touch()
        (kiosk.runtime / "over").touch()
        first.wait(10)
        session.wait(10)


def test_a_screen_that_never_comes_holds_up_the_system_for_a_while_only(kiosk: Kiosk) -> None:
    page = kiosk.runtime / "first-page"
    environment = kiosk.environment(FIRST_PAGE=str(page), FIRST_WITHIN="1")
    with page.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            [str(SYSTEMD / "lib/first")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    assert done.stdout.startswith("first.late no keypad within 1 s")


def test_without_cage_the_box_waits_for_the_card_too(kiosk: Kiosk) -> None:
    (kiosk.runtime / "done").touch()
    (kiosk.runtime / "session.env").write_text("XKB_DEFAULT_LAYOUT=fr\n")
    kiosk.program("box", '#!/bin/sh\necho "keys=$XKB_DEFAULT_LAYOUT variant=$XKB_DEFAULT_VARIANT"\n')
    code, told = kiosk.run(
        MEETINGBOX_PROVISIONED=str(kiosk.runtime / "done"),
        MEETINGBOX_SESSION_ENV=str(kiosk.runtime / "session.env"),
        XKB_DEFAULT_VARIANT="an administrator's",
    )
    assert code == 0
    assert "keys=fr variant=an administrator's" in told


def test_it_waits_for_the_seat(kiosk: Kiosk) -> None:
    """seatd's socket comes while cage's start is due; without one it goes on after a while."""
    kiosk.program("cage", CAGE)
    seat = kiosk.runtime / "seat.sock"
    kiosk.program("sleep", f"#!/bin/sh\necho >>{kiosk.runtime}/slept\n")
    wanted = {"LIBSEAT_BACKEND": "seatd", "SEATD_SOCK": str(seat)}
    assert "driver=wayland" in kiosk.run(**wanted)[1]
    assert len((kiosk.runtime / "slept").read_text()) == 40
    kiosk.works()
    with socket.socket(socket.AF_UNIX) as seatd:
        seatd.bind(os.fspath(seat))
        assert "driver=wayland" in kiosk.run(**wanted)[1]
    assert len((kiosk.runtime / "slept").read_text()) == 40


def test_what_an_administrator_sets_wins(kiosk: Kiosk) -> None:
    assert "driver=directfb" in kiosk.run(SDL_VIDEODRIVER="directfb")[1]


def test_a_turned_screen(kiosk: Kiosk) -> None:
    """What is turned already is left alone; it ends with the compositor's socket."""
    randr = kiosk.program("wlr-randr", RANDR)
    (kiosk.programs / "wlr-randr.outputs").write_text(OUTPUTS)
    kiosk.program("sleep", '#!/bin/sh\nrm -f "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY"\n')
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(os.fspath(kiosk.runtime / "wayland-0"))
        kiosk.run("client", WAYLAND_DISPLAY="wayland-0", MEETINGBOX_ROTATION="90")
    assert randr.with_name("wlr-randr.calls").read_text() == "--output HDMI-A-2 --transform 90\n"


@pytest.mark.parametrize("rotation", ["0", "", "45", "90; reboot"])
def test_a_screen_that_is_not_turned(kiosk: Kiosk, rotation: str) -> None:
    kiosk.program("wlr-randr", "#!/bin/sh\necho turned\n")
    assert "turned" not in kiosk.run("client", WAYLAND_DISPLAY="wayland-0", MEETINGBOX_ROTATION=rotation)[1]


def test_a_wrong_word(kiosk: Kiosk) -> None:
    assert kiosk.run("stop") == (2, "usage: session [client]\n")
