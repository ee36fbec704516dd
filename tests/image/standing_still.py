"""Ways for a box to hang, done to a running one from inside the emulated computer."""

from __future__ import annotations

from image.emulator.guest import FOLDER, Guest, GuestError
from image.emulator.machine import wait_until

EPOLL = {"amd64": ("232", "281", "441"), "arm64": ("22", "441")}  # epoll_wait, epoll_pwait, epoll_pwait2
LOOKS = 40  # at threads that may be busy just now
UNIT = "image-test-freeze"


def box_process(guest: Guest) -> int:
    """The process of the box itself, whatever started it."""
    return int(guest.ask("stats")["process"]["pid"])


def event_loop_thread(guest: Guest, architecture: str) -> int:
    """The thread of the box that waits for its sockets: the one of its own name that is in epoll."""
    box = box_process(guest)
    command = (
        f"cd /proc/{box}/task && for t in *; do echo $t $(cat $t/comm) $(cut -d' ' -f1 $t/syscall); done"
    )
    for _ in range(LOOKS):
        threads = [line.split() for line in guest.run(command).splitlines()]
        ours = next(name for tid, name, *_ in threads if int(tid) == box)
        waiting = [
            int(thread[0])
            for thread in threads
            if int(thread[0]) != box and thread[1] == ours and thread[-1] in EPOLL[architecture]
        ]
        if len(waiting) == 1:
            return waiting[0]
    raise GuestError(f"which thread of {box} is the event loop? {threads}")


def stop_process(guest: Guest, process: int) -> float:
    """All threads of a process stand still; return since when, as ``uptime``."""
    return float(guest.run(f"cut -d' ' -f1 /proc/uptime; kill -STOP {process}"))


def stop_thread(guest: Guest, thread: int) -> float:
    """One thread stands still, and all others go on; return since when, as ``uptime``."""
    since = f"{FOLDER}/frozen-since"
    guest.run(f"systemctl reset-failed {UNIT}", check=False)
    guest.run(f"systemd-run --quiet --collect --unit={UNIT} python3 -SE {FOLDER}/freeze.py {thread} {since}")
    wait_until(
        f"thread {thread} is frozen",
        lambda: "(tracing stop)" in guest.run(f"grep State /proc/{thread}/status", check=False),
        30.0,
        0.3,
    )
    return float(guest.run(f"cat {since}"))


def release(guest: Guest) -> None:
    """Let go of a thread that is left over."""
    guest.run(f"systemctl stop {UNIT}", check=False)


def uptime(guest: Guest) -> float:
    """Seconds of the guest's monotonic clock."""
    return float(guest.run("cut -d' ' -f1 /proc/uptime"))


def started_at(guest: Guest) -> float:
    """When the box's service was started last, by the guest's monotonic clock, seconds."""
    show = "systemctl show --value -p ExecMainStartTimestampMonotonic meetingbox.service"
    return int(guest.run(show)) / 1e6
