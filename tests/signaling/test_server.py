"""The relay, by real clients on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from appliance.core import limits
from appliance.errors import StartError
from appliance.signaling.access import DEFAULT_TOKEN, ROOM_CLOSED, relay_key
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer

HOST = "127.0.0.1"
TOKEN = DEFAULT_TOKEN


async def no_line(line: LineSocket) -> None:
    await line.close()


@asynccontextmanager
async def serving(
    token: str = TOKEN,
    *,
    allow_room: Callable[[int], bool] = lambda room: True,
    on_line: Callable[[LineSocket], Awaitable[None]] = no_line,
    tap: Callable[[str], None] | None = None,
) -> AsyncIterator[SignalingServer]:
    server = SignalingServer(token, 0, allow_room=allow_room, on_line=on_line, tap=tap)
    await server.start([HOST])
    try:
        yield server
    finally:
        await server.stop()


def client(server: SignalingServer, path: str = f"/42?apiKey={TOKEN}", **options: Any) -> connect:
    return connect(f"ws://{HOST}:{server.port}{path}", proxy=None, **options)


async def closed_with(websocket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(websocket.recv(), 3)
    return websocket.close_code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def raw(server: SignalingServer, request: bytes) -> bytes:
    """What the server answers to some bytes, up to its end of the connection."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


class TestRelay:
    def test_a_text_goes_unchanged_to_the_others_of_the_room_and_not_back(self) -> None:
        async def run() -> None:
            seen: list[str] = []
            async with serving(tap=seen.append) as server:
                one, two, three = client(server), client(server), client(server)
                async with one as a, two as b, three as c, client(server, f"/43?apiKey={TOKEN}") as other:
                    await until(lambda: server.clients(42) == 3 and server.clients(43) == 1)
                    text = '{"sdp": "\\u00e4 ä \\n"}   '
                    await a.send(text)
                    assert await b.recv() == text
                    assert await c.recv() == text
                    await b.send("second")
                    assert await a.recv() == "second"
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(other.recv(), 0.05)
            assert seen == [text, "second"]
            assert server.counters["signaling.relayed"] == 2

        asyncio.run(run())

    def test_a_client_that_does_not_read_is_cut_off_and_delays_nobody(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_FRAMES_PER_S", 1e6)
        hello = (
            f"GET /42?apiKey={TOKEN} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

        async def run() -> None:
            async with serving() as server, client(server) as a, client(server) as b:
                _, stuck = await asyncio.open_connection(HOST, server.port, limit=1024)
                stuck.write(hello.encode())
                await until(lambda: server.clients(42) == 3)
                loop = asyncio.get_running_loop()
                slowest = 0.0
                text = "x" * 20_000
                for _ in range(2000):
                    if server.counters["signaling.slow-reader"]:
                        break
                    start = loop.time()
                    await a.send(text)
                    assert await b.recv() == text
                    slowest = max(slowest, loop.time() - start)
                assert server.counters["signaling.slow-reader"] == 1
                assert server.clients(42) == 2
                assert slowest < 0.25
                stuck.close()

        asyncio.run(run())

    def test_a_client_that_sends_too_fast_is_held_back_but_loses_nothing(self) -> None:
        async def run() -> None:
            async with serving() as server, client(server) as a, client(server) as b:
                await until(lambda: server.clients(42) == 2)
                count = limits.RELAY_FRAMES_BURST + 40
                loop = asyncio.get_running_loop()
                start = loop.time()

                async def send() -> None:
                    for number in range(count):
                        await a.send(str(number))

                sending = asyncio.create_task(send())
                got = [await b.recv() for _ in range(count)]
                await sending
                assert got == [str(number) for number in range(count)]
                assert loop.time() - start > 30 / limits.RELAY_FRAMES_PER_S
                assert server.counters["signaling.throttled"] > 0

        asyncio.run(run())

    def test_a_message_over_the_limit_ends_its_sender_only(self) -> None:
        async def run() -> None:
            async with serving() as server, client(server) as a, client(server) as b, client(server) as c:
                await until(lambda: server.clients(42) == 3)
                await a.send("x" * (limits.RELAY_MESSAGE_MAX + 1))
                assert await closed_with(a) == 1009
                await b.send("x" * limits.RELAY_MESSAGE_MAX)
                assert len(await c.recv()) == limits.RELAY_MESSAGE_MAX

        asyncio.run(run())

    def test_binary_is_not_relayed(self) -> None:
        async def run() -> None:
            async with serving() as server, client(server) as a, client(server) as b:
                await until(lambda: server.clients(42) == 2)
                await a.send(b"\x00\x01")
                assert await closed_with(a) == 1003
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(b.recv(), 0.05)

        asyncio.run(run())

    def test_who_says_nothing_is_sent_out_and_who_spoke_may_stay(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_FIRST_FRAME_WITHIN", 0.2)

        async def run() -> None:
            async with serving() as server, client(server) as silent, client(server) as spoke:
                await spoke.send("hello")
                assert await silent.recv() == "hello"
                assert await closed_with(silent) == 1008
                assert server.counters["signaling.silent-client"] == 1
                assert server.clients(42) == 1

        asyncio.run(run())


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("/42", "apiKey is mandatory parameter"),
            ("/42?apiKey=", "apiKey is mandatory parameter"),
            ("/42?apikey=meetingbox", "apiKey is mandatory parameter"),
            ("/42?apiKey=wrong", "wrong API key"),
            ("/42?apiKey=%FF%00", "wrong API key"),
            ("/?apiKey=meetingbox", "unknown id"),
            ("/lobby?apiKey=meetingbox", "unknown id"),
            ("/-1?apiKey=meetingbox", "unknown id"),
            ("/4.2?apiKey=meetingbox", "unknown id"),
            ("/42/?apiKey=meetingbox", "unknown id"),
            ("/0?apiKey=meetingbox", "out of range"),
            ("/1001?apiKey=meetingbox", "out of range"),
            ("/" + "9" * 4000 + "?apiKey=meetingbox", "out of range"),
        ],
    )
    def test_the_ancestors_errors_come_as_json_followed_by_a_close(self, path: str, error: str) -> None:
        async def run() -> None:
            async with serving() as server, client(server, path) as websocket:
                assert await websocket.recv() == json.dumps({"error": error})
                assert await closed_with(websocket) == 1008
            assert server.counters["signaling." + error.lower().replace(" ", "-")] == 1

        asyncio.run(run())

    @pytest.mark.parametrize("room", ["1", "1000", "042"])
    def test_every_room_number_in_the_range_is_let_in(self, room: str) -> None:
        async def run() -> None:
            async with serving() as server, client(server, f"/{room}?apiKey={TOKEN}"):
                await until(lambda: server.clients(int(room)) == 1)

        asyncio.run(run())

    def test_a_configured_token_opens_it_and_so_does_the_key_for_its_address(self) -> None:
        async def run() -> None:
            async with serving("our own/token?") as server:
                key = relay_key("our own/token?", HOST, server.port)
                async with (
                    client(server, "/42?apiKey=our%20own%2Ftoken%3F") as a,
                    client(server, f"/42?apiKey={key}") as b,
                    client(server, f"/42?apiKey={DEFAULT_TOKEN}") as stranger,
                ):
                    assert json.loads(await stranger.recv()) == {"error": "wrong API key"}
                    await until(lambda: server.clients(42) == 2)
                    await a.send("same channel")
                    assert await b.recv() == "same channel"

        asyncio.run(run())

    def test_a_room_whose_door_is_closed_is_refused_with_its_own_code(self) -> None:
        async def run() -> None:
            async with serving(allow_room=lambda room: room != 7) as server:
                async with client(server, f"/7?apiKey={TOKEN}") as websocket:
                    assert await closed_with(websocket) == ROOM_CLOSED
                async with client(server, f"/8?apiKey={TOKEN}"):
                    await until(lambda: server.clients(8) == 1)

        asyncio.run(run())

    def test_closing_a_room_sends_everybody_out_of_it_and_of_no_other(self) -> None:
        async def run() -> None:
            async with (
                serving() as server,
                client(server) as a,
                client(server) as b,
                client(server, f"/43?apiKey={TOKEN}"),
            ):
                await until(lambda: server.clients(42) == 2 and server.clients(43) == 1)
                server.close_room(42)
                assert await closed_with(a) == ROOM_CLOSED
                assert await closed_with(b) == ROOM_CLOSED
                assert server.clients(43) == 1
                await until(lambda: server.clients(42) == 0)

        asyncio.run(run())

    @pytest.mark.parametrize("origin", ["http://evil.example", "https://192.168.1.9", "null", "file://"])
    def test_a_page_of_a_web_site_is_refused(self, origin: str) -> None:
        async def run() -> None:
            async with serving() as server:
                with pytest.raises(InvalidStatus) as refused:
                    await client(server, origin=origin)
                assert refused.value.response.status_code == 403
                with pytest.raises(InvalidStatus):
                    await client(server, "/line", origin=origin)

        asyncio.run(run())

    @pytest.mark.parametrize(
        "origin",
        ["chrome-extension://abcdefghijklmnop", "moz-extension://6e2b-4d", "safari-web-extension://A1"],
    )
    def test_a_browser_extension_is_let_in(self, origin: str) -> None:
        async def run() -> None:
            async with serving() as server, client(server, origin=origin):
                await until(lambda: server.clients(42) == 1)

        asyncio.run(run())

    def test_a_full_room_refuses_the_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "RELAY_CLIENTS_PER_ROOM", 2)

        async def run() -> None:
            async with serving() as server, client(server), client(server):
                await until(lambda: server.clients(42) == 2)
                async with client(server) as third:
                    assert await closed_with(third) == 1013

        asyncio.run(run())

    @pytest.mark.parametrize("bound", ["RELAY_CLIENTS_PER_ADDRESS", "RELAY_CONNECTIONS_MAX"])
    def test_connections_are_bounded_and_free_places_are_given_again(
        self, bound: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, bound, 2)

        async def run() -> None:
            async with serving() as server:
                async with client(server), client(server):
                    with pytest.raises((OSError, InvalidMessage)):
                        await client(server)
                    assert server.counters["signaling.too-many"] == 1
                await until(lambda: server.clients(42) == 0)
                async with client(server) as again:
                    await again.ping()

        asyncio.run(run())


class TestGarbage:
    @pytest.mark.parametrize(
        ("request_line", "status"),
        [
            ("GET / HTTP/1.1", b"426"),
            ("GET /42 HTTP/1.1", b"426"),
            ("GET /line HTTP/1.1", b"426"),
            ("GET /favicon.ico HTTP/1.1", b"404"),
            ("GET //[ HTTP/1.1", b"404"),
        ],
    )
    def test_a_browser_reads_one_friendly_line(self, request_line: str, status: bytes) -> None:
        async def run() -> None:
            async with serving() as server:
                answer = await raw(server, f"{request_line}\r\nHost: x\r\n\r\n".encode())
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.split()[1] == status
                assert body.count(b"\n") == 1
                assert body.endswith(b".\n")

        asyncio.run(run())

    @pytest.mark.parametrize(
        "junk",
        [
            b"",
            b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"POST /42 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET /42 HTTP/1.1\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
            b"GET /42?" + b"a=b&" * 1000 + b" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
            b"GET /42 HTTP/1.1\r\nUpgrade: websocket\r\nUpgrade: websocket\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
        ],
    )
    def test_garbage_is_answered_or_dropped_without_a_word_in_the_log(
        self, junk: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_HANDSHAKE_WITHIN", 0.3)

        async def run() -> None:
            async with serving() as server:
                await raw(server, junk)
                async with client(server):
                    await until(lambda: server.clients(42) == 1)

        asyncio.run(run())
        assert [r for r in caplog.records if r.name != "asyncio" or r.levelname != "DEBUG"] == []

    def test_broken_frames_end_their_sender_only_and_stay_out_of_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def run() -> None:
            async with serving() as server, client(server) as good:
                for junk in (b"\xff" * 64, b"\x81\xfe\xff\xff", b"\x81\x85\0\0\0\0\xff\xfe\xfd\xfc\xfb"):
                    async with client(server) as bad:
                        await until(lambda: server.clients(42) == 2)
                        bad.transport.write(junk)
                        bad.transport.write_eof()
                        with pytest.raises(ConnectionClosed):
                            await bad.recv()
                    await until(lambda: server.clients(42) == 1)
                await (await good.ping())

        asyncio.run(run())
        assert [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")] == []


class TestAddresses:
    def test_a_port_in_use_is_a_clear_sentence(self) -> None:
        async def run() -> None:
            async with serving() as first:
                second = SignalingServer(TOKEN, first.port, allow_room=lambda room: True, on_line=no_line)
                with pytest.raises(StartError) as refused:
                    await second.start(["127.0.0.2", HOST])
                assert refused.value.code == "signaling.port-in-use"
                assert f"Port {first.port} on {HOST} is in use" in refused.value.sentence
                assert second.addresses == ()

        asyncio.run(run())

    def test_a_free_port_is_the_same_on_every_address(self) -> None:
        async def run() -> None:
            server = SignalingServer(TOKEN, 0, allow_room=lambda room: True, on_line=no_line)
            await server.start(["127.0.0.1", "127.0.0.2", "::1"])
            try:
                assert server.addresses == ("127.0.0.1", "127.0.0.2", "::1")
                for host in ("127.0.0.1", "127.0.0.2", "[::1]"):
                    uri = f"ws://{host}:{server.port}/42?apiKey={TOKEN}"
                    async with connect(uri, proxy=None):
                        pass
            finally:
                await server.stop()

        asyncio.run(run())

    def test_clients_of_an_address_that_stays_survive_an_update(self) -> None:
        async def run() -> None:
            server = SignalingServer(TOKEN, 0, allow_room=lambda room: True, on_line=no_line)
            await server.start([])
            assert server.port == 0
            await server.update(["127.0.0.1", "127.0.0.2"])
            port = server.port
            try:
                async with (
                    client(server) as stays,
                    connect(f"ws://127.0.0.2:{port}/42?apiKey={TOKEN}", proxy=None) as goes,
                ):
                    await until(lambda: server.clients(42) == 2)
                    await server.update(["127.0.0.1", "127.0.0.3"])
                    assert await closed_with(goes) == 1001
                    await (await stays.ping())
                    with pytest.raises(ConnectionRefusedError):
                        await connect(f"ws://127.0.0.2:{port}/42?apiKey={TOKEN}", proxy=None)
                    async with connect(f"ws://127.0.0.3:{port}/42?apiKey={TOKEN}", proxy=None):
                        pass
            finally:
                await server.stop()

        asyncio.run(run())

    def test_an_address_that_could_not_be_bound_is_told_and_tried_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "RELAY_BIND_AGAIN_EVERY", 0.05)

        async def run() -> None:
            async with serving() as server:
                taken = socket.socket()
                taken.bind(("127.0.0.2", server.port))
                taken.listen()
                await server.update([HOST, "127.0.0.2"])
                assert server.addresses == (HOST,)
                assert "in use" in server.problems[0]
                taken.close()
                await until(lambda: server.addresses == (HOST, "127.0.0.2"))
                assert server.problems == ()

        asyncio.run(run())

    def test_a_stopped_server_can_be_started_again(self) -> None:
        async def run() -> None:
            server = SignalingServer(TOKEN, 0, allow_room=lambda room: True, on_line=no_line)
            for _ in range(2):
                await server.start([HOST])
                async with client(server) as websocket:
                    stopping = asyncio.create_task(server.stop())
                    assert await closed_with(websocket) == 1001
                    await stopping
                assert server.addresses == ()

        asyncio.run(run())

    def test_a_restarted_server_has_dropped_everybody_and_is_where_it_was(self) -> None:
        async def run() -> None:
            async with serving() as server:
                port = server.port
                async with client(server) as websocket:
                    restarting = asyncio.create_task(server.restart())
                    assert await closed_with(websocket) == 1001
                    await restarting
                assert (server.port, server.addresses) == (port, (HOST,))
                async with client(server):
                    await until(lambda: server.clients(42) == 1)

        asyncio.run(run())
