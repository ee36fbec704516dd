"""A wall clock of its own for a process, to be set while it runs; see ``_wall_clock.c``."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
DAY = 86400


class WallClock:
    """Compiled into ``folder``, with the machine's time. Raises RuntimeError when it can't be compiled."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "wall_clock.so"
        self._file = folder / "wall_clock"
        self._file.write_bytes(struct.pack("=q", 0))
        compile_ = ["gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", str(SOURCE)]
        try:
            subprocess.run(
                [*compile_, "-o", str(self._library), "-ldl"], check=True, capture_output=True, text=True
            )
        except FileNotFoundError as error:
            raise RuntimeError("setting a clock needs Debian's package gcc") from error
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{SOURCE.name} does not compile: {error.stderr.strip()}") from error

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the process whose clock it is, and of what it starts."""
        return {"LD_PRELOAD": str(self._library), "MEETINGBOX_CLOCK": str(self._file)}

    def set(self, days: int) -> None:
        """So many days off the machine's clock, at once."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", days * DAY))
