"""``meetingbox demo``: N boxes on this machine hold a meeting, joined by key presses on their keypads.

Each box is its own process, exactly as on a wall, but on loopback and with a test picture that
carries a time code and a test sound that carries a known sequence, so that what arrives can be
measured: which links carry pictures, how fast they appeared, how late they are, and how much of
the sound was recovered at the other loudspeaker.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.control.client import ControlClient
from appliance.core.layers import Layer
from appliance.errors import MeetingBoxError, StartError

NAMES = (
    "Bridge",
    "Engine Room",
    "Infirmary",
    "Harbour Office",
    "Workshop",
    "Galley",
    "Cabin 4",
    "Library",
)
SCREENS = ("home", "keypad", "call")
ROOM = 42
READY_WITHIN_S = 30.0  # processes start, find their devices and each other
JOIN_WITHIN_S = 15.0  # far above any join that works: then the demo says which link is missing
SETTLE_S = 2.0  # after the last link came up, before rates are measured
STOP_WITHIN_S = 5.0


@dataclass(slots=True)
class DemoBox:
    """One box of the demo: its process and its control socket."""

    index: int
    name: str
    folder: Path
    process: subprocess.Popen[bytes]
    client: ControlClient

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.client.request(verb, **arguments)

    def press(self, keys: Sequence[str]) -> None:
        """Press keys on its keypad, one after the other."""
        for key in keys:
            self.ask("press", key=key)

    def drawn(self) -> int:
        """How many peers' pictures were drawn on its screen."""
        return sum(1 for peer in self.ask("status")["peers"] if peer["width"] > 0)

    def log_tail(self) -> str:
        log = self.folder / "log.txt"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-8:])


def run(
    *,
    boxes: int,
    seconds: float,
    headless: bool,
    json_output: bool,
    video: str | None,
    out: Path | None,
) -> int:
    """Run the demo; return the exit code. The report goes to stdout, progress to stderr."""
    if not 1 <= boxes <= len(NAMES):
        raise StartError("demo.boxes", f"The demo runs 1 to {len(NAMES)} boxes, not {boxes}.")
    if video is not None and not Path(video).is_file():
        raise StartError("demo.video", f"There is no video file {video}.")
    if not headless and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        _say("No display here: the boxes run headless, and what their screens show goes into pictures.")
        headless = True
    out = (out or Path("out") / "demo").resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        for screen in SCREENS:
            _picture(out, name, screen).unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-demo-") as scratch,
        started(boxes, Path(scratch), headless, video) as demo,
    ):
        report = _hold_meeting(demo, seconds, out)
    if json_output:
        print(json.dumps(report))
    else:
        _print_report(report)
    return 0 if report["links"] == boxes * (boxes - 1) else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def started(count: int, scratch: Path, headless: bool, video: str | None) -> Iterator[list[DemoBox]]:
    """Start the boxes; end each by its pid whatever happens."""
    demo: list[DemoBox] = []
    try:
        for index in range(count):
            box = _start(index, scratch, headless, video)
            demo.append(box)
        yield demo
    finally:
        for box in demo:
            if box.process.poll() is None:
                box.process.send_signal(signal.SIGTERM)
        for box in demo:
            try:
                box.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                _say(f"{box.name} did not stop in {STOP_WITHIN_S:.0f} s and was killed.")
                box.process.kill()
                box.process.wait()


def _start(index: int, scratch: Path, headless: bool, video: str | None) -> DemoBox:
    folder = scratch / f"box-{index + 1}"
    folder.mkdir()
    source = f"file:{Path(video).resolve()}" if video else "test"
    config = folder / "meetingbox.toml"
    config.write_text(
        "\n".join(
            (
                f"name = {json.dumps(NAMES[index])}",
                'interfaces = ["lo"]',
                "[signaling]",
                "port = 0",
                "[video]",
                f"source = {json.dumps(source)}",
                "[audio]",
                f'microphone = "test:{index}"',
                'speaker = "test"',
                "[display]",
                f'mode = "{"headless" if headless else "window"}"',
                "width = 1280",
                "height = 720",
                "measure = true",
                "",
            )
        )
    )
    socket = folder / "control.sock"
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "appliance", "run"),
                *("--config", str(config), "--socket", str(socket), "--state-dir", str(folder / "state")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # What a box keeps for a restart goes with the folder.
            env={**os.environ, "MEETINGBOX_RUNTIME_DIR": str(folder / "run")},
        )
    return DemoBox(index, NAMES[index], folder, process, ControlClient(socket))


def wait(what: str, within: float, boxes: Sequence[DemoBox], done: Callable[[DemoBox], bool]) -> None:
    """Wait until ``done`` holds for every box. Raises StartError naming the first for which it does not."""
    deadline = time.monotonic() + within
    for box in boxes:
        while True:
            if box.process.poll() is not None:
                raise StartError(
                    "demo.box-ended",
                    f"{box.name} ended with code {box.process.returncode}:\n{box.log_tail()}",
                )
            try:
                if done(box):
                    break
            except MeetingBoxError:
                pass
            if time.monotonic() > deadline:
                raise StartError(
                    "demo.timeout", f"{box.name} was not {what} in {within:.0f} s.\n{box.log_tail()}"
                )
            time.sleep(0.05)


def _hold_meeting(demo: list[DemoBox], seconds: float, out: Path) -> dict[str, Any]:
    others = len(demo) - 1
    _say(f"Starting {len(demo)} boxes ...")
    wait(
        "ready and seeing the others",
        READY_WITHIN_S,
        demo,
        lambda box: sum(b["present"] for b in box.ask("status")["boxes"]) >= others,
    )
    shots = [_shot(demo[0], out, "home")]
    password = f"{secrets.randbelow(900_000) + 100_000}"
    _say(f"Typing room {ROOM} and a password on every keypad ...")
    with ThreadPoolExecutor(len(demo)) as pool:
        list(pool.map(lambda box: box.press([*str(ROOM), "ok", *password[:-1]]), demo))
        shots.append(_shot(demo[0], out, "keypad"))
        list(pool.map(lambda box: box.press([password[-1], "ok"]), demo))
        if others:
            wait("showing every other box", JOIN_WITHIN_S, demo, lambda box: box.drawn() >= others)
        _say(f"In the meeting; it goes on for {seconds:.0f} s ...")
        time.sleep(min(SETTLE_S, seconds / 4))
        before = list(pool.map(lambda box: box.ask("stats"), demo))
        _sleep_with_progress(seconds - min(SETTLE_S, seconds / 4))
        after = list(pool.map(lambda box: box.ask("stats"), demo))
        heard = list(pool.map(lambda box: box.ask("stats", sequence=True)["sequence"], demo))
        shots += [_shot(box, out, "call") for box in demo]
        list(pool.map(lambda box: box.ask("leave"), demo))
    return _report(demo, before, after, heard, shots)


def _sleep_with_progress(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if sys.stderr.isatty():
            print(f"\r  {left:4.0f} s left ", end="", file=sys.stderr, flush=True)
        time.sleep(min(1.0, left))
    if sys.stderr.isatty():
        print("\r               \r", end="", file=sys.stderr, flush=True)


def _picture(out: Path, name: str, screen: str) -> Path:
    return out / f"{name.lower().replace(' ', '-')}-{screen}.png"


def _shot(box: DemoBox, out: Path, screen: str) -> str:
    path = _picture(out, box.name, screen)
    box.ask("screenshot", file=str(path))
    return str(path)


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, or None of nothing."""
    if not samples:
        return None
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def _report(
    demo: list[DemoBox],
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    sequences: list[dict[str, Any]],
    shots: list[str],
) -> dict[str, Any]:
    """Put the boxes' own figures together: rates between the two looks, everything else from the second."""
    band_of = {box.name: str(box.index) for box in demo}
    tiles: list[dict[str, Any]] = []
    audio: list[dict[str, Any]] = []
    first_drawn: dict[tuple[str, str], float] = {}
    for start, end, sequence in zip(before, after, sequences, strict=True):
        earlier = {peer["id"]: peer for peer in start["peers"]}
        for peer in end["peers"]:
            old = earlier.get(peer["id"])
            span = end["now"] - start["now"]
            fps = (peer["drawn"] - (old["drawn"] if old else 0)) / span if span > 0 else 0.0
            layer = peer["layer"]
            tiles.append(
                {
                    "box": end["name"],
                    "peer": peer["name"],
                    "layer": layer,
                    "fps": round(fps, 2),
                    "layer_fps": Layer(layer).spec.fps if layer else 0,
                    "width": peer["width"],
                    "height": peer["height"],
                    "latency_ms": {"p50": peer["latency_ms"]["p50"], "p95": peer["latency_ms"]["p95"]},
                }
            )
            heard = sequence.get(band_of.get(peer["name"], ""), {})
            audio.append({"box": end["name"], "peer": peer["name"], "delivered": heard.get("delivered", 0.0)})
            if peer["first_drawn_at"] is not None:
                first_drawn[(end["name"], peer["name"])] = peer["first_drawn_at"]
    pressed = {stats["name"]: stats["pressed_at"] for stats in after}
    samples = [
        round(1000 * (at - max(pressed[here], pressed[there])), 1)
        for (here, there), at in sorted(first_drawn.items())
    ]
    return {
        "boxes": len(demo),
        "links": sum(1 for tile in tiles if tile["fps"] > 0),
        "join_ms": {
            "p50": percentile(samples, 0.50),
            "p95": percentile(samples, 0.95),
            "samples": samples,
        },
        "tiles": tiles,
        "audio": audio,
        "video_encoders_per_box": max((s["camera"].get("encoders_open", 0) for s in after), default=0),
        "layers_per_box": max((len(s["camera"].get("layers", {})) for s in after), default=0),
        "screenshots": shots,
    }


def _print_report(report: dict[str, Any]) -> None:
    wanted = report["boxes"] * (report["boxes"] - 1)
    print(f"{report['boxes']} boxes, {report['links']} of {wanted} links with pictures flowing")
    join = report["join_ms"]
    if join["samples"]:
        print(f"last key to picture: median {join['p50']:.0f} ms, p95 {join['p95']:.0f} ms")
    heard = {(a["box"], a["peer"]): a["delivered"] for a in report["audio"]}
    for tile in report["tiles"]:
        late = tile["latency_ms"]["p50"]
        print(
            f"  {tile['box']:>15} sees {tile['peer']:<15} {tile['layer'] or '-'} "
            f"{tile['width']}x{tile['height']} {tile['fps']:5.1f} fps"
            + (f", {late:.0f} ms late" if late is not None else "")
            + f", sound {100 * heard[(tile['box'], tile['peer'])]:.1f} %"
        )
    if report["tiles"]:
        rates = statistics.median(t["fps"] for t in report["tiles"])
        print(f"  median {rates:.1f} fps; {report['video_encoders_per_box']} encoders in each box")
    print("Screenshots:")
    for shot in report["screenshots"]:
        print(f"  {shot}")
