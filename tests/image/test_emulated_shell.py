"""The root shell of an emulated box, with this computer's own shell on a terminal in its place."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.emulator import guest as guests
from image.emulator.guest import Guest, GuestError


class SerialLine:
    """A shell on a terminal, and a socket as QEMU makes one: what comes in goes to the other."""

    def __init__(self, path: Path, shell: list[str]) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(1)
        self._terminal, inside = pty.openpty()
        self._shell = subprocess.Popen(
            shell, stdin=inside, stdout=inside, stderr=inside, start_new_session=True
        )
        os.close(inside)
        self._threads = [threading.Thread(target=self._in, name="line-in")]
        self._client: socket.socket | None = None
        self._threads[0].start()

    def _in(self) -> None:
        with self._server:
            client, _ = self._server.accept()
        self._client = client
        out = threading.Thread(target=self._out, name="line-out")
        self._threads.append(out)
        out.start()
        while data := client.recv(65536):
            os.write(self._terminal, data)
        self._shell.kill()
        out.join()
        client.close()
        os.close(self._terminal)

    def _out(self) -> None:
        assert self._client is not None
        try:
            while data := os.read(self._terminal, 65536):
                self._client.sendall(data)
        except OSError:  # the terminal's last process has ended
            pass

    def close(self) -> None:
        """Wait until all of it has ended, which it does with the connection."""
        self._threads[0].join(10)
        self._shell.wait(10)


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(guests, "FOLDER", str(tmp_path / "inside"))
    line = SerialLine(tmp_path / "shell.sock", ["/bin/sh", "-i"])
    guest = Guest(tmp_path / "shell.sock")
    try:
        guest.connect(within=60.0)
        yield guest
    finally:
        guest.close()
        line.close()


def test_commands_are_run_and_their_output_comes_back(guest: Guest) -> None:
    assert guest.run("echo $((6 * 7)); echo also >&2").split() == ["42", "also"]
    assert guest.run("false", check=False) == ""
    with pytest.raises(GuestError, match="ended with 3"):
        guest.run("exit 3")


def test_output_of_any_kind_is_one_answer(guest: Guest) -> None:
    assert guest.run("""printf 'a\\nb\\r\\n{"x": 1}\\n\\004\\003'""") == 'a\nb\r\n{"x": 1}\n\x04\x03'
    assert len(guest.run("head -c 300000 /dev/zero | tr '\\0' x")) == 300_000


def test_a_command_that_takes_too_long_is_given_up(guest: Guest) -> None:
    with pytest.raises(GuestError, match="TimeoutExpired"):
        guest.run("sleep 60", within=0.2)
    assert guest.run("echo still here") == "still here\n"


def test_files_go_in_and_come_out(guest: Guest, tmp_path: Path) -> None:
    data = bytes(range(256)) * 500
    guest.write(str(tmp_path / "file"), data)
    assert (tmp_path / "file").read_bytes() == data
    assert guest.read(str(tmp_path / "file")) == data
    with pytest.raises(GuestError, match="FileNotFoundError"):
        guest.read(str(tmp_path / "nothing"))


def test_nobody_is_connected(tmp_path: Path) -> None:
    guest = Guest(tmp_path / "shell.sock")
    with pytest.raises(GuestError, match="nobody is connected"):
        guest.run("true")
    with pytest.raises(GuestError, match="no serial line"):
        guest.connect(within=0.2)


def test_a_line_without_a_shell_is_given_up(tmp_path: Path) -> None:
    line = SerialLine(tmp_path / "shell.sock", ["sleep", "60"])
    guest = Guest(tmp_path / "shell.sock")
    with pytest.raises(GuestError, match="no root shell"):
        guest.connect(within=0.5)
    guest.close()
    line.close()


ECHO = """
import os, sys, threading
def echo(fd):
    while byte := os.read(fd, 1):
        os.write(1, byte + b" %d\\n" % threading.get_native_id())
threading.Thread(target=echo, args=(int(sys.argv[1]),)).start()
echo(0)
"""


def test_one_thread_stands_still_and_the_others_go_on() -> None:
    reading, writing = os.pipe()
    echo = subprocess.Popen(
        [sys.executable, "-c", ECHO, str(reading)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[reading],
    )
    os.close(reading)
    with echo, open(writing, "wb", buffering=0) as other:
        assert echo.stdin is not None
        assert echo.stdout is not None
        other.write(b"a")
        first, thread = echo.stdout.readline().split()
        assert first == b"a"
        assert int(thread) != echo.pid
        freezer = [sys.executable, "-SE", str(guests.FREEZE), thread.decode()]
        with subprocess.Popen(freezer, stdout=subprocess.PIPE) as frozen:
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == b"frozen\n"
            status = Path(f"/proc/{echo.pid}/task/{int(thread)}/status").read_text()
            assert "tracing stop" in status
            other.write(b"b")
            echo.stdin.write(b"c")
            echo.stdin.flush()
            assert echo.stdout.readline().split() == [b"c", str(echo.pid).encode()]
            frozen.kill()
        assert echo.stdout.readline().split() == [b"b", thread]
