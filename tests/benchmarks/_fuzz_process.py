"""Fuzzes one target until its time is over: NAME SECONDS REPORT CORPUS. Started by ``fuzz.py``.

atheris ends a process at the first exception; here it goes on, keeps one input of each kind, and writes
its report when the time is over.
"""

from __future__ import annotations

import base64
import json
import os
import random
import sys
import time
import traceback
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

with atheris.instrument_imports(include=["appliance"]):
    from fuzzing import frames, introductions, local, packets

from fuzzing.target import Target

LOOK_EVERY = 256  # inputs between two looks at the clock
FOUND_MAX = 20  # different crashes that are kept
HANG_S = 20  # an input that takes longer never ends


class Fuzzer:
    """Counts and times what the target takes."""

    def __init__(self, target: Target, seconds: float, report: Path) -> None:
        self._target = target
        self._report = report
        self._ends = time.monotonic() + seconds
        self._inputs = 0
        self._slowest_ns = 0
        self._crashes: dict[str, str] = {}

    def take(self, data: bytes) -> None:
        """One input, of libFuzzer."""
        begun = time.thread_time_ns()
        try:
            self._target(data)
        except Exception as error:
            self._crash(error, data)
        took = time.thread_time_ns() - begun
        if took > self._slowest_ns:  # timed again: it may not have been its fault
            self._slowest_ns = max(self._slowest_ns, min(took, *(self._again(data) for _ in range(2))))
        self._inputs += 1
        if self._inputs % LOOK_EVERY == 0 and time.monotonic() >= self._ends:
            self.finish()

    def _again(self, data: bytes) -> int:
        begun = time.thread_time_ns()
        try:
            self._target(data)
        except Exception as error:
            self._crash(error, data)
        return time.thread_time_ns() - begun

    def _crash(self, error: Exception, data: bytes) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        if kind not in self._crashes and len(self._crashes) < FOUND_MAX:
            self._crashes[kind] = f"{kind}: {error}; input (base64) {base64.b64encode(data).decode()}"

    def finish(self) -> None:
        """Write the report and end at once: libFuzzer's loop has no other end."""
        self._report.write_text(
            json.dumps(
                {
                    "inputs": self._inputs,
                    "crashes": len(self._crashes),
                    "slowest_ms": round(self._slowest_ns / 1e6, 2),
                    "found": list(self._crashes.values()),
                    "finished": True,
                }
            )
        )
        os._exit(0)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """As libFuzzer would; or, of a JSON object, one value only, so that the rest still has its form."""
    rng = random.Random(seed)
    if data[:1] == b"{" and rng.random() < 0.6:
        try:
            fields = json.loads(data)
        except ValueError:
            fields = None
        if isinstance(fields, dict) and fields:
            name = rng.choice(sorted(fields))
            value = json.dumps(fields[name]).encode()
            text = atheris.Mutate(value, max(len(value) + 64, 64))
            try:
                fields[name] = json.loads(text)
            except ValueError:
                fields[name] = text.decode("utf-8", "replace")
            changed = json.dumps(fields, separators=(",", ":"), ensure_ascii=rng.random() < 0.5)
            return changed.encode("utf-8", "replace")[:max_size]
    return bytes(atheris.Mutate(data, max_size))


def main(name: str, seconds: str, report: str, corpus: str) -> None:
    targets = {
        target.name: target
        for target in (*frames.TARGETS, *introductions.TARGETS, *packets.TARGETS, *local.TARGETS)
    }
    target, folder = targets[name], Path(corpus)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    words = folder.parent / f"{name}.dict"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    fuzzer = Fuzzer(target, float(seconds), Path(report))
    argv = [
        *(sys.argv[0], str(folder), f"-max_len={target.max_bytes}", f"-timeout={HANG_S}"),
        *("-verbosity=0", "-rss_limit_mb=1024", "-len_control=20"),
        *([f"-dict={words}"] if target.words else []),
    ]
    atheris.Setup(argv, fuzzer.take, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
