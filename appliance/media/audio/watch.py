"""Keeps a microphone and a speaker open: the ones that are wanted, as soon as they are there.

One thread opens, watches and closes sound cards, because a driver may take its time. While the
wanted one is missing the box goes on with a stand-in that keeps real time, and says what is wrong.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from appliance.core import limits
from appliance.core.patience import Patience
from appliance.core.view import DeviceView
from appliance.errors import DeviceError
from appliance.media.audio import devices
from appliance.media.audio.devices import Kind, PortAudio, SoundDevice, Spec

log = logging.getLogger(__name__)


class _Closable(Protocol):
    label: str

    def close(self) -> None: ...


End = TypeVar("End", bound=_Closable)


class Side(Generic[End]):
    """One end of the sound: what is wanted, what is in use, and the hand-over between the threads.

    ``open_plain``: opens a file, the test sequence or nothing. ``open_device``: opens a sound card.
    ``stand_in``: made while what is wanted is not there. The loop thread calls `current` before
    every frame and closes what was replaced; a sound card is closed by the watch.
    """

    def __init__(
        self,
        kind: Kind,
        spec: Spec,
        *,
        open_plain: Callable[[Spec], End],
        open_device: Callable[[PortAudio, SoundDevice], End],
        stand_in: Callable[[], End],
    ) -> None:
        self.kind = kind
        self.spec = spec
        self.is_device = spec.how in ("auto", "device")
        self.view = DeviceView(kind, spec.what or spec.how)
        self.opened: End | None = None  # the wanted one; None: the stand-in is in use
        self.failure: DeviceError | None = None  # reported by the loop thread
        self.patience = Patience()
        self._open_plain = open_plain
        self._open_device = open_device
        self._stand_in = stand_in
        self._in_use = stand_in()
        self._next: End | None = None
        self._lock = threading.Lock()

    # --- the loop thread -----------------------------------------------------------------------

    def current(self) -> End:
        """Return what to read from or play to now."""
        if self._next is not None:
            with self._lock:
                replaced, self._in_use, self._next = self._in_use, self._next, None
            self._close(replaced)
        return self._in_use

    def fail(self, error: DeviceError) -> None:
        """What is in use does not work any more: go on with the stand-in. Tell the watch then."""
        with self._lock:
            replaced, self._in_use = self._in_use, self._stand_in()
            self.failure = error
        self._close(replaced)

    # --- the watch ----------------------------------------------------------------------------

    def want(self, spec: Spec) -> None:
        """Something else is wanted from now on: go over to the stand-in until it is there."""
        self.drop(None)
        self.patience.forget()
        self.spec = spec
        self.is_device = spec.how in ("auto", "device")
        self.view = DeviceView(self.kind, spec.what or spec.how)

    @property
    def alive(self) -> bool:
        """Is the wanted one in use, and does it work?"""
        return self.opened is not None and self.failure is None and getattr(self.opened, "alive", True)

    def open(self, portaudio: PortAudio, device: SoundDevice | None) -> None:
        """Begin to use what is wanted. Raises DeviceError."""
        self.adopt(self._open_device(portaudio, device) if device else self._open_plain(self.spec))

    def adopt(self, opened: End) -> None:
        """Begin to use what was opened."""
        self.failure = None
        self.opened = opened
        self.view = DeviceView(self.kind, opened.label)
        self._use(opened)

    def drop(self, error: DeviceError | None) -> None:
        """Go over to the stand-in. A sound card is closed here; anything else when it is replaced."""
        if self.opened is not None:
            if self.is_device:
                self._close(self.opened)
            self.opened = None
            if self.failure is None:
                self._use(self._stand_in())
        self.failure = None
        if error is not None:
            self.view = DeviceView(self.kind, self.spec.what or "none", error.sentence)

    def _use(self, end: End) -> None:
        with self._lock:
            unused, self._next = self._next, end
        if unused is not None:
            self._close(unused)

    def close(self) -> None:
        """Close everything; both threads have ended."""
        for end in (self._next, self._in_use):
            if end is not None:
                self._close(end)

    def _close(self, end: End) -> None:
        try:
            end.close()
        except DeviceError as error:
            log.warning("closing the %s: %s", self.kind, error)


class DeviceWatch:
    """Opens both sides and keeps them open. ``on_state`` is called on the watch's thread.

    ``open_pair``: opens a microphone and a speaker of one clock as one stream. Where that does not
    work they are opened apart, until the sound cards change.
    """

    def __init__(
        self,
        sides: tuple[Side[Any], Side[Any]],
        on_state: Callable[[DeviceView], None],
        *,
        open_pair: Callable[[PortAudio, SoundDevice, SoundDevice], tuple[Any, Any]],
        portaudio: PortAudio | None = None,
    ) -> None:
        self._sides = sides
        self._on_state = on_state
        self._open_pair = open_pair
        self._portaudio = portaudio or PortAudio()
        self._portaudio.wanted_elsewhere = self._something_failed
        self._cards: str | None = None  # what it said when the devices were last listed
        self._servers: set[Kind] = set()  # sides whose device a sound server has behind it
        self._apart: set[str] = set()  # clocks whose devices don't work as one stream
        self._try_at = 0.0  # what is missing is looked for again then, if nothing happens before
        self._told: dict[Kind, DeviceView] = {}
        self._wanted: dict[Kind, Spec] = {}  # chosen by a person and not wanted of its side yet
        self._due = threading.Event()  # the next look is not to wait
        self._looked = threading.Event()
        self._poked = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sound-devices", daemon=True)

    def start(self) -> None:
        """Open what is there; return when that is done, or after ``SOUND_START`` with a stuck driver."""
        self._thread.start()
        if not self._looked.wait(limits.SOUND_START):
            log.warning("the sound system does not answer; going on without")

    def stop(self) -> None:
        """Close the sound cards and end."""
        self._stopped.set()
        self._portaudio.hurry.set()
        self._due.set()
        self._poked.set()
        self._thread.join(limits.SOUND_STOP)

    def poke(self) -> None:
        """Something failed (any thread): say so soon. It is tried again at the usual pace."""
        self._poked.set()

    def choose(self, kind: Kind, spec: Spec) -> None:
        """Use another device from now on (any thread)."""
        self._wanted = self._wanted | {kind: spec}
        self._portaudio.hurry.set()
        self._due.set()
        self._poked.set()

    def found(self) -> list[SoundDevice]:
        """The sound cards that are there, as far as could be seen with those in use open; may take as long
        as a driver likes (any thread). Raises DeviceError.
        """
        return self._portaudio.devices()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._look()
            self._looked.set()
            if not self._wanted and all(side.alive and not side.is_device for side in self._sides):
                self._poked.wait()  # nothing here comes and goes
                self._drop_failed()
                self._tell()
            self._poked.clear()
            self._due.wait(limits.DEVICE_POLL)
            self._due.clear()
        for side in self._sides:
            if side.is_device:
                side.drop(None)

    def _choose(self) -> None:
        if not self._stopped.is_set():
            self._portaudio.hurry.clear()
        wanted, self._wanted = self._wanted, {}
        chosen = [side for side in self._sides if wanted.get(side.kind, side.spec) != side.spec]
        if not chosen:
            return
        for side in self._sides:
            if side in chosen:
                side.want(wanted[side.kind])
            elif side.is_device:  # the two may share a stream, or share one now
                side.drop(None)
        self._try_at = 0.0
        self._apart.clear()

    def _look(self) -> None:
        self._choose()
        self._drop_failed()
        for side in self._sides:
            if not side.is_device and side.opened is None:
                try:
                    side.open(self._portaudio, None)
                except DeviceError as error:
                    side.drop(error)
        cards = [side for side in self._sides if side.is_device]
        if cards:
            try:
                self._look_for_cards(cards)
            except DeviceError as error:
                for side in cards:
                    if side.opened is None:
                        side.drop(error)
        self._tell()

    def _something_failed(self) -> bool:
        return any(side.opened is not None and not side.alive for side in self._sides)

    def _drop_failed(self) -> None:
        for side in self._sides:
            if side.opened is not None and not side.alive:
                side.patience.failed(time.monotonic())
                self._try_at = 0.0
                side.drop(side.failure or devices.missing(side.spec, side.kind))

    def _look_for_cards(self, sides: list[Side[Any]]) -> None:
        now = self._portaudio.cards()
        changed, self._cards = now != self._cards, now
        if changed:
            self._apart.clear()
            for side in sides:
                side.patience.forget()
        if all(side.opened is not None and (not changed or side.kind in self._servers) for side in sides):
            return
        if changed:  # a better one may be there, and PortAudio sees it only when nothing is open
            for side in sides:
                side.drop(None)
        elif time.monotonic() < self._try_at:
            return
        self._try_at = time.monotonic() + limits.DEVICE_RETRY  # should it fail
        self._portaudio.rescan()
        found = self._portaudio.devices()
        chosen = {side.kind: devices.choose(found, side.spec, side.kind) for side in sides}
        if len(sides) == 2 and all(side.opened is None for side in sides):
            self._open_together(chosen["microphone"], chosen["speaker"])
        for side in sides:
            if side.opened is None:
                self._open_alone(side, chosen[side.kind])
        self._try_at = time.monotonic() + limits.DEVICE_RETRY

    def _open_together(self, microphone: SoundDevice | None, speaker: SoundDevice | None) -> None:
        if microphone is None or speaker is None:
            return
        clock = microphone.clock
        if clock != speaker.clock or clock in self._apart:
            return
        self._portaudio.patience = max(side.patience.factor for side in self._sides)
        try:
            pair = self._open_pair(self._portaudio, microphone, speaker)
        except DeviceError as error:
            log.info("%s: %s; microphone and speaker get a stream each", clock, error.code)
            self._apart.add(clock)
            return
        for side, opened, device in zip(self._sides, pair, (microphone, speaker), strict=True):
            self._adopted(side, device)
            side.adopt(opened)

    def _open_alone(self, side: Side[Any], device: SoundDevice | None) -> None:
        if device is None:
            side.drop(devices.missing(side.spec, side.kind))
            return
        self._portaudio.patience = side.patience.factor
        if side.patience.factor > 1:  # the other one may have failed, which is not to be told so late
            self._tell()
        try:
            side.open(self._portaudio, device)
        except DeviceError as error:
            side.patience.failed(time.monotonic())
            side.drop(error)
        else:
            self._adopted(side, device)

    def _adopted(self, side: Side[Any], device: SoundDevice) -> None:
        side.patience.opened(time.monotonic())
        self._servers.discard(side.kind)
        if device.on_server:
            self._servers.add(side.kind)

    def _tell(self) -> None:
        for side in self._sides:
            if self._told.get(side.kind) != side.view:
                self._told[side.kind] = side.view
                self._on_state(side.view)
