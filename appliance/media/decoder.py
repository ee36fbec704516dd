"""One decode thread per remote: H.264 or VP8 in, RGB pictures of the tile's exact size out.

PyAV releases the interpreter lock while it decodes and while it scales, so a thread of its own
costs the network thread nothing. The latest frame wins: in front of a queue that has more, a frame is
decoded, because the next one builds on it, but not converted, unless the two came together
(``core/pacing.py``).

A picture that waits for its sound does so in front of the decoder, where it is small: until then it counts
as not there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Interpolation, VideoReformatter

from appliance.core import limits
from appliance.core.assembly import AssembledFrame
from appliance.core.layers import Codec
from appliance.core.lip_sync import Shown
from appliance.core.pacing import PicturePacer
from appliance.core.picture import Picture
from appliance.media.priority import be_nice
from appliance.wake import Wake

log = logging.getLogger(__name__)

FFMPEG_NAMES = {Codec.H264: "h264", Codec.VP8: "vp8"}
PIXELS_MAX = limits.PICTURE_SIDE_MAX**2


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture fills a tile, all in pixels.

    It is scaled to ``width`` x ``height``. ``x``, ``y``: where its top left corner lands in the tile;
    negative when that much is cropped on each side, positive when bars are drawn.
    """

    width: int
    height: int
    x: int
    y: int


def fit_tile(source: tuple[int, int], tile: tuple[int, int]) -> Fit:
    """Keep the aspect ratio: crop at the edge when it costs less than ``FIT_CROP_MAX``, else draw bars.

    Up to ``FIT_STRETCH_MAX`` the picture is stretched, which nobody sees and which costs no copy.
    """
    (source_width, source_height), (width, height) = source, tile
    wide = source_width * height  # against width * source_height: whose aspect ratio is the larger
    tall = width * source_height
    if abs(wide - tall) < limits.FIT_STRETCH_MAX * max(wide, tall):
        return Fit(width, height, 0, 0)
    crop = abs(wide - tall) < limits.FIT_CROP_MAX * max(wide, tall)
    if (wide > tall) == crop:
        scaled = (max(1, round(source_width * height / source_height)), height)
    else:
        scaled = (width, max(1, round(source_height * width / source_width)))
    return Fit(*scaled, (width - scaled[0]) // 2, (height - scaled[1]) // 2)


@dataclass(slots=True)
class DecoderCounts:
    """``decoded``: frames. ``pictures``: handed on. ``dropped``: frames lost to a full queue or a wait for a
    keyframe. ``errors``: frames that the decoder refused. ``busy_s``: seconds spent decoding and converting.
    """

    decoded: int = 0
    pictures: int = 0
    dropped: int = 0
    errors: int = 0
    busy_s: float = 0.0


class Decoder:
    """Decodes one remote's frames while its tile is shown.

    ``on_picture`` and ``on_keyframe_needed`` are called on the decode thread.
    """

    def __init__(
        self,
        *,
        on_picture: Callable[[Picture], None],
        on_keyframe_needed: Callable[[], None],
        name: str = "decoder",
    ) -> None:
        self.counts = DecoderCounts()
        self.size: tuple[int, int] = (0, 0)  # of the last decoded picture
        self.codec = Codec.H264  # of the last frame
        self.shown: deque[Shown] = deque(maxlen=limits.SYNC_PICTURES)
        """The pictures that were handed on last."""
        self._on_picture = on_picture
        self._on_keyframe_needed = on_keyframe_needed
        self._mutex = threading.Lock()  # of what follows
        self._wake = Wake()  # when it changed
        self._queue: deque[tuple[AssembledFrame, float]] = deque()  # and when it came, or is due
        self._pacer = PicturePacer()
        self._tile: tuple[int, int] | None = None
        self._hidden = 0  # how often the tile was
        self._skipping = True  # until a keyframe
        self._stopping = False
        self._serial = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- any thread -----------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end after the frame it is at; ``join`` waits for it."""
        with self._mutex:
            self._stopping = True
            self._queue.clear()
        self._wake.set()

    def join(self) -> None:
        """Wait for the thread's end after ``stop``, at most ``DECODER_JOIN_MAX``."""
        if self._thread.ident is not None:
            self._thread.join(limits.DECODER_JOIN_MAX)

    def set_tile(self, size: tuple[int, int] | None) -> None:
        """Convert to this size in pixels from the next frame on; None sleeps.

        After waking up, nothing is shown before the next keyframe, which is asked for.
        """
        if size is not None:
            size = (
                max(1, min(size[0], limits.TILE_SIDE_MAX)),
                max(1, min(size[1], limits.TILE_SIDE_MAX)),
            )
        with self._mutex:
            woken = self._tile is None and size is not None
            self._tile = size
            if size is None:
                self._hidden += 1
                self._queue.clear()
                self._skipping = True
        self._wake.set()
        if woken:
            self._on_keyframe_needed()

    @property
    def queue(self) -> tuple[int, int]:
        """(frames that wait to be decoded, the most there may be)."""
        return len(self._queue), limits.DECODE_QUEUE_MAX

    def push(self, frame: AssembledFrame, not_before: float = 0.0) -> None:
        """Queue a frame; a full queue is emptied and the next keyframe waited for.

        ``not_before``: monotonic seconds; until then the frame waits, but no more than ``SYNC_HELD_MAX`` do.
        """
        overflow = False
        with self._mutex:
            if self._tile is None or self._stopping:
                self._skipping = True
                return
            if len(self._queue) >= limits.DECODE_QUEUE_MAX:
                self.counts.dropped += len(self._queue)
                self._queue.clear()
                self._skipping = True
                overflow = not frame.keyframe
            if self._skipping and not frame.keyframe:
                self.counts.dropped += 1
            else:
                self._skipping = False
                self._queue.append((frame, max(time.monotonic(), not_before)))
        self._wake.set()
        if overflow:
            self._on_keyframe_needed()

    # --- decode thread --------------------------------------------------------------------------

    def _run(self) -> None:
        be_nice(limits.DECODER_NICE)
        context: VideoCodecContext | None = None
        converter = Converter()
        while True:
            self._wait_for_a_frame()
            with self._mutex:
                if self._stopping:
                    return
                if not self._queue:  # the tile was hidden meanwhile
                    continue
                frame, arrived = self._queue.popleft()
                hidden = self._hidden
                shows = self._pacer.shows(frame.timestamp, arrived, self._following(), self._behind())
            started = time.perf_counter()
            try:
                if frame.codec is not self.codec:
                    context, self.codec = None, frame.codec
                if context is None:
                    if not frame.keyframe:
                        raise av.error.InvalidDataError(0, "nothing to begin with")
                    context = _open(self.codec)
                pictures = context.decode(av.Packet(frame.data))
                if any(picture.is_corrupt for picture in pictures):
                    raise av.error.InvalidDataError(0, "corrupt picture")
                if any(max(p.width, p.height) > limits.PICTURE_SIDE_MAX for p in pictures):
                    raise av.error.InvalidDataError(0, "too large a picture")
            except av.FFmpegError:
                self.counts.errors += 1
                context = None
                with self._mutex:
                    self._queue.clear()
                    self._skipping = True
                self._on_keyframe_needed()
                continue
            self.counts.decoded += len(pictures)
            self.counts.busy_s += time.perf_counter() - started
            if pictures:
                self.size = (pictures[-1].width, pictures[-1].height)
                if shows:
                    self._hand_on(pictures[-1], converter, (frame.timestamp, arrived), hidden)
            # Kept while the next one is decoded, it would cost the memory of one more, for good.
            del pictures

    def _wait_for_a_frame(self) -> None:
        """Wait until a frame is due, or the end."""
        while not self._stopping:
            try:
                left = self._queue[0][1] - time.monotonic()
            except IndexError:  # there is none
                self._wake.wait()
                continue
            if left <= 0 or len(self._queue) > limits.SYNC_HELD_MAX:
                return
            self._wake.wait(left)

    def _behind(self) -> int:
        """How many frames are due by now."""
        if not self._queue:
            return 0
        now = time.monotonic()
        return sum(1 for _, due in self._queue.copy() if due <= now)  # a push may come between

    def _following(self) -> float | None:
        """When the next frame came, or was due; None while there is none."""
        return self._queue[0][1] if self._queue and self._queue[0][1] <= time.monotonic() else None

    def _hand_on(
        self, picture: av.VideoFrame, converter: Converter, frame: tuple[int, float], hidden: int
    ) -> None:
        """Convert a picture when it is due, and hand it on unless the tile was hidden meanwhile.

        ``frame``: its RTP timestamp, and when it came.
        """
        timestamp, arrived = frame
        due = self._pacer.due(arrived)
        with self._mutex:
            tile, behind = self._tile, self._behind()
        while self._tile == tile and self._behind() <= behind:
            left = due - time.monotonic()
            if left <= 0 or self._stopping or self._hidden != hidden:
                break
            self._wake.wait(left)
        with self._mutex:
            tile = self._tile
            if self._stopping or self._hidden != hidden or tile is None:
                return
        started = time.perf_counter()
        try:
            rgb, pitch = converter.convert(picture, tile)
        except Exception:  # swscale refuses some sizes and formats that a decoder gives
            self.counts.errors += 1
            if self.counts.errors == 1:
                log.exception("a picture could not be converted; further ones are only counted")
            return
        self._serial += 1
        self.counts.pictures += 1
        self.counts.busy_s += time.perf_counter() - started
        with self._mutex:
            now = time.monotonic()
            self._pacer.shown(arrived, self._following(), now)
            self.shown.append(Shown(timestamp, arrived, now))
        try:
            self._on_picture(Picture(rgb, *tile, self._serial, pitch=pitch))
        except Exception:
            log.exception("showing a picture failed")


def _open(codec: Codec) -> VideoCodecContext:
    context = av.CodecContext.create(FFMPEG_NAMES[codec], "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1  # frame threads would each hold a frame back
    context.flags |= Flags.low_delay
    context.options = {"max_pixels": str(PIXELS_MAX)}  # memory is taken for what a header says
    return context


class Converter:
    """Scales and converts pictures to RGB; keeps swscale's tables between pictures of one size."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()
        self._colours = VideoReformatter()

    def convert(self, picture: av.VideoFrame, tile: tuple[int, int]) -> tuple[memoryview | bytes, int]:
        """Return ``picture`` at ``tile`` (width, height in pixels): RGB rows, and the bytes of a row."""
        width, height = tile
        fit = fit_tile((picture.width, picture.height), tile)
        # In two steps, scaling in YUV and converting at even sizes, swscale takes its fast paths:
        # 0.25 ms instead of 0.9 ms from 640x360 to 544x306.
        even = (fit.width + fit.width % 2, fit.height + fit.height % 2)
        if even != (picture.width, picture.height):
            picture = self._scaler.reformat(
                picture, *even, "yuv420p", interpolation=Interpolation.BILINEAR, threads=1
            )
        rgb = self._colours.reformat(picture, *even, "rgb24", threads=1)
        plane = rgb.planes[0]
        if fit.x == fit.y == 0 and fit.width >= width and fit.height >= height:
            # No copy: a picture is half a megabyte, more than a cache holds.
            return memoryview(plane)[: plane.line_size * height], plane.line_size
        padded = np.frombuffer(memoryview(plane), np.uint8).reshape(even[1], plane.line_size)
        rows: npt.NDArray[np.uint8] = padded[: fit.height, : fit.width * 3]
        if fit.x <= 0 and fit.y <= 0:
            left, top = -fit.x, -fit.y
            return rows[top : top + height, left * 3 : (left + width) * 3].tobytes(), width * 3
        canvas = np.zeros((height, width * 3), np.uint8)
        canvas[fit.y : fit.y + fit.height, fit.x * 3 : (fit.x + fit.width) * 3] = rows
        return canvas.tobytes(), width * 3
