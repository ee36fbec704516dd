"""How much is left of an echo, and of the person who talks: our sound processing in synthetic rooms.

    ./dev bench echo [--pairs N] [--long MINUTES]

Synthesised voices in rooms with a reverberation of 0.3 s, the echo 10 dB below what is played, a microphone
that hisses at -75 dB. Simulated time: what is measured is `Processing`, driven frame by frame, and beside it
("plain") the untouched microphone. Several voices and rooms; what is told is their mean, and of delays and
drift the worst.

  erle_db           how much quieter the echo is while only the loudspeaker talks, in those seconds from a
                    cold start on; "after": from the 10th on
  near_end_stoi     people who take turns with the loudspeaker, as understood by STOI (1.0: untouched)
  double_talk_stoi  both talk all the time, the person as loud as what is played, from the 3rd second on
  double_talk_even_stoi   the same with a person as loud as the echo
  delays_ms         echo removed after 5 s, for each delay of the devices
  drift_100ppm_db   echo removed in the last minute of five, loudspeaker and microphone 100 ppm apart;
                    drift_worst_10s_db: in the worst ten seconds of it
  cpu_ms_per_s      CPU time of the processing, per second of sound
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass

import _rooms as rooms
import numpy as np
from _rooms import RATE, Sound
from pystoi import stoi

from appliance.core import limits
from appliance.media.audio.microphone import Captured
from appliance.media.audio.processing import Plan, Processing

LEVEL = 0.06  # root mean square of what is played: -24 dB, as loud as a mix of Opus is
ECHO_DB = -10.0
HISS_DB = -75.0
FRAME = limits.SOUND_FRAME
SECONDS = 14


@dataclass
class Cleaned:
    """``sound``: what leaves the box, moved back by the delay of the processing."""

    sound: Sound
    cpu_s: float


def clean(played: Sound, captured: Sound, plan: Plan | None = None) -> Cleaned:
    """Run one microphone through the processing."""
    processing = Processing(plan or Plan(True, True, False, "bench"))
    far, near = rooms.samples(played), rooms.samples(captured)
    out = np.zeros(len(near))
    late = 0
    started = time.process_time()
    for start in range(0, len(near) - FRAME + 1, FRAME):
        processing.played(far[start : start + FRAME])
        frame = processing.clean(Captured(near[start : start + FRAME], 0))
        out[start : start + FRAME] = frame.samples / 32768
        late = -frame.captured_ns
    cpu_s = time.process_time() - started
    processing.close()
    delay = late * RATE // 1_000_000_000
    return Cleaned(np.concatenate((out[delay:], np.zeros(delay))), cpu_s)


def removed_db(captured: Sound, left: Sound, first: float, last: float) -> float:
    part = slice(round(first * RATE), round(last * RATE))
    return float(20 * np.log10(rooms.rms(captured[part]) / max(rooms.rms(left[part]), 1e-7)))


def understood(spoken: Sound, sound: Sound, *spans: tuple[float, float]) -> float:
    chosen = np.concatenate([np.arange(round(a * RATE), round(b * RATE)) for a, b in spans])
    return float(stoi(spoken[chosen], sound[chosen], RATE))


class Pair:
    """A voice from the loudspeaker and a person in the room."""

    def __init__(self, number: int) -> None:
        self.far = rooms.talk(number, SECONDS) * LEVEL
        self.person = rooms.talk(number + 1 + number // rooms.VOICES, SECONDS) * LEVEL
        self.delay_ms = (40, 15, 80, 120, 60)[number % 5]
        self.room = rooms.response(100 + number, delay_ms=self.delay_ms)
        self.hiss = rooms.noise(number, len(self.far), HISS_DB)

    def echo(self, played: Sound) -> Sound:
        return rooms.heard(played, self.room, ECHO_DB)


def measure_pair(number: int) -> dict[str, float]:
    pair = Pair(number)
    alone = pair.echo(pair.far) + pair.hiss
    cleaned = clean(pair.far, alone)
    row = {
        "0.5-3s": removed_db(alone, cleaned.sound, 0.5, 3),
        "3-10s": removed_db(alone, cleaned.sound, 3, 10),
        "after": removed_db(alone, cleaned.sound, 10, SECONDS - 0.5),
        "cpu": cleaned.cpu_s / SECONDS * 1000,
    }
    turn = (np.arange(len(pair.far)) // (3 * RATE)) % 2  # three seconds each
    played, said = pair.far * (turn == 0), pair.person * (turn == 1)
    taken = pair.echo(played) + said + pair.hiss
    spans = (3, 5.9), (9, 11.9)
    row["turns"] = understood(said, clean(played, taken).sound, *spans)
    row["turns_plain"] = understood(said, taken, *spans)
    for name, quieter_db in (("double", 0.0), ("even", ECHO_DB)):
        said = pair.person * 10 ** (quieter_db / 20)
        both = pair.echo(pair.far) + said + pair.hiss
        row[name] = understood(said, clean(pair.far, both).sound, (3, SECONDS - 0.5))
        row[f"{name}_plain"] = understood(said, both, (3, SECONDS - 0.5))
    print(
        f"  voices {number}, {pair.delay_ms:3} ms: echo removed {row['0.5-3s']:5.1f} {row['3-10s']:5.1f} "
        f"{row['after']:5.1f} dB, taking turns {row['turns']:.3f} ({row['turns_plain']:.3f} untouched), both "
        f"{row['double']:.3f} ({row['double_plain']:.3f}), both alike {row['even']:.3f} "
        f"({row['even_plain']:.3f}), CPU {row['cpu']:.1f} ms/s",
        file=sys.stderr,
    )
    return row


def measure_delay(delay_ms: int, number: int) -> float:
    played = rooms.talk(number, SECONDS) * LEVEL
    room = rooms.response(200 + number, delay_ms=delay_ms)
    captured = rooms.heard(played, room, ECHO_DB) + rooms.noise(number, len(played), HISS_DB)
    return removed_db(captured, clean(played, captured).sound, 5, SECONDS - 0.5)


def measure_drift(ppm: float, minutes: float, number: int) -> tuple[float, float]:
    """The last minute, and its worst ten seconds."""
    played = rooms.talk(number, minutes * 60) * LEVEL
    room = rooms.response(300 + number, delay_ms=60)
    captured = rooms.drifted(rooms.heard(played, room, ECHO_DB), ppm)
    captured += rooms.noise(number, len(played), HISS_DB)
    left = clean(played, captured).sound
    end = minutes * 60 - 0.5
    tens = [removed_db(captured, left, end - back, end - back + 10) for back in range(10, 60, 10)]
    return removed_db(captured, left, end - 59, end), min(tens)


def main() -> int:
    parser = argparse.ArgumentParser(prog="echo", description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of voices, each in a room of its own")
    parser.add_argument("--long", type=float, default=5.0, help="minutes of drifting clocks")
    arguments = parser.parse_args()
    rows = [measure_pair(number) for number in range(arguments.pairs)]

    def mean(name: str, digits: int) -> float:
        return round(float(np.mean([row[name] for row in rows])), digits)

    delays = {str(ms): round(min(measure_delay(ms, n) for n in range(2)), 1) for ms in (5, 40, 200)}
    print(f"  delays {delays}", file=sys.stderr)
    drifts = [measure_drift(ppm, arguments.long, n) for n, ppm in ((0, 100.0), (1, -100.0))]
    drift, worst = (min(part) for part in zip(*drifts, strict=True))
    print(f"  drift {drift:.1f} dB, the worst ten seconds {worst:.1f} dB", file=sys.stderr)
    result = {
        "bench": "echo",
        "erle_db": {name: mean(name, 1) for name in ("0.5-3s", "3-10s", "after")},
        "near_end_stoi": mean("turns", 3),
        "near_end_stoi_plain": mean("turns_plain", 3),
        "double_talk_stoi": mean("double", 3),
        "double_talk_stoi_plain": mean("double_plain", 3),
        "double_talk_even_stoi": mean("even", 3),
        "double_talk_even_stoi_plain": mean("even_plain", 3),
        "delays_ms": delays,
        "drift_100ppm_db": round(drift, 1),
        "drift_worst_10s_db": round(worst, 1),
        "cpu_ms_per_s": mean("cpu", 1),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
