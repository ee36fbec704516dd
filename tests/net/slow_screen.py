"""``meetingbox`` with a screen that takes its time to open: a driver that starts, a TV that wakes up.

python slow_screen.py run --config FILE ...
"""

from __future__ import annotations

import sys
import time

from appliance.cli import main
from appliance.display import Display

OPENS_AFTER = 2.0


def slow() -> None:
    open_at_once = Display.open

    def open_slowly(display: Display) -> None:
        time.sleep(OPENS_AFTER)
        open_at_once(display)

    Display.open = open_slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    slow()
    sys.exit(main())
