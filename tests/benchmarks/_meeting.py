"""A meeting of whole boxes in network namespaces, for ``faults.py``: started, joined, watched."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from _wall_clock import WallClock
from _watch import GAP_MAX, LOOK_EVERY, Watch
from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan

from appliance.errors import ControlError

NAMES = ("Bridge", "Engine Room", "Infirmary", "Harbour Office", "Workshop", "Galley", "Cabin 4", "Library")
ROOM, PASSWORD = 42, "471104"
SEEN_WITHIN = 30.0  # seconds, until every box sees all others
SETTLED_FOR = 2.0  # every pair draws for so long before the next fault
PATIENCE = 30.0  # seconds that a fault may take to heal, then it never does
STEADY_FOR = 1.5  # a pair that draws for so long is healed
RATE_MIN = 0.75  # of its pictures a second before: less is a disturbance
FREEZE_MAX = 1.0  # seconds without a picture, likewise

Pair = tuple[str, str]  # whose screen, whose picture
IN_MEMORY = "/dev/shm"  # a file system of this boot


class Meeting:
    """``boxes`` on a LAN; a context manager. ``extra``: lines of each one's configuration."""

    def __init__(
        self,
        folder: Path,
        boxes: int,
        *,
        clock: bool = False,
        speaker: str = "none",
        servers: Callable[[Lan], Sequence[str]] = lambda lan: (),
        prepare: Callable[[Lan], None] = lambda lan: None,
        spare_hosts: int = 0,
    ) -> None:
        self.names = NAMES[:boxes]
        self._spare = spare_hosts
        self._folder = folder
        self._speaker = speaker
        self._servers = servers
        self._prepare = prepare
        self._clock = WallClock(folder) if clock else None
        self._watches: dict[str, Watch] = {}

    def __enter__(self) -> Meeting:
        self._stack = contextlib.ExitStack()
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start(self) -> None:
        in_memory = tempfile.TemporaryDirectory(prefix="meetingbox-faults-", dir=IN_MEMORY)
        self._runtime = self._stack.enter_context(in_memory)
        self.lan = self._stack.enter_context(Lan(len(self.names) + self._spare))
        self._prepare(self.lan)
        self.boxes = self._stack.enter_context(Boxes(self._folder))
        self.hosts: dict[str, Host] = {}
        self.box: dict[str, TestBox] = {}
        for name, host in zip(self.names, self.lan.hosts, strict=False):
            self.hosts[name] = host
            self.box[name] = self.boxes.start(
                name,
                host=host,
                ready=False,
                speaker=self._speaker,
                servers=[url for url in self._servers(self.lan) if f"//{host.address}:" not in url],
                extra=["[call]", "joining_minutes = 600"],
                environment=self.environment(name),
            )
        self.boxes.wait(lambda: all(box.status() for box in self.box.values()), SEEN_WITHIN)
        for name, box in self.box.items():
            self._watches[name] = self._stack.enter_context(Watch(box))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- boxes --------------------------------------------------------------------------------------

    def environment(self, name: str) -> Mapping[str, str]:
        """Of a box's process.

        It can keep what must not outlive the power. With ``clock``: the first one's wall clock is ours to
        set, the monotonic one is nobody's.
        """
        kept = {"MEETINGBOX_RUNTIME_DIR": self._runtime}
        if self._clock is None or name != self.names[0]:
            return kept
        return {**kept, **self._clock.environment}

    def set_clock(self, days: int) -> None:
        """Set the first box's wall clock so many days off."""
        if self._clock is not None:
            self._clock.set(days)

    def see_each_other(self) -> None:
        """Wait until every box sees all others on the network."""
        for name, box in self.box.items():
            others = [other for other in self.names if other != name]
            self.boxes.wait(lambda box=box, others=others: box.sees(*others), SEEN_WITHIN)  # type: ignore[misc]

    def join(self, *names: str) -> float:
        """Have these boxes join, all if none is named; return when the last was told to."""
        for name in names or self.names:
            self.box[name].ask("join", room=ROOM, password=PASSWORD)
        return time.monotonic()

    def restart(self, name: str) -> float:
        """Start a box again whose process has ended, with everything that it kept; return when."""
        begun = time.monotonic()
        self.box[name].restart()
        return begun

    def clone(self, original: str, copy: str) -> None:
        """Give one box, which must have ended, the other's identity and name: a card that was copied."""
        one, two = self.box[original].folder, self.box[copy].folder
        shutil.rmtree(two / "state")
        shutil.copytree(one / "state", two / "state")
        config = (two / "meetingbox.toml").read_text()
        (two / "meetingbox.toml").write_text(config.replace(f'"{copy}"', f'"{original}"', 1))

    def in_meeting(self) -> list[str]:
        """Names of the boxes that are in the meeting now."""
        found = []
        for name, box in self.box.items():
            with contextlib.suppress(ControlError):
                if box.status()["state"] == "in-call":
                    found.append(name)
        return found

    # --- pairs --------------------------------------------------------------------------------------

    def watch(self, name: str) -> Watch:
        return self._watches[name]

    def pairs(self, *involved: str) -> list[Pair]:
        """Whose screen shows whose picture: of all pairs, those that have to do with ``involved``."""
        return [
            (a, b)
            for a in self.names
            for b in self.names
            if a != b and (not involved or a in involved or b in involved)
        ]

    def across(self, half: Iterable[str]) -> list[Pair]:
        """The pairs of which one side is in ``half`` and one is not."""
        some = set(half)
        return [(a, b) for a, b in self.pairs() if (a in some) != (b in some)]

    def but(self, pairs: Iterable[Pair]) -> list[Pair]:
        """All other pairs."""
        some = set(pairs)
        return [pair for pair in self.pairs() if pair not in some]

    def settle(self) -> None:
        """Wait until every pair draws, and has for ``SETTLED_FOR``."""
        begun = time.monotonic()
        self.boxes.wait(lambda: self._flow(self.pairs(), begun, SETTLED_FOR), SEEN_WITHIN)

    def _flow(self, pairs: Iterable[Pair], origin: float, seconds: float) -> bool:
        now = time.monotonic()
        for a, b in pairs:
            since = self.watch(a).flowing_since(b, origin)
            if since is None or now - since < seconds:
                return False
        return True

    def heal(
        self, pairs: Sequence[Pair], origin: float, patience: float = PATIENCE
    ) -> dict[Pair, float | None]:
        """Wait until these pairs draw again; return after how many seconds from ``origin`` each did."""
        end = max(time.monotonic(), origin) + patience
        while time.monotonic() < end and not self._flow(pairs, origin, STEADY_FOR):
            time.sleep(LOOK_EVERY)
        since = {(a, b): self.watch(a).flowing_since(b, origin) for a, b in pairs}
        return {pair: None if at is None else max(0.0, at - origin) for pair, at in since.items()}

    def detected(self, pairs: Iterable[Pair], origin: float, states: Sequence[str]) -> float | None:
        """After how many seconds the last of these screens showed it; None: one never did."""
        found = [self.watch(a).first(b, origin, states) for a, b in pairs]
        return None if None in found else max(at for at in found if at is not None) - origin

    def disturbed(self, pairs: Iterable[Pair], start: float, end: float) -> bool:
        """Did one of these pairs draw clearly less from ``start`` to ``end`` than before?"""
        for a, b in pairs:
            watch = self.watch(a)
            before = watch.rate(b, start - SETTLED_FOR, start)
            if watch.rate(b, start, end) < RATE_MIN * before or watch.freeze(b, start, end) > FREEZE_MAX:
                return True
        return False

    def story(self) -> str:
        """What every box says of itself, for a round that failed."""
        return "\n".join(box.story() for box in self.box.values())


def firewall(host: Host, rules: Iterable[str], hook: str = "input") -> None:
    """Have these rules of nftables on a host and no others; none takes them off again."""
    script = (
        "add table inet faults\ndelete table inet faults\nadd table inet faults\n"
        f"add chain inet faults c {{ type filter hook {hook} priority 0; }}\n"
        + "".join(f"add rule inet faults c {rule}\n" for rule in rules)
    )
    host.run(["nft", "-f", "-"], input=script.encode(), check=True)


def steady(meeting: Meeting, pairs: Sequence[Pair], start: float, seconds: float) -> bool:
    """Let so much time pass; did these pairs draw all the while?"""
    time.sleep(max(0.0, start + seconds - time.monotonic()))
    end = time.monotonic() - GAP_MAX / 2
    return not meeting.disturbed(pairs, start, end)


def asked(box: TestBox, verb: str, **arguments: Any) -> dict[str, Any]:
    """A box's answer; nothing from one that does not answer."""
    try:
        return box.ask(verb, **arguments)
    except ControlError:
        return {}
