"""Sound cards come and go under a box: one stream or two, and the sound is where it should be.

There is no sound card here, so PortAudio's binding has a stand-in; everything above it is real. The
stand-in has PortAudio's manners: its list is read once, a stream's callback runs on a thread of its
own, and a card that was pulled out stops calling back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from appliance.core import limits
from appliance.core.view import DeviceView
from appliance.media.audio import microphone, speaker, streams
from appliance.media.audio.devices import PortAudio, Spec, for_people
from appliance.media.audio.microphone import Microphone
from appliance.media.audio.speaker import Speaker
from appliance.media.audio.streams import open_duplex
from appliance.media.audio.watch import DeviceWatch, Side

MOVED_WITHIN = 3.0  # seconds, from the plug to the sound
TONE = {"Jabra": 1000, "Codec": 2000, "server": 3000}  # what each microphone gives
STATUS = SimpleNamespace(input_overflow=False, output_underflow=False)


class Cards:
    """What is plugged in: names of sound cards, in the kernel's order, and whether PipeWire is there."""

    def __init__(self, *cards: str, server: bool = False) -> None:
        self.plugged = list(cards)
        self.server = server

    def text(self) -> str:
        lines = (
            f" {i} [{c:<15}]: USB-Audio - {c}\n                      {c}\n"
            for i, c in enumerate(self.plugged)
        )
        return "".join(lines)

    def listed(self) -> list[dict[str, Any]]:
        both = {"max_input_channels": 1, "max_output_channels": 2}
        cards = [{"name": f"{c}: USB Audio (hw:{i},0)", **both} for i, c in enumerate(self.plugged)]
        return [*cards, *([{"name": "pipewire", **both}, {"name": "default", **both}] if self.server else [])]


class StandIn:
    """The parts of ``sounddevice`` that `PortAudio` uses."""

    class PortAudioError(Exception):
        pass

    def __init__(self, cards: Cards) -> None:
        self.cards = cards
        self.opened: list[str] = []  # "in", "out" or "both", in order
        self.running: set[StandInStream] = set()
        self.duplex_works = True
        self.duplex_calls = True
        self.dead: set[str] = set()  # "in", "out": ways in which no sound moves
        self.dead_cards: set[str] = set()
        self.default = SimpleNamespace(device=[-1, -1])
        self._initialize()

    def _terminate(self) -> None:
        assert not self.running, "PortAudio ended under an open stream"

    def _initialize(self) -> None:
        self._known = self.cards.listed()
        self.default.device = [len(self._known) - 1] * 2

    def query_devices(self) -> list[dict[str, Any]]:
        return self._known

    def device(self, index: int) -> str:
        name = str(self._known[index]["name"])
        return "server" if name in ("pipewire", "default") else name.partition(":")[0]

    def _stream(self, ways: str, **options: Any) -> StandInStream:
        if ways == "both" and not self.duplex_works:
            raise self.PortAudioError("Illegal combination of I/O devices")
        self.opened.append(ways)
        return StandInStream(self, ways, **options)

    def RawInputStream(self, **options: Any) -> StandInStream:  # noqa: N802 - the binding's name
        return self._stream("in", **options)

    def RawOutputStream(self, **options: Any) -> StandInStream:  # noqa: N802
        return self._stream("out", **options)

    def RawStream(self, **options: Any) -> StandInStream:  # noqa: N802
        return self._stream("both", **options)


class StandInStream:
    """Calls back every 10 ms while its card is plugged in. ``played``: samples taken from us."""

    def __init__(
        self, sd: StandIn, ways: str, *, device: Any, callback: Callable[..., None], **options: Any
    ) -> None:
        assert options["samplerate"] == 48_000
        self._sd = sd
        self._ways = ways
        indices = device if isinstance(device, tuple) else (device,)
        (self.card,) = {sd.device(index) for index in indices}
        self._callback = callback
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.played = 0

    @property
    def active(self) -> bool:
        assert not self._ended.is_set(), "a closed stream was asked"
        return True  # as PortAudio says of a card that was pulled out

    def start(self) -> None:
        self._sd.running.add(self)
        self._thread.start()

    def _run(self) -> None:
        when = SimpleNamespace(currentTime=1.0, inputBufferAdcTime=0.99, outputBufferDacTime=1.01)
        tone = np.full(480, TONE[self.card], np.int16).tobytes()
        while not self._ended.wait(0.01):
            if self.card != "server" and self.card not in self._sd.cards.plugged:
                continue
            if self._ways in self._sd.dead or self.card in self._sd.dead_cards:
                continue
            if self._ways == "both" and not self._sd.duplex_calls:
                continue
            out = bytearray(960)
            buffers = {"in": (tone,), "out": (out,), "both": (tone, out)}[self._ways]
            self._callback(*buffers, 480, when, STATUS)
            self.played += int(np.count_nonzero(np.frombuffer(out, np.int16)))

    def abort(self, ignore_errors: bool) -> None:
        self._ended.set()
        self._thread.join()

    def close(self, ignore_errors: bool) -> None:
        self._ended.set()
        self._sd.running.discard(self)


class Room:
    """A watch with two loops like those of a box; what they hear and where they play."""

    def __init__(self, cards: Cards) -> None:
        self.cards = cards
        self.sd = StandIn(cards)
        self.told: list[DeviceView] = []
        self.heard = 0  # the last sample that was captured
        self.ear: Side[Microphone] = Side(
            "microphone",
            Spec("auto"),
            open_plain=lambda spec: microphone.NoMicrophone(),
            open_device=streams.open_microphone,
            stand_in=microphone.NoMicrophone,
        )
        self.mouth: Side[Speaker] = Side(
            "speaker",
            Spec("auto"),
            open_plain=lambda spec: speaker.PacedSpeaker(),
            open_device=streams.open_speaker,
            stand_in=speaker.PacedSpeaker,
        )
        portaudio = PortAudio(cards.text)
        portaudio._sd = self.sd
        self._watch = DeviceWatch(
            (self.ear, self.mouth),
            self.told.append,
            open_pair=open_duplex,
            portaudio=portaudio,
        )
        self._running = True
        self.frames = 0
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._talk)]

    def _listen(self) -> None:
        while self._running:
            frame = self.ear.current().read(0.05)
            self.heard = 0 if frame is None else int(frame.samples[-1])

    def _talk(self) -> None:
        while self._running:
            end = self.mouth.current()
            if end.wait(0.05):
                end.play(np.full(960, 500, np.int16))
                self.frames += 1

    @contextmanager
    def running(self) -> Iterator[Room]:
        self._watch.start()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._running = False
            for thread in self._threads:
                thread.join()
            self._watch.stop()
            self.ear.close()
            self.mouth.close()
            assert not self.sd.running

    def choose(self, side: Side[Any], spec: Spec) -> None:
        """As a person does."""
        self._watch.choose(side.kind, spec)

    def sounds(self, card: str) -> bool:
        """Is this card heard and played to?"""
        streams = [stream for stream in self.sd.running if stream.card == card]
        before = [stream.played for stream in streams]
        time.sleep(0.05)
        playing = any(stream.played > was for stream, was in zip(streams, before, strict=True))
        return self.heard == TONE[card] and playing

    def until(self, holds: Callable[[], bool], within: float = 10.0) -> float:
        begun = time.monotonic()
        while not holds():
            assert time.monotonic() - begun < within, f"not within {within} s; told {self.told}"
            time.sleep(0.01)
        return time.monotonic() - begun


def test_a_speakerphone_is_one_stream_both_ways() -> None:
    with Room(Cards("Jabra")).running() as room:
        room.until(lambda: room.sounds("Jabra"))
        assert room.sd.opened == ["both"]
        assert [view.label for view in room.told] == ["Jabra", "Jabra"]


def test_microphone_and_speaker_of_two_cards_have_a_stream_each() -> None:
    cards = Cards("Jabra", "Codec")
    room = Room(cards)
    room.ear.spec, room.mouth.spec = Spec("device", "Jabra"), Spec("device", "Codec")
    with room.running():
        room.until(lambda: room.heard == TONE["Jabra"])
        room.until(lambda: any(s.card == "Codec" and s.played for s in room.sd.running))
        assert room.sd.opened == ["in", "out"]


def test_a_card_that_does_not_go_both_ways_at_once_gets_two_streams() -> None:
    room = Room(Cards("Jabra"))
    room.sd.duplex_works = False
    with room.running():
        room.until(lambda: room.sounds("Jabra"))
        assert room.sd.opened == ["in", "out"]


def test_a_sound_server_without_a_loudspeaker_has_none_and_the_microphone_works() -> None:
    room = Room(Cards(server=True))
    room.sd.duplex_calls = False
    room.sd.dead.add("out")
    with room.running():
        room.until(lambda: room.heard == TONE["server"])
        room.until(lambda: len(room.told) == 2)
        assert [str(view.problem)[:20] for view in room.told] == ["", "No speaker was found"]
        frames = room.frames
        room.until(lambda: room.frames > frames + 10)  # the call goes on
        room.sd.dead.clear()
        assert room.until(lambda: room.sounds("server")) <= MOVED_WITHIN
        assert not room.told[-1].problem


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the times, for what has to fail several times first."""
    for name in ("DEVICE_BEGIN", "DEVICE_SILENT", "DEVICE_RETRY", "DEVICE_POLL"):
        monkeypatch.setattr(limits, name, getattr(limits, name) / 5)


def test_a_card_that_fails_in_a_row_is_waited_for_longer_and_heard_as_soon_as_it_begins(soon: None) -> None:
    room = Room(Cards("Jabra"))
    room.sd.dead |= {"in", "out", "both"}
    with room.running():
        room.until(lambda: room.ear.patience.factor == 8, within=30.0)
        begun = len(room.sd.opened)
        room.until(lambda: len(room.sd.opened) > begun)
        time.sleep(2 * limits.DEVICE_BEGIN)  # as long as usual it would have been given up
        assert room.sd.running
        assert len(room.sd.opened) == begun + 1
        room.sd.dead.clear()
        assert room.until(lambda: room.sounds("Jabra")) <= MOVED_WITHIN
        assert sorted(room.sd.opened[begun:]) == ["in", "out"]


def waits(room: Room) -> None:
    """Wait until a card has failed so often that it is waited for as long as ever, and is waited for now."""
    room.until(lambda: room.ear.patience.factor == limits.PATIENCE_MAX, within=60.0)
    opened = len(room.sd.opened)
    room.until(lambda: len(room.sd.opened) > opened, within=30.0)
    time.sleep(limits.DEVICE_BEGIN + limits.DEVICE_BEGIN_SLOW_POLL)


def test_a_card_that_is_waited_for_is_given_up_for_another_one(soon: None) -> None:
    room = Room(Cards("Jabra"))
    room.sd.dead_cards.add("Jabra")
    with room.running():
        waits(room)
        room.cards.plugged.insert(0, "Codec")
        room.ear.spec = room.mouth.spec = Spec("device", "Codec")
        assert room.until(lambda: room.sounds("Codec")) <= MOVED_WITHIN
        assert room.ear.patience.factor == 1


def test_a_card_that_is_waited_for_is_given_up_for_a_persons_choice(soon: None) -> None:
    room = Room(Cards("Jabra", "Codec"))
    room.ear.spec = room.mouth.spec = Spec("device", "Jabra")
    room.sd.dead_cards.add("Jabra")
    with room.running():
        waits(room)
        chosen_at = time.monotonic()
        for side in (room.ear, room.mouth):
            room.choose(side, Spec("device", "Codec"))
        room.until(lambda: room.sounds("Codec"))
        assert time.monotonic() - chosen_at < limits.DEVICE_BEGIN * limits.PATIENCE_MAX / 2


def test_a_card_that_is_waited_for_is_given_up_for_the_end(soon: None) -> None:
    room = Room(Cards("Jabra"))
    room.sd.dead_cards.add("Jabra")
    with room.running():
        waits(room)
        begun = time.monotonic()
    assert time.monotonic() - begun < limits.SOUND_STOP


def test_a_card_that_is_waited_for_is_given_up_for_one_that_fails_meanwhile(soon: None) -> None:
    """A microphone that never begins must not keep the loudspeaker's failure from being told."""
    room = Room(Cards("Jabra", "Codec"))
    room.ear.spec, room.mouth.spec = Spec("device", "Jabra"), Spec("device", "Codec")
    room.sd.dead_cards.add("Jabra")
    with room.running():
        waits(room)
        assert room.mouth.alive
        room.sd.dead_cards.add("Codec")
        failed_at = time.monotonic()
        room.until(lambda: any(view.kind == "speaker" and view.problem for view in room.told))
        assert time.monotonic() - failed_at < limits.DEVICE_BEGIN * limits.PATIENCE_MAX / 2


def test_a_device_that_is_not_there_is_no_card_that_fails(soon: None) -> None:
    room = Room(Cards())
    with room.running():
        time.sleep(6 * limits.DEVICE_RETRY)
        assert room.ear.patience.factor == 1
        room.cards.plugged.append("Jabra")
        assert room.until(lambda: room.sounds("Jabra")) <= MOVED_WITHIN


def test_one_stream_through_which_no_sound_moves_is_tried_as_two() -> None:
    room = Room(Cards("Jabra"))
    room.sd.duplex_calls = False
    with room.running():
        room.until(lambda: room.sounds("Jabra"))
        assert room.sd.opened == ["both", "in", "out"]


def test_a_speakerphone_pulled_out_and_put_in_again_has_the_sound_within_three_seconds() -> None:
    with Room(Cards("Jabra")).running() as room:
        room.until(lambda: room.sounds("Jabra"))
        room.cards.plugged.clear()
        room.until(lambda: len([view for view in room.told if view.problem]) == 2)
        assert "Plug in a speakerphone" in str(room.told[-1].problem)
        # The call goes on meanwhile: frames are taken at their pace.
        room.until(lambda: room.heard == 0)
        frames = room.frames
        room.until(lambda: room.frames > frames + 10)
        room.cards.plugged.append("Jabra")
        took = room.until(lambda: room.sounds("Jabra"))
        assert took <= MOVED_WITHIN
        assert not room.told[-1].problem


def test_the_sound_moves_to_the_card_that_is_left_and_back() -> None:
    with Room(Cards("Codec", "Jabra")).running() as room:
        room.until(lambda: room.sounds("Codec"))
        room.cards.plugged.remove("Codec")  # and the other one's number changes
        assert room.until(lambda: room.sounds("Jabra")) <= MOVED_WITHIN
        room.cards.plugged.insert(0, "Codec")
        assert room.until(lambda: room.sounds("Codec")) <= MOVED_WITHIN


def test_with_a_sound_server_a_new_card_is_the_servers_business() -> None:
    with Room(Cards(server=True)).running() as room:
        room.until(lambda: room.sounds("server"))
        room.cards.plugged.append("Jabra")
        time.sleep(2 * limits.DEVICE_POLL + 0.2)
        assert room.sounds("server")
        assert room.sd.opened == ["both"], "the stream was interrupted"


def test_the_budget_of_moving_the_sound() -> None:
    # A look comes after DEVICE_POLL at most; a card that fell silent while it still is in the list
    # was silent for DEVICE_SILENT before. What is left is for drivers.
    assert limits.DEVICE_POLL + limits.DEVICE_SILENT <= MOVED_WITHIN - 1.0


def test_a_person_chooses_another_card_and_both_ends_go_on() -> None:
    room = Room(Cards("Jabra", "Codec"))
    with room.running():
        room.until(lambda: room.sounds("Jabra"))
        assert room.sd.opened == ["both"]
        room._watch.choose("microphone", Spec("device", "Codec"))
        room.until(lambda: room.heard == TONE["Codec"])
        room.until(lambda: any(s.card == "Jabra" and s.played for s in room.sd.running))
        room._watch.choose("speaker", Spec("device", "Codec"))
        room.until(lambda: room.sounds("Codec"))
        assert room.sd.opened[-1] == "both"  # of one clock again
        room._watch.choose("microphone", Spec("none"))
        room.until(lambda: room.heard == 0)
        room._watch.choose("microphone", Spec("auto"))
        room.until(lambda: room.heard == TONE["Jabra"])


def test_a_card_that_is_not_there_is_waited_for() -> None:
    cards = Cards("Jabra")
    room = Room(cards)
    with room.running():
        room.until(lambda: room.sounds("Jabra"))
        room._watch.choose("microphone", Spec("device", "Codec"))
        room.until(lambda: "Codec is not connected" in str(room.told[-1].problem))
        room.until(lambda: any(s.card == "Jabra" and s.played for s in room.sd.running))
        cards.plugged.append("Codec")
        room.until(lambda: room.heard == TONE["Codec"])


def test_people_choose_among_cards_and_the_sound_server() -> None:
    room = Room(Cards("Jabra", "Codec", server=True))
    with room.running():
        room.until(lambda: room.heard == TONE["server"])
        found = for_people(room._watch.found())
        assert [device.label for device in found] == ["Jabra", "Codec", "pipewire", "default"]
