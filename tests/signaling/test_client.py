"""Many servers at once, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from appliance.core import limits
from appliance.signaling.access import relay_key
from appliance.signaling.client import RelayPool, ServerAddress
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer

HOST = "127.0.0.1"
TOKEN = "meetingbox"


async def no_line(line: LineSocket) -> None:
    await line.close()


@asynccontextmanager
async def serving(token: str = TOKEN, port: int = 0, **options: Any) -> AsyncIterator[SignalingServer]:
    options = {"allow_room": lambda room: True, "on_line": no_line} | options
    server = SignalingServer(token, port, **options)
    await server.start([HOST])
    try:
        yield server
    finally:
        await server.stop()


class Box:
    """A pool, and what it told."""

    def __init__(self, room: int = 42, token: str = TOKEN) -> None:
        self.told: list[tuple[str, ...]] = []
        self.opened_at: dict[str, float] = {}
        self.pool = RelayPool(
            room,
            token,
            on_open=self._opened,
            on_text=lambda relay, text: self.told.append(("text", relay, text)),
            on_close=lambda relay, reason: self.told.append(("close", relay, reason)),
            rng=random.Random(1),
        )

    def _opened(self, relay: str) -> None:
        self.told.append(("open", relay))
        self.opened_at[relay] = asyncio.get_running_loop().time()

    async def __aenter__(self) -> Box:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()


def at(server: SignalingServer, key: str = "a") -> ServerAddress:
    return ServerAddress.discovered(key, [HOST], server.port)


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


def nobody() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


class TestServerAddress:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("ws://10.1.2.3:8787", "ws://10.1.2.3:8787/42?apiKey=a%2Fb"),
            ("ws://10.1.2.3", "ws://10.1.2.3:8787/42?apiKey=a%2Fb"),
            ("ws://10.1.2.3/", "ws://10.1.2.3:8787/42?apiKey=a%2Fb"),
            ("ws://[fd00::1]:9000", "ws://[fd00::1]:9000/42?apiKey=a%2Fb"),
            ("ws://relay.lan/x/[CHANNEL_ID]?apiKey=[API_KEY]&v=1", "ws://relay.lan:80/x/42?apiKey=a%2Fb&v=1"),
            ("ws://relay.lan:81/[CHANNEL_ID]?apiKey=fixed", "ws://relay.lan:81/42?apiKey=fixed"),
        ],
    )
    def test_a_configured_server_is_shown_the_token_under_its_template(self, url: str, expected: str) -> None:
        assert ServerAddress.configured(url).url("10.9.9.9", 42, "a/b") == expected

    @pytest.mark.parametrize("url", ["", "http://x", "wss://x:1", "ws://", "ws://x:99999", "10.1.2.3"])
    def test_what_is_no_server_is_a_value_error(self, url: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            ServerAddress.configured(url)

    def test_a_discovered_server_is_never_shown_a_configured_token(self) -> None:
        server = ServerAddress.discovered("a", ["10.0.0.7"], 8787)
        url = server.url("10.0.0.7", 42, "secret-token")
        assert "secret-token" not in url
        assert url == f"ws://10.0.0.7:8787/42?apiKey={relay_key('secret-token', '10.0.0.7', 8787)}"


class TestPool:
    def test_three_boxes_reach_three_servers_at_once(self) -> None:
        async def run() -> float:
            async with AsyncExitStack() as stack:
                servers = [await stack.enter_async_context(serving()) for _ in range(3)]
                boxes = [await stack.enter_async_context(Box()) for _ in range(3)]
                start = asyncio.get_running_loop().time()
                for box in boxes:
                    box.pool.set_servers(at(server, str(i)) for i, server in enumerate(servers))
                await until(lambda: all(len(box.opened_at) == 3 for box in boxes))
                assert all(box.pool.settled for box in boxes)
                return max(max(box.opened_at.values()) for box in boxes) - start

        assert asyncio.run(run()) < 0.25

    def test_a_frame_reaches_the_others_on_that_server_only(self) -> None:
        async def run() -> None:
            async with serving() as one, serving() as two, Box() as a, Box() as b:
                for box in (a, b):
                    box.pool.set_servers([at(one, "1"), at(two, "2")])
                await until(lambda: one.clients(42) == two.clients(42) == 2)
                await until(lambda: len(a.pool.open) == 2)
                assert a.pool.send("2", "hello")
                await until(lambda: ("text", "2", "hello") in b.told)
                assert not any(entry[0] == "text" for entry in a.told)
                assert [entry for entry in b.told if entry[0] == "text"] == [("text", "2", "hello")]

        asyncio.run(run())

    def test_dead_servers_delay_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "DIAL_WITHIN", 0.5)

        async def run() -> None:
            async with serving() as server, Box() as box:
                silent = socket.create_server((HOST, 0))  # the kernel accepts, nobody answers
                dead = ServerAddress.discovered("dead", [HOST], nobody())
                mute = ServerAddress.discovered("mute", [HOST], silent.getsockname()[1])
                start = asyncio.get_running_loop().time()
                box.pool.set_servers([dead, mute, at(server)])
                await until(lambda: "a" in box.opened_at)
                assert box.opened_at["a"] - start < 0.2
                await until(lambda: box.pool.settled)
                assert box.pool.failures == {"dead": "relay.refused", "mute": "relay.timeout"}
                silent.close()

        asyncio.run(run())

    def test_a_lost_server_is_dialled_again_until_it_is_back(self) -> None:
        async def run() -> None:
            async with Box() as box:
                async with serving() as server:
                    port = server.port
                    box.pool.set_servers([at(server)])
                    await until(lambda: box.pool.open == ("a",))
                await until(lambda: box.pool.open == ())
                assert not box.pool.send("a", "into the void")
                async with serving(port=port):
                    await until(lambda: box.pool.open == ("a",))
                    assert box.told == [("open", "a"), ("close", "a", "relay.lost"), ("open", "a")]

        asyncio.run(run())

    def test_a_server_that_is_not_wanted_any_more_is_left(self) -> None:
        async def run() -> None:
            async with serving() as one, serving() as two, Box() as box:
                box.pool.set_servers([at(one, "1"), at(two, "2")])
                await until(lambda: len(box.pool.open) == 2)
                box.pool.set_servers([at(two, "2")])
                assert box.told[-1] == ("close", "1", "relay.dropped")
                await until(lambda: one.clients(42) == 0)
                assert two.clients(42) == 1
                assert box.told.count(("open", "2")) == 1

        asyncio.run(run())

    def test_a_server_that_gets_a_further_address_is_not_left(self) -> None:
        async def run() -> None:
            async with serving() as server, Box() as box:
                box.pool.set_servers([at(server)])
                await until(lambda: box.pool.open == ("a",))
                box.pool.set_servers([ServerAddress.discovered("a", ["127.0.0.2", HOST], server.port)])
                assert box.told == [("open", "a")]
                box.pool.set_servers([ServerAddress.discovered("a", ["127.0.0.2"], server.port)])
                assert box.told == [("open", "a"), ("close", "a", "relay.dropped")]

        asyncio.run(run())

    def test_redial_does_not_wait_for_the_next_try(self) -> None:
        async def run() -> None:
            async with Box() as box:
                port = nobody()
                box.pool.set_servers([ServerAddress.discovered("a", [HOST], port)])
                await until(lambda: box.pool.counters["relay.refused"] >= 4)  # it waits for a second now
                async with serving(port=port):
                    start = asyncio.get_running_loop().time()
                    box.pool.redial("a")
                    box.pool.redial("nobody")
                    await until(lambda: box.pool.open == ("a",))
                    assert box.opened_at["a"] - start < 0.2

        asyncio.run(run())

    def test_what_a_server_refuses_is_told_and_not_asked_again_at_once(self) -> None:
        async def run() -> None:
            async with (
                serving("another") as other,
                serving(allow_room=lambda room: False) as shut,
                Box() as box,
            ):
                box.pool.set_servers([at(other, "other"), at(shut, "shut")])
                await until(lambda: len([e for e in box.told if e[0] == "close"]) == 2)
                assert ("close", "other", "relay.error: wrong API key") in box.told
                assert ("close", "shut", "relay.closed-room") in box.told
                await asyncio.sleep(2 * limits.DIAL_AGAIN_MIN)
                assert other.counters["signaling.wrong-api-key"] == 1
                assert not any(entry[0] == "text" for entry in box.told)

        asyncio.run(run())

    def test_an_error_that_a_peer_sends_is_only_text(self) -> None:
        async def run() -> None:
            async with serving() as server, Box() as a, Box() as b:
                for box in (a, b):
                    box.pool.set_servers([at(server)])
                await until(lambda: a.pool.open == b.pool.open == ("a",) and server.clients(42) == 2)
                a.pool.send("a", "first")
                a.pool.send("a", '{"error": "wrong API key"}')
                await until(lambda: ("text", "a", '{"error": "wrong API key"}') in b.told)
                assert b.pool.open == ("a",)

        asyncio.run(run())

    def test_boxes_with_one_configured_token_meet_on_each_others_discovered_servers(self) -> None:
        async def run() -> None:
            async with serving("ours") as server, Box(token="ours") as a, Box(token="ours") as b:
                for box in (a, b):
                    box.pool.set_servers([at(server)])
                await until(lambda: server.clients(42) == 2 and a.pool.open == ("a",))
                a.pool.send("a", "hello")
                await until(lambda: ("text", "a", "hello") in b.told)

        asyncio.run(run())

    def test_what_a_stuck_server_does_not_take_is_dropped_and_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_CLOSE_WITHIN", 0.1)

        async def run() -> None:
            async with serving() as server, Box() as box:
                box.pool.set_servers([at(server)])
                await until(lambda: box.pool.open == ("a",))
                text = "x" * limits.RELAY_MESSAGE_MAX
                sent = 0
                while sent < 1000 and box.pool.send("a", text):  # the loop, and so the server, gets no turn
                    sent += 1
                assert sent < 1000
                assert box.pool.counters["relay.backlog"] == 1
                assert not box.pool.send("a", text + "x")
                assert box.pool.counters["relay.too-long"] == 1

        asyncio.run(run())

    def test_a_server_that_floods_is_held_back_and_the_others_are_heard(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_HEARD_BURST", 20)

        async def flood(connection: ServerConnection) -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await connection.send("flood")
                    await asyncio.sleep(0)  # it shares our loop here

        async def run() -> None:
            async with (
                serve(flood, HOST, 0) as rogue,
                serving() as server,
                Box() as box,
                Box() as friend,
            ):
                port = rogue.sockets[0].getsockname()[1]
                began = asyncio.get_running_loop().time()
                box.pool.set_servers([ServerAddress.discovered("rogue", [HOST], port), at(server)])
                friend.pool.set_servers([at(server)])
                await until(lambda: "a" in box.pool.open and friend.pool.open == ("a",))
                await until(lambda: box.pool.counters["relay.flood"] > 0)
                friend.pool.send("a", "hello")
                await until(lambda: ("text", "a", "hello") in box.told)
                took = asyncio.get_running_loop().time() - began
                heard = box.told.count(("text", "rogue", "flood"))
                assert heard <= limits.RELAY_HEARD_BURST + limits.RELAY_HEARD_PER_S * took + 1

        asyncio.run(run())

    def test_a_callback_that_raises_costs_nothing_but_a_line_in_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def run() -> None:
            async with serving() as server, Box() as a, Box() as b:
                for box in (a, b):
                    box.pool.set_servers([at(server)])
                b.pool._on_text = lambda relay, text: b.told[text]  # type: ignore[call-overload]
                await until(lambda: server.clients(42) == 2 and a.pool.open == ("a",))
                a.pool.send("a", "x")
                await until(lambda: "relay.callback" in caplog.text)
                assert b.pool.open == ("a",)

        asyncio.run(run())

    def test_a_closed_pool_leaves_every_server_and_dials_no_more(self) -> None:
        async def run() -> None:
            async with serving() as server, Box() as box:
                dead = ServerAddress.discovered("dead", [HOST], nobody())
                box.pool.set_servers([at(server), dead])
                await until(lambda: box.pool.open == ("a",))
                await box.pool.close()
                assert box.told == [("open", "a"), ("close", "a", "relay.dropped")]
                box.pool.set_servers([at(server)])
                await until(lambda: server.clients(42) == 0)
                assert len(asyncio.all_tasks()) < 10
                assert server.counters["signaling.client"] == 1

        asyncio.run(run())
