"""The ``meetingbox`` command: help, exit codes, sentences instead of tracebacks, secrets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import __version__, bench, cli_ctl, doctor, probes
from appliance.config import Config, Display, Loaded, Video
from appliance.control import protocol
from appliance.control.server import ControlServer
from appliance.core import limits
from appliance.errors import DeviceError, RemoteProtocolError, StartError

COMMANDS = ("run", "demo", "ctl", "config", "doctor", "bench", "version")


def meetingbox(
    *arguments: str | Path, stdin: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MEETINGBOX_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "appliance", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={**environment, "COLUMNS": "100", **environ},
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


PEER = {
    "id": "b2c4", "name": "Galley\x1b[2J", "state": "live", "layer": "M", "width": 640, "height": 360,
    "fps": 29.97, "latency_ms": 41.6, "rtt_ms": None, "loss": 0.0125, "muted": True, "speaking": False,
    "held": False,
    "sending": {"layer": "L", "wanted": "M", "cap": "L", "capped_by": "loss"},
}  # fmt: skip
STATUS: dict[str, Any] = {
    "v": 1, "id": "a1", "name": "Bridge", "state": "in-call", "room": 42,
    "rooms": [{"room": 42, "active": True, "peers": ["Galley"]}, {"room": 7, "active": False, "peers": []}],
    "joining": {"open": True, "closes_in_s": 61.2},
    "boxes": [{"name": "Galley", "address": "10.0.0.2:8787", "present": True}],
    "peers": [PEER], "counters": {"sealed.replayed": 2, "sealed.forged": 0},
}  # fmt: skip


class Box:
    """A control server in a thread of its own, as a box has one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[protocol.Request] = []
        self._loop = asyncio.new_event_loop()
        self._server = ControlServer(path, self._handle)
        self._loop.run_until_complete(self._server.start())
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _handle(self, request: protocol.Request) -> dict[str, object]:
        self.asked.append(request)
        match request:
            case protocol.GetStatus():
                return STATUS
            case protocol.GetStats():
                return {"links": {"b2c4": {"sent": 5, "rtt": None}}, "layers": ["M", "L"]}
            case protocol.Screenshot():
                return {"file": request.file}
            case protocol.RunDoctor():
                return doctor.to_dict([doctor.problem("camera", "nothing", "It is gone.", "Plug it in.")])
            case protocol.Peer():
                raise RemoteProtocolError("peer.unknown", f"No peer is called {request.peer}.")
        return {}

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    running = Box(tmp_path / "control.sock")
    yield running
    running.stop()


def ctl(box: Box, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return meetingbox("ctl", "--socket", box.path, *arguments, **options)


class TestHelp:
    @pytest.mark.parametrize("arguments", [("--help",), *((command, "--help") for command in COMMANDS)])
    def test_every_command_explains_itself_in_the_width_of_a_terminal(
        self, arguments: tuple[str, ...]
    ) -> None:
        done = meetingbox(*arguments)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: meetingbox")
        assert max(map(len, done.stdout.splitlines())) <= 100

    @pytest.mark.parametrize("command", ["run", "demo", "ctl", "config", "doctor", "bench"])
    def test_every_command_with_options_has_an_example(self, command: str) -> None:
        assert "example" in meetingbox(command, "--help").stdout

    @pytest.mark.parametrize("verb", protocol.VERBS)
    def test_every_verb_of_the_socket_has_its_subcommand(self, verb: str) -> None:
        done = meetingbox("ctl", verb, "--help")
        assert done.returncode == 0
        assert f"meetingbox ctl {verb}" in done.stdout

    def test_help_loads_no_library(self) -> None:
        code = (
            "import sys, contextlib, io\n"
            "from appliance.cli import main\n"
            "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
            "    main(['--help'])\n"
            "heavy = {'msgspec', 'numpy', 'av', 'pygame', 'asyncio', 'zeroconf'}\n"
            "print(*{name.split('.')[0] for name in sys.modules} & heavy)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ""

    def test_the_keys_in_the_help_are_those_of_the_protocol(self) -> None:
        listed = cli_ctl.KEYS.replace("0 to 9", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9").split(", ")
        assert tuple(listed) == protocol.KEYS

    def test_no_command_is_wrong_usage(self) -> None:
        assert meetingbox().returncode == 2

    def test_version(self) -> None:
        assert meetingbox("version").stdout.startswith(f"meetingbox {__version__} (Python 3.")
        assert meetingbox("--version").stdout == f"meetingbox {__version__}\n"


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("fly",),
            ("demo", "--boxes", "0"),
            ("demo", "--boxes", "two"),
            ("demo", "--boxes", "9" * 30),
            ("demo", "--video", "/nowhere.mp4"),
            ("ctl",),
            ("ctl", "reboot"),
            ("ctl", "join", "0"),
            ("ctl", "join", "1001"),
            ("ctl", "join", "42", "secret"),
            ("ctl", "mute", "maybe"),
            ("ctl", "press"),
            ("bench",),
        ],
    )
    def test_wrong_usage_exits_with_2_and_says_why(self, arguments: tuple[str, ...]) -> None:
        done = meetingbox(*arguments)
        assert done.returncode == 2
        assert "meetingbox" in done.stderr
        assert "Traceback" not in done.stderr


class TestConfig:
    def test_the_defaults_are_a_file_to_start_from(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text(meetingbox("config", "--defaults").stdout)
        done = meetingbox("config", "--config", file)
        assert done.returncode == 0
        assert done.stdout.splitlines()[0] == f"# from {file}"
        assert 'token = "meetingbox"' in done.stdout

    def test_the_environment_names_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text('name = "Bridge"\n[signaling]\ntoken = "hunter2"\n')
        done = meetingbox("config", MEETINGBOX_CONFIG=str(file))
        assert 'name = "Bridge"' in done.stdout
        assert "hunter2" not in done.stdout

    def test_what_was_changed_on_the_screen_wins_and_is_marked(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text('name = "Bridge"\n[admin]\npin = "4711"\n')
        (tmp_path / "settings.toml").write_text('name = "Mess"\n[display]\ntheme = "light"\n')
        done = meetingbox("config", "--config", file, "--state-dir", tmp_path)
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert lines[:2] == [
            f"# from {file}",
            f"# and from {tmp_path / 'settings.toml'}, which the settings on the screen wrote",
        ]
        assert 'name = "Mess"  # from the screen' in lines
        assert 'theme = "light"  # from the screen' in lines
        assert 'language = "en"' in lines
        assert "4711" not in done.stdout

    def test_broken_settings_are_said_and_not_used(self, tmp_path: Path) -> None:
        (tmp_path / "settings.toml").write_text("name = 7\n")
        done = meetingbox("config", MEETINGBOX_STATE_DIR=str(tmp_path))
        assert done.returncode == 0
        assert "not used" in done.stdout
        assert "settings.toml: name: expected text in quotes, found 7" in done.stderr
        assert (tmp_path / "settings.toml").exists()

    @pytest.mark.parametrize("command", ["config", "run", "doctor"])
    def test_a_wrong_file_exits_with_2_and_starts_nothing(self, command: str, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text("[signaling]\nport = 'x'\n")
        done = meetingbox(command, "--config", file, MEETINGBOX_STATE_DIR=str(tmp_path / "state"))
        assert done.returncode == 2
        assert done.stdout == ""
        where = f"{file}: line 2: signaling.port"
        assert done.stderr == f'meetingbox: {where}: expected a whole number, found "x"\n'
        assert not (tmp_path / "state").exists()

    def test_a_reader_that_had_enough_is_no_error(self) -> None:
        command = f"{shlex.quote(sys.executable)} -P -m appliance config --defaults | true"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.stderr == ""


class TestCtl:
    def test_status_in_words(self, box: Box) -> None:
        done = ctl(box, "status")
        assert done.returncode == 0, done.stderr
        marks = "muted, gets only L (loss)"
        assert done.stdout.splitlines() == [
            "Bridge (a1): in room 42, with one other box",
            "Open to newcomers for 1:01",
            "On hold: room 7 (nobody else)",
            "Boxes seen: Galley (10.0.0.2:8787)",
            "",
            "PEER        ID    STATE  LAYER  PICTURE  FPS   DELAY  ROUND TRIP  LOSS",
            f"Galley?[2J  b2c4  live   M      640x360  30.0  42 ms  -           1.2 %  {marks}",
            "",
            "Counted: sealed.replayed 2",
        ]

    @pytest.mark.parametrize("arguments", [("--json", "status"), ("status", "--json")])
    def test_json_is_the_boxs_own_reply(self, box: Box, arguments: tuple[str, ...]) -> None:
        done = ctl(box, *arguments)
        assert json.loads(done.stdout) == {"ok": True, **STATUS}
        assert "\x1b" not in done.stdout

    def test_the_socket_may_be_named_after_the_verb(self, box: Box) -> None:
        assert meetingbox("ctl", "leave", "--socket", box.path).returncode == 0
        assert box.asked == [protocol.Leave()]

    def test_the_configuration_names_the_socket(self, box: Box, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text(f'[control]\nsocket = "{box.path}"\n')
        assert meetingbox("ctl", "leave", MEETINGBOX_CONFIG=str(file)).returncode == 0

    @pytest.mark.parametrize(
        ("arguments", "request_"),
        [
            (("leave",), protocol.Leave()),
            (("switch", "7"), protocol.SwitchRoom(room=7)),
            (("mute",), protocol.Mute(state="toggle")),
            (("mute", "off"), protocol.Mute(state="off")),
            (("camera", "on"), protocol.Camera(state="on")),
            (("allow-joining", "off"), protocol.AllowJoining(state="off")),
            (("admit",), protocol.Admit()),
            (("layout", "speaker"), protocol.Layout(layout="speaker")),
            (("tiles", "hide"), protocol.Tiles(state="hide")),
            (("press", "ok"), protocol.Press(key="ok")),
            (("restart-signaling",), protocol.RestartSignaling()),
        ],
    )
    def test_a_verb_and_its_arguments_arrive(
        self, box: Box, arguments: tuple[str, ...], request_: protocol.Request
    ) -> None:
        done = ctl(box, *arguments)
        assert done.returncode == 0, done.stderr
        assert box.asked == [request_]

    def test_keys_are_pressed_one_after_the_other(self, box: Box) -> None:
        assert ctl(box, "press", "4", "2", "ok").returncode == 0
        assert box.asked == [protocol.Press(key="4"), protocol.Press(key="2"), protocol.Press(key="ok")]

    def test_a_screenshots_path_is_made_absolute(self, box: Box) -> None:
        done = ctl(box, "screenshot", "shot.png")
        assert box.asked == [protocol.Screenshot(file=str(Path.cwd() / "shot.png"))]
        assert done.stdout == f"Written: {Path.cwd() / 'shot.png'}\n"

    def test_stats_are_one_number_a_line(self, box: Box) -> None:
        assert ctl(box, "stats").stdout.splitlines() == [
            "links.b2c4.sent  5",
            "links.b2c4.rtt   -",
            "layers[0]        M",
            "layers[1]        L",
        ]

    def test_a_doctor_that_finds_a_problem_exits_with_1(self, box: Box) -> None:
        done = ctl(box, "doctor")
        assert done.returncode == 1
        assert "Plug it in." in done.stdout

    def test_a_refusal_is_the_boxs_sentence_and_cannot_steer_the_terminal(self, box: Box) -> None:
        done = ctl(box, "peer", "mute", "Gal\x1bley")
        assert done.returncode == 1
        assert done.stderr == "meetingbox: No peer is called Gal?ley.\n"

    def test_no_box_is_a_sentence(self, tmp_path: Path) -> None:
        done = meetingbox("ctl", "--socket", tmp_path / "none.sock", "status")
        assert done.returncode == 1
        assert done.stderr.startswith("meetingbox: No box is running here: ")
        assert "meetingbox run" in done.stderr


class TestPassword:
    @pytest.mark.parametrize("typed", [b"493817", b"493817\n", b"493817\r\n", b"493817\nmore"])
    def test_it_is_the_first_line_of_standard_input(self, box: Box, typed: bytes) -> None:
        done = ctl(box, "join", "42", "--password-stdin", stdin=typed)
        assert done.returncode == 0, done.stderr
        assert box.asked == [protocol.Join(room=42, password="493817")]

    def test_its_spaces_belong_to_it(self, box: Box) -> None:
        ctl(box, "join", "42", "--password-stdin", stdin=b" a b \n")
        assert box.asked == [protocol.Join(room=42, password=" a b ")]

    @pytest.mark.parametrize(
        "typed", [b"", b"abc", b"\xff\xff\xff\xff", b"x" * (limits.PASSWORD_MAX_CHARS + 1)]
    )
    def test_one_that_cannot_be_is_refused_here(self, box: Box, typed: bytes) -> None:
        done = ctl(box, "join", "42", "--password-stdin", stdin=typed)
        assert done.returncode == 1
        assert done.stderr.startswith("meetingbox: The password")
        assert box.asked == []

    def test_without_a_terminal_it_must_be_said_where_it_comes_from(self, box: Box) -> None:
        done = ctl(box, "join", "42", stdin=b"493817")
        assert done.returncode == 1
        assert "--password-stdin" in done.stderr

    def test_at_a_terminal_it_is_asked_for_and_not_shown(self, box: Box) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "appliance", "ctl", "--socket", str(box.path), "join", "42"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        while b"Password" not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, b"493817\n")
        with contextlib.suppress(OSError):  # the terminal ends with its last user
            while more := os.read(ours, 1024):
                shown += more
        os.close(ours)
        assert process.wait(20) == 0
        assert box.asked == [protocol.Join(room=42, password="493817")]
        assert b"493817" not in shown


class TestDoctor:
    def test_a_probe_that_raises_is_a_finding_and_the_others_go_on(self) -> None:
        def broken() -> doctor.Finding:
            raise DeviceError("device.camera.missing", "No camera was found.")

        def crashed() -> doctor.Finding:
            raise ZeroDivisionError("of all things")

        findings = doctor.examine(
            [
                doctor.Probe("camera", broken),
                doctor.Probe("sound", crashed),
                doctor.Probe("network", lambda: doctor.ok("network", "eth0")),
            ]
        )
        assert [f.level for f in findings] == [doctor.Level.PROBLEM, doctor.Level.PROBLEM, doctor.Level.OK]
        assert findings[0].wrong == "No camera was found."
        assert "ZeroDivisionError: of all things" in findings[1].wrong
        assert not doctor.healthy(findings)

    def test_a_warning_is_healthy(self) -> None:
        assert doctor.healthy([doctor.warning("mdns", "1 box", "avahi runs", "stop it")])

    @pytest.mark.parametrize("width", [40, 80, 200])
    def test_the_report_fits_the_terminal(self, width: int) -> None:
        finding = doctor.problem("camera", "/dev/video0 " * 9, "It does not answer. " * 9, "Unplug it. " * 9)
        text = doctor.to_text(doctor.to_dict([finding, doctor.ok("network", "eth0")]), width)
        assert max(map(len, text.splitlines())) <= width
        assert text.splitlines()[-1] == "1 problem, no warnings."
        assert "→ Unplug it." in text

    def test_nothing_wrong_is_said(self) -> None:
        text = doctor.to_text(doctor.to_dict([doctor.ok("network", "eth0")]))
        assert text.endswith("Everything is as it should be.")

    def test_it_looks_at_this_machine(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_text(
            'interfaces = ["lo"]\n[signaling]\nport = 0\n[video]\nsource = "test"\n'
            '[audio]\nmicrophone = "test"\nspeaker = "none"\n[display]\nmode = "headless"\n'
        )
        done = meetingbox("doctor", "--json", "--config", file, MEETINGBOX_STATE_DIR=str(tmp_path / "state"))
        report = json.loads(done.stdout)
        levels = {f["name"]: f["level"] for f in report["findings"]}
        assert {levels[name] for name in ("configuration", "state", "box", "network", "port", "camera")} == {
            "ok"
        }
        assert {levels[name] for name in ("screen", "sound codec")} == {"ok"}
        assert "mdns" in levels
        assert report["healthy"] is (done.returncode == 0)
        assert not (tmp_path / "state").exists()

    def test_a_missing_device_says_what_to_do(self) -> None:
        (finding,) = doctor.examine(
            p
            for p in probes.all_probes(Loaded(Config(video=Video(source="v4l2:/dev/video99")), None))
            if p.name == "camera"
        )
        assert finding.level is doctor.Level.PROBLEM
        assert "/dev/video99" in finding.wrong
        assert "Plug it in" in finding.wrong

    def test_a_look_that_hangs_is_given_up(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(limits, "DOCTOR_PROBE_WITHIN", 0.2)
        hanging = tmp_path / "python"
        hanging.write_text("#!/bin/sh\nexec sleep 30\n")
        hanging.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(hanging))
        finding = probes._in_process("camera", Config(display=Display(mode="headless")))
        assert finding.level is doctor.Level.PROBLEM
        assert "did not answer" in finding.wrong

    def test_a_look_that_crashes_is_a_finding(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        crashing = tmp_path / "python"
        crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
        crashing.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(crashing))
        assert probes._in_process("camera", Config()).level is doctor.Level.PROBLEM


class TestBench:
    def test_a_benchmark_gets_its_arguments_and_gives_its_exit_code(self, tmp_path: Path) -> None:
        (tmp_path / "speed.py").write_text("import sys; sys.exit(len(sys.argv))")
        assert bench.run("speed", ["a", "--b"], tmp_path) == 3

    @pytest.mark.parametrize("name", ["none", "../speed", "", "speed.py"])
    def test_a_name_that_is_not_there(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "speed.py").write_text("")
        with pytest.raises(StartError, match="there are: speed"):
            bench.run(name, [], tmp_path)

    def test_outside_a_checkout(self, tmp_path: Path) -> None:
        with pytest.raises(StartError, match="part of a checkout"):
            bench.run("speed", [], tmp_path / "none")


def test_an_interrupt_is_quiet(tmp_path: Path) -> None:
    """Ctrl+C at the password prompt ends the command without a traceback."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "appliance", "ctl", "--socket", str(tmp_path / "x"), "join", "42"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"Password" not in shown:
        shown += os.read(ours, 1024)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    with contextlib.suppress(OSError):
        shown += os.read(ours, 65536)
    os.close(ours)
    assert b"Traceback" not in shown
