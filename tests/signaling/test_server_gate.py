"""Past a limit the offender is dropped, and nobody else notices: real clients, from several addresses."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from appliance.core import limits
from appliance.signaling.access import DEFAULT_TOKEN
from appliance.signaling.gate import Allowance, Places, read_little
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer

HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"


async def no_line(line: LineSocket) -> None:
    await line.close()


def with_server(test: Callable[[SignalingServer], Awaitable[None]]) -> None:
    async def run() -> None:
        server = SignalingServer(DEFAULT_TOKEN, 0, allow_room=lambda room: True, on_line=no_line)
        await server.start([HERE])
        try:
            await test(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def client(server: SignalingServer, come_from: str = HERE, room: int = 42) -> ClientConnection:
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((come_from, 0))
    url = f"ws://{HERE}:{server.port}/{room}?apiKey={DEFAULT_TOKEN}"
    try:
        await asyncio.get_running_loop().sock_connect(sock, (HERE, server.port))
        return await connect(url, sock=sock, proxy=None, compression=None, close_timeout=0.1)
    except BaseException:
        sock.close()
        raise


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def refused(server: SignalingServer, come_from: str = HERE) -> bool:
    try:
        await (await client(server, come_from)).close()
    except (OSError, InvalidMessage):
        return True
    return False


def test_one_address_fills_neither_a_room_nor_keeps_another_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_ROOM_CLIENTS_PER_ADDRESS", 3)

    async def test(server: SignalingServer) -> None:
        async with AsyncExitStack() as open_:
            for _ in range(3):
                await open_.enter_async_context(await client(server, THERE))
            await until(lambda: server.clients(42) == 3)
            async with await client(server, THERE) as one_more:
                with pytest.raises(ConnectionClosed):
                    await one_more.recv()
                assert one_more.close_code == 1013
            await open_.enter_async_context(await client(server, HERE))
            await open_.enter_async_context(await client(server, THERE, room=43))
            await until(lambda: server.clients(42) == 4 and server.clients(43) == 1)

    with_server(test)


def test_connections_that_come_too_fast_are_reset_before_they_cost_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RELAY_ARRIVALS_BURST", 4)
    monkeypatch.setattr(limits, "RELAY_ARRIVALS_PER_S", 0.001)

    async def test(server: SignalingServer) -> None:
        came = [await refused(server, THERE) for _ in range(20)]
        assert came == [False] * 4 + [True] * 16
        assert server.counters["signaling.too-many"] == 16
        assert not await refused(server, HERE)  # another address is none of it

    with_server(test)


def test_a_flood_of_connections_delays_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_ARRIVALS_BURST", 20)
    monkeypatch.setattr(limits, "RELAY_ARRIVALS_PER_S", 0.001)

    async def test(server: SignalingServer) -> None:
        async def flood() -> None:
            for _ in range(300):
                sock = socket.socket()
                sock.setblocking(False)
                sock.bind((THERE, 0))
                try:
                    await asyncio.get_running_loop().sock_connect(sock, (HERE, server.port))
                except OSError:
                    pass
                finally:
                    sock.close()

        async with await client(server) as a, await client(server) as b:
            await until(lambda: server.clients(42) == 2)
            flooding = asyncio.create_task(flood())
            for number in range(50):
                await a.send(str(number))
                assert await b.recv() == str(number)
            await flooding
        assert server.counters["signaling.too-many"] >= 280 - limits.RELAY_LISTEN_BACKLOG

    with_server(test)


def test_a_full_server_makes_room_at_the_cost_of_who_has_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_CONNECTIONS_MAX", 6)
    monkeypatch.setattr(limits, "RELAY_CROWDED_FROM", 3)

    async def test(server: SignalingServer) -> None:
        async with AsyncExitStack() as open_:
            friend = await open_.enter_async_context(await client(server, HERE))
            many = [await open_.enter_async_context(await client(server, THERE)) for _ in range(5)]
            await until(lambda: server.clients(42) == 6)
            newcomer = await open_.enter_async_context(await client(server, ELSEWHERE))
            await until(lambda: many[-1].close_code is not None)
            assert server.counters["signaling.crowded-out"] == 1
            assert await refused(server, THERE)  # who has most gets nothing by it
            await until(lambda: server.clients(42) == 6)
            await friend.send("still here")
            assert await newcomer.recv() == "still here"
            assert [each.close_code for each in many[:-1]] == [None] * 4

    with_server(test)


def test_all_clients_of_one_address_together_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_BURST", 20)
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_PER_S", 5.0)

    async def test(server: SignalingServer) -> None:
        async with AsyncExitStack() as open_:
            listener = await open_.enter_async_context(await client(server, HERE))
            talkers = [await open_.enter_async_context(await client(server, THERE)) for _ in range(4)]
            honest = await open_.enter_async_context(await client(server, ELSEWHERE))
            await until(lambda: server.clients(42) == 6)
            for talker in talkers:
                for number in range(20):
                    await talker.send(f"flood {number}")
            await until(lambda: server.counters["signaling.throttled"] >= 4)
            await honest.send("honest")
            heard = []
            while (text := await listener.recv()) != "honest":
                heard.append(text)
            assert len(heard) <= 30  # of 80: the others wait, and nobody waits for them

    with_server(test)


def test_who_sends_far_too_much_is_cut_off_and_others_of_its_address_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_BURST", 40)
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_PER_S", 5.0)

    async def test(server: SignalingServer) -> None:
        async with await client(server) as listener, await client(server, THERE) as neighbour:
            talker = await client(server, THERE)
            await until(lambda: server.clients(42) == 3)
            for _ in range(5):
                await talker.send("x" * 60_000)  # counts as thirty
            await until(lambda: server.counters["signaling.flood"] == 1 and server.clients(42) == 2)
            await neighbour.send("still here")
            while await listener.recv() != "still here":
                pass
            talker.transport.abort()

    with_server(test)


def test_what_a_flooder_said_in_excess_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_PING_EVERY", 0.1)
    monkeypatch.setattr(limits, "RELAY_PING_WITHIN", 0.2)
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_BURST", 20)
    monkeypatch.setattr(limits, "RELAY_ADDRESS_FRAMES_PER_S", 1.0)

    async def test(server: SignalingServer) -> None:
        async with await client(server):
            talker = await client(server, THERE)
            await until(lambda: server.clients(42) == 2)
            for number in range(500):
                await talker.send(str(number))
            await until(lambda: server.counters["signaling.throttled"] == 1)
            talker.transport.abort()  # the server does not read: only a ping tells that it is gone
            await until(lambda: server.clients(42) <= 1)
            assert server.counters["signaling.relayed"] <= 21

    with_server(test)


@pytest.mark.parametrize("size", [limits.RELAY_MESSAGE_MAX + 1, 300_000])
def test_a_frame_over_the_limit_ends_its_sender_and_is_counted(size: int) -> None:
    async def test(server: SignalingServer) -> None:
        async with await client(server) as bad, await client(server) as good, await client(server) as other:
            await until(lambda: server.clients(42) == 3)
            await bad.send("x" * size)
            with pytest.raises(ConnectionClosed):
                await bad.recv()
            assert bad.close_code == 1009
            await until(lambda: server.counters["signaling.oversized"] == 1)
            await good.send(json.dumps({"still": "here"}))
            assert await other.recv() == '{"still": "here"}'

    with_server(test)


def test_asyncio_reads_no_more_at_once_than_it_was_told() -> None:
    """Of asyncio's own: the attribute that ``read_little`` sets is the one that it reads by."""
    sizes: list[int] = []

    class Reader(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            read_little(transport)

        def data_received(self, data: bytes) -> None:
            sizes.append(len(data))

    async def run() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(Reader, sock=here)
        there.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(there, bytes(400_000))
        await until(lambda: sum(sizes) == 400_000)
        transport.close()
        there.close()

    asyncio.run(run())
    assert max(sizes) <= limits.RELAY_READ_BYTES


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 40)), max_size=60))
def test_an_allowance_never_gives_more_than_its_burst_and_its_rate(steps: list[tuple[float, float]]) -> None:
    allowance, now, spent = Allowance(10.0, 20.0, 0.0), 0.0, 0.0
    for gap, cost in steps:
        now += gap
        now += allowance.spend(cost, now)  # who waits as told
        spent += cost
        assert spent <= 20 + 10 * now + 1e-6


def test_addresses_are_remembered_up_to_a_bound() -> None:
    places = Places()
    for number in range(10 * limits.RELAY_ADDRESSES_REMEMBERED):
        address = f"10.0.{number // 256}.{number % 256}"
        assert places.admits(address, 0.0)
        places.frames(address, 0.0)
        assert places.take(address) == (number < limits.RELAY_CONNECTIONS_MAX)
    assert len(places._arrivals) == len(places._frames) == limits.RELAY_ADDRESSES_REMEMBERED


def test_a_server_full_of_single_connections_ends_none_of_them() -> None:
    places = Places()
    for number in range(limits.RELAY_CONNECTIONS_MAX):
        places.take(str(number))
    assert places.crowder("newcomer") is None
    assert not places.take("newcomer")
