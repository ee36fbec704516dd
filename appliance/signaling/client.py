"""One room's connections to many signaling servers at once.

A box joins a room on its own server and on every server it knows, so that no server is special.
Each is dialled by itself: a dead one delays nobody. A connection that is lost is dialled
again for as long as its server is wanted, with a growing, jittered wait.

The order matters where there are many. First comes our own server, where a member that knows us
waits already; then what a person configured or a meeting left behind; then what discovery found, in
an order that hangs on the room and the servers alone: boxes that see the same servers go to the same
one first, and meet there. ``limits.DIALS_AT_ONCE`` of them are dialled at once, the rest one after the
other: they matter only where boxes see different servers.

Where an address comes from decides what it is shown (``access.py``): a server from the
configuration gets the token, a discovered one a relay key. Whether a discovered address may be
dialled at all is decided where it is heard (``interfaces.may_dial``).
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State

from appliance.config import Signaling
from appliance.core import limits
from appliance.signaling.access import ROOM_CLOSED, relay_key
from appliance.signaling.dial import connect_first, peer_host, url_host
from appliance.signaling.line_socket import client_settings

log = logging.getLogger(__name__)

_DEFAULT_PORT = Signaling().port


class Origin(enum.IntEnum):
    """Where an address comes from, in the order in which they are dialled."""

    OWN = 0
    CONFIGURED = 1
    KNOWN = 2  # a box was there once; it may be off, so nobody waits for it
    FOUND = 3  # discovery shows it now


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a signaling server is.

    ``key``: names it in callbacks (a *relay id*); of a found one, the same on every box. ``hosts``,
    ``port``: where to dial, best address first. ``template``: path and query with ``[CHANNEL_ID]`` and
    ``[API_KEY]``.
    """

    key: str
    hosts: tuple[str, ...]
    port: int
    template: str = "/[CHANNEL_ID]?apiKey=[API_KEY]"
    origin: Origin = Origin.FOUND

    @property
    def trusted(self) -> bool:
        """Did a person configure it? Then it is shown the token itself."""
        return self.origin is Origin.CONFIGURED

    @classmethod
    def discovered(
        cls, key: str, hosts: Iterable[str], port: int, origin: Origin = Origin.FOUND
    ) -> ServerAddress:
        """A box's own server, the box itself included: IP addresses and a port."""
        return cls(key, tuple(hosts)[: limits.BOX_ADDRESSES_MAX], port, origin=origin)

    @classmethod
    def configured(cls, url: str) -> ServerAddress:
        """An entry of ``servers``: ``ws://HOST[:PORT]``, or a template with ``[CHANNEL_ID]`` and
        ``[API_KEY]`` in its path or query. Its key is the URL.

        Raises ValueError when it is neither.
        """
        parts = urlsplit(url)
        if parts.scheme != "ws" or not parts.hostname:
            raise ValueError("expected ws://HOST:PORT")
        rest = url[len("ws://") + len(parts.netloc) :]
        port = parts.port or (_DEFAULT_PORT if rest in ("", "/") else 80)
        if rest in ("", "/"):
            return cls(url, (parts.hostname,), port, origin=Origin.CONFIGURED)
        return cls(url, (parts.hostname,), port, rest, origin=Origin.CONFIGURED)

    def url(self, host: str, room: int, token: str) -> str:
        """The URL under which ``room`` is reached on this server, dialled at the address ``host``."""
        api_key = token if self.trusted else relay_key(token, host, self.port)
        path = self.template.replace("[CHANNEL_ID]", str(room)).replace("[API_KEY]", quote(api_key, safe=""))
        named = self.hosts[0] if self.trusted else host
        return f"ws://{url_host(named)}:{self.port}{path}"


class RelayPool:
    """Keeps one WebSocket per wanted server, all in one room.

    ``on_open(relay_id)`` and ``on_close(relay_id, reason)`` alternate for each server;
    ``on_text(relay_id, text)`` comes in between. ``reason`` is a stable code, for
    ``relay.error`` followed by what the server said: "relay.error: wrong API key".
    ``on_settled()``: a dial failed, and now every server was tried that may be waited for. Callbacks run on
    the loop and must not block; one that raises is logged and changes nothing here. ``rng``: jitter
    for the waits.
    """

    def __init__(
        self,
        room: int,
        token: str,
        *,
        on_open: Callable[[str], None],
        on_text: Callable[[str, str], None],
        on_close: Callable[[str, str], None],
        on_settled: Callable[[], None] = lambda: None,
        rng: random.Random,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.room = room
        self._token = token
        self._on_open = on_open
        self._on_text = on_text
        self._on_close = on_close
        self._on_settled = on_settled
        self._rng = rng
        self._wanted: dict[str, ServerAddress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._open: dict[str, ClientConnection] = {}
        self._failures: dict[str, str] = {}
        self._tried: set[str] = set()
        self._reached: set[str] = set()
        self._pace_at = 0.0  # when the next dial is due; in the past while there are places for some at once
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def open(self) -> tuple[str, ...]:
        """Ids of the servers that are connected now."""
        return tuple(self._open)

    @property
    def settled(self) -> bool:
        """Is every server either connected, or was it tried and failed? Those whose turn is yet to come
        don't count, nor those that are only known from earlier: they may be off for ever."""
        return all(
            key in self._open or key in self._failures
            for key, server in self._wanted.items()
            if server.origin is not Origin.KNOWN and key in self._tried
        )

    @property
    def failures(self) -> dict[str, str]:
        """Why each server that is not connected could not be reached, as a reason of ``on_close``."""
        return dict(self._failures)

    @property
    def tried(self) -> frozenset[str]:
        """Ids of the servers that were dialled, whatever came of it."""
        return frozenset(self._tried)

    @property
    def reached(self) -> frozenset[str]:
        """Ids of the servers that were connected at some time."""
        return frozenset(self._reached)

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """Dial and keep these servers, and leave all others; more than ``limits.RELAYS_MAX`` are dropped."""
        if self._closed:
            return
        wanted: dict[str, ServerAddress] = {}
        for server in sorted(servers, key=self._turn):
            if len(wanted) >= limits.RELAYS_MAX:
                self.counters["relay.too-many"] += 1
                break
            wanted.setdefault(server.key, server)
        if wanted:
            # What discovery shows now under another name: a handshake may be under way there.
            kept = {k: s for k, s in self._wanted.items() if s.origin is Origin.KNOWN and k in self._open}
            wanted = kept | wanted
        for key, server in list(self._wanted.items()):
            if key in wanted and self._still_right(key, server, wanted[key]):
                self._wanted[key] = wanted[key]
            else:
                self._drop(key)
        for key, server in wanted.items():
            if key not in self._wanted:
                self._wanted[key] = server
                self._wake[key] = asyncio.Event()
                pause = self._pause() if server.origin is Origin.FOUND else 0.0
                if not pause:
                    self._tried.add(key)
                self._tasks[key] = asyncio.create_task(self._keep(key, pause), name=f"relay {key}")

    def _turn(self, server: ServerAddress) -> tuple[int, bytes]:
        """The place of a server in the order of dialling; ``sorted`` keeps the order of equals."""
        if server.origin is not Origin.FOUND:
            return server.origin, b""
        return server.origin, hashlib.sha256(f"{self.room} {server.key}".encode()).digest()

    def _pause(self) -> float:
        """How long a new dial waits for its turn, in seconds: some are free, then they are paced."""
        now = asyncio.get_running_loop().time()
        free = (limits.DIALS_AT_ONCE - 1) * limits.DIAL_PACE
        at = max(self._pace_at, now - free)
        self._pace_at = at + limits.DIAL_PACE
        return max(0.0, at - now)

    def redial(self, relay_id: str) -> None:
        """Dial a server at once if it waits for its next try: something suggests that it is back."""
        if relay_id in self._wake:
            self._wake[relay_id].set()

    def leave_addresses(self, ours: Collection[str]) -> None:
        """Our own addresses are these: a connection from any other carries nothing any more."""
        for websocket in self._open.values():
            local = websocket.local_address
            if local and local[0] not in ours:
                websocket.transport.abort()

    def send(self, relay_id: str, text: str) -> bool:
        """Send a frame through one server; returns False when it was dropped: not connected, longer
        than ``limits.RELAY_MESSAGE_MAX``, or the server does not take what we sent before."""
        websocket = self._open.get(relay_id)
        if websocket is None or websocket.state is not State.OPEN:
            self.counters["relay.not-open"] += 1
            return False
        if len(text.encode()) > limits.RELAY_MESSAGE_MAX:
            self.counters["relay.too-long"] += 1
            return False
        if websocket.transport.get_write_buffer_size() > limits.RELAY_BACKLOG_MAX:
            self.counters["relay.backlog"] += 1
            return False
        broadcast([websocket], text)  # writes at once or into the transport's buffer, never waits
        return True

    async def close(self) -> None:
        """Leave the room on every server. ``on_close`` is called for the connected ones."""
        self._closed = True
        for key in list(self._wanted):
            self._drop(key)
        while self._ending:
            await asyncio.wait(self._ending)

    def _still_right(self, key: str, old: ServerAddress, new: ServerAddress) -> bool:
        """May the connection stay? A box that only got or lost a further address is not left."""
        if old == new:
            return True
        websocket = self._open.get(key)
        same = (old.port, old.template, old.origin) == (new.port, new.template, new.origin)
        return websocket is not None and same and websocket.remote_address[0] in new.hosts

    def _drop(self, key: str) -> None:
        del self._wanted[key], self._wake[key]
        self._failures.pop(key, None)
        task = self._tasks.pop(key)
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if self._open.pop(key, None) is not None:
            self._tell(self._on_close, key, "relay.dropped")

    async def _keep(self, key: str, pause: float) -> None:
        loop = asyncio.get_running_loop()
        wake = self._wake[key]
        wait = limits.DIAL_AGAIN_MIN
        if pause:
            await asyncio.sleep(pause)
            self._tried.add(key)
        while True:
            try:
                websocket = await self._dial(self._wanted[key])
            except TimeoutError:
                reason = "relay.timeout"
            except ConnectionRefusedError:
                reason = "relay.refused"
            except (OSError, ValueError):  # ValueError: a redirect, which is not followed
                reason = "relay.unreachable"
            except WebSocketException:
                reason = "relay.no-relay"  # somebody listens there, but not a server of ours
            else:
                opened = loop.time()
                try:
                    reason = await self._read(key, websocket)
                finally:
                    await websocket.close()  # also while this task is being cancelled
                if loop.time() - opened >= limits.DIAL_STEADY_AFTER:
                    wait = limits.DIAL_AGAIN_MIN
            self.counters[reason.partition(":")[0]] += 1
            self._failures[key] = reason
            if self.settled:
                self._tell(self._on_settled)
            said_no = reason.startswith(("relay.error", "relay.closed-room"))
            again = limits.DIAL_REFUSED_AGAIN if said_no else wait
            wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again * self._rng.uniform(0.5, 1.0)):
                    await wake.wait()
            wait = min(wait * 2, limits.DIAL_AGAIN_MAX)

    async def _dial(self, server: ServerAddress) -> ClientConnection:
        async with asyncio.timeout(limits.DIAL_WITHIN):
            connection = await connect_first(server.hosts, server.port, within=limits.DIAL_WITHIN)
            host = peer_host(connection)
            return await connect(
                server.url(host, self.room, self._token),
                sock=connection,
                **client_settings(),
                open_timeout=limits.DIAL_WITHIN,
                ping_interval=limits.RELAY_PING_EVERY,
                ping_timeout=limits.RELAY_PING_WITHIN,
                close_timeout=limits.RELAY_CLOSE_WITHIN,
                max_size=limits.RELAY_MESSAGE_MAX,
                max_queue=limits.RELAY_QUEUE_FRAMES,
                write_limit=limits.RELAY_BACKLOG_MAX,
            )

    async def _read(self, key: str, websocket: ClientConnection) -> str:
        """Hand on what comes until the connection ends; return why it ended."""
        self._failures.pop(key, None)
        self._reached.add(key)
        self._open[key] = websocket
        self._tell(self._on_open, key)
        error = ""
        first = True
        loop = asyncio.get_running_loop()
        allowance, since = float(limits.RELAY_HEARD_BURST), loop.time()
        try:
            while True:
                text = await websocket.recv()
                now = loop.time()
                allowance += (now - since) * limits.RELAY_HEARD_PER_S
                allowance, since = min(allowance, limits.RELAY_HEARD_BURST) - 1, now
                if allowance < 0:
                    # A server that floods us waits, and TCP holds it back; the other servers go on.
                    self.counters["relay.flood"] += 1
                    await asyncio.sleep(-allowance / limits.RELAY_HEARD_PER_S)
                if not isinstance(text, str):
                    self.counters["relay.binary"] += 1
                    continue
                error, first = (_error_in(text) if first else ""), False
                if not error:
                    self._tell(self._on_text, key, text)
        except ConnectionClosed as closed:
            if error:
                reason = f"relay.error: {error}"
            elif closed.rcvd is not None and closed.rcvd.code == ROOM_CLOSED:
                reason = "relay.closed-room"
            else:
                reason = "relay.lost"
        if self._open.get(key) is websocket:
            del self._open[key]
            self._tell(self._on_close, key, reason)
        return reason

    def _tell(self, callback: Callable[..., None], *arguments: str) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("relay.callback")


def _error_in(text: str) -> str:
    """The sentence of a server's ``{"error": ...}``, or "" when this is something else."""
    if len(text) > 2 * limits.RELAY_ERROR_MAX_CHARS or not text.startswith('{"error"'):
        return ""
    try:
        message = json.loads(text)
    except ValueError:
        return ""
    error = message.get("error") if isinstance(message, dict) and len(message) == 1 else None
    if not isinstance(error, str):
        return ""
    return "".join(c for c in error if c.isprintable())[: limits.RELAY_ERROR_MAX_CHARS]
