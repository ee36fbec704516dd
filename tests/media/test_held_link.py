"""A room on hold, on the wire and in the mix: no sound either way, and the next one begins a talk spurt."""

from __future__ import annotations

import asyncio
import time

from media.link_helpers import linked, until
from media.test_muted_link import speaking, wiretap

from appliance.media.audio.engine import AudioEngine


def test_on_hold_no_sound_is_sent_and_none_is_taken() -> None:
    async def talk() -> None:
        async with linked() as (a, b):
            a.link.open_media()
            b.link.open_media()
            wire = wiretap(a)
            with speaking(a):
                await until(lambda: len(wire) >= 10)
                a.link.set_sound(sent=False, taken=False)  # the room is on hold at a
                b.link.set_sound(sent=False, taken=True)  # and a has said so
                held = len(wire)
                taken = len(a.ear.pushed)
                await asyncio.sleep(0.3)
                assert len(wire) == held
                assert len(a.ear.pushed) == taken
                a.link.set_sound(sent=True, taken=True)
                await until(lambda: len(wire) >= held + 10)
                sent = a.link.stats().sounds_sent
            assert wire[held][1].marker  # a new talk spurt, whoever was in the middle of a word
            numbers = [packet.sequence_number for _, packet in wire]
            assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))]  # nothing was lost
            assert sent >= held + 10  # the count goes on
            assert b.link.stats().sounds_lost == 0

    asyncio.run(talk())


def test_what_a_peer_on_hold_sends_all_the_same_is_not_listened_to() -> None:
    async def talk() -> None:
        async with linked() as (a, b):
            a.link.open_media()
            b.link.open_media()
            with speaking(a):
                await until(lambda: len(b.ear.pushed) >= 5)
                b.link.set_sound(sent=False, taken=False)
                taken = len(b.ear.pushed)
                received = b.link.stats().sounds_received
                await until(lambda: b.link.stats().sounds_received >= received + 10)
                assert len(b.ear.pushed) == taken

    asyncio.run(talk())


def test_a_peer_on_hold_is_not_in_the_mix_and_comes_back_without_what_it_said_before() -> None:
    engine = AudioEngine("none", "none", on_sound=lambda _: None, on_state=lambda _: None)
    engine.start()
    try:
        sound = engine.add_peer("one")
        engine.add_peer("two")
        packet = bytes([0xF8, 0xFF, 0xFE])  # 20 ms of Opus
        for number in range(5):
            sound.push(number, 960 * number, packet, time.monotonic())
        assert sound.queue[0] == 5
        engine.hold_peer("one", True)
        assert [voice.peer for voice in engine._playout._peers] == ["two"]
        engine.hold_peer("one", False)
        assert [voice.peer for voice in engine._playout._peers] == ["one", "two"]
        assert sound.queue[0] == 0
        engine.hold_peer("one", True)
        engine.remove_peer("one")
        engine.hold_peer("one", False)  # its link is gone meanwhile
        assert [voice.peer for voice in engine._playout._peers] == ["two"]
    finally:
        engine.stop()
