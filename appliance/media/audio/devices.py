"""Which microphone, which speaker: what the configuration says, and what PortAudio finds.

PortAudio reads the list of devices once; to see a device that was plugged in later it must be
ended and begun again, and that closes every stream. `PortAudio` keeps count and refuses it while
one is open. Devices are known by the ALSA card's id, which survives another order of plugging in,
or by PortAudio's name where there is no card behind (a sound server).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from appliance.core import limits
from appliance.core.words import say
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

Kind = Literal["microphone", "speaker"]
CARDS = Path("/proc/asound/cards")
_SERVERS = ("pipewire", "pulse")  # ALSA devices that lead to a sound server, which does its own choosing
_HW = re.compile(r"\(hw:(\d+),(\d+)\)$")
_CARD = re.compile(r"^\s*(\d+) \[(\S+)\s*\]: (\S+) - (.+)$")


@dataclass(frozen=True, slots=True)
class Spec:
    """``[audio] microphone`` or ``speaker``: ``how`` and, after a colon, ``what``."""

    how: Literal["auto", "device", "file", "test", "none"]
    what: str = ""


def parse_spec(text: str, kind: Kind) -> Spec:
    """Read ``auto``, ``device``, ``device:ID``, ``file:PATH``, ``test``, ``test:N``, ``test:N/M``, ``none``.

    Raises DeviceError (``sound.<kind>.unknown``) for anything else.
    """
    how, colon, what = text.partition(":")
    bands = kind == "microphone" and re.fullmatch(r"[0-7](/[1-8])?", what) is not None
    match how:
        case "auto" | "none" if not colon:
            return Spec(how)
        case "device" if not colon or what:
            return Spec(how, what)
        case "file" if what:
            return Spec(how, what)
        case "test" if not colon or bands:
            return Spec(how, what)
    number = ", test:N (N from 0 to 7)" if kind == "microphone" else ""
    raise DeviceError(
        f"sound.{kind}.unknown",
        f"The {kind} “{text}” is none of auto, device, device:ID, file:PATH, test{number} or none.",
    )


@dataclass(frozen=True, slots=True)
class Card:
    """A line of /proc/asound/cards. ``id`` is stable, ``index`` is not."""

    index: int
    id: str
    driver: str
    name: str


def parse_cards(text: str) -> tuple[Card, ...]:
    """Read the contents of /proc/asound/cards."""
    found = (_CARD.match(line) for line in text.splitlines())
    return tuple(Card(int(m[1]), m[2], m[3], m[4].strip()) for m in found if m)


def read_cards(path: Path = CARDS) -> str:
    """Return /proc/asound/cards, empty where there is no ALSA. It changes when a card comes or goes."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """``index``: PortAudio's, until it is begun again. ``inputs``, ``outputs``: channels.

    ``clock``: what paces it; two devices of one clock can share a stream. ``on_server``: behind it is a
    sound server, which by itself moves our streams when a device comes or goes. ``card``: it is a sound card.
    """

    id: str
    label: str
    index: int
    inputs: int
    outputs: int
    clock: str = ""
    usb: bool = False
    on_server: bool = False
    default_input: bool = False
    default_output: bool = False
    card: bool = False

    def serves(self, kind: Kind) -> bool:
        return (self.inputs if kind == "microphone" else self.outputs) > 0

    def is_default(self, kind: Kind) -> bool:
        return self.default_input if kind == "microphone" else self.default_output


def describe(
    found: Sequence[dict[str, Any]], default: tuple[int, int], cards: Sequence[Card]
) -> list[SoundDevice]:
    """Turn PortAudio's list into ours, with the cards' ids and names."""
    by_index = {card.index: card for card in cards}
    # Where a sound server has an ALSA device, ALSA's default is that server.
    leading = (*_SERVERS, "default") if any(info["name"] in _SERVERS for info in found) else _SERVERS
    devices = []
    for index, info in enumerate(found):
        name = str(info["name"])
        hw = _HW.search(name)
        card = by_index.get(int(hw[1])) if hw else None
        device_id, label = name, name
        if card is not None and hw is not None:
            device_id = card.id if hw[2] == "0" else f"{card.id},{hw[2]}"
            label = card.name
        devices.append(
            SoundDevice(
                device_id,
                label,
                index,
                int(info["max_input_channels"]),
                int(info["max_output_channels"]),
                card.id if card is not None else "server" if name in leading else name,
                card is not None and card.driver.startswith("USB"),
                name in leading,
                index == default[0],
                index == default[1],
                card is not None,
            )
        )
    return devices


def choose(devices: Sequence[SoundDevice], spec: Spec, kind: Kind) -> SoundDevice | None:
    """Return the device that ``spec`` means, or None while it is not there.

    By id or by name. Without one: the sound server's if there is a sound server, since it knows
    what its user chose; else a USB device, which somebody plugged in for this; else the default.
    """
    able = [device for device in devices if device.serves(kind)]
    if spec.what:
        wanted = spec.what.casefold()
        for device in able:
            if wanted in (device.id.casefold(), device.label.casefold()):
                return device
        return next((device for device in able if wanted in device.label.casefold()), None)
    default = next((device for device in able if device.is_default(kind)), None)
    if any(device.id in _SERVERS for device in able):
        return default or next(device for device in able if device.id in _SERVERS)
    return next((device for device in able if device.usb), default)


def for_people(devices: Sequence[SoundDevice]) -> list[SoundDevice]:
    """Of the devices those that a person knows: sound cards, and what the sound server chose.

    ALSA has a dozen names more for each card, which differ in what its libraries do to the sound; they are
    shown only where there is nothing else.
    """
    known = [device for device in devices if device.on_server or device.card]
    return known or list(devices)


class Stream:
    """An open PortAudio stream; `PortAudio.close` closes it."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.closed = False

    @property
    def active(self) -> bool:
        """Does it run? Not any more once it was closed, or its device has gone."""
        return not self.closed and bool(self.raw.active)


class PortAudio:
    """The one user of PortAudio in this process: lists devices, opens and closes streams.

    Every method may take as long as a driver likes; none is for the network thread. ``cards``: reads
    /proc/asound/cards.
    """

    def __init__(self, cards: Callable[[], str] = read_cards) -> None:
        self.cards = cards
        self._sd: Any = None
        self._absent: DeviceError | None = None  # why there is no library; looked for once
        self._open: list[Stream] = []
        self._lock = threading.Lock()
        self.patience = 1
        """How many times as long as usual what is opened next may take to begin, and be silent."""
        self.hurry = threading.Event()
        """Set (any thread): what does not begin as usual is given up."""
        self.wanted_elsewhere: Callable[[], bool] = lambda: False
        """So it is when this says that something else needs a look."""

    def devices(self) -> list[SoundDevice]:
        """Return the devices known since the last `rescan`. Raises DeviceError without PortAudio."""
        with self._lock:
            sd = self._library()
            try:
                found, default = list(sd.query_devices()), tuple(sd.default.device)
            except sd.PortAudioError as error:
                raise _no_answer(error) from error
        return describe(found, (default[0], default[1]), parse_cards(self.cards()))

    def rescan(self) -> bool:
        """Have PortAudio look again for devices; False while a stream is open."""
        with self._lock:
            if self._open:
                return False
            if self._sd is None:
                self._library()
                return True  # begun just now
            try:
                self._sd._terminate()
                self._sd._initialize()
            except self._sd.PortAudioError as error:
                raise _no_answer(error) from error
            return True

    def open(self, kind: Kind, device: SoundDevice, callback: Callable[..., None]) -> Stream:
        """Open and start a 48 kHz mono int16 stream. Raises DeviceError."""
        with self._lock:
            sd = self._library()
            make = sd.RawInputStream if kind == "microphone" else sd.RawOutputStream
            return self._start(make, device.index, callback, lambda error: _refused(kind, device, error))

    def open_duplex(
        self, microphone: SoundDevice, speaker: SoundDevice, callback: Callable[..., None]
    ) -> Stream:
        """Open and start one stream both ways, as `open` does. Raises DeviceError."""
        with self._lock:
            make = self._library().RawStream
            indices = (microphone.index, speaker.index)
            return self._start(
                make, indices, callback, lambda error: _not_together(microphone, speaker, error)
            )

    def _start(
        self,
        make: Callable[..., Any],
        device: int | tuple[int, int],
        callback: Callable[..., None],
        refused: Callable[[Exception], DeviceError],
    ) -> Stream:
        sd = self._library()
        try:
            raw = make(
                samplerate=limits.SOUND_RATE,
                blocksize=limits.SOUND_BLOCK,
                device=device,
                channels=1,
                dtype="int16",
                latency=limits.DEVICE_LATENCY,
                callback=callback,
            )
        except (sd.PortAudioError, ValueError) as error:
            raise refused(error) from error
        try:
            raw.start()
        except sd.PortAudioError as error:
            raw.close(ignore_errors=True)
            raise refused(error) from error
        stream = Stream(raw)
        self._open.append(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Close a stream, at once and whatever its device does; one that is closed stays so."""
        with self._lock:
            if stream in self._open:
                self._open.remove(stream)
                stream.closed = True
                stream.raw.abort(ignore_errors=True)
                stream.raw.close(ignore_errors=True)

    def _library(self) -> Any:
        if self._absent is not None:
            raise self._absent
        if self._sd is None:
            try:
                import sounddevice
            except OSError as error:  # the binding is there, the library is not
                self._absent = DeviceError(
                    "sound.portaudio.missing",
                    say(
                        "The sound library PortAudio is missing. "
                        "Install the package libportaudio2 and restart."
                    ),
                )
                raise self._absent from error
            self._sd = sounddevice
        return self._sd


def _no_answer(error: Exception) -> DeviceError:
    return DeviceError(
        "sound.portaudio", say("The sound system does not answer: {reason}.", reason=str(error))
    )


def _refused(kind: Kind, device: SoundDevice, error: Exception) -> DeviceError:
    log.warning("%s %s: %s", kind, device.id, error)
    if kind == "microphone":
        sentence = say(
            "The microphone {label} can't be opened. Another program may be using it: close that, "
            "or unplug the device and plug it in again.",
            label=device.label,
        )
    else:
        sentence = say(
            "The speaker {label} can't be opened. Another program may be using it: close that, "
            "or unplug the device and plug it in again.",
            label=device.label,
        )
    return DeviceError(f"sound.{kind}.refused", sentence)


def _not_together(microphone: SoundDevice, speaker: SoundDevice, error: Exception) -> DeviceError:
    log.info("%s and %s as one stream: %s", microphone.id, speaker.id, error)
    return DeviceError("sound.duplex.refused", say("Microphone and speaker can't be opened together."))


class Called(Protocol):
    """An end of a stream. ``calls``: how often its callback was called."""

    device: SoundDevice
    calls: int


def await_calls(portaudio: PortAudio, stream: Stream, ends: Mapping[Kind, Called]) -> None:
    """Return when sound moves through all ends of a stream; else close it. Raises DeviceError.

    What takes longer than usual is waited for as long as the sound cards stay what they are, and nothing else
    needs a look.
    """
    begun, cards = time.monotonic(), portaudio.cards()
    while silent := [kind for kind, end in ends.items() if not end.calls]:
        waited = time.monotonic() - begun
        usual = waited < limits.DEVICE_BEGIN
        if not usual and (
            waited >= limits.DEVICE_BEGIN * portaudio.patience
            or portaudio.hurry.is_set()
            or portaudio.wanted_elsewhere()
            or portaudio.cards() != cards
        ):
            portaudio.close(stream)
            raise _silent(silent[0], ends[silent[0]].device)
        time.sleep(limits.DEVICE_BEGIN_POLL if usual else limits.DEVICE_BEGIN_SLOW_POLL)


def _silent(kind: Kind, device: SoundDevice) -> DeviceError:
    if device.on_server:  # which has none
        return missing(Spec("auto"), kind)
    if kind == "microphone":
        sentence = say(
            "The microphone {label} was opened, but no sound moves. Unplug it and plug it in again.",
            label=device.label,
        )
    else:
        sentence = say(
            "The speaker {label} was opened, but no sound moves. Unplug it and plug it in again.",
            label=device.label,
        )
    return DeviceError(f"sound.{kind}.silent", sentence)


def missing(spec: Spec, kind: Kind) -> DeviceError:
    """The error for a device that is not there."""
    if spec.what and kind == "microphone":
        sentence = say(
            "The microphone {label} is not connected. Plug it in: it is used as soon as it appears.",
            label=spec.what,
        )
    elif spec.what:
        sentence = say(
            "The speaker {label} is not connected. Plug it in: it is used as soon as it appears.",
            label=spec.what,
        )
    elif kind == "microphone":
        sentence = say("No microphone was found. Plug in a speakerphone: it is used as soon as it appears.")
    else:
        sentence = say("No speaker was found. Plug in a speakerphone: it is used as soon as it appears.")
    return DeviceError(f"sound.{kind}.missing", sentence)
