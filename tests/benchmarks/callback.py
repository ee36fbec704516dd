"""Is sound played in time while nine pictures are being drawn? Everything in one process, as in a box.

Nine real decoders at 640x360 and 30 pictures a second (a talking head, each at its own phase), the real
display drawing nine tiles on 1920x1080, nine peers who all speak (real decoders and mix, `Playout`), and an
encoder on a thread of its own, as capture has. The network thread's part is a thread that hands over frames
and packets, with up to 20 ms of jitter on the sound.

The sound card is a thread that calls `DeviceSpeaker` back every 10 ms at absolute times, as PortAudio's does:
it sleeps, then waits for the interpreter like everybody. It has no real-time priority.

``late_p99_ms``: from when a callback was due to when it had run (wake-up plus run), 99th percentile of all.
``machine_late_p99_ms``, ``machine_late_max_ms``: the same of a program beside it that only sleeps; where
these
are bad, the machine had other things to do. ``underruns``: callbacks that found less than they needed.
``fps_min``: pictures drawn of the slowest tile. ``cores``: what the whole process used.

One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from _figures import percentile
from _film import write as write_film
from _load import GOLDEN, recording
from _sound_paths import TICK
from _speech import FRAME, talks

from appliance import config
from appliance.app import memory
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.assembly import AssembledFrame
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.intents import TilesShown
from appliance.core.picture import Picture
from appliance.core.view import Phase, Snapshot
from appliance.display import Display
from appliance.media.audio.devices import SoundDevice, parse_spec
from appliance.media.audio.opus import Encoder
from appliance.media.audio.pace import Pace
from appliance.media.audio.playout import Playout
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.speaker import PacedSpeaker, Speaker
from appliance.media.audio.streams import open_speaker
from appliance.media.audio.watch import Side
from appliance.media.decoder import Decoder
from appliance.media.encoded import EncodedFrame

TILES, FPS = 9, 30
JITTER_S = 0.020
SETTLE_S = 3.0
BLOCK_S = limits.SOUND_BLOCK / limits.SOUND_RATE
LATE_BOUND_MS, MINUTES = 5.0, 5.0
# Sleeps as the card does and prints how late it woke: p99 and most, in milliseconds.
_BESIDE = """
import sys, time
blocks, every = int(sys.argv[1]), float(sys.argv[2])
start, late = time.monotonic(), []
for block in range(1, blocks + 1):
    due = start + block * every
    time.sleep(max(0.0, due - time.monotonic()))
    late.append((time.monotonic() - due) * 1000)
late.sort()
print(late[int(0.99 * len(late))], late[-1])
"""
_AT_ONCE = 0.1  # seconds of the network that are laid out in one go


class Card:
    """Calls back as a sound card does; stands where `PortAudio` and its stream do."""

    active = True

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._callback: Callable[..., None] | None = None
        self._running = True
        self._thread = threading.Thread(target=self._run, name="sound-card", daemon=True)

    def open(self, _kind: str, _device: SoundDevice, callback: Callable[..., None]) -> Card:
        self._callback = callback
        self._thread.start()
        return self

    def close(self, _stream: Card) -> None:
        self._running = False
        self._thread.join()

    def _run(self) -> None:
        assert self._callback is not None
        out = bytearray(2 * limits.SOUND_BLOCK)
        when = SimpleNamespace(currentTime=0.0, outputBufferDacTime=BLOCK_S, inputBufferAdcTime=0.0)
        status = SimpleNamespace(output_underflow=False, input_overflow=False)
        start = time.monotonic()
        for block in itertools.count(1):
            due = start + block * BLOCK_S
            time.sleep(max(0.0, due - time.monotonic()))
            if not self._running:
                return
            self._callback(out, limits.SOUND_BLOCK, when, status)
            self.late_ms.append((time.monotonic() - due) * 1000)


class Worker:
    """A thread that runs until it is told to stop."""

    def __init__(self, name: str) -> None:
        self.running = True
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.running = False
        self._thread.join()

    def run(self) -> None:
        raise NotImplementedError


class Voice(Worker):
    """Encodes a voice in real time, as the capture thread does."""

    def run(self) -> None:
        encoder, pace = Encoder(), Pace()
        frames = np.concatenate(talks()).reshape(-1, FRAME)
        while self.running:
            if pace.tick(limits.SOUND_WAIT):
                encoder.encode(frames[pace.index % len(frames)])


class Network(Worker):
    """Hands frames to the decoders and packets to the sounds, each at its time."""

    def __init__(
        self, decoders: list[Decoder], sounds: list[PeerSound], frames: list[EncodedFrame], talk: list[bytes]
    ) -> None:
        super().__init__("network")
        self._decoders, self._sounds = decoders, sounds
        self._frames, self._talk = frames, talk
        self._wanted = [True] * TILES  # a keyframe
        self._place = [0] * TILES  # in the film, which begins with one

    def want_keyframe(self, peer: int) -> None:
        self._wanted[peer] = True

    def _picture(self, peer: int, n: int) -> None:
        if self._wanted[peer]:
            self._wanted[peer], self._place[peer] = False, 0
        frame = self._frames[self._place[peer] % len(self._frames)]
        self._place[peer] += 1
        self._decoders[peer].push(AssembledFrame(frame.data, n * 90_000 // FPS & 0xFFFFFFFF, frame.keyframe))

    def _sound(self, peer: int, n: int) -> None:
        payload = self._talk[(n + peer * 211) % len(self._talk)]
        now = time.monotonic()
        self._sounds[peer].push(n & 0xFFFF, n * limits.SOUND_FRAME & 0xFFFFFFFF, payload, now, 30)

    def run(self) -> None:
        rng = random.Random(1)
        start = time.monotonic()
        ahead: list[tuple[float, Callable[[int, int], None], int, int]] = []
        for part in itertools.count():
            for peer in range(TILES):
                phase = peer * GOLDEN % 1
                ahead += [
                    (start + (n + phase) / FPS, self._picture, peer, n) for n in range(part * 3, part * 3 + 3)
                ]
                ahead += [
                    (start + (n + phase) * TICK + rng.random() * JITTER_S, self._sound, peer, n)
                    for n in range(part * 5, part * 5 + 5)
                ]
            ahead.sort(key=lambda event: event[0])
            while ahead and ahead[0][0] < start + (part + 1) * _AT_ONCE:
                due, hand_over, peer, number = ahead.pop(0)
                time.sleep(max(0.0, due - time.monotonic()))
                if not self.running:
                    return
                hand_over(peer, number)


def _snapshot() -> Snapshot:
    tiles = tuple(TileView(f"{n}", f"Room {n}", TileState.LIVE, quality=3, layer="M") for n in range(TILES))
    call = CallView(42, time.monotonic(), JoiningView(False, None), tiles)
    return Snapshot("Bench", Phase.IN_CALL, call=call)


def _shower(bridge: Bridge, tile: str) -> Callable[[Picture], None]:
    return lambda picture: bridge.slot(tile).put(picture)


def _sizes(decoders: list[Decoder]) -> Callable[[object], None]:
    """What becomes of the display's intents: pictures of their tiles' exact size."""

    def hear(intent: object) -> None:
        if isinstance(intent, TilesShown):
            for tile, width, height in intent.sizes:
                decoders[int(tile)].set_tile((width, height))

    return hear


def _speaker(card: Card) -> Side[Speaker]:
    device = SoundDevice("card", "a card", 0, 1, 1)
    side: Side[Speaker] = Side(
        "speaker",
        parse_spec("none", "speaker"),
        open_plain=lambda _spec: open_speaker(card, device),  # type: ignore[arg-type]
        open_device=open_speaker,
        stand_in=PacedSpeaker,
    )
    side.open(card, None)  # type: ignore[arg-type]
    return side


def run(minutes: float, film: Path) -> dict[str, Any]:
    """Play for so long; call it on the main thread, which draws."""
    encoder = Encoder()
    talk = [encoder.encode(frame) for frame in np.concatenate(talks()).reshape(-1, FRAME)]
    frames = recording(film)
    memory.prepare()
    memory.settle()
    sys.setswitchinterval(limits.SWITCH_INTERVAL)
    bridge = Bridge(_snapshot())
    display = Display(bridge, config.Display(mode="headless", width=1920, height=1080))
    decoders: list[Decoder] = []
    sounds = [PeerSound(f"{n}") for n in range(TILES)]
    network = Network(decoders, sounds, frames, talk)
    for n in range(TILES):
        wanted = partial(network.want_keyframe, n)
        decoders.append(Decoder(on_picture=_shower(bridge, f"{n}"), on_keyframe_needed=wanted))
    bridge.listen(_sizes(decoders))
    card = Card()
    side = _speaker(card)
    playout = Playout(side, lambda _mix: None, lambda: None)
    playout.set_peers(tuple(sounds))
    workers = [Voice("voice"), network]
    figures: dict[str, Any] = {}

    def measure() -> None:
        time.sleep(SETTLE_S)
        card.late_ms.clear()
        before, used = playout.underruns, time.process_time()
        counts = [_drawn(bridge, n) for n in range(TILES)]
        began = time.monotonic()
        blocks = int(minutes * 60 / BLOCK_S)
        beside = subprocess.run(
            [sys.executable, "-c", _BESIDE, str(blocks), str(BLOCK_S)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        wall = time.monotonic() - began
        late = list(card.late_ms)
        drawn = [_drawn(bridge, n) - count for n, count in enumerate(counts)]
        figures.update(
            callbacks=len(late),
            underruns=playout.underruns - before,
            late_p50_ms=round(percentile(late, 0.50), 2),
            late_p99_ms=round(percentile(late, 0.99), 2),
            late_max_ms=round(max(late), 1),
            machine_late_p99_ms=round(float(beside.stdout.split()[0]), 2),
            machine_late_max_ms=round(float(beside.stdout.split()[1]), 1),
            fps_min=round(min(drawn) / wall, 1),
            mix_us=round(playout.busy_s / max(1, playout.frames) * 1e6),
            cores=round((time.process_time() - used) / wall, 2),
        )
        display.stop()

    measuring = threading.Thread(target=measure, name="measure")
    display.open()
    for worker in (*decoders, playout, *workers):
        worker.start()
    playout.set_active(True)
    measuring.start()
    try:
        display.run()
    finally:
        measuring.join()
        for worker in workers:
            worker.stop()
        playout.set_active(True)
        playout.stop()
        side.close()
        for decoder in decoders:
            decoder.stop()
            decoder.join()
        display.close()
    return figures


def _drawn(bridge: Bridge, tile: int) -> int:
    stats = bridge.drawn(f"{tile}")
    return 0 if stats is None else stats.count


def main() -> int:
    parser = argparse.ArgumentParser(prog="callback", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"default: {MINUTES:g}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch:
        film = Path(scratch) / "film.y4m"
        write_film(film)
        figures = run(arguments.minutes, film)
    for name, value, bound in (
        ("underruns", figures["underruns"], 0),
        ("late p99, ms", figures["late_p99_ms"], LATE_BOUND_MS),
    ):
        judged = "met" if value <= bound else "MISSED"
        print(f"{name:14} {value:7.2f} (at most {bound:g}: {judged})", file=sys.stderr)
    print(
        f"late p50 {figures['late_p50_ms']} ms, most {figures['late_max_ms']} ms;"
        f" the machine itself: p99 {figures['machine_late_p99_ms']} ms,"
        f" most {figures['machine_late_max_ms']} ms;"
        f" {figures['fps_min']} pictures a second; {figures['cores']} cores",
        file=sys.stderr,
    )
    print(json.dumps({"bench": "callback", "minutes": arguments.minutes, "tiles": TILES, **figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
