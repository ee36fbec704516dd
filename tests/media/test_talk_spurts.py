"""What leaves the capture thread: speech from its first sound on, no room's noise, nothing while muted."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from media import room_sounds as room

from appliance.core import limits
from appliance.core.silence import SilenceDetector
from appliance.media.audio import opus
from appliance.media.audio.capture import Capture, EncodedSound
from appliance.media.audio.devices import parse_spec
from appliance.media.audio.engine import AudioEngine
from appliance.media.audio.level import BANDS, band_levels
from appliance.media.audio.microphone import Microphone, NoMicrophone, PacedMicrophone
from appliance.media.audio.pace import FRAME_NS
from appliance.media.audio.processing import Plan, Processing
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.ring import Samples
from appliance.media.audio.sequence import generate
from appliance.media.audio.watch import Side

FRAME = limits.SOUND_FRAME
OFF = Plan(False, False, False, "a test")
LEAD = 7 * room.RATE  # of the room alone, before and after speech


def sent(sound: room.Sound) -> np.ndarray:
    """Which frames are sent, the one before a spurt included."""
    detector = SilenceDetector(BANDS)
    samples = room.as_samples(sound)
    heard = [
        detector.hear(band_levels(samples[at : at + FRAME]))
        for at in range(0, len(samples) - FRAME + 1, FRAME)
    ]
    return np.array([a or b for a, b in itertools.pairwise([*heard, False])])


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


# --- What is sound ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [-60, -50, -42])
@pytest.mark.parametrize("kind", room.NOISES)
def test_a_rooms_noise_is_not_sent(kind: str, level: int) -> None:
    assert sent(room.at_level(room.noise(kind, 40 * room.RATE, seed=1), level))[7 * 50 :].mean() < 0.02


@pytest.mark.parametrize("kind", room.NOISES)
@pytest.mark.parametrize(
    ("who", "level"), [*itertools.product(["he", "she", "german"], [-30, -42]), ("whisper", -48)]
)
def test_of_speech_in_a_rooms_noise_nothing_is_missing(who: str, level: int, kind: str) -> None:
    """What was not sent of it lies 30 dB below what was; a word's first sound is no exception."""
    speech = room.at_active_level(room.spoken(who), level)
    speech = np.concatenate([np.zeros(LEAD), speech, np.zeros(LEAD)])
    frames = sent(speech + room.at_level(room.noise(kind, len(speech), seed=2), level - 16))
    powers = room.frame_powers(speech)
    assert powers[~frames].sum() < powers.sum() / 1000
    # Frame by frame: what could be heard above the noise is missing for 40 ms at most.
    missing = (powers > room.power(level - 16)) & ~frames
    runs = [len(list(run)) for is_missing, run in itertools.groupby(missing) if is_missing]
    assert max(runs, default=0) <= 2
    assert frames[LEAD // FRAME :].mean() < 0.75  # and the pauses were not sent


def test_of_a_recorded_voice_nothing_is_missing() -> None:
    speech = np.concatenate([np.zeros(LEAD), room.at_active_level(room.recorded(), -40), np.zeros(LEAD)])
    frames = sent(speech + room.at_level(room.noise("air", len(speech)), -60))
    powers = room.frame_powers(speech)
    assert powers[~frames].sum() < powers.sum() / 1000


def test_somebody_who_talks_without_a_pause_is_sent_all_the_time() -> None:
    speech = np.tile(room.at_active_level(room.spoken("he", pause_ms=1), -35), 6)
    frames = sent(speech + room.at_level(room.noise("fan", len(speech)), -55))
    powers = room.frame_powers(speech)
    assert powers[~frames].sum() < powers.sum() / 1000


@pytest.mark.parametrize("band", range(8))
def test_the_test_sequence_is_sound(band: int) -> None:
    assert sent(generate(band, 0, 20 * room.RATE).astype(float))[:-1].all()


# --- What goes out -----------------------------------------------------------------------------------


@contextmanager
def capturing(make: Callable[[int], Samples], on_sound: Callable[[EncodedSound], None]) -> Iterator[Capture]:
    """The capture thread with a microphone of our own making."""
    side: Side[Microphone] = Side(
        "microphone",
        parse_spec("none", "microphone"),
        open_plain=lambda _: NoMicrophone(),
        open_device=lambda *_: NoMicrophone(),
        stand_in=lambda: PacedMicrophone("made", make),
    )
    capture = Capture(side, Processing(OFF), on_sound, lambda: None)
    capture.start()
    try:
        capture.set_active(True)
        yield capture
    finally:
        capture.stop()
        side.close()


class Script:
    """Faint noise; from ``speak`` on a voice, until ``be_silent``."""

    def __init__(self) -> None:
        self.speaking = False
        self.spoken: list[int] = []  # positions at which there was a voice
        self._noise = room.as_samples(room.at_level(room.noise("air", 5 * room.RATE), -65))

    def make(self, position: int) -> Samples:
        at = position % (len(self._noise) - FRAME)
        if not self.speaking:
            return self._noise[at : at + FRAME]
        self.spoken.append(position)
        return generate(3, position, FRAME) + self._noise[at : at + FRAME]


def test_a_talk_spurt_has_the_frame_before_it_and_an_end() -> None:
    script = Script()
    sounds: list[EncodedSound] = []
    with capturing(script.make, sounds.append) as capture:
        until(lambda: sounds and sounds[-1].ends_spurt)  # the room was learnt
        first = len(sounds)
        time.sleep(0.3)
        assert len(sounds) == first
        silent = capture.silent
        script.speaking = True
        until(lambda: len(script.spoken) >= 25)
        script.speaking = False
        until(lambda: sounds[-1].ends_spurt and len(sounds) > first)
        time.sleep(0.2)
        assert capture.silent > silent
    spurt = sounds[first:]
    assert [sound.ends_spurt for sound in spurt] == [False] * (len(spurt) - 1) + [True]
    assert len(spurt) >= 25 + 1 + limits.SILENCE_AFTER - 1
    assert spurt[0].level_dbov > 55  # the room
    assert spurt[1].level_dbov < 35  # the voice
    assert spurt[-1].level_dbov == 127
    assert opus.packet_samples(spurt[-1].data) == FRAME
    for a, b in itertools.pairwise(spurt):
        # A machine that stops for a moment leaves frames out, and says so.
        step = (b.captured_ns - a.captured_ns) * room.RATE / 1e9
        assert b.timestamp - a.timestamp == pytest.approx(step, abs=2)
    # Between the spurts time went on.
    leap = spurt[0].timestamp - sounds[first - 1].timestamp
    passed = (spurt[0].captured_ns - sounds[first - 1].captured_ns) * room.RATE / 1e9
    assert leap == pytest.approx(passed, abs=FRAME // 2)
    assert leap > 0.2 * room.RATE


def test_a_listener_hears_spurts_and_silence_and_misses_nothing() -> None:
    script, listener = Script(), PeerSound("b")
    numbers = itertools.count()

    def push(sound: EncodedSound) -> None:
        # As if it came 5 ms after its last sample.
        at = (sound.captured_ns + FRAME_NS) / 1e9 + 0.005
        received.append((next(numbers), sound, at))

    received: list[tuple[int, EncodedSound, float]] = []
    with capturing(script.make, push):
        for _ in range(3):
            until(lambda: received and received[-1][1].ends_spurt)
            count = len(script.spoken)
            script.speaking = True
            until(lambda count=count: len(script.spoken) >= count + 30)
            script.speaking = False
            sent_by_now = len(received)
            until(lambda count=sent_by_now: len(received) > count)
        until(lambda: received[-1][1].ends_spurt)
    kinds = []
    now = received[0][2]
    waiting = list(received)
    while waiting or now < received[-1][2] + 0.5:
        while waiting and waiting[0][2] <= now:
            number, sound, at = waiting.pop(0)
            listener.push(number, sound.timestamp, sound.data, at, sound.level_dbov)
        kinds.append(listener.pull(now) is None)
        now += FRAME_NS / 1e9
    stats = listener.stats()
    assert (stats["received"], stats["lost"], stats["late"], stats["resets"]) == (len(received), 0, 0, 0)
    # Where this machine stopped for a moment there was nothing to play.
    steps = [(a, b.timestamp - a.timestamp) for (_, a, _), (_, b, _) in itertools.pairwise(received)]
    stops = sum(step > FRAME and not a.ends_spurt for a, step in steps)
    assert stats["concealed"] - stats["inserted"] <= stops * limits.CONCEAL_MAX
    assert kinds[-10:] == [True] * 10
    assert listener.level_dbov == 127


def test_the_frame_before_a_spurt_is_no_jitter() -> None:
    """It comes with the frame after it, 20 ms late; a listener's delay stays what it was."""
    listener, encoder = PeerSound("b"), opus.Encoder()
    packet = encoder.encode(generate(3, 0, FRAME))
    number, targets = 0, []
    for spurt in range(12):
        for n in range(30):
            at = spurt * 1.5 + max(n, 1) * 0.02  # of arrival
            listener.push(number, (spurt * 75 + n) * FRAME, packet, at, 20)
            number += 1
            if n:
                assert listener.pull(at + 0.005) is not None or n < 3
                targets.append(listener.stats()["target_ms"])
        listener.push(number, (spurt * 75 + 30) * FRAME, opus.end_of_spurt(packet), at + 0.02, 127)
        number += 1
        for n in range(30, 74):
            listener.pull(spurt * 1.5 + n * 0.02 + 0.005)
    assert max(targets) <= 1000 * limits.JITTER_TARGET_START
    stats = listener.stats()
    assert (stats["inserted"], stats["dropped"], stats["late"], stats["lost"]) == (0, 0, 0, 0)


def test_nothing_captured_while_muted_is_ever_sent() -> None:
    """While it is muted somebody whistles: in nothing that is sent there is a trace of it.

    Neither in the encoder's look-ahead, nor in the frame before a spurt, nor in the FEC.
    """
    muted_at: list[int] = []  # captured positions
    state = {"muted": False}

    def make(position: int) -> Samples:
        t = (position + np.arange(FRAME)) / room.RATE
        if state["muted"]:
            muted_at.append(position)
            return (12_000 * np.sin(2 * np.pi * 5_000 * t)).astype(np.int16)
        loud = 6_000 if position // FRAME % 13 > 2 else 500
        return (loud * np.sin(2 * np.pi * 400 * t)).astype(np.int16)

    sounds: list[EncodedSound] = []
    with capturing(make, sounds.append) as capture:
        for n in range(6):
            count = len(sounds)
            until(lambda count=count: len(sounds) >= count + 12)
            capture.set_muted(True)
            state["muted"] = True
            whistled = len(muted_at)
            until(lambda count=whistled, n=n: len(muted_at) >= count + 4 + n)
            state["muted"] = False
            opened_ns = time.monotonic_ns()
            capture.set_muted(False)
            count = len(sounds)
            until(lambda count=count: len(sounds) > count)
            # What processing delays was captured before the opening, too.
            assert sounds[count].captured_ns >= opened_ns + limits.SOUND_OPEN_AFTER * 1e9
        count = len(sounds)
        until(lambda: len(sounds) >= count + 12)
    decoder = opus.Decoder()
    for sound, after in itertools.pairwise(sounds):
        for heard in (
            decoder.recover(after.data) if opus.has_fec(after.data) else None,
            decoder.decode(sound.data),
        ):
            if heard is None:
                continue
            spectrum = np.abs(np.fft.rfft(heard * np.hanning(FRAME)))
            assert spectrum[95:106].max() < 30_000  # a whistle has 2,880,000


def test_a_spurt_that_is_muted_ends_at_once() -> None:
    """So that nobody's decoder makes up how it would have gone on."""
    sounds: list[EncodedSound] = []
    with capturing(lambda position: generate(1, position, FRAME), sounds.append) as capture:
        until(lambda: len(sounds) >= 10)
        capture.set_muted(True)
        assert sounds[-1].ends_spurt
        count = len(sounds)
        time.sleep(0.2)
        assert len(sounds) == count
        capture.set_muted(False)
        until(lambda: len(sounds) > count)
        assert not sounds[count].ends_spurt
        assert sounds[count].timestamp - sounds[count - 1].timestamp >= FRAME
        capture.set_active(False)
        assert sounds[-1].ends_spurt


def test_a_file_of_speech_is_sent_where_there_is_speech(tmp_path: Path) -> None:
    """The whole engine: three seconds of a room, a sentence, and the room again."""
    words = room.at_active_level(room.recorded()[: int(1.4 * room.RATE)], -30)
    silence = np.zeros(3 * room.RATE)
    speech = np.concatenate([silence, words, silence])
    room.write_wav(tmp_path / "talk.wav", speech + room.at_level(room.noise("air", len(speech)), -62))
    sounds: list[EncodedSound] = []
    engine = AudioEngine(
        f"file:{tmp_path / 'talk.wav'}", "none", on_sound=sounds.append, on_state=lambda _: None
    )
    engine.start()
    try:
        engine.set_active(True)
        until(lambda: sum(sound.ends_spurt for sound in sounds) >= 2)
        stats = engine.stats()["engine"]
    finally:
        engine.stop()
    ends = [n for n, sound in enumerate(sounds) if sound.ends_spurt]
    spurt = sounds[ends[0] + 1 : ends[1]]
    assert 50 <= len(spurt) <= 1.4 * 50 + limits.SILENCE_AFTER + 2
    assert stats["silent"] >= 80
