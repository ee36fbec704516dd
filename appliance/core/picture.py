"""A decoded picture on its way to the screen, and which tile is the box's own."""

from __future__ import annotations

from dataclasses import dataclass

SELF_TILE = "self"  # the frame slot of the self-view


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, ready to be drawn.

    ``rgb``: rows from the top, ``pitch`` bytes from the start of one to the start of the next (0: no padding
    between them). It is the decoder's own memory, never written again; ``packed`` is a copy without padding.
    ``serial`` grows by one per picture of a stream. ``captured_at`` is the capture time on the
    sender's monotonic clock in seconds when it is known to be comparable with ours, else None.
    """

    rgb: bytes | bytearray | memoryview
    width: int
    height: int
    serial: int
    captured_at: float | None = None
    pitch: int = 0

    def packed(self) -> bytes:
        """Return ``width * height * 3`` bytes."""
        row = self.width * 3
        if self.pitch in (0, row):
            return bytes(self.rgb[: row * self.height])
        starts = range(0, self.pitch * self.height, self.pitch)
        return b"".join(self.rgb[start : start + row] for start in starts)
