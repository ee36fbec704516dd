"""What the doctor looks at on this machine.

A driver may hang and a library may write to the terminal, so every look that loads one runs in a
process of its own (``python -m appliance.probes NAME``), which is killed when it takes too long.
Nothing that a running box uses is taken from it: a camera is asked, not opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from appliance import config as configuration
from appliance.config import Config, Loaded
from appliance.core import limits
from appliance.doctor import Finding, Level, Probe, ok, problem, warning
from appliance.errors import ControlError, DeviceError

AVAHI_PID = Path("/run/avahi-daemon/pid")
DRM = Path("/sys/class/drm")
MDNS_PORT = 5353
SOUND_CHECK = "sound check"  # the one look that makes a noise: only when asked for


def all_probes(
    loaded: Loaded, state_dir: Path | None = None, socket_path: Path | None = None, *, sound: bool = False
) -> tuple[Probe, ...]:
    """Every probe, in the order of the report, for a box with this configuration.

    ``sound``: also play tones and listen to them.
    """
    config = loaded.config

    def apart(name: str) -> Probe:
        return Probe(name, lambda: _in_process(name, config))

    path = socket_path or Path(config.control.socket or configuration.find_socket())
    return (
        Probe("configuration", lambda: _configuration(loaded)),
        Probe("state", lambda: _state(state_dir or configuration.state_dir())),
        Probe("box", lambda: _box(path)),
        Probe("network", lambda: _network(config)),
        Probe("port", lambda: _port(config, path)),
        *(apart(name) for name in APART if name != SOUND_CHECK),
        *([Probe(SOUND_CHECK, lambda: _check_sound(config, path))] if sound else []),
    )


# --- Looks that load nothing --------------------------------------------------------------------


def _configuration(loaded: Loaded) -> Finding:
    name = loaded.config.name or socket.gethostname()
    source = str(loaded.path) if loaded.path else "no file, so the defaults"
    return ok("configuration", f"{source}; this box is called {name}")


def _state(folder: Path) -> Finding:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return ok("state", str(folder))
    wrong = f"{folder} can't be written, so the box would be a stranger to the others after each start."
    remedy = "Let this user write there, or name another folder with --state-dir."
    return problem("state", str(folder), wrong, remedy)


def _running(path: Path) -> bool:
    from appliance.control.client import ControlClient

    try:
        with ControlClient(path, timeout=limits.DOCTOR_PROBE_WITHIN / 4) as client:
            client.request("status")
    except ControlError as error:
        return error.code not in ("control.no-box", "control.reply")
    return True


def _box(path: Path) -> Finding:
    if _running(path):
        return ok("box", f"running, its control socket is {path}")
    return ok("box", f"none is running at {path}")


def _network(config: Config) -> Finding:
    from appliance.signaling import interfaces

    up = [i for i in interfaces.list_interfaces(config.interfaces) if i.addresses]
    found = "; ".join(f"{i.name} ({i.kind}) {', '.join(i.addresses)}" for i in up) or "nothing"
    wrong = " ".join(interfaces.interface_problems(config.interfaces))
    if not up:
        return problem("network", found, wrong, "")
    return warning("network", found, wrong, "") if wrong else ok("network", found)


def _port(config: Config, path: Path) -> Finding:
    port = config.signaling.port
    if port == 0:
        return ok("port", "any free one, as configured")
    try:
        with socket.create_server(("", port)):
            return ok("port", f"{port}, free")
    except PermissionError:
        wrong = f"This user may not listen on port {port}."
        return problem("port", str(port), wrong, "Choose one above 1023 under [signaling].")
    except OSError:
        if _running(path):
            return ok("port", f"{port}, used by the box that is running")
        wrong = f"Another program listens on port {port}."
        return problem(
            "port", str(port), wrong, "Stop that program, or choose another port under [signaling]."
        )


# --- Looks that have a process of their own ------------------------------------------------------


def _mdns(config: Config) -> Finding:
    from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

    from appliance.signaling.interfaces import list_interfaces

    addresses = [a for i in list_interfaces(config.interfaces) for a in i.addresses if ":" not in a]
    if not addresses:
        return warning("mdns", "not looked at", "There is no network to find boxes on.", "")
    seen: set[str] = set()

    def note(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG001
        if state_change is ServiceStateChange.Added:
            seen.add(name)

    try:
        zeroconf = Zeroconf(interfaces=list(addresses))
    except OSError as error:
        wrong = f"The mDNS port {MDNS_PORT} can't be used: {error.strerror}."
        return problem("mdns", "nothing", wrong, f"Let UDP port {MDNS_PORT} through the firewall.")
    try:
        browser = ServiceBrowser(zeroconf, "_meetingbox._tcp.local.", handlers=[note])
        time.sleep(limits.DOCTOR_BROWSE)
        browser.cancel()
    finally:
        zeroconf.close()
    number = {0: "no box answers", 1: "1 box answers"}.get(len(seen), f"{len(seen)} boxes answer")
    if AVAHI_PID.exists():
        wrong = "avahi-daemon answers mDNS on this machine too; now and then one misses what the other hears."
        return warning(
            "mdns", number, wrong, "Stop it: systemctl disable --now avahi-daemon.socket avahi-daemon"
        )
    return ok("mdns", number)


def _camera(config: Config) -> Finding:
    from appliance.media.sources.source import make_source, parse_source

    spec = parse_source(config.video.source)
    if spec.kind == "none":
        return ok("camera", "none, as configured")
    source = make_source(spec, "doctor")
    try:
        source.probe()
        return ok("camera", source.label)
    except DeviceError as error:
        remedy = 'A box without a camera: source = "none" under [video].' if spec.kind == "auto" else ""
        return problem("camera", "nothing", str(error), remedy)
    finally:
        source.close()


def _microphone(config: Config) -> Finding:
    return _sound("microphone", config.audio.microphone)


def _speaker(config: Config) -> Finding:
    return _sound("speaker", config.audio.speaker)


def _echo_control(config: Config) -> Finding:
    from appliance.media.audio import devices
    from appliance.media.audio.processing import Wishes, plan
    from appliance.media.audio.webrtc_apm import AudioProcessing

    audio = config.audio
    wishes = Wishes(audio.echo_control, audio.noise_suppression, audio.automatic_gain)
    try:
        found = devices.PortAudio().devices()
    except DeviceError:
        found = []  # said where the microphone is looked for
    specs = devices.parse_spec(audio.microphone, "microphone"), devices.parse_spec(audio.speaker, "speaker")
    cards = [spec.how in ("auto", "device") for spec in specs]
    microphone = devices.choose(found, specs[0], "microphone") if cards[0] else None
    speaker = devices.choose(found, specs[1], "speaker") if cards[1] else None
    chosen = plan(wishes, microphone, speaker)
    named = (("noise suppression", chosen.noise), ("automatic gain", chosen.gain))
    with_it = [name for name, on in named if on]
    sentence = chosen.why + (f"; with {' and '.join(with_it)}" if with_it else "")
    try:
        if chosen.anything:
            AudioProcessing(echo=chosen.echo, noise=chosen.noise, gain=chosen.gain).close()
    except DeviceError as error:
        return problem("echo control", sentence, str(error), "")
    return ok("echo control", sentence)


def _sound(kind: Literal["microphone", "speaker"], wanted: str) -> Finding:
    from appliance.media.audio import devices

    spec = devices.parse_spec(wanted, kind)
    if spec.how in ("none", "test"):
        return ok(kind, f"{wanted}, as configured")
    if spec.how == "file":
        return _sound_file(kind, Path(spec.what))
    remedy = f'A box without one: {kind} = "none" under [audio].'
    try:
        found = [device for device in devices.PortAudio().devices() if device.serves(kind)]
    except DeviceError as error:
        return problem(kind, "nothing", str(error), "")
    chosen = devices.choose(found, spec, kind)
    there = ", ".join(f"{device.label} (device:{device.id})" for device in found)
    if chosen is None:
        return problem(kind, there or "nothing", str(devices.missing(spec, kind)), remedy)
    others = ", ".join(f"device:{device.id}" for device in found if device is not chosen)
    return ok(kind, f"{chosen.label} (device:{chosen.id})" + (f"; also there: {others}" if others else ""))


def _sound_file(kind: Literal["microphone", "speaker"], file: Path) -> Finding:
    usable = os.access(file, os.R_OK) if kind == "microphone" else os.access(file.absolute().parent, os.W_OK)
    if usable and not file.is_dir():
        return ok(kind, str(file))
    wrong = f"{file} can't be {'read' if kind == 'microphone' else 'written'}."
    return problem(kind, "nothing", wrong, "Name another file under [audio], or auto.")


def _screen(config: Config) -> Finding:
    if config.display.mode == "headless":
        return ok("screen", "none, as configured")
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY"):
        return _window_screen()
    # On the bare console the screen may belong to the running box: look without taking it.
    plugged = [c.parent for c in DRM.glob("card*-*/status") if c.read_text().strip() == "connected"]
    if not plugged:
        wrong = "No screen is connected and switched on, and there is no desktop to open a window on."
        return problem(
            "screen", "nothing", wrong, "Plug in a screen and switch it on: it is picked up by itself."
        )
    names = ", ".join(f"{p.name.split('-', 1)[1]} {_mode(p)}".strip() for p in plugged)
    card = Path("/dev/dri") / plugged[0].name.split("-", 1)[0]
    if not os.access(card, os.R_OK | os.W_OK):
        wrong = f"This user may not use {card}."
        return problem("screen", names, wrong, "Add the user to the groups video and render.")
    return ok("screen", names)


def _mode(connector: Path) -> str:
    with contextlib.suppress(OSError):
        return connector.joinpath("modes").read_text().partition("\n")[0]
    return ""


def _window_screen() -> Finding:
    import pygame

    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
        sizes = ", ".join(f"{width}x{height}" for width, height in pygame.display.get_desktop_sizes())
    except pygame.error as error:
        named = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
        wrong = f"The desktop {named} can't be used: {error}."
        return problem("screen", "nothing", wrong, "Start the box inside the desktop's own session.")
    finally:
        pygame.display.quit()
    if driver in ("offscreen", "dummy"):
        return problem("screen", "nothing", "SDL found no screen.", "Unset SDL_VIDEODRIVER.")
    return ok("screen", f"{sizes} ({driver})")


def _fonts(_config: Config) -> Finding:
    from appliance.display.fonts import find_noto

    found = find_noto("Regular")
    if found:
        return ok("fonts", found)
    wrong = "Noto Sans is missing; names in other scripts than Latin are drawn as boxes."
    return warning("fonts", "SDL's own font", wrong, "apt-get install fonts-noto-core")


def _codec(_config: Config) -> Finding:
    from appliance.media.audio.opus import Encoder

    Encoder()
    return ok("sound codec", "Opus")


def _check_sound(config: Config, path: Path) -> Finding:
    """By the box that runs, which has the devices, or by one's own."""
    if not _running(path):
        return _in_process(SOUND_CHECK, config, limits.SOUND_CHECK_DOCTOR_WITHIN)
    from appliance.control.client import ControlClient

    with ControlClient(path, timeout=limits.SOUND_CHECK_DOCTOR_WITHIN) as client:
        told = client.request("sound-check")
    return _heard(told["sentence"], told["figures"], well=told["well"], deaf=told["deaf"])


def _sound_check(config: Config) -> Finding:
    from appliance.media.audio.engine import AudioEngine
    from appliance.media.audio.processing import Wishes

    def ignore(_: object) -> None:
        """Nothing is sent and nobody looks."""

    audio = config.audio
    wishes = Wishes(audio.echo_control, audio.noise_suppression, audio.automatic_gain)
    engine = AudioEngine(audio.microphone, audio.speaker, wishes, on_sound=ignore, on_state=ignore)
    engine.start()
    try:
        report = engine.check.obstacle
        if report is None:
            check = engine.check.begin()
            check.wait()
            engine.check.end()
            report = check.report()
    finally:
        engine.stop()
    return _heard(str(report.sentence), str(report.figures), well=report.well, deaf=report.deaf)


def _heard(sentence: str, figures: str, *, well: bool, deaf: bool) -> Finding:
    if well:
        return ok(SOUND_CHECK, f"{sentence} {figures}".strip())
    return (problem if deaf else warning)(SOUND_CHECK, figures or "nothing", sentence, "")


APART: dict[str, Callable[[Config], Finding]] = {
    "mdns": _mdns,
    "camera": _camera,
    "microphone": _microphone,
    "speaker": _speaker,
    "echo control": _echo_control,
    "screen": _screen,
    "fonts": _fonts,
    "sound codec": _codec,
    SOUND_CHECK: _sound_check,
}


def _in_process(name: str, config: Config, within: float = limits.DOCTOR_PROBE_WITHIN) -> Finding:
    """Run one of ``APART`` in a process of its own and read its finding."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "appliance.probes", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
    )
    try:
        told, noise = process.communicate(configuration.effective_toml(config, masked=False), within)
    except subprocess.TimeoutExpired:
        process.kill()
        # A process that hangs in its driver can't be killed: it is left to the kernel.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=limits.CAMERA_END_WAIT)
        wrong = f"It did not answer within {within:g} s: its driver hangs."
        return problem(name, "nothing", wrong, "Unplug it and plug it in again, or restart the machine.")
    if process.returncode != 0:
        why = (noise.strip().splitlines() or ["it ended without a word"])[-1]
        return problem(name, "nothing", f"The check itself failed: {why}", "")
    told = json.loads(told.strip().splitlines()[-1])
    return Finding(told["name"], Level(told["level"]), told["found"], told["wrong"], told["remedy"])


def main() -> int:
    """Look at ``sys.argv[1]`` for the configuration on standard input; print the finding as JSON."""
    from appliance.doctor import examine, to_dict

    name = sys.argv[1]
    config = configuration.parse(sys.stdin.read(), "the configuration")
    (finding,) = to_dict(examine([Probe(name, lambda: APART[name](config))]))["findings"]
    sys.stdout.write("\n" + json.dumps(finding) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
