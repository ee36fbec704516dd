"""The camera process: captures, encodes every wanted stream once, and hands the packets over.

Started by ``camera_process`` as ``python -m appliance.media.camera SOCKET MEMORY SOURCE LABEL ENCODER``
(the first two are inherited file descriptors), never by a person. One thread: read the commands,
take a picture, encode it, send it. A second one only waits for the other side's end, because the
first may hang in a driver.

A camera that is missing is looked for again every few seconds. Nothing is captured while nobody
wants a picture; after a while the device is closed, and its light goes out.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import sys
import threading
import time

from av.video.reformatter import VideoReformatter

from appliance.core.layers import Layer, Stream, layer_for_height
from appliance.core.limits import (
    CAMERA_IDLE_RELEASE,
    CAMERA_NICE,
    CAMERA_PROBE_EVERY,
    CAMERA_RETRY_EVERY,
    CAMERA_SOCKET_BYTES,
    ENCODERS_KEPT,
)
from appliance.errors import DeviceError
from appliance.media.encoder import RateGate, StreamEncoders
from appliance.media.encoders.choice import AUTO, EncoderChoice
from appliance.media.scale import Scaler
from appliance.media.selfview import SelfViewWriter
from appliance.media.sources.source import CAPTURE_FPS, CapturedFrame, Source, make_source, parse_source
from appliance.media.wire import (
    RECEIVE_BYTES,
    Keyframe,
    Phase,
    Status,
    Want,
    pack_frame,
    pack_self_view,
    pack_status,
    unpack_command,
)

log = logging.getLogger("meetingbox.camera")

NOTHING = Want(frozenset(), None)


class OtherSideGoneError(Exception):
    """The network process closed its end: time to go."""


class Camera:
    """The loop of the camera process. Owns ``sock``, ``writer`` and ``source``."""

    def __init__(
        self, sock: socket.socket, writer: SelfViewWriter, source: Source, encoder: str = AUTO
    ) -> None:
        self._sock = sock
        self._writer = writer
        self._source = source
        self._encoders = StreamEncoders(EncoderChoice(encoder))
        self._failures = 0  # of encoders, that the other side knows of
        self._want = NOTHING
        self._open = False
        self._idle_since = time.monotonic()
        self._retry_at = 0.0
        self._status: Status | None = None
        self._gate = RateGate(CAPTURE_FPS)
        self._self_view_scaler: Scaler | None = None
        self._to_rgb = VideoReformatter()

    def run(self) -> None:
        """Work until the other side is gone."""
        try:
            self._receive(0.0)
            while True:
                self._step()
        except (OtherSideGoneError, ConnectionError):
            pass
        finally:
            self._encoders.close()
            self._source.close()
            self._writer.close()
            self._sock.close()

    def _step(self) -> None:
        try:
            if self._want == NOTHING:
                self._idle()
            elif self._open:
                self._receive(0.0)
                if self._open and self._want != NOTHING:
                    self._capture()
            elif (wait := self._retry_at - time.monotonic()) > 0:
                self._receive(wait)
            else:
                self._open_source()
        except DeviceError as error:
            self._close_source()
            self._retry_at = time.monotonic() + CAMERA_RETRY_EVERY
            self._say(Phase.MISSING, error, again=True)

    # --- commands ---------------------------------------------------------------------------------

    def _receive(self, timeout: float) -> None:
        """Carry out the commands that are there; wait up to ``timeout`` seconds for the first."""
        if timeout > 0 and not select.select([self._sock], [], [], timeout)[0]:
            return
        newest = self._want
        keyframes: frozenset[Stream] = frozenset()
        while True:
            try:
                message = self._sock.recv(RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not message:
                raise OtherSideGoneError
            command = unpack_command(message)
            if isinstance(command, Keyframe):
                keyframes |= command.streams
            else:
                # A stream that was given up and is wanted again begins with a keyframe all the same.
                keyframes |= command.streams - newest.streams
                newest = command
        if newest != self._want:  # those in between would open and close encoders for nobody
            self._set_want(newest)
        for stream in keyframes:
            self._encoders.keyframe(stream)

    def _set_want(self, want: Want) -> None:
        if want == NOTHING:
            self._idle_since = time.monotonic()
        elif self._want == NOTHING:
            self._retry_at = 0.0  # somebody waits for a picture now
        self._want = want
        self._encoders.want(want.streams)
        largest = self._largest()
        self._source.want_size(largest.spec.width, largest.spec.height)
        fps = min(largest.spec.fps, want.fps or largest.spec.fps)
        if fps != self._gate.fps:
            self._gate = RateGate(fps)
        if want.self_view is None:
            self._self_view_scaler = None
        if self._open and self._status is not None:
            self._say(Phase.IDLE if want == NOTHING else self._status.phase)

    def _largest(self) -> Layer:
        """The layer whose size and rate serve every wanted picture, the self-view's too."""
        height = max((stream.layer.spec.height for stream in self._want.streams), default=0)
        if self._want.self_view is not None:
            height = max(height, self._want.self_view[1])
        return layer_for_height(height)

    # --- the device -------------------------------------------------------------------------------

    def _idle(self) -> None:
        """Nobody wants a picture: let the device go after a while, and look now and then if it is there."""
        now = time.monotonic()
        if self._open:
            left = self._idle_since + CAMERA_IDLE_RELEASE - now
            if left > 0:
                self._receive(left)
            else:
                self._close_source()
                self._retry_at = now + CAMERA_PROBE_EVERY
            return
        if now - self._idle_since >= ENCODERS_KEPT:
            self._encoders.close()
        if now >= self._retry_at:
            self._source.probe()
            self._retry_at = now + CAMERA_PROBE_EVERY
            self._say(Phase.IDLE)
        self._receive(self._retry_at - now)

    def _open_source(self) -> None:
        self._say(Phase.OPENING)
        self._source.open()
        self._open = True

    def _close_source(self) -> None:
        self._source.close()
        self._open = False

    # --- pictures -----------------------------------------------------------------------------------

    def _capture(self) -> None:
        captured = self._source.read(self._gate.passes)
        if captured is None:
            return
        if self._status is None or self._status.phase is not Phase.CAPTURING:
            self._say(Phase.CAPTURING)
        for encoded in self._encoders.encode(captured):
            for message in pack_frame(encoded):
                if not self._send(message):
                    # Late is worse than lost: what follows a dropped picture is of no use either.
                    self._encoders.keyframe(encoded.stream)
                    break
        if self._encoders.failures != self._failures:
            self._failures = self._encoders.failures
            self._say(Phase.CAPTURING)  # another encoder took its place
        if self._want.self_view is not None:
            self._show(captured, *self._want.self_view)

    def _show(self, captured: CapturedFrame, width: int, height: int) -> None:
        scaler = self._self_view_scaler
        even = (width + 1 & ~1, height + 1 & ~1)
        if scaler is None or (scaler.width, scaler.height) != even:
            scaler = self._self_view_scaler = Scaler(*even)
        frame = scaler.scale(captured.frame, captured.pixel_aspect)
        rgb = self._to_rgb.reformat(frame, width, height, "rgb24", threads=1)
        plane = rgb.planes[0]
        picture = self._writer.write(
            memoryview(plane),
            plane.line_size,
            width,
            height,
            captured.captured_ns,
        )
        self._send(pack_self_view(picture))

    # --- what the other side hears --------------------------------------------------------------------

    def _say(self, phase: Phase, error: DeviceError | None = None, *, again: bool = False) -> None:
        """Send what the camera is doing, if it is new or to be said ``again``."""
        status = Status(
            phase,
            self._source.label,
            error.code if error else "",
            error.sentence if error else "",
            tuple(self._encoders.names.items()),
        )
        if again or status != self._status:
            self._status = status if self._send(pack_status(status)) else None

    def _send(self, message: bytes) -> bool:
        """Send a message; False if the other side is so far behind that there is no room."""
        try:
            self._sock.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        return True


def _end_with(sock_fd: int) -> None:
    """Wait until the other end of the socket is closed, and end the process with it."""
    poll = select.poll()
    poll.register(sock_fd, select.POLLHUP | select.POLLRDHUP)
    poll.poll()
    time.sleep(0.5)  # the loop sees it too, and ends in order unless it hangs
    os._exit(0)


def main(arguments: list[str]) -> int:
    """Run the camera process; see the module's docstring for the arguments."""
    socket_fd, memory_fd, source_text, label, encoder = arguments
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    os.setpriority(os.PRIO_PROCESS, 0, CAMERA_NICE)
    sock = socket.socket(fileno=int(socket_fd))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CAMERA_SOCKET_BYTES)
    writer = SelfViewWriter(int(memory_fd))
    threading.Thread(target=_end_with, args=(int(socket_fd),), daemon=True).start()
    Camera(sock, writer, make_source(parse_source(source_text), label), encoder).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
