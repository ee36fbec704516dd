"""A box like any other that can be made to hang: SIGUSR1 hangs its renderer, SIGUSR2 its event loop.

The main thread draws, and signals are handled there: a handler that does not return is a draw that does not.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from appliance import app
from appliance.cli import main

FOR = 600.0  # seconds: longer than any test


class HangingNetwork(app.NetworkThread):
    """Knows its loop, to block it."""

    loop: asyncio.AbstractEventLoop

    async def _main(self) -> None:
        type(self).loop = asyncio.get_running_loop()
        await super()._main()


def hang_renderer(_number: int, _frame: object) -> None:
    time.sleep(FOR)


def hang_loop(_number: int, _frame: object) -> None:
    HangingNetwork.loop.call_soon_threadsafe(time.sleep, FOR)


if __name__ == "__main__":
    app.NetworkThread = HangingNetwork  # type: ignore[misc]
    signal.signal(signal.SIGUSR1, hang_renderer)
    signal.signal(signal.SIGUSR2, hang_loop)
    sys.exit(main())
