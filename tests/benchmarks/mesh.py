"""How many boxes hold a meeting on this one machine: a full mesh of whole boxes, every tile at L.

Each box is a process of its own with its camera process, as on a wall, headless and on loopback; all
join by key presses on their keypads. After a while to settle, one window of ``--seconds`` is measured.
Sound is ``off`` (no microphone, no speaker: no packets of sound); ``on``, as in a meeting: one box speaks at
a time, every 3 s another one, and the microphones of the others are open in rooms with faint noise; or
``all``: everybody talks all the time, the hardest case. Without ``--sound`` each size is measured off and on.
With it on the window is as many whole rounds of turns as are nearest to ``--seconds``, at least one.

A row has ``boxes``, ``links`` (pairs, each way, whose pictures were drawn in the window), ``sound``, and:

``fps_min``, ``fps_p50``
    pictures drawn a second, of the slowest tile and of the one in the middle; L has 15.
``latency_p95_ms``
    from capturing to drawing, of the worst tile.
``loop_lag_p99_ms``
    how late the network thread was, of the worst box.
``audio_delivered_min``
    the share of the test sound that was recovered at the other loudspeaker, of the worst pair; null
    with sound off. With it on: of all that is spoken in the window, the beginnings of turns included.
``sounds_per_s``
    packets of sound that a box sends to one other in a second, on average; a voice that never pauses has 50.
``cores``
    CPU seconds of all boxes and their camera processes, by wall time.
``join_ms_p95``
    from the last key press of the later box to the pair's picture drawn.

Figures are medians over ``--rounds`` meetings. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _figures import percentile
from net.boxes import Boxes, TestBox

from appliance.core import grid
from appliance.core.layers import Layer, layer_for_height
from appliance.core.limits import SOUND_FRAME, SOUND_RATE, TEST_TURN, TEST_TURN_PAUSE
from appliance.demo import NAMES
from appliance.display.screens import call
from appliance.display.screens.call_tiles import GAP
from appliance.display.theme import Theme

READY_WITHIN_S = 60.0
JOIN_WITHIN_S = 30.0
SETTLE_S = 3.0

TURN_HEARD_S = 0.15  # after the last word of a round, and before the first of the next: it is heard by then
SPOKEN = round(
    (TEST_TURN - 2 * TEST_TURN_PAUSE) * SOUND_RATE / SOUND_FRAME
)  # symbols of the sequence in a turn
OFF, ON, ALL = "off", "on", "all"

# By sound and boxes: (figure, is it a lower bound?, bound)
BOUNDS = {
    (OFF, 8): (("links", True, 56), ("fps_min", True, 14.0), ("loop_lag_p99_ms", False, 15.0)),
    (ON, 6): (("fps_min", True, 14.0), ("audio_delivered_min", True, 0.99), ("loop_lag_p99_ms", False, 40.0)),
    (ON, 8): (("fps_min", True, 13.0), ("audio_delivered_min", True, 0.98)),
}
FIGURES = (
    "links", "fps_min", "fps_p50", "latency_p95_ms", "loop_lag_p99_ms", "audio_delivered_min", "sounds_per_s",
    "cores", "join_ms_p95",
)  # fmt: skip


def screen(count: int) -> tuple[int, int]:
    """The largest screen, up to 1280x720, whose grid of ``count`` tiles, self-view included, is all at L."""
    for width in range(1280, 320, -32):
        height = width * 9 // 16
        theme = Theme((width, height))
        tiles = grid.arrange(count, call.tiles_area(theme), theme.px(GAP))
        if all(layer_for_height(grid.covering(tile)[1]) is Layer.L for tile in tiles):
            return width, height
    raise ValueError(f"{count} tiles are never at L")


def cpu_s(boxes: list[TestBox]) -> float:
    """CPU seconds of every box and its children so far."""
    total = 0.0
    for box in boxes:
        main = psutil.Process(box.process.pid)
        for process in (main, *main.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def devices(index: int, count: int, sound: str) -> tuple[str, str]:
    """The microphone and the speaker of a box."""
    match sound:
        case "on":
            return f"test:{index}/{count}", "test"
        case "all":
            return f"test:{index}", "test"
    return "none", "none"


def measure(count: int, sound: str, seconds: float) -> dict[str, Any]:
    """One meeting."""
    turns = 0  # of each box
    if sound == ON:
        turns = max(1, round(seconds / (TEST_TURN * count)))
        seconds = turns * TEST_TURN * count
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch,
        Boxes(Path(scratch)) as boxes,
        ThreadPoolExecutor(count) as pool,
    ):
        for index, name in enumerate(NAMES[:count]):
            microphone, speaker = devices(index, count, sound)
            boxes.start(name, microphone=microphone, speaker=speaker, size=screen(count), ready=False)
        everybody = set(NAMES[:count])
        boxes.wait(lambda: all(box.sees(*(everybody - {box.name})) for box in boxes.all), READY_WITHIN_S)
        password = f"{secrets.randbelow(900_000) + 100_000}"
        list(pool.map(lambda box: box.press(*"42", "ok", *password[:-1]), boxes.all))
        list(pool.map(lambda box: box.press(password[-1], "ok"), boxes.all))
        boxes.wait(lambda: all(len(box.drawn()) == count - 1 for box in boxes.all), JOIN_WITHIN_S)
        time.sleep(SETTLE_S)
        if turns:  # from the beginning of a round on
            time.sleep(-time.monotonic() % (TEST_TURN * count))
        before = list(pool.map(lambda box: box.stats(), boxes.all))
        used, since = cpu_s(boxes.all), time.monotonic()
        time.sleep(seconds)
        used, wall = cpu_s(boxes.all) - used, time.monotonic() - since
        starts = [stats["now"] for stats in before]
        after = list(pool.map(lambda box, at: box.ask("stats", since=at), boxes.all, starts))
        heard: list[dict[str, Any]] = []
        if sound != OFF:
            time.sleep(max(0.0, since + seconds + TURN_HEARD_S - time.monotonic()))
            # Each answer is a cut of its own: nobody speaks within 0.2 s of the ends of a round.
            at = since if turns else 0.0
            heard = list(
                pool.map(lambda box: box.ask("stats", sequence=True, since=at)["sequence"], boxes.all)
            )
    return figures(before, after, heard, turns) | {"cores": used / wall}


def figures(
    before: list[dict[str, Any]], after: list[dict[str, Any]], heard: list[dict[str, Any]], turns: int
) -> dict[str, Any]:
    """One meeting's figures from the boxes' own, at the start and at the end of the window."""
    pressed = {stats["id"]: stats["pressed_at"] for stats in after}
    rates, late, joins, sounds, layers = [], [], [], [], set()
    for start, end in zip(before, after, strict=True):
        span = end["now"] - start["now"]
        earlier = {peer["id"]: peer["drawn"] for peer in start["peers"]}
        sounds.append((end["audio"]["engine"]["sent"] - start["audio"]["engine"]["sent"]) / span)
        for peer in end["peers"]:
            rates.append((peer["drawn"] - earlier.get(peer["id"], 0)) / span)
            layers.add(peer["layer"])
            if peer["latency_ms"]["p95"] is not None:
                late.append(peer["latency_ms"]["p95"])
            joins.append(
                1000 * (peer["first_drawn_at"] - max(end["pressed_at"], pressed.get(peer["box_id"], 0.0)))
            )
    count = len(after)
    delivered = [
        share(sequence.get(str(band), {}), turns)
        for index, sequence in enumerate(heard)
        for band in range(count)
        if band != index
    ]
    missing = [0.0] * (count * (count - 1) - len(rates))
    return {
        "links": sum(1 for rate in rates if rate > 0),
        "layers": sorted(layers),
        "fps_min": min(rates + missing),
        "fps_p50": statistics.median(rates + missing),
        "latency_p95_ms": max(late, default=None),
        "loop_lag_p99_ms": max(stats["loop_lag_ms"]["p99"] for stats in after),
        "audio_delivered_min": min(delivered) if heard else None,
        "sounds_per_s": statistics.fmean(sounds),
        "join_ms_p95": percentile(joins, 0.95),
    }


def share(report: dict[str, Any], turns: int) -> float:
    """How much of one box's sound was recovered at another one; ``turns``: 0 if it spoke all the time."""
    if turns:
        return report.get("recovered", 0) / (turns * SPOKEN)
    return report.get("delivered", 0.0)


def row_of(count: int, sound: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of several meetings."""
    row: dict[str, Any] = {"boxes": count, "sound": sound}
    for name in FIGURES:
        values = [one[name] for one in rounds if one[name] is not None]
        digits = 3 if name == "audio_delivered_min" else 0 if name == "links" else 2
        row[name] = round(statistics.median(values), digits) if values else None
    row["links"] = int(row["links"])
    row["layers"] = sorted({layer for one in rounds for layer in one["layers"]})
    return row


def show(row: dict[str, Any]) -> None:
    delivered = "    -" if row["audio_delivered_min"] is None else f"{row['audio_delivered_min']:5.3f}"
    told = []
    for name, lower, bound in BOUNDS.get((row["sound"], row["boxes"]), ()):
        met = row[name] >= bound if lower else row[name] <= bound
        told.append(f"{name} {bound:g}: {'met' if met else 'NOT MET'}")
    verdict = " | bound: " + "; ".join(told) if told else ""
    if row["layers"] != [Layer.L.value]:
        verdict += f" | tiles at {'/'.join(row['layers'])}, not at L"
    late = "-" if row["latency_p95_ms"] is None else f"{row['latency_p95_ms']:.1f}"
    print(
        f"{row['boxes']:2} boxes, sound {row['sound']:3}: {row['links']:3} links,"
        f" fps min {row['fps_min']:5.2f} p50 {row['fps_p50']:5.2f}, p95 {late:>6} ms late,"
        f" lag p99 {row['loop_lag_p99_ms']:6.1f} ms, sound {delivered} {row['sounds_per_s']:4.1f}/s,"
        f" {row['cores']:5.2f} cores,"
        f" join p95 {row['join_ms_p95']:6.0f} ms{verdict}",
        file=sys.stderr,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="mesh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boxes", default="6,8", help=f"sizes, 2 to {len(NAMES)}; default: 6,8")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="the window that is measured; default: 20"
    )
    parser.add_argument("--sound", choices=(OFF, ON, ALL), help="default: off, then on")
    parser.add_argument("--rounds", type=int, default=3, help="meetings of each; default: 3")
    arguments = parser.parse_args()
    sounds = (OFF, ON) if arguments.sound is None else (arguments.sound,)
    counts = [int(text) for text in arguments.boxes.split(",")]
    found: dict[tuple[int, str], list[dict[str, Any]]] = {(n, s): [] for n in counts for s in sounds}
    for number in range(arguments.rounds):
        for (count, sound), rounds in found.items():
            rounds.append(measure(count, sound, arguments.seconds))
            what = f"{count} boxes, sound {sound}"
            print(
                f"  round {number + 1} of {arguments.rounds}: {what},"
                f" slowest tile {rounds[-1]['fps_min']:.1f} fps",
                file=sys.stderr,
            )
    rows = [row_of(count, sound, rounds) for (count, sound), rounds in found.items()]
    for row in rows:
        show(row)
    print(
        json.dumps({"bench": "mesh", "seconds": arguments.seconds, "rounds": arguments.rounds, "rows": rows})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
