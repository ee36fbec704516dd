"""What a fuzz target is, and how an input of bytes becomes a story.

A target is one decoder that the network (or a person's file) reaches, with everything that stands behind
it: the machine that obeys what was decoded. It takes any bytes, in a fresh state each time, and returns;
an exception is a crash. ``tests/fuzzing/test_fuzz_targets.py`` gives them what hypothesis makes up,
``./dev bench fuzz`` what a coverage-guided fuzzer finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

STRETCH = 0x01
"""An input that begins so is the rest, over and over again, up to the target's limit: long inputs, which show
what takes more than linear time, are then as easy to find as short ones."""


MACHINE = 4  # the weight of a target that is a whole machine


@dataclass(frozen=True)
class Target:
    """``run`` takes an input. ``seeds``: good ones to begin with. ``words``: what is worth putting in.

    ``max_bytes``: the longest input that a fuzzer makes; ``limit``: the longest that it is stretched to.
    ``weight``: of its share of a fuzzer's time; a machine has more to be found in it than a decoder.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    max_bytes: int = 4096
    limit: int = 0
    weight: int = 1

    def __call__(self, data: bytes) -> None:
        self.run(stretched(data, self.limit) if self.limit else data)


def stretched(data: bytes, limit: int) -> bytes:
    """The input, or what it stands for: see ``STRETCH``."""
    if len(data) < 2 or data[0] != STRETCH:
        return data
    rest = data[1:]
    return (rest * (limit // len(rest) + 1))[:limit]


class Reader:
    """Reads an input as a story: numbers and pieces of bytes, zeros and nothing at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def u8(self) -> int:
        """A number from 0 to 255."""
        piece = self.take(1)
        return piece[0] if piece else 0

    def u16(self) -> int:
        """A number from 0 to 65535."""
        return self.u8() << 8 | self.u8()

    def take(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def piece(self) -> bytes:
        """Bytes with their length in front."""
        return self.take(self.u16())


def pieces(*items: bytes | int) -> bytes:
    """The story that a ``Reader`` reads: a number below 256 as it is, bytes with their length in front."""
    return b"".join(
        bytes((item,)) if isinstance(item, int) else len(item).to_bytes(2, "big") + item for item in items
    )
