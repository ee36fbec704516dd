"""Encoding: every stream that somebody watches is encoded once, the others not at all.

An encoder of software that nobody needs any more sleeps, and goes on with a keyframe when it is needed again:
it is there at once, and its memory, 20 MB of H, does not come and go with every change of a layout.
Hardware has few encoders and is given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.core.layers import Codec, Layer, Stream
from appliance.media.encoded import EncodedFrame
from appliance.media.encoders.choice import EncoderChoice, SafeEncoder
from appliance.media.scale import Scaler
from appliance.media.sources.source import CapturedFrame


class RateGate:
    """Lets through at most ``fps`` pictures a second, evenly; pure.

    A picture passes when it is due within half of the time between two captured pictures, so a camera of
    30 gives every second picture to a layer of 15, whatever its jitter.
    """

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self._interval_ns = 1_000_000_000 // fps
        self._due_ns: int | None = None
        self._before_ns: int | None = None

    def passes(self, captured_ns: int) -> bool:
        """Say whether the picture taken at ``captured_ns`` is to be encoded."""
        step_ns = self._interval_ns if self._before_ns is None else captured_ns - self._before_ns
        self._before_ns = captured_ns
        if self._due_ns is None or abs(captured_ns - self._due_ns) > 2 * self._interval_ns:
            self._due_ns = captured_ns  # the first, or after a pause: a new beat
        if captured_ns + min(step_ns, self._interval_ns) // 2 < self._due_ns:
            return False
        self._due_ns += self._interval_ns
        return True


class _StreamWork:
    """A stream's encoder, whether somebody needs it, and whether its next picture is to be a keyframe."""

    def __init__(self, stream: Stream, choice: EncoderChoice) -> None:
        self.encoder = SafeEncoder(stream, choice)
        self.awake = True
        self.keyframe = True


class _LayerWork:
    """What the streams of one layer share: a scaler, a beat."""

    def __init__(self, layer: Layer) -> None:
        self.scaler = Scaler(layer.spec.width, layer.spec.height)
        self.gate = RateGate(layer.spec.fps)
        self.streams: dict[Codec, _StreamWork] = {}

    @property
    def awake(self) -> list[_StreamWork]:
        return [stream for stream in self.streams.values() if stream.awake]


class StreamEncoders:
    """Every wanted stream's encoder, fed from one captured picture at a time."""

    def __init__(self, choice: EncoderChoice | None = None) -> None:
        self._choice = choice or EncoderChoice()
        self._work: dict[Layer, _LayerWork] = {}  # largest first

    @property
    def failures(self) -> int:
        """How many encoders had to be replaced."""
        return self._choice.failures

    @property
    def names(self) -> dict[Stream, str]:
        """FFmpeg's name of every encoder that works, largest layer first."""
        return {
            Stream(layer, codec): stream.encoder.name
            for layer, work in self._work.items()
            for codec, stream in work.streams.items()
            if stream.awake
        }

    def want(self, streams: Iterable[Stream]) -> None:
        """Have an encoder for each of these and no work for any other."""
        wanted, working = set(streams), self.names.keys()
        for stream in working - wanted:
            self._rest(stream)
        for stream in wanted - working:
            self._begin(stream)

    def _rest(self, stream: Stream) -> None:
        streams = self._work[stream.layer].streams
        if streams[stream.codec].encoder.may_sleep:
            streams[stream.codec].awake = False
        else:
            streams.pop(stream.codec).encoder.close()

    def _begin(self, stream: Stream) -> None:
        if stream.layer not in self._work:
            work = {**self._work, stream.layer: _LayerWork(stream.layer)}
            self._work = {layer: work[layer] for layer in reversed(Layer) if layer in work}
        streams = self._work[stream.layer].streams
        if (asleep := streams.get(stream.codec)) is not None:
            asleep.awake = asleep.keyframe = True
        else:
            streams[stream.codec] = _StreamWork(stream, self._choice)

    def keyframe(self, stream: Stream) -> None:
        """Make the stream's next picture a keyframe."""
        work = self._work.get(stream.layer)
        if work is not None and stream.codec in work.streams:
            work.streams[stream.codec].keyframe = True

    def encode(self, captured: CapturedFrame) -> Iterator[EncodedFrame]:
        """Encode a captured picture in every layer whose turn it is, and yield each as it is done.

        A layer is scaled once for all its codecs, and a smaller one from the next larger one: a quarter
        of the work.
        """
        frame, pixel_aspect = captured.frame, captured.pixel_aspect
        for work in self._work.values():
            streams = work.awake
            if not streams or not work.gate.passes(captured.captured_ns):
                continue
            frame, pixel_aspect = work.scaler.scale(frame, pixel_aspect), 1.0
            for stream in streams:
                keyframe, stream.keyframe = stream.keyframe, False
                yield from stream.encoder.encode(frame, captured.captured_ns, keyframe=keyframe)

    def close(self) -> None:
        """Close every encoder, those that sleep too."""
        for work in self._work.values():
            for stream in work.streams.values():
                stream.encoder.close()
        self._work = {}
