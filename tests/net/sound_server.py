"""A headless PipeWire for tests: sinks and sources without hardware, rooms, mouths and ears.

Everything lives in one folder (sockets, configuration) and ends with the ``with`` block; hardware
is never touched. Links between streams of ours are made by hand and looked up by ``pw-link -l``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Sound = npt.NDArray[np.float64]  # full scale is 1.0

RATE = 48_000
QUANTUM = 256  # samples per cycle of the graph, 5.3 ms
READY_WITHIN = 15.0
END_WITHIN = 5.0
PROGRAMS = ("pipewire", "wireplumber", "pw-cat", "pw-link", "pw-cli", "pw-dump", "dbus-run-session")

needs_pipewire = pytest.mark.skipif(
    any(shutil.which(program) is None for program in PROGRAMS) and os.environ.get("CI") != "true",
    reason="PipeWire is not installed: ./dev setup test installs it",
)

_SERVER = """
context.properties = {{
    default.clock.rate = {rate}
    default.clock.quantum = {quantum}
    default.clock.min-quantum = {quantum}
    default.clock.max-quantum = 1024
    vm.overrides = {{ default.clock.min-quantum = {quantum} }}
}}
context.objects = [
{objects}
]
context.modules = [
{modules}
]
"""

# Those of one group are driven by one clock, whatever is linked.
_NULL = """    {{ factory = adapter args = {{
        factory.name = support.null-audio-sink node.name = "{name}" node.description = "{name}"
        media.class = {media_class} audio.position = [ MONO ] node.group = "{group}"
        object.linger = true priority.session = {priority}
    }} }}"""

_ROOM = """    {{ name = libpipewire-module-filter-chain args = {{
        node.description = "{name}" media.name = "{name}"
        filter.graph = {{ nodes = [ {{
            type = builtin name = room label = convolver config = {{ filename = "{response}" }}
        }} ] }}
        capture.props = {{ node.name = "{name}-in" audio.position = [ MONO ] node.autoconnect = false }}
        playback.props = {{ node.name = "{name}-out" audio.position = [ MONO ] node.autoconnect = false }}
    }} }}"""

_NO_HARDWARE_LUA = """
alsa_monitor.enabled = false
v4l2_monitor.enabled = false
libcamera_monitor.enabled = false
"""

_NO_HARDWARE_CONF = """
wireplumber.profiles = {
    main = {
        monitor.alsa = disabled
        monitor.alsa-midi = disabled
        monitor.bluez = disabled
        monitor.bluez-midi = disabled
        monitor.libcamera = disabled
        monitor.v4l2 = disabled
    }
}
"""

_ASOUNDRC = """
pcm.!default {{
    type pipewire
    playback_node "{speaker}"
    capture_node "{microphone}"
    hint {{ show on description "{name}" }}
}}
"""


class SoundServer:
    """PipeWire with WirePlumber on a D-Bus of their own.

    ``sinks``, ``microphones``: names of nodes that are there from the start. ``rooms``: by name, the
    impulse response between its two ends ``NAME-in`` and ``NAME-out``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sinks: Sequence[str] = (),
        microphones: Sequence[str] = (),
        rooms: Mapping[str, Sound] | None = None,
    ) -> None:
        self._folder = folder / "sound-server"
        self._config = self._folder / "config"
        self._run = self._folder / "run"
        for made in (self._config / "pipewire/pipewire.conf.d", self._folder / "home", self._run):
            made.mkdir(parents=True)
        self._run.chmod(0o700)
        modules = []
        for name, response in (rooms or {}).items():
            file = self._folder / f"{name}.wav"
            write_wav(file, response, width=4)
            modules.append(_ROOM.format(name=name, response=file))
        objects = [
            _NULL.format(name=name, media_class=media_class, priority=1000, group="hall")
            for names, media_class in ((sinks, "Audio/Sink"), (microphones, "Audio/Source/Virtual"))
            for name in names
        ]
        (self._config / "pipewire/pipewire.conf.d/hall.conf").write_text(
            _SERVER.format(rate=RATE, quantum=QUANTUM, objects="\n".join(objects), modules="\n".join(modules))
        )
        for place, text in (
            ("wireplumber/main.lua.d/99-no-hardware.lua", _NO_HARDWARE_LUA),
            ("wireplumber/bluetooth.lua.d/99-no-hardware.lua", "bluez_monitor.enabled = false\n"),
            ("wireplumber/wireplumber.conf.d/no-hardware.conf", _NO_HARDWARE_CONF),
        ):
            (self._config / place).parent.mkdir(parents=True, exist_ok=True)
            (self._config / place).write_text(text)
        self.environment = {
            "HOME": str(self._folder / "home"),
            "XDG_RUNTIME_DIR": str(self._run),
            "XDG_STATE_HOME": str(self._folder / "home/state"),
            "PIPEWIRE_RUNTIME_DIR": str(self._run),
        }
        self._expected = {*sinks, *microphones, *(f"{room}-in" for room in rooms or {})}
        # As on a real system: sound has its own priority, whatever else the machine does.
        in_time = ("chrt", "--rr", "10")
        allowed = subprocess.run((*in_time, "true"), capture_output=True, check=False).returncode == 0
        self._in_time = in_time if allowed else ()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._bus: subprocess.Popen[bytes] | None = None

    # --- life ------------------------------------------------------------------------------------

    def __enter__(self) -> SoundServer:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        # The bus lives as long as somebody holds the other end of this pipe.
        self._bus = subprocess.Popen(
            ["dbus-run-session", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._env(),
        )
        assert self._bus.stdout is not None
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._bus.stdout.readline().decode().strip()
        self._begin("pipewire", "pipewire")
        until(lambda: (self._run / "pipewire-0").exists(), self._story)
        self._begin("wireplumber", "wireplumber")
        until(lambda: self._expected <= self.nodes(), self._story)
        # WirePlumber links streams from the moment that it chose a default sink.
        until(lambda: "WirePlumber" in self.clients(), self._story)

    def _stop(self) -> None:
        for process in reversed(self._processes):
            end(process)
        self._processes = []
        if self._bus is not None:
            assert self._bus.stdin is not None
            assert self._bus.stdout is not None
            self._bus.stdin.close()
            self._bus.stdout.close()
            self._bus.wait(END_WITHIN)
            self._bus = None

    def _begin(self, name: str, *argv: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                (*self._in_time, *argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env(),
            )
        self._processes.append(process)
        return process

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "XDG_CONFIG_HOME": str(self._config), "PIPEWIRE_DEBUG": "2"}

    def _story(self) -> str:
        ended = [f"{p.args} ended: {p.returncode}\n" for p in self._processes if p.poll() is not None]
        logs = (
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in self._folder.glob("*.log")
        )
        return "\n".join((*ended, *logs))

    # --- what a box needs ------------------------------------------------------------------------

    def box_environment(self, name: str, *, microphone: str = "", speaker: str = "") -> dict[str, str]:
        """The environment of a program whose default device has these ends, or PipeWire's own choice."""
        folder = self._folder / f"config-{name}"
        (folder / "alsa").mkdir(parents=True)
        if microphone or speaker:
            text = _ASOUNDRC.format(name=name, microphone=microphone, speaker=speaker)
            (folder / "alsa/asoundrc").write_text(text)
        return {
            **self.environment,
            "XDG_CONFIG_HOME": str(folder),
            "PIPEWIRE_ALSA": json.dumps({"node.name": name}),
        }

    # --- the graph -------------------------------------------------------------------------------

    def nodes(self) -> set[str]:
        return {props.get("node.name", "") for props in self._props("PipeWire:Interface:Node")}

    def clients(self) -> set[str]:
        return {props.get("application.name", "") for props in self._props("PipeWire:Interface:Client")}

    def _props(self, interface: str) -> list[dict[str, Any]]:
        try:
            objects = json.loads(self._tool("pw-dump") or "[]")
        except json.JSONDecodeError:
            return []  # it is just coming up
        return [o["info"].get("props") or {} for o in objects if o["type"] == interface and o.get("info")]

    def links(self) -> set[tuple[str, str]]:
        """What ``pw-link -l`` says: (from, to), each ``node:port``."""
        found: set[tuple[str, str]] = set()
        port = ""
        for line in self._tool("pw-link", "-l").splitlines():
            if not line.startswith(" "):
                port = line.strip()
            elif "|->" in line:
                found.add((port, line.split("|->")[1].strip()))
        return found

    def link(self, source: str, sink: str) -> None:
        """Link two ports and see that they are."""
        until(lambda: self._linked(source, sink), self._story)

    def unlink(self, source: str, sink: str) -> None:
        """Take a link away."""
        self._tool("pw-link", "-d", source, sink)
        until(lambda: (source, sink) not in self.links(), self._story)

    def _linked(self, source: str, sink: str) -> bool:
        if (source, sink) not in self.links():
            self._tool("pw-link", source, sink)
        return (source, sink) in self.links()

    def plug(self, name: str, *, priority: int, media_class: str = "Audio/Sink") -> None:
        """A device appears. The sound server prefers the one with the highest ``priority``."""
        args = _NULL.format(name=name, media_class=media_class, priority=priority, group=name)
        self._tool("pw-cli", "create-node", "adapter", args.split("args =", 1)[1].rstrip().removesuffix("}"))
        until(lambda: name in self.nodes(), self._story)

    def unplug(self, name: str) -> None:
        """It goes."""
        for o in json.loads(self._tool("pw-dump")):
            if o["type"] == "PipeWire:Interface:Node" and o["info"]["props"].get("node.name") == name:
                self._tool("pw-cli", "destroy", str(o["id"]))
        until(lambda: name not in self.nodes(), self._story)

    def _tool(self, *argv: str) -> str:
        done = subprocess.run(
            argv,
            env=self._env() | {"PIPEWIRE_DEBUG": "0"},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return done.stdout

    # --- mouths and ears ---------------------------------------------------------------------------

    def play(self, file: Path, sink: str) -> subprocess.Popen[bytes]:
        """Play a file into a sink; ended by `end`, or by itself."""
        return self._begin(
            f"play-{len(self._processes)}",
            *("pw-cat", "--playback", "--target", sink, "--latency", str(QUANTUM), str(file)),
        )

    def record(self, file: Path, ports: Sequence[str]) -> subprocess.Popen[bytes]:
        """Record ports into the channels of one file, by one clock; ended by `end`."""
        name = f"ear-{len(self._processes)}"
        channels = [f"AUX{i}" for i in range(len(ports))]
        process = self._begin(
            name,
            *("pw-cat", "--record", "--target", "0", "--latency", str(QUANTUM), "--rate", str(RATE)),
            *("--channels", str(len(ports)), "--channel-map", ",".join(channels), "--format", "s16"),
            *("-P", json.dumps({"node.name": name}), str(file)),
        )
        for port, channel in zip(ports, channels, strict=True):
            self.link(port, f"{name}:input_{channel}")
        return process


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started, and wait for it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def until(holds: Callable[[], bool], story: Callable[[], str], within: float = READY_WITHIN) -> float:
    """Wait until ``holds()``; return how long that took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within, "it did not happen\n" + story()
        time.sleep(0.05)
    return time.monotonic() - begun


# --- Sound ----------------------------------------------------------------------------------------------


def write_wav(file: Path, sound: Sound, *, width: int = 2) -> None:
    """Write mono PCM; ``width``: bytes of a sample, 2 or 4."""
    full = 2 ** (8 * width - 1)
    samples = np.clip(np.rint(sound * full), -full, full - 1)
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(width)
        wav.setframerate(RATE)
        wav.writeframes(samples.astype(f"<i{width}").tobytes())


def read_wav(file: Path) -> Sound:
    """Read PCM of 16 bits at 48 kHz: one row a channel. A header that was not finished is no matter."""
    data = file.read_bytes()
    at = data.index(b"fmt ")
    channels, rate = (
        int.from_bytes(data[at + 10 : at + 12], "little"),
        int.from_bytes(data[at + 12 : at + 16], "little"),
    )
    assert rate == RATE
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<i2")
    return samples[: len(samples) // channels * channels].reshape(-1, channels).T / 32768.0


def room_response(seed: int, *, echo_db: float = -10.0, reverberation_s: float = 0.3) -> Sound:
    """From a loudspeaker to a microphone 1.5 m away: the direct sound, then what dies away by 60 dB
    within ``reverberation_s``. The echo of white noise is as loud as ``echo_db`` says.
    """
    random = np.random.default_rng(seed)
    count = int(reverberation_s * RATE)
    response = np.zeros(count + 300)
    response[210] = 1.0
    tail = random.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    response[260 : 260 + count - 260] += 0.05 * tail[: count - 260]
    return np.asarray(response * 10 ** (echo_db / 20) / np.sqrt(np.sum(response**2)))


def spoken(folder: Path, sentence: str, *, dbfs: float = -23.0) -> Sound:
    """The sentence in a synthetic voice, as loud as a person at a speakerphone."""
    raw = folder / "voice.wav"
    subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", str(raw), sentence], check=True, timeout=30)
    with wave.open(str(raw), "rb") as wav:
        rate = wav.getframerate()
        voice = np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768.0
    at = np.arange(int(len(voice) * RATE / rate)) * rate / RATE
    voice = np.interp(at, np.arange(len(voice)), voice)
    return voice * 10 ** (dbfs / 20) / loudness(voice)


def loudness(sound: Sound) -> float:
    """The RMS of what is not a pause."""
    blocks = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    power = np.mean(blocks**2, axis=1)
    return float(np.sqrt(np.mean(power[power > power.max() / 1000])))


def lag(early: Sound, late: Sound) -> float:
    """By how many samples ``late`` is behind ``early`` where they are most alike, whatever the sign."""
    size = 1 << (len(early) + len(late)).bit_length()
    spectrum = np.fft.rfft(late, size) * np.conj(np.fft.rfft(early, size))
    across = np.fft.irfft(spectrum, size)
    best = int(np.argmax(np.abs(across)))
    return best - size if best > size // 2 else best
