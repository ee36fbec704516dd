"""The direct line's socket: what passes, and how its end is told."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

import pytest

from appliance.core import limits
from appliance.signaling.line_socket import LineClosed, LineRefused, LineSocket, LineUnreachable, dial_line
from appliance.signaling.server import SignalingServer

HOST = "127.0.0.1"


@asynccontextmanager
async def line_pair() -> AsyncIterator[tuple[LineSocket, LineSocket, SignalingServer]]:
    """(the dialling end, the end that a server handed out, the server)."""
    handed: asyncio.Queue[LineSocket] = asyncio.Queue()
    server = SignalingServer("meetingbox", 0, allow_room=lambda room: False, on_line=handed.put)
    await server.start([HOST])
    try:
        near = await dial_line([HOST], server.port, 2.0)
        yield near, await handed.get(), server
        await near.close()
    finally:
        await server.stop()


async def end_of(line: LineSocket, within: float = 1.0) -> LineClosed:
    with pytest.raises(LineClosed) as closed:
        async with asyncio.timeout(within):
            await line.receive()
    return closed.value


def raw(line: LineSocket) -> socket.socket:
    return line._websocket.transport.get_extra_info("socket")


@asynccontextmanager
async def relay_of_bytes(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A cable that can be cut: forwards TCP to ``port`` until the returned function is called."""
    flowing = asyncio.Event()
    flowing.set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await flowing.wait()
            writer.write(data)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, port)
        writers.extend((writer, far_writer))
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(connected, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], flowing.clear
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        flowing.set()
        await asyncio.sleep(0.05)


def test_messages_pass_both_ways_unchanged_and_in_order() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            sent = [b"", b"\x00", bytes(range(256)), b"x" * limits.LINE_MESSAGE_MAX]
            for message in sent:
                await near.send(message)
                await far.send(message[::-1])
            assert [await far.receive() for _ in sent] == sent
            assert [await near.receive() for _ in sent] == [message[::-1] for message in sent]
            assert near.remote == far.remote == HOST

    asyncio.run(run())


def test_both_ends_send_without_delay() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            for line in (near, far):
                assert raw(line).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1

    asyncio.run(run())


def test_a_message_over_the_limit_is_not_sent() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            with pytest.raises(ValueError, match="too long"):
                await near.send(bytes(limits.LINE_MESSAGE_MAX + 1))
            await near.send(b"still open")
            assert await far.receive() == b"still open"

    asyncio.run(run())


def test_a_line_that_the_other_side_closed_was_reset() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            await far.close()
            end = await end_of(near)
            assert (end.code, end.reset) == ("line.reset", True)
            with pytest.raises(LineClosed):
                await near.send(b"too late")

    asyncio.run(run())


def test_a_line_that_we_closed_was_not_reset() -> None:
    async def run() -> None:
        async with line_pair() as (near, _, _server):
            await near.close()
            assert (await end_of(near)).reset is False

    asyncio.run(run())


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_a_line_whose_other_end_died_was_reset(how: str) -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            if how == "RST":
                raw(near).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near._websocket.transport.abort()  # what the kernel does for a process that is killed
            end = await end_of(far)
            assert (end.code, end.reset) == ("line.reset", True)

    asyncio.run(run())


def test_a_line_that_falls_silent_ends_within_three_seconds_at_both_ends_and_was_not_reset() -> None:
    async def run() -> None:
        async with line_pair() as (_, _far, server), relay_of_bytes(server.port) as (port, cut):
            handed: asyncio.Queue[LineSocket] = asyncio.Queue()
            server._on_line = handed.put
            near = await dial_line([HOST], port, 1.0)
            far = await handed.get()
            await near.send(b"alive")
            assert await far.receive() == b"alive"
            cut()
            ends = await asyncio.gather(end_of(near, 20.0), end_of(far, 20.0))
            assert [(end.code, end.reset) for end in ends] == [("line.silent", False)] * 2

    asyncio.run(run())
    within = limits.LINE_PING_EVERY + limits.LINE_PING_WITHIN + limits.LINE_CLOSE_WITHIN
    assert within < limits.SILENT_AFTER


def test_a_line_whose_owner_stopped_its_server_was_not_reset_for_the_owner() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, server):
            stopping = asyncio.create_task(server.stop())
            near_end, far_end = await asyncio.gather(end_of(near), end_of(far))
            await stopping
            assert near_end.reset is True
            assert far_end.reset is False

    asyncio.run(run())


def test_text_on_a_line_ends_it() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            await near._websocket.send("text")
            assert (await end_of(far)).code == "line.text"

    asyncio.run(run())


def test_broken_frames_end_a_line_as_malformed() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):
            near._websocket.transport.write(b"\xff" * 32)
            assert (await end_of(far)).code == "line.malformed"

    asyncio.run(run())


def test_send_waits_for_an_end_that_does_not_read_and_buffers_no_more_than_the_limit() -> None:
    async def run() -> None:
        async with line_pair() as (near, far, _):

            async def flood() -> None:
                while True:
                    await near.send(bytes(limits.LINE_MESSAGE_MAX))

            flooding = asyncio.create_task(flood())
            await asyncio.sleep(0.5)
            assert not flooding.done()
            buffered = near._websocket.transport.get_write_buffer_size()
            assert 0 < buffered <= limits.LINE_BACKLOG_MAX + limits.LINE_MESSAGE_MAX + 64
            flooding.cancel()
            far._websocket.transport.abort()

    asyncio.run(run())


def test_dialling_where_nobody_listens_is_refused() -> None:
    async def run() -> None:
        with socket.socket() as free:
            free.bind((HOST, 0))
            with pytest.raises(LineRefused):
                await dial_line([HOST], free.getsockname()[1], 1.0)

    asyncio.run(run())


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """The port of something that is no meetingbox: it answers a request with this, or never."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 403 Forbidden\r\n\r\n", b"junk\n", None])
def test_a_server_that_gives_no_line_is_unreachable_and_not_gone(answer: bytes | None) -> None:
    async def run() -> None:
        async with answering(answer) as port:
            with pytest.raises(LineUnreachable):
                await dial_line([HOST], port, 0.3)

    asyncio.run(run())


def test_a_redirect_is_not_followed() -> None:
    async def run() -> None:
        async with line_pair() as (_, _far, real):
            where = f"ws://{HOST}:{real.port}/line".encode()
            async with answering(b"HTTP/1.1 302 Found\r\nLocation: " + where + b"\r\n\r\n") as port:
                with pytest.raises(LineUnreachable):
                    await dial_line([HOST], port, 1.0)
            assert real.counters["signaling.line"] == 1

    asyncio.run(run())


def test_a_dead_address_delays_the_line_by_the_stagger_and_not_until_it_answers() -> None:
    async def run() -> None:
        async with line_pair() as (_, _far, server), full_backlog(server.port) as dead:
            loop = asyncio.get_running_loop()
            start = loop.time()
            async with asyncio.timeout(20.0):
                line = await dial_line([dead, HOST], server.port, 60.0)
            assert loop.time() - start >= limits.DIAL_STAGGER
            await line.close()

    asyncio.run(run())


@asynccontextmanager
async def full_backlog(port: int) -> AsyncIterator[str]:
    """An address on which connections to ``port`` get no answer at all: its backlog is full."""
    host = "127.0.0.99"
    with socket.socket() as listener:
        listener.bind((host, port))
        listener.listen(0)
        with ExitStack() as fillers:
            for _ in range(8):
                filler = fillers.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex((host, port))
            yield host
