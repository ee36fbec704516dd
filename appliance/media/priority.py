"""Which threads go first on a busy machine: sound, then the network, then pictures.

A picture that is late is replaced by the next one; a hole in a sentence is heard.
"""

from __future__ import annotations

import contextlib
import os
import threading


def be_nice(nice: int) -> None:
    """Set the calling thread's niceness, -20 (goes first) to 19; Linux has one for each thread.

    Going before others needs a privilege (``LimitNICE=`` of the service); without it nothing changes.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
