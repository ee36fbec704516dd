"""The control socket itself: who may use it, one box a socket, and clients that misbehave."""

# A test may poll and may touch a file: nobody else waits for its loop.
# ruff: noqa: ASYNC110, ASYNC240

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.control import protocol
from appliance.control.client import ControlClient
from appliance.control.server import ControlServer, Credentials, is_allowed
from appliance.core import limits
from appliance.errors import ControlError, LocalProtocolError, StartError


class Box:
    """Answers requests as a box would; remembers them."""

    def __init__(self) -> None:
        self.asked: list[protocol.Request] = []
        self.hold = asyncio.Event()
        self.holding = asyncio.Event()

    async def handle(self, request: protocol.Request) -> dict[str, object]:
        self.asked.append(request)
        match request:
            case protocol.GetStatus():
                return protocol.Status(id="a1", name="Bridge", state="idle").reply()
            case protocol.Leave():
                raise LocalProtocolError("call.idle", "The box is in no meeting.")
            case protocol.Join():
                raise RuntimeError(f"it broke at {request.password}")
            case protocol.GetStats():
                return {"text": "x" * (limits.CONTROL_REPLY_MAX // 2)}
            case protocol.RunDoctor():
                self.holding.set()
                await self.hold.wait()
        return {}


@contextlib.asynccontextmanager
async def serving(path: Path, **options: Any) -> AsyncIterator[tuple[ControlServer, Box]]:
    box = Box()
    server = ControlServer(path, box.handle, **options)
    await server.start()
    try:
        yield server, box
    finally:
        await server.stop()


class Raw:
    """A client that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, path: Path) -> AsyncIterator[Raw]:
        reader, writer = await asyncio.open_unix_connection(path, limit=2 * limits.CONTROL_REPLY_MAX)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def say(self, line: bytes) -> None:
        self.writer.write(line)

    async def hear(self) -> dict[str, Any]:
        """The next reply; an empty dict when the connection ended."""
        async with asyncio.timeout(10):
            line = await self.reader.readline()
        reply: dict[str, Any] = json.loads(line) if line else {}
        return reply

    async def ask(self, line: bytes) -> dict[str, Any]:
        self.say(line)
        return await self.hear()


def in_loop(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "box" / "control.sock"


class TestClient:
    def test_a_request_and_its_reply(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (_, box):
                with ControlClient(path) as client:
                    reply = await asyncio.to_thread(client.request, "status")
                    assert (reply["ok"], reply["name"]) == (True, "Bridge")
                    assert await asyncio.to_thread(client.request, "press", key="ok") == {"ok": True}
                assert box.asked == [protocol.GetStatus(), protocol.Press(key="ok")]

        in_loop(test)

    def test_a_refusal_carries_the_boxs_own_code(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path):
                with ControlClient(path) as client:
                    with pytest.raises(ControlError) as caught:
                        await asyncio.to_thread(client.request, "leave")
                    assert caught.value.code == "call.idle"
                    assert caught.value.sentence == "The box is in no meeting."
                    assert (await asyncio.to_thread(client.request, "status"))["ok"]

        in_loop(test)

    def test_a_large_reply_arrives_whole(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path):
                with ControlClient(path) as client:
                    reply = await asyncio.to_thread(client.request, "stats")
                    assert len(reply["text"]) == limits.CONTROL_REPLY_MAX // 2

        in_loop(test)

    def test_a_wrong_request_is_refused_before_it_is_sent(self, path: Path) -> None:
        with ControlClient(path) as client, pytest.raises(ControlError) as caught:
            client.request("join", room=4242, password="abcd")
        assert caught.value.code == "control.argument"

    def test_no_box_says_how_to_start_one(self, path: Path) -> None:
        with ControlClient(path) as client, pytest.raises(ControlError) as caught:
            client.request("status")
        assert caught.value.code == "control.no-box"
        assert "meetingbox run" in caught.value.sentence

    def test_a_socket_that_was_left_over_is_no_box(self, tmp_path: Path) -> None:
        path = tmp_path / "control.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        with ControlClient(path) as client, pytest.raises(ControlError) as caught:
            client.request("status")
        assert caught.value.code == "control.no-box"

    @pytest.mark.parametrize("words", [b"hello\n", b"{}\n", b'{"ok":false}\n', b"\xff\n"])
    def test_something_else_that_answers_is_no_box(self, tmp_path: Path, words: bytes) -> None:
        path = tmp_path / "other.sock"

        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(words)
            writer.close()

        async def test() -> None:
            async with await asyncio.start_unix_server(other, path):
                with ControlClient(path) as client, pytest.raises(ControlError) as caught:
                    await asyncio.to_thread(client.request, "status")
                assert caught.value.code == "control.reply"

        in_loop(test)

    def test_a_box_that_does_not_answer_is_not_waited_for(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (_, box):
                with ControlClient(path, timeout=0.05) as client, pytest.raises(ControlError) as caught:
                    await asyncio.to_thread(client.request, "doctor")
                assert caught.value.code == "control.timeout"
                box.hold.set()

        in_loop(test)

    def test_a_box_that_ends_meanwhile(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (server, box):
                with ControlClient(path) as client:
                    asking = asyncio.create_task(asyncio.to_thread(client.request, "doctor"))
                    await box.holding.wait()
                    await server.stop()
                    with pytest.raises(ControlError) as caught:
                        await asking
                assert caught.value.code == "control.closed"

        in_loop(test)

    def test_the_next_request_finds_the_restarted_box(self, path: Path) -> None:
        async def test() -> None:
            with ControlClient(path) as client:
                async with serving(path):
                    await asyncio.to_thread(client.request, "status")
                with pytest.raises(ControlError):
                    await asyncio.to_thread(client.request, "status")
                async with serving(path):
                    assert (await asyncio.to_thread(client.request, "status"))["ok"]

        in_loop(test)


class TestMisbehaviour:
    def test_a_malformed_request_leaves_the_connection_usable(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (server, _), Raw.connected(path) as raw:
                reply = await raw.ask(b"status\n")
                assert (reply["ok"], reply["code"]) == (False, "control.json")
                assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]
                assert server.counters["malformed"] == 1

        in_loop(test)

    def test_too_many_malformed_requests_end_the_connection(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path), Raw.connected(path) as raw:
                for _ in range(limits.CONTROL_MALFORMED_MAX):
                    assert (await raw.ask(b"?\n"))["code"] == "control.json"
                assert await raw.hear() == {}

        in_loop(test)

    def test_an_oversized_request_is_refused_and_ends_the_connection(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path), Raw.connected(path) as raw:
                assert (await raw.ask(b"x" * (limits.CONTROL_LINE_MAX + 1)))["code"] == "control.request-size"
                assert await raw.hear() == {}

        in_loop(test)

    def test_requests_that_were_sent_ahead_are_answered_in_turn(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (_, box), Raw.connected(path) as raw:
                raw.say(b'{"verb":"doctor"}\n{"verb":"status"}\n{"verb":"mute","state":"on"}\n')
                await box.holding.wait()
                assert box.asked == [protocol.RunDoctor()]
                box.hold.set()
                assert [set(await raw.hear()) for _ in range(3)][::2] == [{"ok"}, {"ok"}]
                assert box.asked == [protocol.RunDoctor(), protocol.GetStatus(), protocol.Mute(state="on")]

        in_loop(test)

    def test_one_client_too_many_is_told_so(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (server, _), contextlib.AsyncExitStack() as stack:
                for _ in range(limits.CONTROL_CLIENTS_MAX):
                    raw = await stack.enter_async_context(Raw.connected(path))
                    assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]
                with ControlClient(path) as client, pytest.raises(ControlError) as caught:
                    await asyncio.to_thread(client.request, "status")
                assert caught.value.code == "control.busy"
                assert server.counters["busy"] == 1

        in_loop(test)

    def test_a_client_that_goes_makes_room(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path):
                for _ in range(3 * limits.CONTROL_CLIENTS_MAX):
                    async with Raw.connected(path) as raw:
                        assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]

        in_loop(test)

    def test_a_client_that_does_not_read_is_cut_off(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "CONTROL_WRITE_TIMEOUT", 0.05)

        async def test() -> None:
            async with serving(path) as (server, _):
                with socket.socket(socket.AF_UNIX) as deaf:
                    deaf.connect(str(path))
                    deaf.sendall(b'{"verb":"stats"}\n' * 8)
                    while server.clients or not server.counters["requests"]:
                        await asyncio.sleep(0.01)

        in_loop(test)

    def test_a_client_that_leaves_during_its_request_harms_nobody(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path) as (server, box):
                async with Raw.connected(path) as raw:
                    raw.say(b'{"verb":"doctor"}\n')
                    await box.holding.wait()
                box.hold.set()
                while server.clients:
                    await asyncio.sleep(0)
                async with Raw.connected(path) as raw:
                    assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]

        in_loop(test)

    def test_a_bug_in_the_box_is_a_reply_without_the_password(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def test() -> None:
            async with serving(path) as (server, _), Raw.connected(path) as raw:
                reply = await raw.ask(b'{"verb":"join","room":42,"password":"hunter2"}\n')
                assert reply["code"] == "control.internal"
                assert "hunter2" not in str(reply)
                assert server.counters["refused"] == 1
                assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]

        in_loop(test)
        assert "RuntimeError" in caplog.text
        assert "hunter2" not in caplog.text

    def test_a_request_that_takes_too_long_is_given_up(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "CONTROL_HANDLER_TIMEOUT", 0.05)

        async def test() -> None:
            async with serving(path), Raw.connected(path) as raw:
                assert (await raw.ask(b'{"verb":"doctor"}\n'))["code"] == "control.timeout"

        in_loop(test)


class TestSocketFile:
    def test_it_is_for_its_user_alone_and_gone_afterwards(self, path: Path) -> None:
        async def test() -> None:
            old = os.umask(0)
            try:
                async with serving(path, group_access=False):
                    assert stat.S_IMODE(path.stat().st_mode) == 0o600
                    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            finally:
                os.umask(old)

        in_loop(test)
        assert not path.exists()

    def test_the_group_may_too_where_that_was_asked(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path, group_access=True):
                assert stat.S_IMODE(path.stat().st_mode) == 0o660

        in_loop(test)

    def test_a_stale_socket_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "control.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))

        async def test() -> None:
            async with serving(path), Raw.connected(path) as raw:
                assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]

        in_loop(test)

    def test_a_socket_in_use_is_left_alone(self, path: Path) -> None:
        async def test() -> None:
            async with serving(path):
                second = ControlServer(path, Box().handle)
                with pytest.raises(StartError) as caught:
                    await second.start()
                assert caught.value.code == "start.socket-in-use"
                await second.stop()
                async with Raw.connected(path) as raw:
                    assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]

        in_loop(test)

    def test_of_boxes_that_start_at_once_one_gets_it(self, tmp_path: Path) -> None:
        path = tmp_path / "control.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))

        async def test() -> None:
            servers = [ControlServer(path, Box().handle) for _ in range(8)]
            results = await asyncio.gather(*(s.start() for s in servers), return_exceptions=True)
            assert results.count(None) == 1
            assert all(isinstance(r, StartError) for r in results if r is not None)
            async with Raw.connected(path) as raw:
                assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]
            for server in servers:
                await server.stop()

        in_loop(test)

    def test_a_file_of_somebody_else_is_not_removed(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("precious")

        async def test() -> None:
            with pytest.raises(StartError) as caught:
                await ControlServer(path, Box().handle).start()
            assert caught.value.code == "start.socket-path"

        in_loop(test)
        assert path.read_text() == "precious"

    def test_a_box_that_ends_spares_its_successors_socket(self, path: Path) -> None:
        async def test() -> None:
            first, second = ControlServer(path, Box().handle), ControlServer(path, Box().handle)
            await first.start()
            path.unlink()
            await second.start()
            await first.stop()
            async with Raw.connected(path) as raw:
                assert (await raw.ask(b'{"verb":"status"}\n'))["ok"]
            await second.stop()
            assert not path.exists()

        in_loop(test)

    @pytest.mark.parametrize("name", ["x" * 200, "notes.txt/control.sock"])
    def test_a_path_that_cannot_be_is_a_sentence(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "notes.txt").write_text("")

        async def test() -> None:
            with pytest.raises(StartError) as caught:
                await ControlServer(tmp_path / name, Box().handle).start()
            assert caught.value.sentence.endswith(".")

        in_loop(test)


class TestWhoMay:
    def test_the_rule(self) -> None:
        def may(uid: int, gids: set[int], group_access: bool) -> bool:
            return is_allowed(Credentials(uid, frozenset(gids)), 500, 50, group_access)

        assert may(500, {1}, False)
        assert may(0, {0}, False)
        assert not may(501, {50}, False)
        assert may(501, {50, 7}, True)
        assert not may(501, {7}, True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
    @pytest.mark.parametrize(("groups", "may"), [("", False), ("0", True)])
    def test_a_stranger_who_got_past_the_files_mode_is_refused(self, groups: str, may: bool) -> None:
        """The kernel's word about the other end decides, its supplementary groups included."""
        stranger = (
            "import os, socket, sys\n"
            "path, groups = sys.argv[1:]\n"
            "os.setgroups([int(g) for g in groups.split()]); os.setgid(54321); os.setuid(54321)\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(path)\n"
            'try: s.sendall(b\'{"verb":"status"}\' + bytes([10]))\n'
            "except BrokenPipeError: pass  # refused before it could ask\n"
            "print(s.makefile().readline())\n"
        )

        async def test() -> None:
            path = Path(f"/tmp/meetingbox-test-{os.getpid()}-{len(groups)}.sock")
            async with serving(path, group_access=True) as (server, _):
                path.chmod(0o666)
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", stranger, str(path), groups, stdout=subprocess.PIPE
                )
                told, _ = await process.communicate()
                reply = json.loads(told)
                assert reply["ok"] is may
                assert may or reply["code"] == "control.denied"
                assert server.counters["denied"] == (not may)

        in_loop(test)
