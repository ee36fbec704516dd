"""Two links over loopback with real x264 pictures and sound packets."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import statistics
import threading
import time

import av
import pytest
from link_helpers import (
    GREYS,
    Box,
    Sound,
    connect,
    linked,
    lose_packets,
    number_of,
    planes,
    play,
    until,
)

from appliance.core import limits
from appliance.core.layers import Codec, Layer, Stream
from appliance.errors import LocalProtocolError, RemoteProtocolError
from appliance.media.aiortc_seam import SrtpPath
from appliance.media.encoders.software import Vp8Encoder

TILE = (604, 306)


def run(main) -> None:
    asyncio.run(main())


def watch(box: Box, layer: Layer | None = Layer.M, tile: tuple[int, int] | None = TILE) -> None:
    """What the app does once the bind MAC is right."""
    box.link.set_layer(layer)
    box.link.set_tile(tile)
    box.link.open_media()


def in_order(box: Box) -> bool:
    """No picture is shown twice or before an older one (as far as GREYS can tell)."""
    numbers = [number_of(p) for p in box.pictures]
    return all(0 < (b - a) % GREYS <= GREYS - 3 for a, b in itertools.pairwise(numbers))


def test_pictures_go_both_ways_at_the_tiles_size():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b, tile=(320, 180))
            await play([(a, Layer.M), (b, Layer.M)], 1.2)
            for box, size in ((a, TILE), (b, (320, 180))):
                await until(lambda box=box: box.decoded >= 36)
                assert box.pictures
                assert {(p.width, p.height) for p in box.pictures} == {size}
                assert in_order(box)
                stats = box.link.stats()
                assert (stats.layer, stats.width, stats.height) == ("M", 640, 360)
                assert 0 < stats.fps_received <= 40
                assert 0 < stats.fps_decoded <= 40
                assert stats.packets_lost == 0
                assert stats.frames_sent == 36
                assert stats.sending == "M"
                assert stats.bad_input == 0

    run(main)


def test_sounds_go_both_ways_with_their_level():
    async def main():
        async with linked() as (a, b):
            watch(a, layer=None)
            watch(b, layer=None)
            for number in range(50):
                for box, first in ((a, b"a"), (b, b"b")):
                    box.sounds.publish(Sound(first + b"%d" % number, number * 960, number))
                await asyncio.sleep(0.002)
            await until(lambda: len(a.ear.pushed) == len(b.ear.pushed) == 50)
            assert [(p, level) for _, _, p, level in b.ear.pushed] == [(b"a%d" % n, n) for n in range(50)]
            assert [p for _, _, p, _ in a.ear.pushed] == [b"b%d" % n for n in range(50)]
            times = [t for _, t, _, _ in b.ear.pushed]
            assert {(y - x) & 0xFFFFFFFF for x, y in itertools.pairwise(times)} == {960}
            assert b.link.stats().sounds_received == 50

    run(main)


def test_a_peer_without_h264_gets_vp8_and_is_shown():
    async def main():
        a, b = Box("a"), Box("b")
        video = b.link._connection.video
        video.setCodecPreferences([c for c in video._preferred_codecs if "H264" not in c.mimeType])
        m8 = Stream(Layer.M, Codec.VP8)
        try:
            await connect(a, b)
            for box in (a, b):
                watch(box, tile=(640, 360))
                assert box.link.stats().codec == "VP8"
                assert box.camera.fanout.wanted_streams() == {m8}
                encoder = Vp8Encoder(Layer.M)
                for number in range(5):
                    picture = av.VideoFrame.from_ndarray(planes(Layer.M, number), format="yuv420p")
                    for frame in encoder.encode(picture, time.monotonic_ns(), keyframe=not number):
                        box.camera.fanout.publish(frame)
            for box in (a, b):
                await until(lambda box=box: box.decoded == 5)
                await until(lambda box=box: box.pictures and number_of(box.pictures[-1]) == 4)
                box.link.request_keyframe()
            for box in (a, b):
                await until(lambda box=box: box.camera.asked.count(m8) >= 2)
        finally:
            await asyncio.gather(a.link.close(), b.link.close())

    run(main)


def test_nothing_is_sent_or_shown_before_open_media():
    async def main():
        async with linked() as (a, b):
            for box in (a, b):
                box.link.set_layer(Layer.M)
                box.link.set_tile(TILE)
            sent = lose_packets(a, 0.0, 1)
            await play([(a, Layer.M)], 0.3)
            a.sounds.publish(Sound(b"x", 0, 0))
            await asyncio.sleep(0.05)
            assert a.camera.wanted == []  # nothing is encoded for it either
            assert a.link.stats().frames_sent == 0
            # One side is sure, the other not yet: what comes is neither decoded nor played.
            a.link.open_media()
            await play([(a, Layer.M)], 0.3)
            a.sounds.publish(Sound(b"x", 0, 0))
            await until(lambda: b.link.stats().bad_input > 5)
            assert sent[0] > 5
            assert b.pictures == []
            assert b.ear.pushed == []
            assert b.decoded == 0
            b.link.open_media()
            playing = asyncio.ensure_future(play([(a, Layer.M)], 0.5))
            await until(lambda: b.pictures)
            await playing

    run(main)


def test_whoever_opens_late_asks_for_a_keyframe_at_once():
    async def main():
        async with linked() as (a, b):
            watch(a)
            await play([(a, Layer.M)], 0.2)
            asked = len(a.camera.asked)
            watch(b)
            await until(lambda: len(a.camera.asked) > asked, 0.1)
            await play([(a, Layer.M)], 0.1)
            await until(lambda: b.pictures)

    run(main)


def test_a_layer_changes_on_a_keyframe_and_no_picture_is_missing():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            await play([(a, Layer.M)], 0.3)
            a.link.set_layer(Layer.L)
            await play([(a, Layer.M), (a, Layer.L)], 0.3)
            await until(lambda: b.link.stats().layer == "L")
            assert a.camera.fanout.wanted_streams() == {Stream(Layer.L)}
            a.link.set_layer(Layer.M)
            await play([(a, Layer.M), (a, Layer.L)], 0.3)
            await until(lambda: b.link.stats().layer == "M")
            await until(lambda: b.decoded >= 25)
            stats = b.link.stats()
            assert stats.frames_undecodable == 0
            assert stats.plis <= 1  # the one at the start

    run(main)


def test_camera_off_sends_nothing_and_on_again_shows_a_picture_at_once():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            await play([(a, Layer.M)], 0.2)
            a.link.set_layer(None)
            assert a.camera.fanout.wanted_streams() == frozenset()
            await asyncio.sleep(0.05)
            count = len(b.pictures)
            await play([(a, Layer.M)], 0.2)
            assert len(b.pictures) == count
            a.link.set_layer(Layer.M)
            a.camera.publish(Layer.M)
            await until(lambda: len(b.pictures) == count + 1, 0.2)

    run(main)


def test_a_hidden_tile_decodes_nothing_and_comes_back_with_a_keyframe():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            await play([(a, Layer.M)], 0.2)
            b.link.set_tile(None)
            await asyncio.sleep(0.05)
            decoded = b.decoded
            await play([(a, Layer.M)], 0.3)
            assert b.decoded == decoded
            asked = len(a.camera.asked)
            b.link.set_tile((100, 100))
            await until(lambda: len(a.camera.asked) > asked, 0.1)
            await play([(a, Layer.M)], 0.2)
            await until(lambda: b.pictures[-1].width == 100)

    run(main)


@pytest.mark.parametrize(("loss", "least"), [(0.02, 0.98), (0.05, 0.96), (0.10, 0.90)])
def test_lost_packets_are_repaired(loss, least):
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            counts = [lose_packets(a, loss, 3), lose_packets(b, loss, 4)]
            await play([(a, Layer.M)], 2.5)
            await asyncio.sleep(0.2)
            stats = b.link.stats()
            assert counts[0][1] > 0
            assert stats.packets_recovered > 0
            assert b.decoded >= least * 75
            assert in_order(b)
            assert stats.frames_undecodable < 15

    run(main)


def test_after_an_outage_a_keyframe_is_asked_for_and_shown():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            await play([(a, Layer.M)], 0.3)
            path = a.link._connection.path
            path._write = lambda sealed: None
            await play([(a, Layer.M)], 0.5)
            del path._write
            count = len(b.pictures)
            await play([(a, Layer.M)], 2.0)  # not one of these is a keyframe, unless somebody asks
            await until(lambda: len(b.pictures) > count)

    run(main)


def test_a_keyframe_can_be_asked_for():
    async def main():
        async with linked() as (a, b):
            watch(a)
            watch(b)
            await play([(a, Layer.M)], 0.4)
            asked = len(a.camera.asked)
            b.link.request_keyframe()
            await until(lambda: len(a.camera.asked) > asked)
            assert a.link.stats().keyframe_requests >= 1

    run(main)


def test_a_peer_whose_network_takes_nothing_delays_no_other(monkeypatch):
    blocked: set[int] = set()
    backlog = SrtpPath.backlog
    monkeypatch.setattr(SrtpPath, "backlog", lambda path: 10**9 if id(path) in blocked else backlog(path))

    async def main():
        async with linked() as (a, b), linked() as (c, d):
            c.link._pictures_out._fanout = a.camera.fanout  # one camera for both
            blocked.add(id(c.link._connection.path))
            for box in (a, b, c, d):
                watch(box)
            await play([(a, Layer.M)], 1.0)
            assert b.decoded >= 28
            assert d.pictures == []
            assert c.link.stats().frames_dropped > limits.FANOUT_FRAMES_MAX
            blocked.clear()
            await play([(a, Layer.M)], 0.3)
            await until(lambda: d.pictures)  # from a fresh keyframe on

    run(main)


# --- the control channel -----------------------------------------------------------------------------


def test_control_messages_arrive_in_order_both_ways():
    async def main():
        async with linked() as (a, b):
            for number in range(20):
                assert a.link.send_control(b"a%d" % number)
                assert b.link.send_control(b"b%d" % number)
            await until(lambda: len(a.control) == len(b.control) == 20)
            assert b.control == [b"a%d" % n for n in range(20)]
            assert a.control == [b"b%d" % n for n in range(20)]

    run(main)


def test_an_oversize_or_text_message_is_dropped_and_counted():
    async def main():
        async with linked() as (a, b):
            a.link._connection.control.send(bytes(limits.CONTROL_MAX_BYTES + 1))
            a.link._connection.control.send("text")
            a.link.send_control(bytes(limits.CONTROL_MAX_BYTES))
            await until(lambda: b.control)
            assert b.control == [bytes(limits.CONTROL_MAX_BYTES)]
            assert b.link.stats().bad_input == 2
            with pytest.raises(LocalProtocolError):
                a.link.send_control(bytes(limits.CONTROL_MAX_BYTES + 1))

    run(main)


def test_sending_is_bounded_when_the_other_side_does_not_take_it():
    async def main():
        async with linked() as (a, b):
            transport = b.link._connection.video.sender.transport.transport
            send = transport._send

            async def nothing(data: bytes) -> None: ...

            transport._send = nothing  # no acknowledgement comes back
            results = [a.link.send_control(bytes(4000)) for _ in range(100)]
            assert not results[-1]
            assert 10 < sum(results) <= limits.CONTROL_BUFFERED_MAX // 4000
            transport._send = send

    run(main)


def test_nothing_is_sent_before_the_channel_is_open():
    async def main():
        a = Box("a")
        assert a.link.send_control(b"x") is False
        await a.link.close()

    run(main)


def test_a_control_handler_that_fails_does_not_end_the_link():
    async def main():
        async with linked() as (a, b):

            def fail(message: bytes) -> None:
                raise ZeroDivisionError

            b.link._on_control = fail
            a.link.send_control(b"x")
            await until(lambda: b.link.stats().bad_input == 1)
            b.link._on_control = b.control.append
            a.link.send_control(b"y")
            await until(lambda: b.control == [b"y"])

    run(main)


# --- offer, answer, identity --------------------------------------------------------------------------


def test_both_ends_agree_on_fingerprints_and_ufrags():
    async def main():
        async with linked() as (a, b):
            assert a.link.fingerprints == b.link.fingerprints[::-1]
            assert a.link.ufrags == b.link.ufrags[::-1]
            assert a.link.fingerprints[0] == a.link.local_fingerprint != b.link.local_fingerprint

    run(main)


def test_our_descriptions_have_only_sha256_and_our_hosts():
    async def main():
        a, b = Box("a"), Box("b")
        offer = await a.link.offer()
        answer = await b.link.answer(offer)
        for description in (offer, answer):
            prints = [x for x in description.splitlines() if x.startswith("a=fingerprint")]
            assert {x.split()[0] for x in prints} == {"a=fingerprint:sha-256"}
            hosts = {x.split()[4] for x in description.splitlines() if x.startswith("a=candidate")}
            assert hosts == {"127.0.0.1"}
        await asyncio.gather(a.link.close(), b.link.close())

    run(main)


def test_our_own_fingerprint_and_one_in_use_are_refused():
    async def main():
        a = Box("a")
        b = Box("b", used_fingerprints=lambda: {a.link.local_fingerprint})
        offer = await a.link.offer()
        for box in (b, a):
            with pytest.raises(RemoteProtocolError) as caught:
                await box.link.answer(offer)
            assert caught.value.code == "sdp.fingerprint.used"
        await asyncio.gather(a.link.close(), b.link.close())

    run(main)


def test_an_answer_with_another_fingerprint_never_connects():
    """Whoever changes the fingerprint on the way gets a failed DTLS handshake, not a meeting."""

    async def main():
        a, b, mallory = Box("a"), Box("b"), Box("m")
        answer = await b.link.answer(await a.link.offer())
        forged = answer.replace(b.link.local_fingerprint, mallory.link.local_fingerprint)
        await a.link.accept(forged)
        await until(lambda: "failed" in a.states)
        assert "connected" not in a.states
        await asyncio.gather(a.link.close(), b.link.close(), mallory.link.close())

    run(main)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: "",
        lambda s: s[: len(s) // 2],
        lambda s: s.replace("127.0.0.1", "8.8.8.8"),
        lambda s: s.replace("a=rtcp-mux\r\n", ""),
        lambda s: s.replace("H264", "VP9").replace("VP8", "AV1"),
        lambda s: s.replace("a=setup:actpass", "a=setup:nonsense"),
        lambda s: s.replace("a=ssrc:", "a=ssrc:x"),
        lambda s: s.replace("a=fmtp:102 apt=101", "a=fmtp:102 apt=x"),
        lambda s: s.replace("a=extmap:1 ", "a=extmap:x "),
        lambda s: s.replace("m=video", "m=text"),
        lambda s: s.replace("sctp-port:5000", "sctp-port:?"),
    ],
)
def test_a_spoilt_offer_is_refused_and_nothing_is_left(spoil):
    async def main():
        a, b = Box("a"), Box("b")
        offer = await a.link.offer()
        assert spoil(offer) != offer
        with pytest.raises(RemoteProtocolError):
            await b.link.answer(spoil(offer))
        await asyncio.gather(a.link.close(), b.link.close())

    run(main)


def test_order_is_enforced():
    async def main():
        a, b = Box("a"), Box("b")
        with pytest.raises(LocalProtocolError):
            await a.link.accept("v=0")
        with pytest.raises(LocalProtocolError):
            _ = a.link.fingerprints
        with pytest.raises(LocalProtocolError):
            await a.link.add_candidate("candidate:1 1 udp 1 127.0.0.1 5000 typ host")
        await asyncio.gather(a.link.close(), b.link.close())

    run(main)


def test_candidates_may_come_after_a_description_that_is_not_complete():
    async def main():
        a, b = Box("a"), Box("b")
        offer = await a.link.offer()
        lines = offer.splitlines(keepends=True)
        candidate = next(x for x in lines if x.startswith("a=candidate")).strip()
        bare = "".join(x for x in lines if not x.startswith(("a=candidate", "a=end-of-candidates")))
        await a.link.accept(await b.link.answer(bare))
        with pytest.raises(RemoteProtocolError):
            await b.link.add_candidate(candidate.replace("127.0.0.1", "8.8.8.8"))
        assert await b.link.add_candidate(candidate)
        await until(lambda: "connected" in a.states and "connected" in b.states)
        assert not await a.link.add_candidate(candidate)  # b's answer said that it was complete
        await asyncio.gather(a.link.close(), b.link.close())

    run(main)


# --- the end ------------------------------------------------------------------------------------------


def test_the_other_end_is_told_of_a_close_at_once():
    async def main():
        async with linked() as (a, b):
            started = time.monotonic()
            await a.link.close()
            await until(lambda: b.states[-1] == "closed")
            assert time.monotonic() - started < limits.SILENT_AFTER
            assert a.states == ["connected", "closed"]

    run(main)


def test_close_is_idempotent_at_any_moment():
    async def main():
        fresh, offered, answered = Box("a"), Box("b"), Box("c")
        await answered.link.answer(await offered.link.offer())
        for box in (fresh, offered, answered):
            await asyncio.gather(box.link.close(), box.link.close())
            await box.link.close()
            assert box.link.state == "closed"
            box.link.open_media()
            assert box.link.send_control(b"x") is False
        a, b = Box("a"), Box("b")
        await a.link.accept(await b.link.answer(await a.link.offer()))
        await asyncio.sleep(0.01)  # ICE or DTLS is under way
        started = time.monotonic()
        await asyncio.gather(a.link.close(), b.link.close())
        assert time.monotonic() - started < 5 * limits.LINK_CLOSE_MAX

    run(main)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_fifty_links_opened_and_closed_leave_nothing():
    async def cycle() -> None:
        async with linked() as (a, b):
            watch(a)
            watch(b)
            a.camera.publish(Layer.M)
            await until(lambda: b.pictures)

    async def main():
        for _ in range(3):
            await cycle()
        gc.collect()
        await asyncio.sleep(0.05)
        before = (threading.active_count(), descriptors(), len(asyncio.all_tasks()))
        for _ in range(50):
            await cycle()
        gc.collect()
        await asyncio.sleep(0.05)
        assert (threading.active_count(), descriptors(), len(asyncio.all_tasks())) == before

    run(main)


def test_offer_to_first_picture_takes_at_most_150_ms():
    async def main():
        took = []
        for _ in range(7):
            a, b = Box("a"), Box("b")
            started = time.monotonic()
            await connect(a, b)
            watch(a)
            watch(b)
            a.camera.publish(Layer.M)
            await until(lambda b=b: b.pictures)
            took.append(time.monotonic() - started)
            await asyncio.gather(a.link.close(), b.link.close())
        assert statistics.median(took) <= 0.150

    run(main)
