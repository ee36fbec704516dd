"""QEMU's monitor, spoken with a small one of our own."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image.emulator import qmp
from image.emulator.qmp import Lines, Qmp, QmpError

GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'
EVENT = b'{"event": "RESET", "data": {}, "timestamp": {"seconds": 1, "microseconds": 2}}\r\n'


@given(st.lists(st.dictionaries(st.text(), st.integers()), max_size=5), st.integers(1, 40))
def test_messages_come_out_whole_however_they_are_cut(messages: list[dict[str, int]], size: int) -> None:
    stream = b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)
    lines = Lines()
    found = []
    for at in range(0, len(stream), size):
        found += lines.feed(stream[at : at + size])
    assert found == messages


@pytest.mark.parametrize("line", [b"hello\n", b"[1]\n", b"12\n", b'{"a": \n'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(QmpError):
        Lines().feed(line)


def test_a_message_without_an_end_is_refused() -> None:
    with pytest.raises(QmpError, match="longer"):
        Lines().feed(b"x" * (qmp.LINE_MAX + 1))


class Monitor(threading.Thread):
    """Answers each request with what was prepared, after an event; then ends the connection."""

    def __init__(self, path: Path, answers: list[bytes], greeting: bytes = GREETING) -> None:
        super().__init__(name="monitor")
        self.requests: list[dict[str, object]] = []
        self._answers = answers
        self._greeting = greeting
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(1)
        self.start()

    def run(self) -> None:
        with self._server:
            client, _ = self._server.accept()
        with client, client.makefile("rb") as lines:
            client.sendall(self._greeting)
            for answer in self._answers:
                line = lines.readline()
                if not line:
                    return
                self.requests.append(json.loads(line))
                client.sendall(EVENT + answer + b"\r\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.sock"


def test_commands_are_answered_and_events_are_kept(path: Path) -> None:
    monitor = Monitor(path, [b'{"return": {}}', b'{"return": {"running": true}}'])
    with Qmp(path) as machine:
        assert machine.execute("query-status") == {"running": True}
        assert machine.count("RESET") == 2
        assert machine.count("SHUTDOWN") == 0
    monitor.join(5)
    assert [request["execute"] for request in monitor.requests] == ["qmp_capabilities", "query-status"]


def test_names_of_arguments_have_dashes(path: Path) -> None:
    monitor = Monitor(path, [b'{"return": {}}', b'{"return": {}}'])
    with Qmp(path) as machine:
        machine.execute("send-key", hold_time=3)
    monitor.join(5)
    assert monitor.requests[-1] == {"execute": "send-key", "arguments": {"hold-time": 3}}


def test_a_refusal_says_why(path: Path) -> None:
    monitor = Monitor(
        path, [b'{"return": {}}', b'{"error": {"class": "GenericError", "desc": "not running"}}']
    )
    with Qmp(path) as machine, pytest.raises(QmpError, match="cont: not running"):
        machine.execute("cont")
    monitor.join(5)


def test_an_emulator_that_ends_is_noticed(path: Path) -> None:
    monitor = Monitor(path, [b'{"return": {}}'])
    with Qmp(path) as machine, pytest.raises(QmpError, match="gone"):
        machine.execute("cont")
    monitor.join(5)


def test_what_is_no_monitor_is_refused(path: Path) -> None:
    monitor = Monitor(path, [], greeting=b'{"hello": 1}\n')
    with pytest.raises(QmpError, match="no monitor"):
        Qmp(path)
    monitor.join(5)


def test_nobody_there(path: Path) -> None:
    with pytest.raises(QmpError, match="nobody listens"):
        Qmp(path, connect_within=0.1)
