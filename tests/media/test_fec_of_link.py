"""FEC by the reports that a real link brings back over a path that loses packets."""

from __future__ import annotations

import asyncio
import itertools
import time

from media import room_sounds as room
from media.link_helpers import Box, Sound, linked, lose_packets, until

from appliance.core import limits
from appliance.core.sound_loss import SoundLoss
from appliance.media.audio import opus

FRAME = limits.SOUND_FRAME


async def talk(box: Box, loss: SoundLoss) -> None:
    """Send a frame of speech every 10 ms, twice as fast as life, and follow the reports."""
    samples = room.as_samples(room.at_active_level(room.spoken("he", pause_ms=1), -25))
    encoder = opus.Encoder(loss=loss.expected)
    seen = 0
    for number in itertools.count():
        at = number * FRAME % (len(samples) - FRAME)
        encoder.expect_loss(loss.expected)
        data = encoder.encode(samples[at : at + FRAME])
        box.sounds.publish(Sound(data, number * FRAME, 25, time.monotonic_ns()))
        told = box.link.audio_feedback
        if told.reports != seen:
            seen = told.reports
            loss.report(told.highest, told.packets_lost, told.reported_at)
        await asyncio.sleep(0.01)


def test_fec_comes_with_loss_and_only_then() -> None:
    async def run() -> None:
        async with linked() as (a, b):
            a.link.open_media()
            b.link.open_media()
            loss = SoundLoss()
            talking = asyncio.create_task(talk(a, loss))
            try:
                await until(lambda: a.link.audio_feedback.reports >= 4, 10.0)
                assert loss.expected == limits.SOUND_EXPECTED_LOSS
                calm = len(b.ear.pushed)
                lose_packets(a, 0.15, seed=5)
                await until(lambda: loss.expected == limits.SOUND_FEC_LOSS, 10.0)
                assert a.link.audio_feedback.packets_lost >= limits.FEC_LOST_MIN
                since = len(b.ear.pushed)
                await until(lambda: len(b.ear.pushed) >= since + 100, 10.0)
            finally:
                talking.cancel()
            heard = [payload for _, _, payload, _ in b.ear.pushed]
            assert not any(opus.has_fec(payload) for payload in heard[:calm])
            assert sum(opus.has_fec(payload) for payload in heard[since + 5 :]) >= 40

    asyncio.run(run())
