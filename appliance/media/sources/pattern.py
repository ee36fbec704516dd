"""The test picture: a calm gradient, a moving disc, a clock to read and a time code to measure.

Everything that stands still is drawn once per size into the planes of the background; a picture is
a copy of it with the disc, the digits and the time code drawn over. Rows are slices of bytes: no
array library, whose import alone would double the start of the camera process.
"""

from __future__ import annotations

import colorsys
import math
import time
import zlib
from dataclasses import dataclass

import av

from appliance.core import timecode
from appliance.core.limits import CAMERA_READ_WAIT
from appliance.media.sources import font
from appliance.media.sources.source import (
    CAPTURE_FPS,
    CAPTURE_HEIGHT,
    CAPTURE_WIDTH,
    CapturedFrame,
    Wanted,
    every,
)

INTERVAL_NS = 1_000_000_000 // CAPTURE_FPS
BEHIND_MAX_NS = 5 * INTERVAL_NS  # further behind the pace: start a new one instead of hurrying
LABEL_MAX_CHARS = 28
NEUTRAL = 128
INK = 225  # luma of the digits and the label
PANEL = 26  # luma behind the digits
DISC_LUMA = 168
ORBIT_S = 7.0  # once round

# Seven segments as (left, top, right, bottom) in tenths of a digit's width and height.
_SEGMENTS = {
    "a": (1, 0, 9, 1.1), "b": (8, 0.5, 10, 5), "c": (8, 5, 10, 9.5), "d": (1, 8.9, 9, 10),
    "e": (0, 5, 2, 9.5), "f": (0, 0.5, 2, 5), "g": (1, 4.45, 9, 5.55),
}  # fmt: skip
_DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


class PatternSource:
    """``label``: the box's name, drawn into the picture; it also chooses the colour."""

    def __init__(self, label: str) -> None:
        self._name = label[:LABEL_MAX_CHARS]
        self._size = (CAPTURE_WIDTH, CAPTURE_HEIGHT)
        self._artwork: _Artwork | None = None
        self._due_ns = 0

    @property
    def label(self) -> str:
        return "Test picture"

    def probe(self) -> None:
        """Always there."""

    def open(self) -> None:
        self._due_ns = time.monotonic_ns()

    def want_size(self, width: int, height: int) -> None:
        self._size = (max(width, 160) & ~1, max(height, 90) & ~1)

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        wait = self._due_ns - time.monotonic_ns()
        if wait > 0:
            time.sleep(min(wait / 1e9, CAMERA_READ_WAIT))
        now = time.monotonic_ns()
        if now - self._due_ns > BEHIND_MAX_NS:
            self._due_ns = now
        self._due_ns += INTERVAL_NS
        if not wanted(now):
            return None
        artwork = self._artwork
        if artwork is None or (artwork.width, artwork.height) != self._size:
            artwork = self._artwork = _Artwork(*self._size, self._name)
        return CapturedFrame(artwork.picture(now), now)

    def close(self) -> None:
        self._artwork = None


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A shape as rows to be copied: (offset of the row from the shape's corner, the row's bytes)."""

    rows: tuple[tuple[int, bytes], ...]

    def draw(self, plane: memoryview, at: int) -> None:
        for offset, pixels in self.rows:
            start = at + offset
            plane[start : start + len(pixels)] = pixels


class _Artwork:
    """Everything drawn beforehand for one size."""

    def __init__(self, width: int, height: int, name: str) -> None:
        self.width, self.height = width, height
        hue = zlib.crc32(name.encode()) % 360 / 360
        template = av.VideoFrame(width, height, "yuv420p")
        self._strides = [plane.line_size for plane in template.planes]
        self._planes = [bytearray(plane.buffer_size) for plane in template.planes]
        self._gradient(hue)
        self._letter(name)
        self._clock()
        self._radius = height // 8 & ~1
        self._disc = [
            _disc(self._radius >> shift, self._strides[plane], value)
            for plane, (shift, value) in enumerate(zip((0, 1, 1), _yuv_of(hue, DISC_LUMA), strict=True))
        ]
        self._background = [bytes(plane) for plane in self._planes]

    # --- drawn once ---------------------------------------------------------------------------

    def _gradient(self, hue: int | float) -> None:
        """A diagonal from dark to a little brighter, tinted; neutral under the time code."""
        width, height = self.width, self.height
        _, tint_u, tint_v = _yuv_of(hue, DISC_LUMA)
        span = width + height
        ramp = bytes(28 + 62 * step // span for step in range(span))
        for y in range(height):
            at = y * self._strides[0]
            self._planes[0][at : at + width] = ramp[y : y + width]
        for plane, tint in ((1, tint_u), (2, tint_v)):
            half = bytes(NEUTRAL + (tint - NEUTRAL) * (span + step) // (4 * span) for step in range(span))
            for y in range(height // 2):
                at = y * self._strides[plane]
                self._planes[plane][at : at + width // 2] = half[y : y + width // 2]
        left, top, right, bottom = timecode.band(width, height)
        frame = max(2, height // 90 & ~1)
        self._panel(left - frame, top - frame, right + frame, bottom + frame, timecode.BLACK)

    def _panel(self, left: int, top: int, right: int, bottom: int, luma: int) -> None:
        """Fill a rectangle with grey."""
        for y in range(top, bottom):
            at = y * self._strides[0]
            self._planes[0][at + left : at + right] = bytes((luma,)) * (right - left)
        for plane in (1, 2):
            for y in range(top // 2, bottom // 2):
                at = y * self._strides[plane]
                self._planes[plane][at + left // 2 : at + right // 2] = bytes((NEUTRAL,)) * (
                    right // 2 - left // 2
                )

    def _letter(self, name: str) -> None:
        """The box's name, at the bottom in the middle."""
        scale = max(1, self.height // 90)
        while scale > 1 and font.text_width(name, scale) > self.width * 0.9:
            scale -= 1
        room = int(self.width * 0.95) // (font.ADVANCE * scale)
        name = name[:room]
        left = (self.width - font.text_width(name, scale)) // 2
        top = int(self.height * 0.84)
        for line, spans in enumerate(font.rows(name, scale)):
            for y in range(top + line * scale, top + (line + 1) * scale):
                for start, length in spans:
                    at = y * self._strides[0] + left + start
                    self._planes[0][at : at + length] = bytes((INK,)) * length

    def _clock(self) -> None:
        """The clock's panel and its digits, as stamps on the panel's grey."""
        height = self.height
        self._digit_height = digit_height = int(height * 0.13) & ~1
        digit_width = int(digit_height * 0.52) & ~1
        gap = max(2, digit_width // 4)
        stride = self._strides[0]
        self._stamps = [_digit(segments, digit_width, digit_height, stride) for segments in _DIGITS]
        # HH:MM:SS.mmm: the places of nine digits and three separators
        x, places, separators = 0, [], []
        for index in range(9):
            if index in (2, 4, 6):
                separators.append(x)
                x += gap + gap // 2
            places.append(x)
            x += digit_width + gap
        total = x - gap
        left = (self.width - total) // 2 & ~1
        top = int(height * 0.64) & ~1
        pad = gap * 2 & ~1
        self._panel(left - pad, top - pad, (left + total + pad + 1) & ~1, top + digit_height + pad, PANEL)
        self._places = [top * stride + left + place for place in places]
        dot = max(2, gap // 2)
        for index, place in enumerate(separators):
            for part in (0.95,) if index == 2 else (0.33, 0.72):
                y = top + int(digit_height * part) - dot // 2
                for row in range(y, y + dot):
                    at = row * stride + left + place
                    self._planes[0][at : at + dot] = bytes((INK,)) * dot

    # --- drawn for every picture ----------------------------------------------------------------

    def picture(self, captured_ns: int) -> av.VideoFrame:
        """Return the picture of this instant."""
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        planes = frame.planes
        for plane, background in zip(planes, self._background, strict=True):
            plane.update(background)
        views = [memoryview(plane) for plane in planes]
        x, y = self._orbit(captured_ns / 1e9)
        self._disc[0].draw(views[0], y * self._strides[0] + x)
        for index in (1, 2):
            self._disc[index].draw(views[index], (y // 2) * self._strides[index] + x // 2)
        for place, digit in zip(self._places, _clock_digits(captured_ns), strict=True):
            self._stamps[digit].draw(views[0], place)
        timecode.draw_luma(views[0], self._strides[0], self.width, self.height, captured_ns // 1_000_000)
        return frame

    def _orbit(self, now: float) -> tuple[int, int]:
        """The disc's corner: a slow flat eight between the time code and the clock."""
        phase = now / ORBIT_S * math.tau
        side = self._radius * 2
        x = (self.width - side) / 2 + self.width * 0.36 * math.sin(phase)
        y = self.height * 0.34 - self._radius + self.height * 0.07 * math.sin(2 * phase)
        return int(x) & ~1, int(y) & ~1


def _clock_digits(captured_ns: int) -> list[int]:
    """HHMMSSmmm of the wall clock at a time of the monotonic clock."""
    wall_ns = time.time_ns() - (time.monotonic_ns() - captured_ns)
    local = time.localtime(wall_ns // 1_000_000_000)
    ms = wall_ns // 1_000_000 % 1000
    return [int(c) for c in f"{local.tm_hour:02}{local.tm_min:02}{local.tm_sec:02}{ms:03}"]


def _yuv_of(hue: float, luma: int) -> tuple[int, int, int]:
    """A clear colour of that hue and luma, in the limited range of BT.601."""
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.6)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, round(128 + 224 * 0.564 * (blue - y)), round(128 + 224 * 0.713 * (red - y))


def _disc(radius: int, stride: int, value: int) -> _Stamp:
    rows = []
    for y in range(2 * radius):
        dy = y + 0.5 - radius
        half = int(math.sqrt(max(radius * radius - dy * dy, 0.0)))
        rows.append((y * stride + radius - half, bytes((value,)) * (2 * half)))
    return _Stamp(tuple(rows))


def _digit(segments: str, width: int, height: int, stride: int) -> _Stamp:
    """A seven-segment digit: lit and unlit pixels, so that it covers the digit before."""
    pixels = [bytearray(bytes((PANEL,)) * width) for _ in range(height)]
    for segment in segments:
        left, top, right, bottom = _SEGMENTS[segment]
        x0, x1 = round(width * left / 10), round(width * right / 10)
        for y in range(round(height * top / 10), max(round(height * bottom / 10), 1)):
            pixels[y][x0:x1] = bytes((INK,)) * (x1 - x0)
    return _Stamp(tuple((y * stride, bytes(row)) for y, row in enumerate(pixels)))
