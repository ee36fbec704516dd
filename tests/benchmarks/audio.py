"""Speech over a network that loses and delays packets: ours and plain aiortc on the very same packets.

One call of 48 s (six talks, see `_speech`) for each loss and seed goes from the encoder to the mix, on a
simulated network and clock (`_sound_paths`): independent random loss, and delays above the shortest that are
half-normal with a p95 of ``jitter_ms``, so that packets overtake each other. A call begins with nothing
known about its network, and its beginning counts. Our encoder is told what receivers' reports of such a loss
make of it: `told`.

``pesq``: PESQ-WB (P.862.2, 16 kHz) of each talk against what was said, the mean of all. ``stoi``: the same.
``delivered``, ``stall_ms_max``: see `_hearing`; of all calls together, and the longest of all.
``buffer_p95_ms`` and ``plain_p95_ms``: how much later speech was played than the quickest packet could have
brought it, at the 95th percentile of what was delivered; the jitter itself is in it. ``plain_``: the same of
plain aiortc.

``mix15_ms``: CPU time of one turn of playout (20 ms) with 15 peers who all speak: pulling, decoding by 15
real decoders at 5 % loss, mixing; the mean. ``mix15_p95_ms``: its 95th percentile. ``mix15_mixing_ms``:
adding up and limiting alone.

One JSON line last on stdout, the table on stderr.

With ``--callback-minutes N`` it also runs `callback` for so long and puts its figures into ``callback``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _figures import percentile
from _hearing import Hearing, listen
from _sound_paths import PHASE_S, TICK, ours, plain, shortest_delay, trace
from _sound_paths import Path as SoundPath
from _speech import FRAME, RATE, Samples, resampled, talks

from appliance.core.sound_loss import SoundLoss
from appliance.media.audio.level import level_dbov
from appliance.media.audio.mixer import Mixer
from appliance.media.audio.opus import Encoder
from appliance.media.audio.receive import PeerSound

try:
    from pesq import pesq
except ImportError:
    sys.exit("audio: pesq is missing; it needs a compiler (gcc) to be set up, then ./dev setup bench")
from pystoi import stoi

LOSSES = (0, 1, 5, 10)  # percent
JITTER_MS = 20
SCORE_RATE = 16_000
PESQ_BOUNDS = {0: 3.7, 1: 3.5, 5: 3.2, 10: 2.9}
DELIVERED_BOUND, BUFFER_BOUND_MS, STALL_BOUND_MS, MIX_BOUND_MS = 0.99, 80.0, 60.0, 1.0
MIX_PEERS, MIX_LOSS = 15, 0.05
TICK_MS = TICK * 1000


def told(loss: int) -> int:
    """What `SoundLoss` makes the encoder expect after half a minute of so many lost percent."""
    rules, packets = SoundLoss(), 0
    for second in range(30):
        rules.report(packets, packets * loss // 100, float(second))
        packets += round(1 / TICK)
    return rules.expected


@dataclass
class Figures:
    """What was measured on all calls of one loss, by one side."""

    pesq: list[float] = field(default_factory=list)
    stoi: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    stalls_ms: list[float] = field(default_factory=list)
    kbps: list[float] = field(default_factory=list)

    def add(self, path: SoundPath) -> None:
        hearing = listen(path.heard, path.whole)
        self.delivered.append(hearing.delivered)
        self.stalls_ms.append(hearing.stall_blocks * TICK_MS)
        self.delays_ms += [shortest_delay(block, frame) * 1000 for block, frame in hearing.played]
        self.kbps.append(path.kbps)
        lookahead = _lookahead(path.whole)
        at = 0
        for talk in talks():
            heard = _cut(path.heard, hearing, at, len(talk) // FRAME, lookahead)
            said, got = (resampled(samples, RATE, SCORE_RATE) for samples in (talk, heard))
            self.pesq.append(float(pesq(SCORE_RATE, said, got, "wb")))
            self.stoi.append(float(stoi(said, got, SCORE_RATE)))
            at += len(talk) // FRAME

    def row(self, prefix: str = "") -> dict[str, float]:
        return {
            f"{prefix}delivered": round(statistics.mean(self.delivered), 4),
            f"{prefix}pesq": round(statistics.mean(self.pesq), 2),
            f"{prefix}stoi": round(statistics.mean(self.stoi), 3),
            "plain_p95_ms" if prefix else "buffer_p95_ms": round(percentile(self.delays_ms, 0.95), 1),
            f"{prefix}stall_ms_max": round(max(self.stalls_ms)),
            f"{prefix}kbps": round(statistics.mean(self.kbps), 1),
        }


def _call() -> Samples:
    """All talks, one frame a row."""
    return np.concatenate(talks()).reshape(-1, FRAME)


def _lookahead(whole: Samples) -> int:
    """Samples by which a coder delays sound."""
    said, got = (np.fft.rfft(samples.ravel()[: 10 * RATE], 1 << 20) for samples in (_call(), whole))
    return int(np.fft.irfft(got * np.conj(said))[: 5 * FRAME].argmax())


def _cut(heard: Samples, hearing: Hearing, first: int, count: int, lookahead: int) -> Samples:
    """What was heard of the talk of ``count`` frames from frame ``first`` on, from its first word."""
    found = [(block, frame) for block, frame in hearing.played if first <= frame < first + count]
    start = 0
    if found:
        block, frame = found[0]
        start = (block - (frame - first)) * FRAME + lookahead
    sound = np.pad(heard.ravel(), (2 * RATE, 2 * RATE))[start + 2 * RATE :]
    return sound[: count * FRAME]


def mix(peers: int) -> dict[str, float]:
    """The cost of a turn of playout with so many peers who all speak."""
    call = _call()[:2000]
    sounds, streams = [], []
    for peer in range(peers):
        encoder = Encoder(loss=int(MIX_LOSS * 100))
        frames = np.roll(call, peer * 131, axis=0)
        streams.append([(encoder.encode(frame), level_dbov(frame)) for frame in frames])
        sounds.append(PeerSound(str(peer)))
    arriving: list[list[tuple[int, int, float]]] = [[] for _ in range(len(call) + 100)]  # by turn
    for peer in range(peers):
        for at, n in trace(len(call), MIX_LOSS, JITTER_MS / 1000, seed=peer).in_order():
            arriving[max(0, int((at - PHASE_S) / TICK) + 1)].append((peer, n, at))
    mixer = Mixer()
    turns, mixing = [], []
    for turn in range(len(call)):
        for peer, n, at in arriving[turn]:
            payload, level = streams[peer][n]
            sounds[peer].push(n, n * FRAME, payload, at, level)
        started = time.thread_time_ns()
        pulled = [sound.pull(turn * TICK + PHASE_S) for sound in sounds]
        decoded = time.thread_time_ns()
        mixer.mix([frame for frame in pulled if frame is not None])
        ended = time.thread_time_ns()
        turns.append((ended - started) / 1e6)
        mixing.append((ended - decoded) / 1e6)
    return {
        f"mix{peers}_ms": round(statistics.mean(turns), 3),
        f"mix{peers}_p95_ms": round(percentile(turns, 0.95), 3),
        f"mix{peers}_mixing_ms": round(statistics.mean(mixing), 3),
    }


def _judged(value: float, bound: float, *, least: bool = False) -> str:
    met = value >= bound if least else value <= bound
    return f"{'at least' if least else 'at most'} {bound:g}: {'met' if met else 'MISSED'}"


def show(row: dict[str, Any]) -> None:
    for name, value, bound, least in (
        ("delivered", row["delivered"], DELIVERED_BOUND, True),
        ("pesq", row["pesq"], PESQ_BOUNDS[row["loss"]], True),
        ("buffer p95 ms", row["buffer_p95_ms"], BUFFER_BOUND_MS, False),
        ("longest stall ms", row["stall_ms_max"], STALL_BOUND_MS, False),
    ):
        key = {"buffer p95 ms": "plain_p95_ms", "longest stall ms": "plain_stall_ms_max"}.get(
            name, f"plain_{name}"
        )
        print(
            f"{row['loss']:3} % loss  {name:17} {value:8.3f} ({_judged(value, bound, least=least)})"
            f"  plain {row[key]:8.3f}",
            file=sys.stderr,
        )
    print(
        f"{row['loss']:3} % loss  stoi {row['stoi']:.3f}, plain {row['plain_stoi']:.3f};"
        f" kb/s {row['kbps']}, plain {row['plain_kbps']}",
        file=sys.stderr,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="audio", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="calls for each loss; default: 4")
    parser.add_argument("--losses", default="0,1,5,10", help="percent, comma-separated; default: 0,1,5,10")
    parser.add_argument(
        "--callback-minutes", type=float, default=0.0, help="run the benchmark callback as well"
    )
    arguments = parser.parse_args()
    call = _call()
    rows: list[dict[str, Any]] = []
    for loss in (int(text) for text in arguments.losses.split(",")):
        figures, plain_figures = Figures(), Figures()
        for seed in range(arguments.seeds):
            network = trace(len(call), loss / 100, JITTER_MS / 1000, seed)
            figures.add(ours(call, network, told(loss)))
            plain_figures.add(plain(call, network))
        row = {"loss": loss, "jitter_ms": JITTER_MS, **figures.row(), **plain_figures.row("plain_")}
        rows.append(row)
        show(row)
    result: dict[str, Any] = {"bench": "audio", "rows": rows, **mix(MIX_PEERS)}
    print(
        f"mix of {MIX_PEERS}: {result['mix15_ms']} ms of CPU per {TICK_MS:.0f} ms"
        f" ({_judged(result['mix15_ms'], MIX_BOUND_MS)}), of it mixing {result['mix15_mixing_ms']}",
        file=sys.stderr,
    )
    if arguments.callback_minutes:
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).parent / "callback.py"),
                "--minutes",
                str(arguments.callback_minutes),
            ],
            stdout=subprocess.PIPE,
            check=True,
        )
        result["callback"] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
