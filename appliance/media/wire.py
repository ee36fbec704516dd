"""The messages between the network process and its camera process.

One SOCK_SEQPACKET pair, machine-local, both ends ours and of one version: a message is a byte that
says its kind and a fixed struct, in native byte order. Only an encoded picture may be longer than one
message: a FRAME with its beginning, then MORE with the rest, in order.

==========  =================  ==================================================================
to camera   WANT               the streams to encode, the size of the self-view, the most pictures a second
            KEYFRAME           the streams whose next picture is to be a keyframe
from there  FRAME, MORE        an encoded picture
            SELF_VIEW          a picture is ready in the shared memory
            STATUS             what the camera is doing; on every change, and when a search failed again
==========  =================  ==================================================================

End of file is the word for "end": whoever's other side is gone, stops.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.core.layers import Codec, Layer, Stream
from appliance.core.limits import CAMERA_MESSAGE_MAX_BYTES, ENCODED_FRAME_MAX_BYTES
from appliance.core.words import Text, from_plain, to_plain
from appliance.errors import LocalProtocolError
from appliance.media.encoded import EncodedFrame

RECEIVE_BYTES = CAMERA_MESSAGE_MAX_BYTES + 64  # room for the largest message


class Phase(enum.IntEnum):
    """What the camera is doing."""

    OPENING = 0  # may take long: the supervisor is patient
    CAPTURING = 1
    IDLE = 2  # nobody wants a picture; the device is there
    MISSING = 3  # a problem; it is looked for again


@dataclass(frozen=True, slots=True)
class Want:
    """``self_view``: its exact size in pixels, or None while it is not shown. ``fps``: the most pictures a
    second, 0 for as many as the largest layer has.
    """

    streams: frozenset[Stream]
    self_view: tuple[int, int] | None
    fps: int = 0


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The receivers' request for a keyframe."""

    streams: frozenset[Stream]


@dataclass(frozen=True, slots=True)
class SelfView:
    """A picture of ``width`` x ``height`` is in ``slot`` of the shared memory, under ``sequence``."""

    slot: int
    sequence: int
    width: int
    height: int
    captured_ns: int


@dataclass(frozen=True, slots=True)
class Status:
    """``problem``: empty, or a sentence with its remedy; ``code``: its code. ``encoders``: the names of
    those that are open, largest layer first.
    """

    phase: Phase
    label: str
    code: str = ""
    problem: Text = ""
    encoders: tuple[tuple[Stream, str], ...] = ()


_WANT, _KEYFRAME, _FRAME, _MORE, _SELF_VIEW, _STATUS = range(1, 7)
_WANT_BODY = struct.Struct("=BHHHB")
_KEYFRAME_BODY = struct.Struct("=BH")
_FRAME_BODY = struct.Struct("=BBBIQHHI")
_SELF_VIEW_BODY = struct.Struct("=BBxxIHHQ")
_STATUS_BODY = struct.Struct("=BB")
_SEPARATOR = "\x1f"

_STREAMS = tuple(Stream(layer, codec) for codec in Codec for layer in Layer)
_NUMBER = {stream: number for number, stream in enumerate(_STREAMS)}


def _mask(streams: Iterable[Stream]) -> int:
    return sum(1 << _NUMBER[stream] for stream in set(streams))


def _streams(mask: int) -> frozenset[Stream]:
    return frozenset(stream for stream, number in _NUMBER.items() if mask >> number & 1)


def pack_command(command: Want | Keyframe) -> bytes:
    """Return the message for a command to the camera."""
    if isinstance(command, Want):
        width, height = command.self_view or (0, 0)
        return _WANT_BODY.pack(_WANT, _mask(command.streams), width, height, command.fps)
    return _KEYFRAME_BODY.pack(_KEYFRAME, _mask(command.streams))


def unpack_command(message: bytes) -> Want | Keyframe:
    """Return the command in a message; LocalProtocolError if it is none."""
    try:
        if message[0] == _WANT:
            _, mask, width, height, fps = _WANT_BODY.unpack(message)
            return Want(_streams(mask), (width, height) if width and height else None, fps)
        if message[0] == _KEYFRAME:
            return Keyframe(_streams(_KEYFRAME_BODY.unpack(message)[1]))
    except (struct.error, IndexError):
        pass
    raise LocalProtocolError("camera.command", "The camera process got a message that is no command.")


def pack_frame(frame: EncodedFrame) -> Iterator[bytes]:
    """Yield the messages of an encoded picture, in order."""
    data = memoryview(frame.data)
    head = _FRAME_BODY.pack(
        _FRAME,
        _NUMBER[frame.stream],
        frame.keyframe,
        frame.timestamp,
        frame.captured_ns,
        frame.width,
        frame.height,
        len(data),
    )
    yield head + data[:CAMERA_MESSAGE_MAX_BYTES]
    for start in range(CAMERA_MESSAGE_MAX_BYTES, len(data), CAMERA_MESSAGE_MAX_BYTES):
        yield bytes((_MORE,)) + data[start : start + CAMERA_MESSAGE_MAX_BYTES]


def pack_self_view(picture: SelfView) -> bytes:
    """Return the message that announces a self-view picture."""
    return _SELF_VIEW_BODY.pack(
        _SELF_VIEW, picture.slot, picture.sequence, picture.width, picture.height, picture.captured_ns
    )


def pack_status(status: Status) -> bytes:
    """Return the message of a status."""
    words = [status.label, status.code, json.dumps(to_plain(status.problem))]
    for stream, name in status.encoders:
        words += (str(_NUMBER[stream]), name)
    return _STATUS_BODY.pack(_STATUS, status.phase) + _SEPARATOR.join(words).encode()


class Assembler:
    """Turns messages of the camera process into what they say; holds the pieces of one picture."""

    def __init__(self) -> None:
        self._head: tuple[Stream, bool, int, int, int, int] | None = None
        self._pieces: list[bytes] = []
        self._missing = 0

    def feed(self, message: bytes) -> EncodedFrame | SelfView | Status | None:
        """Return what is complete with this message, or None. LocalProtocolError: it makes no sense."""
        try:
            kind = message[0]
            if kind == _FRAME:
                return self._begin(message)
            if kind == _MORE:
                return self._more(message[1:])
            if kind == _SELF_VIEW:
                _, slot, sequence, width, height, captured_ns = _SELF_VIEW_BODY.unpack(message)
                return SelfView(slot, sequence, width, height, captured_ns)
            if kind == _STATUS:
                _, phase = _STATUS_BODY.unpack_from(message)
                words = message[_STATUS_BODY.size :].decode().split(_SEPARATOR)
                label, code, problem, *open_ = words
                pairs = zip(open_[::2], open_[1::2], strict=True)
                encoders = tuple((_STREAMS[int(number)], name) for number, name in pairs)
                return Status(Phase(phase), label, code, from_plain(json.loads(problem)), encoders)
        except (struct.error, IndexError, ValueError, RecursionError):
            pass
        raise LocalProtocolError("camera.message", "The camera process sent a message that makes no sense.")

    def _begin(self, message: bytes) -> EncodedFrame | None:
        _, number, keyframe, timestamp, captured_ns, width, height, total = _FRAME_BODY.unpack_from(message)
        if total > ENCODED_FRAME_MAX_BYTES:
            raise ValueError
        # A picture that was being put together is given up: its end was dropped.
        self._head = (_STREAMS[number], bool(keyframe), timestamp, captured_ns, width, height)
        self._missing = total
        self._pieces = []
        return self._more(message[_FRAME_BODY.size :])

    def _more(self, piece: bytes) -> EncodedFrame | None:
        if self._head is None or len(piece) > self._missing:
            raise ValueError
        self._missing -= len(piece)
        if self._missing:
            self._pieces.append(piece)
            return None
        data = b"".join((*self._pieces, piece)) if self._pieces else piece
        (layer, codec), keyframe, timestamp, captured_ns, width, height = self._head
        self._head, self._pieces = None, []
        return EncodedFrame(layer, keyframe, data, timestamp, captured_ns, width, height, codec)
