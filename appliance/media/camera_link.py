"""One running camera process, seen from the network process: start it, talk to it, end it.

It is started as a fresh program, never forked. It inherits one end of a SOCK_SEQPACKET pair and the
shared memory of the self-view, nothing else. Its death is seen on a pidfd; every read is
non-blocking and driven by the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from appliance.core.layers import Stream
from appliance.core.limits import (
    CAMERA_END_WAIT,
    CAMERA_MESSAGES_PER_WAKE,
    CAMERA_OPENING_MAX,
    MALLOC_KEEP,
    MALLOC_MMAP_FROM,
)
from appliance.errors import LocalProtocolError
from appliance.media.encoded import EncodedFrame
from appliance.media.selfview import SelfViewReader, create_memory
from appliance.media.wire import RECEIVE_BYTES, Assembler, Keyframe, SelfView, Status, Want, pack_command

log = logging.getLogger("meetingbox.camera")

MODULE = "appliance.media.camera"
# glibc keeps a picture's memory for the next one (the variables of mallopt's M_TRIM_THRESHOLD and
# M_MMAP_THRESHOLD); otherwise the kernel clears the same pages 30 times a second.
HEAP = {"MALLOC_TRIM_THRESHOLD_": str(MALLOC_KEEP), "MALLOC_MMAP_THRESHOLD_": str(MALLOC_MMAP_FROM)}


class CameraLink:
    """A camera process from its start to its end. Belongs to one event loop.

    Every callback comes on that loop. ``on_over``: the process is of no use any more (``over`` says so
    too): it died, closed its end, or sent nonsense. OSError if it can't be started.
    """

    def __init__(
        self,
        source: str,
        label: str,
        encoder: str,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_self_view: Callable[[SelfView, bytes], None],
        on_status: Callable[[Status], None],
        on_over: Callable[[], None],
    ) -> None:
        self.over = False
        self._on_frame = on_frame
        self._on_self_view = on_self_view
        self._on_status = on_status
        self._on_over = on_over
        self._assembler = Assembler()
        self._late_want: Want | None = None  # the newest of those that the socket had no room for
        self._late_keyframes: frozenset[Stream] = frozenset()
        self._late_timer: asyncio.TimerHandle | None = None  # runs while something waits for room
        self._loop = asyncio.get_running_loop()
        self._dead = asyncio.Event()
        with contextlib.ExitStack() as on_failure:
            self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            on_failure.callback(self._sock.close)
            with theirs:
                self._sock.setblocking(False)
                memory = create_memory()
                try:
                    self._reader = SelfViewReader(memory)
                    on_failure.callback(self._reader.close)
                    self._process = subprocess.Popen(
                        [
                            *(sys.executable, "-m", MODULE),
                            *(str(theirs.fileno()), str(memory), source, label, encoder),
                        ],
                        pass_fds=(theirs.fileno(), memory),
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        env={**os.environ, **HEAP},
                        start_new_session=True,  # Ctrl-C is for us; we end it in order
                    )
                finally:
                    os.close(memory)
            on_failure.callback(self._process.kill)
            self.pid = self._process.pid
            self._pidfd = os.pidfd_open(self.pid)
            on_failure.pop_all()
        self._loop.add_reader(self._pidfd, self._died)
        self._loop.add_reader(self._sock, self._readable)

    def send(self, command: Want | Keyframe) -> None:
        """Hand over a command, later if the socket is full: then the newest Want, and every keyframe.

        A process that reads none of its commands for ``CAMERA_OPENING_MAX`` is of no use: ``over``.
        """
        if self.over:
            return
        if self._late_timer is None and self._sent(command):
            return
        if isinstance(command, Keyframe):
            self._late_keyframes |= command.streams
        else:
            if self._late_want is not None:
                # A stream that was given up and is wanted again begins with a keyframe all the same.
                self._late_keyframes |= command.streams - self._late_want.streams
            self._late_want = command
        if self._late_timer is None and not self.over:
            self._late_timer = self._loop.call_later(CAMERA_OPENING_MAX, self._unread)
            self._loop.add_writer(self._sock, self._writable)

    def _sent(self, command: Want | Keyframe) -> bool:
        """Send a command; False if there is no room for it, or nobody to read it any more."""
        try:
            self._sock.send(pack_command(command), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError:
            self._finish()
            return False
        return True

    def _writable(self) -> None:
        """There is room again: send what waits."""
        if self._late_want is not None:
            if not self._sent(self._late_want):
                return
            self._late_want = None
        if self._late_keyframes:
            if not self._sent(Keyframe(self._late_keyframes)):
                return
            self._late_keyframes = frozenset()
        self._stop_waiting()

    def _unread(self) -> None:
        log.warning("camera process %d does not read its commands", self.pid)
        self._finish()

    def _stop_waiting(self) -> None:
        """Nothing waits for room in the socket, or it is of no use any more."""
        if self._late_timer is not None:
            self._late_timer.cancel()
            self._late_timer = None
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        newest: SelfView | None = None
        for _ in range(CAMERA_MESSAGES_PER_WAKE):
            try:
                message = self._sock.recv(RECEIVE_BYTES)
                told = self._assembler.feed(message) if message else None
            except BlockingIOError:
                break
            except (OSError, LocalProtocolError) as error:
                log.warning("camera process %d: %s", self.pid, error)
                message = b""
            if not message:
                self._finish()
                break
            if isinstance(told, EncodedFrame):
                self._on_frame(told)
            elif isinstance(told, SelfView):
                newest = told
            elif told is not None:
                self._on_status(told)
        if newest is not None:
            rgb = self._reader.read(newest)
            if rgb is not None:
                self._on_self_view(newest, rgb)

    def _finish(self) -> None:
        """Nothing more is read or sent."""
        self._loop.remove_reader(self._sock)
        self._stop_waiting()
        if not self.over:
            self.over = True
            self._on_over()

    def _died(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._process.poll()  # reap it
        self._dead.set()
        # What it said last is still in the socket; its end of file follows.

    async def end(self, *, kill: bool) -> None:
        """End the process: ask it (by end of file), then kill it, then give it up, a second each.

        A process that hangs in a driver can't even be killed; it is abandoned, with a line in the log.
        """
        self._loop.remove_reader(self._sock)
        self._stop_waiting()
        self._sock.close()
        self.over = True
        try:
            if not kill and await self._dies():
                return
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            if not await self._dies():
                log.error("camera process %d can't be killed; it is abandoned", self.pid)
                self._process.returncode = -signal.SIGKILL  # nobody waits for it any more
        except ProcessLookupError:
            self._process.poll()
        finally:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._reader.close()

    async def _dies(self) -> bool:
        try:
            await asyncio.wait_for(self._dead.wait(), CAMERA_END_WAIT)
        except TimeoutError:
            return False
        return True
