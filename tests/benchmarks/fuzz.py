"""Coverage-guided fuzzing of every decoder that the network reaches, by atheris (libFuzzer).

The targets are those of ``tests/fuzzing``. Each runs in a process of its own, as many at a time as there are
processors, for its share of ``--seconds``; it begins with the target's good inputs, and with what
earlier runs found if ``--corpus`` names a folder.

``inputs``
    how many were tried. 1,000,000 in all at least.
``crashes``
    different exceptions that came out of a decoder, each printed with the input that made it; an input that
    never ends counts as one. 0.
``slowest_ms``
    the longest that one input took, in milliseconds of processor time, the least of three times. Under 100.
    The instrumented code is some three times as slow as the product's.

Fails if one of these is not kept. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzzing import frames, introductions, local, packets
from fuzzing.target import Target

INPUTS_MIN = 1_000_000  # of a run of 300 s
SECONDS = 300.0
SLOW_MS = 100.0
START_WITHIN = 60.0  # imports, with instrumentation, on a busy machine
PROCESS = Path(__file__).with_name("_fuzz_process.py")


def targets() -> dict[str, Target]:
    """Every target by its name, the heaviest first."""
    found = (*frames.TARGETS, *introductions.TARGETS, *packets.TARGETS, *local.TARGETS)
    return {target.name: target for target in sorted(found, key=lambda one: -one.weight)}


def fuzz(name: str, seconds: float, corpus: Path) -> dict[str, Any]:
    """Fuzz one target; return its row of the report."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meetingbox-fuzz-") as scratch:
        report = Path(scratch) / "report.json"
        with (Path(scratch) / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(PROCESS), name, str(seconds), str(report), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=scratch,
            )
            try:
                process.wait(2 * seconds + START_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        row: dict[str, Any] = {"name": name, "inputs": 0, "crashes": 0, "slowest_ms": 0.0}
        found = json.loads(report.read_text()) if report.exists() else {}
        row.update({key: found[key] for key in row if key in found})
        for crash in found.get("found", ()):
            print(f"  {name}: {crash}", file=sys.stderr)
        if not found.get("finished"):
            row["crashes"] += 1  # it hung, or took the interpreter down
            tail = (Path(scratch) / "log.txt").read_text(errors="replace")[-3000:]
            print(f"  {name} did not end by itself, code {process.returncode}:\n{tail}", file=sys.stderr)
    print(
        f"{name:16} {row['inputs']:9} inputs {row['crashes']:3} crashes, slowest {row['slowest_ms']:6.1f} ms",
        file=sys.stderr,
    )
    return row


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="in all; default: 300")
    parser.add_argument("--target", action="append", choices=targets(), help="only this one; may be repeated")
    parser.add_argument("--corpus", type=Path, help="keep what was found in this folder, and begin with it")
    arguments = parser.parse_args()
    chosen = arguments.target or list(targets())
    at_once = min(os.cpu_count() or 1, len(chosen))
    weights = {name: targets()[name].weight for name in chosen}
    share = arguments.seconds * at_once / sum(weights.values())
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-fuzz-") as scratch,
        ThreadPoolExecutor(at_once) as pool,
    ):
        corpus = arguments.corpus.resolve() if arguments.corpus else Path(scratch)
        rows = list(pool.map(lambda name: fuzz(name, share * weights[name], corpus), chosen))
    inputs = sum(row["inputs"] for row in rows)
    seconds = time.monotonic() - begun
    print(json.dumps({"bench": "fuzz", "inputs": inputs, "seconds": round(seconds, 1), "targets": rows}))
    wanted = INPUTS_MIN if arguments.seconds >= SECONDS and not arguments.target else 1
    kept = inputs >= wanted and all(row["crashes"] == 0 and row["slowest_ms"] < SLOW_MS for row in rows)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
