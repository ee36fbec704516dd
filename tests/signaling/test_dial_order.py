"""Which server is dialled when: with sixty of them the order is what makes joining quick."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
from signaling.test_client import HOST, Box, nobody, serving, until

from appliance.core import limits
from appliance.signaling.client import Origin, ServerAddress

COUNT = 24


def test_boxes_that_see_the_same_servers_go_to_the_same_one_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DIALS_AT_ONCE", 1)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            found = {}
            for number in range(4):
                server = await stack.enter_async_context(serving())
                found[f"box {number}"] = server.port
            keys = list(found)
            orders = []
            for room in (1, 1, 2, 3, 4, 5, 6):
                random.shuffle(keys)
                box = await stack.enter_async_context(Box(room))
                box.pool.set_servers(ServerAddress.discovered(key, [HOST], found[key]) for key in keys)
                await until(lambda box=box: len(box.opened_at) == len(found))
                orders.append(list(box.opened_at))
            assert orders[0] == orders[1]
            assert len({order[0] for order in orders}) > 1  # each room has another first one

    asyncio.run(run())


def test_our_own_comes_first_then_what_people_named_then_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DIALS_AT_ONCE", 1)

    async def run() -> None:
        async with serving() as a, serving() as b, serving() as c, serving() as d, Box() as box:
            box.pool.set_servers(
                [
                    ServerAddress.discovered("found", [HOST], a.port),
                    ServerAddress.discovered("known", [HOST], b.port, Origin.KNOWN),
                    ServerAddress.configured(f"ws://{HOST}:{c.port}"),
                    ServerAddress.discovered("own", [HOST], d.port, Origin.OWN),
                ]
            )
            await until(lambda: len(box.opened_at) == 4)
            assert list(box.opened_at) == ["own", f"ws://{HOST}:{c.port}", "known", "found"]

    asyncio.run(run())


def test_a_few_are_dialled_at_once_and_the_others_one_after_the_other() -> None:
    async def run() -> None:
        async with serving() as server, Box() as box:
            dialled_at = {}
            loop = asyncio.get_running_loop()
            box.pool.set_servers(
                ServerAddress.discovered(str(number), [HOST], server.port) for number in range(COUNT)
            )
            begun = loop.time()

            def look() -> bool:
                for key in box.pool.tried:
                    dialled_at.setdefault(key, loop.time())
                return len(dialled_at) == COUNT

            await until(look)
            waited = COUNT - limits.DIALS_AT_ONCE
            assert max(dialled_at.values()) - begun >= 0.9 * waited * limits.DIAL_PACE
            assert box.pool.reached <= box.pool.tried
            await until(lambda: len(box.pool.reached) == COUNT)

    asyncio.run(run())


def test_nobody_waits_for_a_box_that_was_there_once() -> None:
    async def run() -> None:
        async with serving() as server, Box() as box:
            quiet = ServerAddress.discovered("known", ["192.0.2.1"], nobody(), Origin.KNOWN)
            box.pool.set_servers([quiet, ServerAddress.discovered("found", [HOST], server.port)])
            await until(lambda: "found" in box.pool.open)
            assert box.pool.settled
            assert "known" not in box.pool.reached

    asyncio.run(run())


def test_a_known_server_that_is_in_use_stays_when_discovery_names_it_too() -> None:
    async def run() -> None:
        async with serving() as server, Box() as box:
            box.pool.set_servers([ServerAddress.discovered("known", [HOST], server.port, Origin.KNOWN)])
            await until(lambda: "known" in box.pool.open)
            box.pool.set_servers([ServerAddress.discovered("found", [HOST], server.port)])
            await until(lambda: "found" in box.pool.open)
            assert ("close", "known", "relay.dropped") not in box.told
            box.pool.set_servers([])  # the door is closed
            assert box.pool.open == ()

    asyncio.run(run())


def test_as_many_as_there_may_be_at_once_are_dialled() -> None:
    assert limits.RELAYS_MAX == 1 + limits.SERVERS_MAX + limits.KNOWN_DIALED_MAX + limits.BOXES_MAX
