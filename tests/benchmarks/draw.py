"""What drawing costs: nine tiles of 30 pictures a second on 1920x1080, a home screen at rest, a key press.

Every screen is drawn in software, with SDL's dummy driver, which is our own work alone, and in a window of a
real X server without glass (Xvfb). Each is a program of its own (``_draw_engine.py``); round by round they
take turns with a bare loop of nine blits and one update, 30 times a second, of pictures of the same size,
shown the way SDL chooses. Figures are medians over the rounds, percentiles are of all rounds together. One
JSON line last on stdout, the table on stderr.

``cores``: seconds of CPU per second of the drawing program, without what hands pictures over.
``server_cores``: of the X server beside it. ``bare_cores``, ``bare_server_cores``: the same of the bare loop.
``frame_p95_ms``: between two pictures of a tile on the screen; for ``key``, which is pressed in the middle of
such a call (under X by the server itself), from the press to the update that shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from _figures import percentile

ENGINE = Path(__file__).with_name("_draw_engine.py")
DRIVERS = ("dummy", "x11")
SCREENS = ("call-9", "home-idle", "key")
CORES_BOUNDS = {("call-9", "dummy"): 0.12, ("call-9", "x11"): 0.55, ("home-idle", None): 0.01}
TIMES_BOUNDS = {"call-9": 40.0, "key": 50.0}


@contextmanager
def x_server() -> Iterator[tuple[str, psutil.Process]]:
    """A real X server of our size; its DISPLAY and its process."""
    program = shutil.which("Xvfb")
    if program is None:
        raise SystemExit("Xvfb is missing: ./dev setup bench installs it.")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, pass_fds=(write,), stdout=quiet, stderr=quiet)
    try:
        os.close(write)
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def run(part: tuple[str, ...], driver: str, display: str, server: psutil.Process) -> dict[str, Any]:
    """Run one program; its figures, with what the server needed meanwhile."""
    environment = {**os.environ, "SDL_VIDEODRIVER": driver, "DISPLAY": display}
    before, began = server.cpu_times(), time.monotonic()
    done = subprocess.run(
        [sys.executable, str(ENGINE), *part], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    after, wall = server.cpu_times(), time.monotonic() - began
    used = after.user + after.system - before.user - before.system
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "server_cores": used / wall}


def row(screen: str, driver: str, rounds: list[dict[str, Any]], bare: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the report."""
    times = [ms for one in rounds for ms in one["times_ms"]]
    figures: dict[str, Any] = {"screen": screen, "driver": driver}
    figures["cores"] = None if screen == "key" else _median(rounds, "cores")
    figures["frame_p95_ms"] = round(percentile(times, 0.95), 1) if times else None
    if driver == "x11":
        figures["server_cores"] = _median(rounds, "server_cores")
    if bare:
        figures["bare_cores"] = _median(bare, "cores")
        if driver == "x11":
            figures["bare_server_cores"] = _median(bare, "server_cores")
        figures["bare_frame_p95_ms"] = round(
            percentile([ms for one in bare for ms in one["times_ms"]], 0.95), 1
        )
    return figures


def _median(rounds: list[dict[str, Any]], name: str) -> float:
    return round(statistics.median(one[name] for one in rounds), 4)


def report(figures: dict[str, Any]) -> None:
    """A line for people."""
    screen, driver = figures["screen"], figures["driver"]
    said = [f"{screen:10} {driver:6}"]
    bound = CORES_BOUNDS.get((screen, driver), CORES_BOUNDS.get((screen, None)))
    for name, value, most in (
        ("cores", figures["cores"], bound),
        ("p95 ms", figures["frame_p95_ms"], TIMES_BOUNDS.get(screen)),
    ):
        if value is not None and most is not None:
            said.append(f"{value:7.3f} {name} (at most {most:g}: {'met' if value <= most else 'MISSED'})")
    if "server_cores" in figures:
        said.append(f"X server {figures['server_cores']:.3f}")
    if "bare_cores" in figures:
        said.append(f"bare: {figures['bare_cores']:.3f} cores, {figures['bare_frame_p95_ms']} ms")
        if "bare_server_cores" in figures:
            said.append(f"X server {figures['bare_server_cores']:.3f}")
    print("  ".join(said), file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="draw", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="each program, each round; default: 8")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--screens", default=",".join(SCREENS), help=f"default: {','.join(SCREENS)}")
    parser.add_argument("--drivers", default=",".join(DRIVERS), help=f"default: {','.join(DRIVERS)}")
    arguments = parser.parse_args()
    seconds = f"{arguments.seconds:g}"
    rows = []
    for driver in arguments.drivers.split(","):
        for screen in arguments.screens.split(","):
            rounds: list[dict[str, Any]] = []
            bare: list[dict[str, Any]] = []
            with x_server() as (display, server):
                for _ in range(arguments.rounds):
                    rounds.append(run((screen, seconds), driver, display, server))
                    if screen == "call-9":
                        size = map(str, rounds[-1]["tile"])
                        bare.append(run(("bare", seconds, *size), driver, display, server))
            rows.append(row(screen, driver, rounds, bare))
            report(rows[-1])
    print(json.dumps({"bench": "draw", "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
