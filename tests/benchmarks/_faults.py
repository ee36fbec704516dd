"""The faults of ``faults.py``: how each is brought about and taken back, and who has to do with it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from _meeting import PATIENCE, Meeting, Pair, asked, firewall, steady
from _slow_switch import SlowSwitch
from net.namespaces import Lan

from appliance.errors import ControlError

UNDISTURBED_FOR = 6.0  # seconds that are looked at after a fault that must have no effect
UDP_BLOCKED_FOR = 8.0
PARTITIONED_FOR = 20.0
DETECT_WITHIN = 10.0  # seconds that are waited for a tile to say it
SOUND_MIN = 0.97  # of a voice that must be heard while the camera is away
RTT_MAX_MS = 1000.0  # a busy machine stays below; one that went by the wall clock would be a year
YEAR = 365
MULTICAST = "udp dport 5353 drop"


@dataclass(frozen=True)
class Round:
    """What one fault did: seconds, or None for never. ``lost``: boxes and pairs that did not come back.

    ``notes``: what else was not as it must be.
    """

    healed: float | None
    detected: float | None = None
    lost: int = 0
    disturbed: bool = False
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        times = " ".join(
            f"{what} {'-' if at is None else f'{1000 * at:.0f} ms'}"
            for what, at in (("detected", self.detected), ("healed", self.healed))
        )
        return f"{times} lost {self.lost}{' DISTURBED' if self.disturbed else ''} {' '.join(self.notes)}"


Rounds = Callable[[Path, int, int], Iterator[Round]]


@dataclass(frozen=True)
class Fault:
    """``rounds(folder, rounds, boxes)`` lets it happen, and gives out what came of it each time."""

    name: str
    rounds: Rounds


def _judge(
    meeting: Meeting,
    pairs: Sequence[Pair],
    start: float,
    origin: float,
    *,
    detected: float | None = None,
    notes: Sequence[str] = (),
) -> Round:
    """Wait until these pairs draw again; what came of a fault that began at ``start``."""
    healed = meeting.heal(pairs, origin)
    end = time.monotonic()
    never = [pair for pair, took in healed.items() if took is None]
    absent = len(meeting.names) - len(meeting.in_meeting())
    others = meeting.but(pairs)
    if never:
        print(f"  never healed: {never}\n{meeting.story()}", flush=True, file=sys.stderr)
    return Round(
        None if never else max(took for took in healed.values() if took is not None),
        detected,
        len(never) + absent,
        meeting.disturbed(others, start, end),
        tuple(notes),
    )


def _meeting_of(folder: Path, boxes: int, **options: object) -> Meeting:
    return Meeting(folder, boxes, **options)  # type: ignore[arg-type]


def _begin(meeting: Meeting) -> None:
    meeting.see_each_other()
    meeting.join()
    meeting.settle()


# --- boxes and cables ---------------------------------------------------------------------------------


def killed(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """SIGKILL; when it is gone from the others' screens it is started again, and nothing is typed."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        for n in range(rounds):
            name = meeting.names[n % boxes]
            others = [(other, name) for other in meeting.names if other != name]
            start = time.monotonic()
            meeting.box[name].kill()
            gone = _until_shown(meeting, others, start, ("",))
            back = meeting.restart(name)
            yield _judge(meeting, meeting.pairs(name), start, back, detected=gone)
            meeting.settle()


def _until_shown(
    meeting: Meeting, pairs: Sequence[Pair], start: float, states: Sequence[str]
) -> float | None:
    end = start + DETECT_WITHIN
    while time.monotonic() < end:
        took = meeting.detected(pairs, start, states)
        if took is not None:
            return took
        time.sleep(0.05)
    return None


def cable(seconds: float) -> Rounds:
    """A cable out for so long."""

    def rounds_(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
        with _meeting_of(folder, boxes) as meeting:
            _begin(meeting)
            for n in range(rounds):
                name = meeting.names[n % boxes]
                start = time.monotonic()
                meeting.hosts[name].unplug()
                time.sleep(seconds)
                meeting.hosts[name].plug()
                shown = meeting.detected(
                    [(other, name) for other in meeting.names if other != name], start, ("silent", "")
                )
                yield _judge(meeting, meeting.pairs(name), start, time.monotonic(), detected=shown)
                meeting.settle()

    return rounds_


def partitioned(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """Half of the ports on another switch."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        lan = meeting.lan
        lan.switch("link", "add", "br1", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        lan.switch("link", "set", "br1", "up")
        for n in range(rounds):
            half = [meeting.names[(n + k) % boxes] for k in range(boxes // 2)]
            ports = [f"p{meeting.names.index(name) + 1}" for name in half]
            start = time.monotonic()
            for port in ports:
                lan.switch("link", "set", port, "master", "br1")
            time.sleep(PARTITIONED_FOR)
            for port in ports:
                lan.switch("link", "set", port, "master", "br0")
            across = meeting.across(half)
            shown = meeting.detected(across, start, ("silent", ""))
            yield _judge(meeting, across, start, time.monotonic(), detected=shown)
            meeting.settle()


def renumbered(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """Another address, as of a new DHCP lease: the old one goes, the new one comes."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        now = {name: f"{host.address}/24" for name, host in meeting.hosts.items()}
        for n in range(rounds):
            name = meeting.names[n % boxes]
            host, new = meeting.hosts[name], f"{meeting.lan.subnet}.{100 + n}/24"
            start = time.monotonic()
            host.remove_address(now[name])
            host.add_address(new)
            now[name] = new
            yield _judge(meeting, meeting.pairs(name), start, time.monotonic())
            meeting.settle()


def udp_blocked(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """One pair's datagrams are dropped, everything else between them works."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        for n in range(rounds):
            a, b = meeting.names[n % boxes], meeting.names[(n + 1) % boxes]
            start = time.monotonic()
            for here, there in ((a, b), (b, a)):
                firewall(
                    meeting.hosts[here], [f"ip saddr {meeting.hosts[there].address} udp dport != 5353 drop"]
                )
            time.sleep(UDP_BLOCKED_FOR)
            shown = meeting.detected([(a, b), (b, a)], start, ("silent", ""))
            for here in (a, b):
                firewall(meeting.hosts[here], [])
            yield _judge(meeting, [(a, b), (b, a)], start, time.monotonic(), detected=shown)
            meeting.settle()


# --- finding each other ---------------------------------------------------------------------------------


def _no_multicast(lan: Lan) -> None:
    for host in lan.hosts:
        firewall(host, [MULTICAST])


def _join_and_leave(meeting: Meeting, rounds: int) -> Iterator[Round]:
    for _ in range(rounds):
        start = time.monotonic()
        told = meeting.join()
        yield _judge(meeting, meeting.pairs(), start, told)
        for box in meeting.box.values():
            asked(box, "leave")
        meeting.boxes.wait(lambda: not meeting.in_meeting())


def static_addresses(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """No mDNS from the start; every box has the others' addresses in its configuration."""

    def servers(lan: Lan) -> list[str]:
        return [f"ws://{host.address}:8787" for host in lan.hosts]

    with _meeting_of(folder, boxes, servers=servers, prepare=_no_multicast) as meeting:
        yield from _join_and_leave(meeting, rounds)


def cached_addresses(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """No mDNS since the boxes were started, and they met before."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        for box in meeting.box.values():
            asked(box, "leave")
        for box in meeting.box.values():
            box.process.terminate()
        for box in meeting.box.values():
            box.process.wait(10)
        _no_multicast(meeting.lan)
        for name in meeting.names:
            meeting.restart(name)
        meeting.boxes.wait(lambda: all(box.status() for box in meeting.box.values()), PATIENCE)
        yield from _join_and_leave(meeting, rounds)


def servers_restarted(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """Every box's signaling server at once; then one that left joins again."""
    with _meeting_of(folder, boxes) as meeting, ThreadPoolExecutor(boxes) as pool:
        _begin(meeting)
        for n in range(rounds):
            newcomer = meeting.names[n % boxes]
            asked(meeting.box[newcomer], "leave")
            stay = meeting.but(meeting.pairs(newcomer))
            time.sleep(2.5)  # the others' rate without it
            start = time.monotonic()
            list(pool.map(lambda box: box.ask("restart-signaling"), meeting.box.values()))
            told = meeting.join(newcomer)
            steady(meeting, stay, start, UNDISTURBED_FOR)
            yield _judge(meeting, meeting.pairs(newcomer), start, told)
            meeting.settle()


def clone(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """A box whose card was copied: both start, both join; one of them gets an identity of its own."""
    for n in range(rounds):
        scratch = folder / f"{n}"
        scratch.mkdir()
        with _meeting_of(scratch, 3) as meeting:
            one, other = meeting.names[0], meeting.names[1]
            name = meeting.box[other]
            name.process.terminate()
            name.process.wait(10)
            meeting.clone(one, other)
            meeting.restart(other)
            meeting.boxes.wait(lambda box=name: bool(box.status()))  # type: ignore[misc]
            told = meeting.join()
            yield _two_of_one(meeting, one, other, told)


def _two_of_one(meeting: Meeting, one: str, other: str, told: float) -> Round:
    """Wait until two boxes have identities of their own and every box draws all others."""
    end = told + PATIENCE
    apart = None
    while time.monotonic() < end:
        ids = {asked(box, "status").get("id") for box in meeting.box.values()} - {None}
        peers = {
            name: {peer["id"] for peer in asked(box, "status").get("peers", ())}
            for name, box in meeting.box.items()
        }
        now = time.monotonic()
        flow = all(
            len(shown) == len(meeting.names) - 1
            and all((meeting.watch(name).flowing_since(peer, told) or now) < now - 1.5 for peer in shown)
            for name, shown in peers.items()
        )
        if len(ids) == len(meeting.names) and flow:
            apart = now - 1.5 - told
            break
        time.sleep(0.1)
    lost = len(meeting.names) - len(meeting.in_meeting())
    names = {asked(meeting.box[box], "status").get("name") for box in (one, other)}
    codes = [
        code
        for box in (one, other)
        for code in asked(meeting.box[box], "status").get("counters", {})
        if code.startswith("identity.")
    ]
    notes = ([] if len(names) == 2 else ["both have one name"]) + ([] if codes else ["nothing is said of it"])
    if apart is None:
        print(meeting.story(), flush=True, file=sys.stderr)
    return Round(None if apart is None else max(0.0, apart), lost=lost, notes=tuple(notes))


def lossy_join(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """A newcomer joins over a switch that loses every twentieth frame and takes 30 ms for each."""
    with _meeting_of(folder, boxes) as meeting:
        _begin(meeting)
        for n in range(rounds):
            newcomer = meeting.names[n % boxes]
            asked(meeting.box[newcomer], "leave")
            meeting.boxes.wait(lambda who=newcomer: who not in meeting.in_meeting())  # type: ignore[misc]
            with SlowSwitch(meeting.lan, delay_ms=30, loss=0.05):
                time.sleep(2.0)
                told = meeting.join(newcomer)
                healed = meeting.heal(meeting.pairs(newcomer), told)
                never = [pair for pair, took in healed.items() if took is None]
                if never:
                    print(f"  never: {never}\n{meeting.story()}", flush=True, file=sys.stderr)
                times = [took for took in healed.values() if took is not None]
                yield Round(None if never else max(times), lost=len(never))
            meeting.settle()


# --- clocks and cameras -----------------------------------------------------------------------------------


def clock_jumps(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
    """A box's wall clock a year ahead, then a year behind, in mid-call."""
    with _meeting_of(folder, boxes, clock=True) as meeting:
        _begin(meeting)
        for n in range(rounds):
            days = YEAR if n % 2 == 0 else -YEAR
            start = time.monotonic()
            meeting.set_clock(days)
            well = steady(meeting, meeting.pairs(), start, UNDISTURBED_FOR)
            late = max(max(meeting.watch(name).round_trips(start), default=1e9) for name in meeting.names)
            notes = [f"a round trip of {late:.0f} ms"] if late > RTT_MAX_MS else []
            lost = len(meeting.names) - len(meeting.in_meeting())
            yield Round(0.0 if well else None, lost=lost, disturbed=not well, notes=tuple(notes))
            meeting.settle()


def camera(what: int) -> Rounds:
    """The process of a box's camera gets a signal; everybody goes on hearing the box."""

    def rounds_(folder: Path, rounds: int, boxes: int) -> Iterator[Round]:
        with _meeting_of(folder, boxes, speaker="test") as meeting:
            _begin(meeting)
            for n in range(rounds):
                name = meeting.names[n % boxes]
                pid = meeting.box[name].stats()["camera"]["pid"]
                start = time.monotonic()
                os.kill(pid, what)
                one = _judge(
                    meeting, [(other, name) for other in meeting.names if other != name], start, start
                )
                heard = _heard(meeting, name, n % boxes, start)
                notes = (f"{heard:.3f} of its sound was heard",) if heard < SOUND_MIN else ()
                yield Round(one.healed, one.detected, one.lost, one.disturbed, notes)
                meeting.settle()

    return rounds_


def _heard(meeting: Meeting, name: str, band: int, since: float) -> float:
    """The least share of a box's test sound that another box has heard since then."""
    shares = []
    for other, box in meeting.box.items():
        if other != name:
            try:
                report = box.ask("stats", sequence=True, since=since)["sequence"].get(str(band))
            except ControlError:
                report = None
            shares.append(report["delivered"] if report else 0.0)
    return min(shares)


FAULTS = (
    Fault("box killed, restarted", killed),
    Fault("cable out 10 s", cable(10.0)),
    Fault("cable out 60 s", cable(60.0)),
    Fault("half the boxes partitioned for 20 s", partitioned),
    Fault("address renumbered", renumbered),
    Fault("one link's UDP blocked", udp_blocked),
    Fault("no multicast, static addresses", static_addresses),
    Fault("no multicast, cached addresses", cached_addresses),
    Fault("every signaling server restarted", servers_restarted),
    Fault("wall clock jumps by a year", clock_jumps),
    Fault("camera process killed", camera(signal.SIGKILL)),
    Fault("camera process wedged", camera(signal.SIGSTOP)),
    Fault("cloned identity", clone),
    Fault("5 % loss and 30 ms while joining", lossy_join),
)
