"""Boxes without media, many on one machine: everything of a box up to the sealed pair, and nothing behind it.

Each is a process of its own in a host of a ``net.namespaces.Lan``, forked from this one once everything is
imported: sixty interpreters that import a box each would take minutes and gigabytes. Inside runs
``appliance.app.box.Box`` itself, with its server, discovery, handshakes and direct lines; what stands in
for the sound engine and for each pair's WebRTC connection does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from net.namespaces import Host

from appliance.app import peer_links
from appliance.app.box import Box
from appliance.bridge import Bridge
from appliance.config import Audio, Config, Display, Signaling, Video
from appliance.core.peer_table import PeerState
from appliance.core.view import Snapshot

_CLONE_NEWNET = 0x40000000
_ANSWER_WITHIN = 60.0
_END_WITHIN = 8.0
# A pair is sealed once each side has read the other's identity under the pair's keys.
_SEALED = (PeerState.IDENTIFIED, PeerState.CONNECTING, PeerState.LIVE, PeerState.SILENT)


class _NoScreen:
    def press(self, key: str) -> None: ...

    def screenshot(self, path: Path) -> None: ...


class _NoSound:
    """In the place of the AudioEngine: nothing is captured or played."""

    devices: tuple[()] = ()
    echo_control = "off"
    hears_room = False

    def take_levels(self) -> list[int]:
        return []

    def stats(self) -> dict[str, Any]:
        return {"peers": {}, "engine": {}}

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        return self


class _NoLink:
    """In the place of a pair's MediaLink: it makes an offer that never comes."""

    fingerprints: tuple[str, ...] = ()

    def __init__(self, **_: Any) -> None:
        self._never = asyncio.get_running_loop().create_future()

    async def offer(self) -> str:
        await self._never
        raise AssertionError("nothing sets it")

    async def answer(self, sdp: str) -> str:
        return await self.offer()

    async def close(self) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None  # what is set has no effect


class _Inside:
    """A box, and the parent's questions; in the child."""

    def __init__(self, name: str, folder: Path, parent: socket.socket) -> None:
        self._name = name
        self._folder = folder
        self._parent = parent
        self._box: Box
        self._wanted = 0
        self._sealed_at: float | None = None
        self._watch: asyncio.Event = asyncio.Event()

    async def run(self) -> None:
        config = Config(
            name=self._name,
            interfaces=(Host.interface,),
            signaling=Signaling(),
            video=Video(source="none"),
            audio=Audio(microphone="none", speaker="none", same_room="off"),
            display=Display(mode="headless"),
        )
        self._box = Box(
            config,
            Bridge(Snapshot(name=self._name)),
            _NoScreen(),
            config_path=None,
            state_dir=self._folder,
            socket_path=self._folder / "control.sock",
        )
        self._box.media.engine = _NoSound()  # type: ignore[assignment]
        await self._box.start()
        self._box.lag.stop()  # ten looks a second of every box are a load that a real one has for itself
        reader, writer = await asyncio.open_connection(sock=self._parent)
        self._say(writer, ready=time.monotonic())
        while line := await reader.readline():
            question = json.loads(line)
            answer = await getattr(self, "do_" + question.pop("do"))(**question)
            self._say(writer, **answer)
        await self._box.stop()
        writer.close()

    def _say(self, writer: asyncio.StreamWriter, **fields: object) -> None:
        writer.write(json.dumps(fields).encode() + b"\n")

    async def do_seen(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "seen": sum(box.present for box in self._box.found),
            "cpu": used.ru_utime + used.ru_stime,
            "counters": dict(self._box.counters + self._box.server.counters + self._box.discovery.counters),
        }

    async def do_join(self, room: int, password: str, others: int, at: float) -> dict[str, Any]:
        """Join at the monotonic time ``at``; answer when a pair with each of so many others is sealed."""
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        begun = time.monotonic()
        await self._box.rooms.join(room, password, made_up=False, pressed_at=begun)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_WITHIN / 2):
                while self._sealed() < others:  # noqa: ASYNC110 - a look costs microseconds
                    await asyncio.sleep(0.002)
        session = self._box.session
        return {
            "begun": begun,
            "sealed_at": time.monotonic() if self._sealed() >= others else None,
            "relays": len(session.channels.servers_dialed[1]) if session else 0,
        }

    def _sealed(self) -> int:
        session = self._box.session
        peers = session.peers.values() if session is not None else ()
        return sum(shell.machine.state in _SEALED for shell in peers)

    async def do_settled(self) -> dict[str, Any]:
        session = self._box.session
        tried, reached = (
            session.channels.servers_dialed if session is not None else (frozenset(), frozenset())
        )
        return {"tried": len(tried), "reached": len(reached), "sealed": self._sealed()}

    async def do_leave(self) -> dict[str, Any]:
        await self._box.rooms.leave()
        return {}


class SignalingBox:
    """One of them, seen from the benchmark."""

    def __init__(self, name: str, host: Host, folder: Path) -> None:
        self.name = name
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            code = 1
            try:
                _live(name, host, folder, theirs)
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        ours.settimeout(_ANSWER_WITHIN)
        self._socket = ours
        self._file = ours.makefile("rb")

    def answer(self) -> dict[str, Any]:
        """What it said next. Raises RuntimeError when it ended instead."""
        line = self._file.readline()
        if not line:
            raise RuntimeError(f"the box {self.name} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, do: str, **arguments: object) -> None:
        self._socket.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        self.tell(do, **arguments)
        return self.answer()

    def hang_up(self) -> None:
        """Have it end properly."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def end(self, deadline: float) -> None:
        """Wait for its end until the monotonic time ``deadline``, then kill it."""
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.01)
        self._file.close()
        self._socket.close()


def end_all(boxes: Sequence[SignalingBox]) -> None:
    """End them all, whatever they are doing."""
    for box in boxes:
        box.hang_up()
    deadline = time.monotonic() + _END_WITHIN
    for box in boxes:
        box.end(deadline)


def ask_all(boxes: Sequence[SignalingBox], do: str, **arguments: object) -> list[dict[str, Any]]:
    """Ask all of them at once."""
    for box in boxes:
        box.tell(do, **arguments)
    return [box.answer() for box in boxes]


def _live(name: str, host: Host, folder: Path, parent: socket.socket) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", host.name).open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    folder.mkdir()
    logging.basicConfig(filename=folder / "log.txt", level=logging.ERROR)
    gc.freeze()
    peer_links.MediaLink = _NoLink  # type: ignore[assignment,misc]
    try:
        asyncio.run(_Inside(name, folder, parent).run())
    except BaseException:
        logging.getLogger("bench").exception("ended")
        raise
