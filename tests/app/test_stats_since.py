"""Figures of a window: only what came since a moment counts."""

from __future__ import annotations

import asyncio
import time

from appliance.app.lag import LagMeter
from appliance.bridge import Bridge
from appliance.core.limits import LAG_EVERY
from appliance.core.picture import Picture
from appliance.core.view import Snapshot


def test_lateness_before_the_moment_is_left_out() -> None:
    async def late_then_idle() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        meter = LagMeter(loop)
        meter.start()
        try:
            await asyncio.sleep(LAG_EVERY / 2)
            time.sleep(LAG_EVERY * 4)  # noqa: ASYNC251 - that is what is measured
            await asyncio.sleep(0.01)
            middle = loop.time()
            return meter.stats()["max"], meter.stats(middle)["max"], meter.stats(middle + 60)["max"]
        finally:
            meter.stop()

    whole, nothing_yet, future = asyncio.run(late_then_idle())
    assert whole > LAG_EVERY * 1000
    assert nothing_yet == future == 0.0


def test_every_latency_has_the_time_it_was_measured_at() -> None:
    bridge = Bridge(Snapshot(name="Bridge"))
    picture = Picture(b"", 0, 0, 1)
    for latency in (None, 5.0, None, 7.0):
        bridge.note_drawn("p", picture, latency)
    drawn = bridge.drawn("p")
    assert drawn is not None
    assert list(drawn.latencies_ms) == [5.0, 7.0]
    assert len(drawn.measured_at) == 2
    assert drawn.first_at <= drawn.measured_at[0] <= drawn.measured_at[1] <= drawn.last_at
