"""The playout thread: one frame of every peer, mixed, to the speaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio.mixer import Mixer
from appliance.media.audio.ring import Samples
from appliance.media.audio.speaker import Speaker
from appliance.media.audio.watch import Side
from appliance.media.priority import be_nice


class Voice(Protocol):
    """What goes into the mix: a peer's sound, or a sound of the box's own."""

    def pull(self, now: float, output_delay: float = 0.0) -> Samples | None:
        """Return the next 20 ms, or None for silence (playout thread only).

        ``output_delay``: seconds until they are heard.
        """


class Playout:
    """Pulls, decodes and mixes whenever the speaker wants a frame, while active.

    ``on_mix`` gets every frame that is handed to the speaker, in order, silent ones too.
    """

    def __init__(
        self, side: Side[Speaker], on_mix: Callable[[Samples], None], on_failure: Callable[[], None]
    ) -> None:
        self._side = side
        self._on_mix = on_mix
        self._on_failure = on_failure
        self._mixer = Mixer()
        self._peers: tuple[Voice, ...] = ()  # replaced as a whole: the thread needs no lock
        self._solo: Voice | None = None  # heard instead of the peers
        self._chime: Voice | None = None  # heard beside them
        self._active = False
        self._running = True
        self._wake = threading.Event()
        self._underruns = 0  # of speakers that were replaced
        self._last: Speaker | None = None
        self.frames = 0
        self.busy_s = 0.0  # spent on pulling, decoding and mixing
        self.busy_max_s = 0.0
        self._thread = threading.Thread(target=self._run, name="sound-playout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._running = False
        self._wake.set()
        self._thread.join(limits.SOUND_STOP)

    def set_active(self, active: bool) -> None:
        self._active = active
        self._wake_or_sleep()

    def set_solo(self, voice: Voice | None) -> None:
        """Play this alone from now on, active or not, whatever becomes of the peers; None: not any more."""
        self._solo = voice
        self._wake_or_sleep()

    def set_chime(self, voice: Voice | None) -> None:
        """Play this beside the others from now on, active or not; None: not any more."""
        self._chime = voice
        self._wake_or_sleep()

    def _wake_or_sleep(self) -> None:
        if self._active or self._solo is not None or self._chime is not None:
            self._wake.set()
        else:
            self._wake.clear()

    def set_peers(self, peers: tuple[Voice, ...]) -> None:
        """Mix these from now on."""
        self._peers = peers

    @property
    def underruns(self) -> int:
        """How often a speaker had nothing to play in time."""
        last = self._last
        return self._underruns + (last.underruns if last is not None else 0)

    def _run(self) -> None:
        be_nice(limits.SOUND_NICE)
        while self._running:
            speaker = self._current()
            if not self._wake.is_set():
                speaker.pause()
                self._wake.wait()
                speaker.restart()
                continue
            try:
                if speaker.wait(limits.SOUND_WAIT):
                    self._play(speaker)
            except DeviceError as error:
                self._side.fail(error)
                self._on_failure()

    def _current(self) -> Speaker:
        speaker = self._side.current()
        if speaker is not self._last:
            if self._last is not None:
                self._underruns += self._last.underruns
            self._last = speaker
        return speaker

    def _play(self, speaker: Speaker) -> None:
        started = time.perf_counter()
        now = time.monotonic()
        delay = speaker.delay
        solo = self._solo
        voices = self._peers if solo is None else (solo,)
        if (chime := self._chime) is not None and solo is None:
            voices = (*voices, chime)
        pulled = [voice.pull(now, delay) for voice in voices]
        mix = self._mixer.mix([frame for frame in pulled if frame is not None])
        busy = time.perf_counter() - started
        self.frames += 1
        self.busy_s += busy
        self.busy_max_s = max(self.busy_max_s, busy)
        self._on_mix(mix)
        speaker.play(mix)
