"""Mute on the wire: between two real links, counted where the packets go into the socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from media.link_helpers import Box, linked, on_the_way, until

from appliance.core import rtp
from appliance.media.audio.engine import AudioEngine, EncodedSound


def wiretap(box: Box) -> list[tuple[float, rtp.Packet]]:
    """What goes into the socket as (when, RTP packet), RTCP left out; headers are not encrypted."""
    seen: list[tuple[float, rtp.Packet]] = []

    def tap(sealed: bytes, write: Callable[[bytes], None]) -> None:
        if not rtp.is_rtcp(sealed):
            seen.append((time.monotonic(), rtp.parse(sealed)))
        write(sealed)

    on_the_way(box.link._connection.path, tap)
    return seen


@contextmanager
def speaking(box: Box) -> Iterator[AudioEngine]:
    """The known sequence, from the capture thread to the fan-out as in a box."""
    loop = asyncio.get_running_loop()

    def hand_over(sound: EncodedSound) -> None:
        loop.call_soon_threadsafe(box.sounds.publish, sound)

    engine = AudioEngine("test", "none", on_sound=hand_over, on_state=lambda _: None)
    engine.start()
    try:
        engine.set_active(True)
        yield engine
    finally:
        engine.stop()


def test_while_muted_no_packet_of_sound_goes_into_the_socket() -> None:
    async def talk() -> None:
        async with linked() as (a, b):
            a.link.open_media()
            b.link.open_media()
            wire = wiretap(a)
            with speaking(a) as engine:
                muted = []
                for _ in range(3):
                    count = len(wire)
                    await until(lambda count=count: len(wire) >= count + 10)
                    engine.set_muted(True)
                    await asyncio.sleep(0.01)  # what was encoded before is handed over now
                    began = time.monotonic()
                    await asyncio.sleep(0.4)
                    muted.append((began, time.monotonic()))
                    engine.set_muted(False)
                count = len(wire)
                await until(lambda: len(wire) >= count + 10)
            assert len({packet.ssrc for _, packet in wire}) == 1  # no pictures in this meeting
            for began, ended in muted:
                assert not [at for at, _ in wire if began <= at <= ended]
            await until(lambda: len(b.ear.pushed) == len(wire))
            # The last packet before a silence says so, and no number is missing: nothing was lost.
            assert sum(len(payload) == 1 for _, _, payload, _ in b.ear.pushed) == 3
            numbers = [number for number, *_ in b.ear.pushed]
            assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))]
            assert a.link.audio_feedback.packets_lost == b.link.stats().sounds_lost == 0
            begins = [packet.marker for _, packet in wire]
            assert sum(begins) == 4
            assert begins[0]

    asyncio.run(talk())
