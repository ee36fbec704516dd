"""The control socket: where a script does what a finger can do.

One connection carries requests in turn: the next one is read when the reply to the last is on its
way, so a client has one request in flight and its own socket buffer waiting, never more. Only the
box's own user, root and (for a box that runs as a system user) its group get an answer; the file's
mode says so and the credentials of every connection are checked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import socket
import stat
import struct
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.control import protocol
from appliance.core import limits
from appliance.errors import ControlError, MeetingBoxError, StartError

log = logging.getLogger(__name__)

Handler = Callable[[protocol.Request], Awaitable[dict[str, object]]]

SYSTEM_UID_MAX = 999  # Debian: accounts of services end here, people begin
_SO_PEERGROUPS = 59  # Linux: the supplementary groups of the other end; not in the socket module
_PEERGROUPS_BYTES = 1024  # as much as getsockopt may ask for: 256 groups


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end, as the kernel says."""

    uid: int
    gids: frozenset[int]


def is_allowed(who: Credentials, uid: int, gid: int, group_access: bool) -> bool:
    """Tell whether ``who`` may control a box that runs as ``uid`` and ``gid``."""
    return who.uid in (0, uid) or (group_access and gid in who.gids)


class ControlServer:
    """Listens at ``path`` and hands every request to ``handler``; owns its connections' tasks.

    ``handler`` runs on the loop; the dict it returns becomes the reply's fields. A MeetingBoxError
    becomes a reply with its code and sentence, any other exception ``control.internal``.
    ``group_access`` opens the socket to the group too; by default only for a system user's box.
    """

    def __init__(self, path: Path, handler: Handler, *, group_access: bool | None = None) -> None:
        uid = os.geteuid()
        self._path = path
        self._handler = handler
        self._group_access = 0 < uid <= SYSTEM_UID_MAX if group_access is None else group_access
        self._server: asyncio.Server | None = None
        self._inode: tuple[int, int] | None = None  # device and inode of our socket file
        self._clients: set[asyncio.Task[None]] = set()
        self.counters = {"requests": 0, "refused": 0, "malformed": 0, "denied": 0, "busy": 0}

    @property
    def path(self) -> Path:
        return self._path

    @property
    def clients(self) -> int:
        """Connections at this moment."""
        return len(self._clients)

    async def start(self) -> None:
        """Take the socket and listen. Raises StartError when that can't be; nothing is left behind then."""
        if self._server is not None:
            raise RuntimeError("the control server was started twice")
        sock = await self._take()
        try:
            self._server = await asyncio.start_unix_server(
                self._accept, sock=sock, limit=limits.CONTROL_LINE_MAX, backlog=limits.CONTROL_BACKLOG
            )
        except BaseException:
            sock.close()
            self._unlink()
            raise

    async def stop(self) -> None:
        """Stop listening, end every connection and remove the socket file. Does no harm twice."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._unlink()
        server.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await server.wait_closed()

    # --- taking the socket ----------------------------------------------------------------------

    async def _take(self) -> socket.socket:
        path = self._path
        if len(os.fsencode(path)) > limits.SOCKET_PATH_MAX_BYTES:
            sentence = (
                f"The control socket's path is longer than {limits.SOCKET_PATH_MAX_BYTES} bytes: "
                f"{path}. Name a shorter one with --socket."
            )
            raise StartError("start.socket-path", sentence)
        try:
            _make_folders(path.parent)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._cannot(error) from None
        try:
            # Two boxes that start at once take turns, so that neither removes the other's socket.
            await self._lock(folder)
            return self._bind()
        except OSError as error:
            raise self._cannot(error) from None
        finally:
            os.close(folder)

    async def _lock(self, folder: int) -> None:
        deadline = time.monotonic() + limits.CONTROL_CLAIM_TIMEOUT
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    sentence = f"Somebody else keeps {self._path.parent} locked."
                    raise StartError("start.socket-in-use", sentence) from None
                await asyncio.sleep(0.01)

    def _bind(self) -> socket.socket:
        path = os.fspath(self._path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            try:
                sock.bind(path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                self._remove_stale()
                sock.bind(path)
            mine = os.lstat(path)
            self._inode = (mine.st_dev, mine.st_ino)
            # Nobody can connect before listen, so there is no moment with the wrong mode.
            os.chmod(path, 0o660 if self._group_access else 0o600)
            sock.listen(limits.CONTROL_BACKLOG)
            sock.setblocking(False)
        except BaseException:
            sock.close()
            self._unlink()
            raise
        return sock

    def _remove_stale(self) -> None:
        path = self._path
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            sentence = f"{path} is there and is not a socket: move it away or choose another --socket."
            raise StartError("start.socket-path", sentence)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(os.fspath(path))
            except ConnectionRefusedError:
                os.unlink(path)
                return
            except FileNotFoundError:
                return
            except BlockingIOError:
                pass  # somebody listens, with a full backlog
        sentence = f"A box is already running here: it answers at {path}."
        raise StartError("start.socket-in-use", sentence)

    def _cannot(self, error: OSError) -> StartError:
        reason = error.strerror or str(error)
        return StartError("start.socket", f"The control socket {self._path} can't be made: {reason}.")

    def _unlink(self) -> None:
        """Remove our socket file, and only ours."""
        inode, self._inode = self._inode, None
        with contextlib.suppress(OSError):
            found = os.lstat(self._path)
            if (found.st_dev, found.st_ino) == inode:
                os.unlink(self._path)

    # --- connections -----------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._greet(reader, writer)
        except asyncio.CancelledError:
            # asyncio logs a cancelled connection task as an error; the server's stop awaits it.
            pass
        except (OSError, TimeoutError):
            pass
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = _credentials(writer.get_extra_info("socket"))
        if not is_allowed(who, os.geteuid(), os.getegid(), self._group_access):
            self.counters["denied"] += 1
            log.warning("control.denied uid=%d", who.uid)
            await _write(writer, protocol.encode_refusal("control.denied", "You may not control this box."))
        elif len(self._clients) > limits.CONTROL_CLIENTS_MAX:
            self.counters["busy"] += 1
            sentence = f"The box has {limits.CONTROL_CLIENTS_MAX} control connections already."
            await _write(writer, protocol.encode_refusal("control.busy", sentence))
        else:
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        malformed = 0
        while malformed < limits.CONTROL_MALFORMED_MAX:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                self.counters["malformed"] += 1
                sentence = f"A request has at most {limits.CONTROL_LINE_MAX} bytes."
                await _write(writer, protocol.encode_refusal("control.request-size", sentence))
                return
            try:
                request = protocol.decode_request(line)
            except ControlError as error:
                malformed += 1
                self.counters["malformed"] += 1
                await _write(writer, protocol.encode_refusal(error.code, str(error)))
                continue
            await _write(writer, await self._answer(request))

    async def _answer(self, request: protocol.Request) -> bytes:
        self.counters["requests"] += 1
        try:
            async with asyncio.timeout(limits.CONTROL_HANDLER_TIMEOUT):
                return protocol.encode_reply(await self._handler(request))
        except MeetingBoxError as error:
            code, sentence = error.code, str(error)
        except TimeoutError:
            code, sentence = "control.timeout", "The box could not do that in time."
        except Exception as error:
            # The text of a foreign exception may quote the request, and so a password: where it
            # happened is enough.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("control.internal %s\n%s", type(error).__name__, where)  # noqa: TRY400
            code, sentence = "control.internal", "The box failed at that; its log says more."
        self.counters["refused"] += 1
        return protocol.encode_refusal(code, sentence)


async def _write(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    async with asyncio.timeout(limits.CONTROL_WRITE_TIMEOUT):
        await writer.drain()


def _credentials(sock: socket.socket) -> Credentials:
    packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", packed)
    gids = {gid}
    with contextlib.suppress(OSError):
        more = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _PEERGROUPS_BYTES)
        gids.update(struct.unpack(f"{len(more) // 4}I", more))
    return Credentials(uid, frozenset(gids))


def _make_folders(folder: Path) -> None:
    """Make the folder and what is missing above it, for this user alone."""
    for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(mode=0o700)
