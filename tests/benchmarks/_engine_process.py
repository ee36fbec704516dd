"""The driving side of ``_engine``: start the programs, connect them, take what they saw.

::

    with EngineProcess(PLAIN) as a, EngineProcess(OURS) as b:       # both on loopback
        connect(a, b, 0)
        b.take()                        # forget what came so far
        time.sleep(10)
        seen = b.take()["streams"][0]["seen"]
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

FOLDER = Path(__file__).resolve().parent
PLAIN = FOLDER / "_plain.py"
OURS = FOLDER / "_ours.py"
LOAD = FOLDER / "_load.py"
STOP_WITHIN = 6.0

Popen = Callable[..., "subprocess.Popen[bytes]"]


class EngineError(Exception):
    """An engine answered with an error, or ended."""


class EngineProcess:
    """One engine. ``popen``: what starts it, ``Host.popen`` of a namespace for one. A context manager."""

    def __init__(
        self, program: Path, *arguments: str, host: str = "127.0.0.1", popen: Popen = subprocess.Popen
    ) -> None:
        self.name = program.stem.removeprefix("_")
        self.process = popen(
            [sys.executable, str(program), "--host", host, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, do: str, **arguments: Any) -> None:
        """Ask without waiting for the answer; ``receive`` has it."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise EngineError(f"{self.name}: {error}") from None

    def receive(self) -> dict[str, Any]:
        """The answer to what was asked first and not answered yet. Raises EngineError."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EngineError(f"{self.name} ended with code {self.process.poll()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask and wait for the answer. Raises EngineError."""
        self.send(do, **arguments)
        return self.receive()

    def take(self) -> dict[str, Any]:
        """What was seen since the last time, see ``Engine.take``."""
        return self.ask("take")

    def close(self) -> None:
        """End it, by force if it does not end by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(STOP_WITHIN)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def connect(
    offerer: EngineProcess,
    answerer: EngineProcess,
    n: int,
    *,
    offer_as: Callable[[str], str] = lambda sdp: sdp,
    answer_as: Callable[[str], str] = lambda sdp: sdp,
) -> None:
    """Connect two engines as number ``n`` of each.

    ``offer_as``, ``answer_as``: what becomes of a description on its way.
    """
    offer = offerer.ask("offer", n=n)["sdp"]
    answer = answerer.ask("answer", n=n, sdp=offer_as(offer))["sdp"]
    offerer.ask("accept", n=n, sdp=answer_as(answer))
    offerer.send("connected")
    answerer.send("connected")
    offerer.receive()
    answerer.receive()
