"""The box's sound, all of it: one microphone in, one mix out.

Three threads: *capture* encodes what the microphone gives, *playout* decodes and mixes what the
speaker wants, *devices* opens and watches the sound cards. A sound card's callback touches a ring
of samples and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.core.view import DeviceView
from appliance.errors import DeviceError
from appliance.media.audio import devices, microphone, speaker, streams
from appliance.media.audio.capture import Capture, EncodedSound
from appliance.media.audio.chime import Chime
from appliance.media.audio.devices import Kind, SoundDevice, Spec
from appliance.media.audio.microphone import Microphone
from appliance.media.audio.playout import Playout
from appliance.media.audio.processing import Processing, Wishes, plan
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.sequence import Detector, SequenceReport
from appliance.media.audio.sound_check import SoundCheck
from appliance.media.audio.speaker import Speaker
from appliance.media.audio.streams import open_duplex
from appliance.media.audio.watch import DeviceWatch, Side

__all__ = ["AudioEngine", "EncodedSound", "PeerSound"]


class AudioEngine:
    """``microphone_spec``, ``speaker_spec``: see `devices.parse_spec`. ``wishes``: what is done to the sound.

    ``on_sound`` is called on the capture thread (the end of a talk spurt: also where it is muted) and must
    hand over; ``on_state`` on the devices thread, whenever a device came, went or failed. Raises
    DeviceError for a spec that means nothing and for a missing libopus; a missing device is no error,
    `devices` says it.

    The methods are for one thread (the network thread) and none of them waits for a device, except
    `start` (up to ``SOUND_START``) and `stop` (up to three times ``SOUND_STOP``).
    """

    def __init__(
        self,
        microphone_spec: str,
        speaker_spec: str,
        wishes: Wishes | None = None,
        *,
        on_sound: Callable[[EncodedSound], None],
        on_state: Callable[[DeviceView], None],
    ) -> None:
        self._detector: Detector | None = None
        self._microphone: Side[Microphone] = Side(
            "microphone",
            devices.parse_spec(microphone_spec, "microphone"),
            open_plain=_open_microphone,
            open_device=streams.open_microphone,
            stand_in=microphone.NoMicrophone,
        )
        self._speaker: Side[Speaker] = Side(
            "speaker",
            devices.parse_spec(speaker_spec, "speaker"),
            open_plain=self._open_speaker,
            open_device=streams.open_speaker,
            stand_in=speaker.PacedSpeaker,
        )
        self._wishes = wishes or Wishes()
        self._on_state = on_state
        self._processing = Processing(plan(self._wishes, None, None))
        self._watch = DeviceWatch(
            (self._microphone, self._speaker), self._device_changed, open_pair=open_duplex
        )
        self._capture = Capture(self._microphone, self._processing, on_sound, self._watch.poke)
        self._playout = Playout(self._speaker, self._processing.played, self._watch.poke)
        self._peers: dict[str, PeerSound] = {}
        self._held: set[str] = set()  # of these, in rooms on hold
        self.check = SoundCheck(self._capture, self._playout, self._microphone, self._speaker)

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the devices and start the threads; nothing is captured or played before `set_active`."""
        self._watch.start()
        self._capture.start()
        self._playout.start()

    def stop(self) -> None:
        """End the threads and close the devices."""
        self._capture.stop()
        self._playout.stop()
        self._watch.stop()
        self._processing.close()
        self._microphone.close()
        self._speaker.close()

    # --- what is wanted --------------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        """Capture and play, while in a call; otherwise the threads sleep."""
        self._capture.set_active(active)
        self._playout.set_active(active)

    def set_muted(self, muted: bool) -> None:
        """While muted nothing is encoded; when this returns, ``on_sound`` is not called any more.

        It may be called in here, with the end of a talk spurt.
        """
        self._capture.set_muted(muted)

    def set_expected_loss(self, percent: int) -> None:
        """Tune the FEC to the worst loss that a receiver reports, 0 to 100."""
        self._capture.expect_loss(percent)

    def choose(self, kind: Kind, spec: str) -> None:
        """Use another microphone or speaker from now on. Raises DeviceError for a spec that means nothing."""
        self._watch.choose(kind, devices.parse_spec(spec, kind))

    def found(self) -> list[SoundDevice]:
        """The sound cards to choose from, none without a sound system; may take as long as a driver likes,
        and may be called on any thread.
        """
        try:
            return devices.for_people(self._watch.found())
        except DeviceError:
            return []

    def chime(self, on: bool) -> None:
        """Play the loudspeaker's test from its beginning, in a call beside the others; or end it."""
        self._playout.set_chime(Chime() if on else None)

    def add_peer(self, peer: str) -> PeerSound:
        """Have a peer in the mix; push its packets into what is returned."""
        sound = self._peers[peer] = PeerSound(peer)
        self._mix()
        return sound

    def hold_peer(self, peer: str, held: bool) -> None:
        """Leave a peer out of the mix for a while, or have it there again from its next packet on."""
        sound = self._peers.get(peer)
        if sound is None or held == (peer in self._held):
            return
        if held:
            self._held.add(peer)
        else:
            self._held.discard(peer)
            sound.restart()
        self._mix()

    def remove_peer(self, peer: str) -> None:
        """Take a peer out of the mix; one that is not there is no error."""
        self._peers.pop(peer, None)
        self._held.discard(peer)
        self._mix()

    def _mix(self) -> None:
        self._playout.set_peers(tuple(s for peer, s in self._peers.items() if peer not in self._held))

    # --- what is known ----------------------------------------------------------------------------

    @property
    def devices(self) -> tuple[DeviceView, DeviceView]:
        """The microphone and the speaker in use, and what is wrong with them."""
        return self._microphone.view, self._speaker.view

    def take_levels(self) -> list[int]:
        """Return the levels of the packets that were sent since the last call, each of 20 ms."""
        levels = self._capture.levels
        return [levels.popleft() for _ in range(len(levels))]

    def stats(self) -> dict[str, Any]:
        """Return ``{"peers": {peer: PeerSound.stats()}, "engine": {...}}``; counters since the start."""
        playout = self._playout
        frames = max(playout.frames, 1)
        return {
            "peers": {peer: sound.stats() for peer, sound in self._peers.items()},
            "engine": {
                "sent": self._capture.sent,
                "silent": self._capture.silent,
                "expected_loss": self._capture.expected_loss,
                "played": playout.frames,
                "underruns": playout.underruns,
                "mix_us": round(playout.busy_s / frames * 1e6, 1),
                "mix_us_max": round(playout.busy_max_s * 1e6, 1),
                "processing": self._processing.stats(),
            },
        }

    @property
    def echo_control(self) -> str:
        """Whether the speaker's sound is taken out of the microphone, and why: "on", "off: ..."."""
        return self._processing.plan.why

    @property
    def hears_room(self) -> bool:
        """Is the microphone a sound card, and no file or test sequence?"""
        return self._microphone.is_device

    def sequence_report(self, band: int, seconds: float | None = None) -> SequenceReport | None:
        """What the speaker ``test`` heard of a box's test sequence, of late; None with any other speaker.

        Takes some tens of milliseconds: not for the network thread.
        """
        return None if self._detector is None else self._detector.report(band, seconds)

    def _device_changed(self, view: DeviceView) -> None:
        """On the devices thread: a device came, went or failed."""
        ends = (getattr(side.opened, "device", None) for side in (self._microphone, self._speaker))
        decided = plan(self._wishes, *ends)
        if decided != self._processing.plan:
            self._processing.plan = decided
        self._on_state(view)

    def _open_speaker(self, spec: Spec) -> Speaker:
        if spec.how == "file":
            return speaker.RecordingSpeaker(spec.what)
        if spec.how == "test":
            self._detector = Detector()
            return speaker.SequenceSpeaker(self._detector)
        return speaker.PacedSpeaker()


def _open_microphone(spec: Spec) -> Microphone:
    if spec.how == "file":
        return microphone.file_microphone(spec.what)
    if spec.how == "test":
        band, _, voices = spec.what.partition("/")
        return microphone.test_microphone(int(band or 0), int(voices or 0))
    return microphone.NoMicrophone()
