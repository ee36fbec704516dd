"""Looking after many boxes at once: lost answers are asked for again, and probes are shared out."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from signaling.test_client import HOST, until

from appliance.core import limits
from appliance.signaling.presence import FoundBox, Located, Presence


class Network:
    """What mDNS would say, and a server that counts who looks for it."""

    def __init__(self, lost: int = 0) -> None:
        self.lost = lost  # answers that don't come
        self.asked = 0
        self.probes = 0
        self.port = 0
        self.told: tuple[FoundBox, ...] = ()

    async def locate(self, instance: str, ask: bool) -> Located | None:
        self.asked += ask
        if self.asked <= self.lost:
            return None
        return Located(instance, (HOST,), self.port)

    def _look(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.probes += 1
        writer.close()

    async def run(self, instances: int, seconds: float) -> None:
        server = await asyncio.start_server(self._look, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        presence = Presence("own", self.locate, lambda boxes: setattr(self, "told", boxes), Counter())
        presence._replace_older = lambda newer: None  # type: ignore[method-assign] # all at one address here
        try:
            for number in range(instances):
                presence.hear(f"box {number}")
            await asyncio.sleep(seconds)
        finally:
            await presence.stop()
            server.close()
            await server.wait_closed()


def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOX_ASK_AGAIN_AFTER", 0.01)

    async def run() -> None:
        network = Network(lost=limits.BOX_ASKS_MAX)
        running = asyncio.create_task(network.run(1, 5.0))
        await until(lambda: [box.name for box in network.told] == ["box 0"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def test_who_never_answers_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOX_ASK_AGAIN_AFTER", 0.001)
    monkeypatch.setattr(limits, "BOX_PROBE_GONE_EVERY", 0.001)
    network = Network(lost=1_000_000)
    asyncio.run(network.run(1, 0.5))
    assert network.asked == 1 + limits.BOX_ASKS_MAX
    assert network.told == ()


def test_many_boxes_are_each_looked_for_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOX_PROBE_EVERY", 0.1)
    monkeypatch.setattr(limits, "BOX_PROBED_OFTEN", 1)
    count, seconds = 30, 2.0
    network = Network()
    asyncio.run(network.run(count, seconds))
    # Each once when it is heard of; from then on ten a second, spread by a fifth.
    assert count <= network.probes <= count + 1.3 * seconds / limits.BOX_PROBE_EVERY
