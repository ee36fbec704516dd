"""The contract with aiortc and aioice: everything that media/aiortc_seam relies on.

A failure here means that a new version changed something private: read the seam again.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time

import pytest
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpTransport
from aiortc.rtp import (
    RTCP_RTPFB_NACK,
    RtcpRtpfbPacket,
    RtcpSrPacket,
)
from link_helpers import encoded, on_the_way, until

from appliance.core import h264, limits
from appliance.core.layers import Layer
from appliance.core.rtp import Packet, is_rtcp
from appliance.media import aiortc_seam as seam
from appliance.media.aiortc_seam import attach


class End:
    """One end of a bare connection: sends what is put into its queues, keeps what comes."""

    def __init__(self, hosts=("127.0.0.1",)) -> None:
        self.connection = seam.open_connection(hosts)
        self.video: list[Packet] = []
        self.audio: list[Packet] = []
        self.keyframes = 0
        self.messages: list[bytes] = []
        connection = self.connection
        self.video_in = seam.attach_receiver(connection, connection.video, lambda p, _: self.video.append(p))
        self.audio_in = seam.attach_receiver(connection, connection.audio, lambda p, _: self.audio.append(p))
        self.video_out = seam.attach_sender(connection, connection.video, self._keyframe)
        self.audio_out = seam.attach_sender(connection, connection.audio, lambda: None)
        self.connection.control.on("message", self.messages.append)

    def _keyframe(self) -> None:
        self.keyframes += 1

    @property
    def report(self):
        return self.video_out.feedback

    def show(self, payloads, timestamp=0):
        """Send a frame."""
        self.video_out.send(payloads, timestamp, time.monotonic_ns())

    def say(self, payload, timestamp, level):
        """Send a sound."""
        self.audio_out.send([payload], timestamp, time.monotonic_ns(), level)

    @property
    def transport(self):
        return self.connection.video.sender.transport


async def connected(prepare=lambda end: None) -> tuple[End, End]:
    a, b = End(), End()
    prepare(a)
    prepare(b)
    await a.connection.pc.setLocalDescription(await a.connection.pc.createOffer())
    await b.connection.pc.setRemoteDescription(a.connection.pc.localDescription)
    await b.connection.pc.setLocalDescription(await b.connection.pc.createAnswer())
    await a.connection.pc.setRemoteDescription(b.connection.pc.localDescription)
    await until(lambda: all(e.connection.control.readyState == "open" for e in (a, b)))
    streams = [s for e in (a, b) for s in (e.video_in, e.audio_in, e.video_out, e.audio_out)]
    await until(lambda: all(stream.started for stream in streams))
    return a, b


def pair(test):
    """Run a coroutine test with two connected ends, closed afterwards."""

    def run() -> None:
        async def main() -> None:
            a, b = await connected()
            try:
                await test(a, b)
            finally:
                await asyncio.gather(a.connection.close(), b.connection.close())

        asyncio.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


# --- names and signatures ---------------------------------------------------------------------------


def test_aiortc_has_nothing_of_its_own_that_rtp_or_rtcp_could_reach():
    async def run():
        a, b = await connected()
        b.show([b"\x41x"])
        await until(lambda: a.video and b.report.reports)
        for end in (a, b):
            router = end.transport._rtp_router
            assert (router.receivers, router.senders) == (set(), {})
            assert end.connection._ice._queue.qsize() == 0
        await asyncio.gather(a.connection.close(), b.connection.close())

    asyncio.run(run())


def test_what_is_taken_out_of_aiortcs_receiver_is_there():
    async def run():
        pc = RTCPeerConnection()
        theirs = pc.addTransceiver("video").receiver
        assert all(getattr(theirs, name) is not None for name in attach._UNUSED)
        await pc.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "is_async"),
    [
        (RTCRtpSender, "send", ["self", "parameters"], True),
        (RTCRtpSender, "stop", ["self"], True),
        (RTCRtpReceiver, "receive", ["self", "parameters"], True),
        (RTCRtpReceiver, "stop", ["self"], True),
        (RTCDtlsTransport, "_recv_next", ["self"], True),
        (RTCSctpTransport, "_receive_data_chunk", ["self", "chunk"], True),
        (RTCSctpTransport, "_data_channel_receive", ["self", "stream_id", "pp_id", "data"], True),
        (RTCSctpTransport, "_update_rto", ["self", "R"], False),
        (RTCSctpTransport, "_transmit", ["self"], True),
    ],
)
def test_what_the_seam_overrides_is_there_and_looks_as_it_did(owner, name, parameters, is_async):
    function = getattr(owner, name)
    assert list(inspect.signature(function).parameters) == parameters
    assert inspect.iscoroutinefunction(function) == is_async


def test_what_the_seam_reads_and_sets_exists():
    async def run():
        connection = seam.open_connection(["127.0.0.1"])
        ice = connection._ice
        assert {"_queue", "_nominated", "_protocols", "_remote_candidates_end"} <= vars(ice).keys()
        sctp = connection.pc.sctp
        assert {"_advertised_rwnd", "_rto", "_srtt", "_rttvar"} <= vars(sctp).keys()
        assert connection.audio.sender.transport is connection.video.sender.transport is sctp.transport
        assert connection.video.sender.transport.transport._recv.__self__ is ice
        dtls = connection.video.sender.transport
        assert {"_rx_srtp", "_tx_srtp", "_state"} <= vars(dtls).keys()
        assert {"_ssrc", "_rtx_ssrc"} <= vars(connection.video.sender).keys()
        assert "_bundled" in vars(connection.video)
        await connection.close()

    asyncio.run(run())


@pair
async def test_what_the_seam_needs_of_a_socket_exists(a, b):
    chosen = a.connection._ice._nominated[1]
    transport = chosen.protocol.transport
    assert chosen.remote_addr[0] == "127.0.0.1"
    assert transport.max_size == limits.DATAGRAM_MAX
    assert isinstance(transport._sock, socket.socket)
    assert transport._buffer_size == transport.get_write_buffer_size() == 0
    assert chosen.protocol.receiver is a.connection._ice
    assert chosen.protocol.local_candidate.component == 1


def test_nothing_is_sent_of_a_stream_that_was_not_negotiated():
    async def run():
        end = End()
        with pytest.raises(ConnectionError):
            end.show([b"\x41x"])
        assert end.video_out.packets == 0
        await end.connection.close()

    asyncio.run(run())


# --- packets ------------------------------------------------------------------------------------------


def test_a_split_frame_comes_together_again_and_fits_an_ethernet_frame():
    for number, (keyframe, data) in enumerate(encoded(Layer.M)[:10]):
        payloads = h264.split(data)
        assert max(map(len, payloads)) <= limits.PACKET_PAYLOAD
        units = [u for u in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if u]
        together, is_key = h264.depacketize(payloads)
        assert [u for u in together.split(b"\0\0\0\1") if u] == units
        assert is_key == keyframe == (number == 0)


# --- behaviour of a connection --------------------------------------------------------------------


@pair
async def test_payloads_arrive_unchanged_with_the_marker_on_the_last(a, b):
    a.show([b"\x41one", b"\x41two", b"\x41three"], 3000)
    await until(lambda: len(b.video) == 3)
    assert [p.payload for p in b.video] == [b"\x41one", b"\x41two", b"\x41three"]
    assert [p.marker for p in b.video] == [False, False, True]
    seqs = [p.sequence_number for p in b.video]
    assert [(s - seqs[0]) & 0xFFFF for s in seqs] == [0, 1, 2]
    assert len({p.timestamp for p in b.video}) == 1


@pair
async def test_timestamps_keep_their_distance(a, b):
    for timestamp in (0xFFFFFFF0, 0x10):
        a.show([b"\x41x"], timestamp)
    await until(lambda: len(b.video) == 2)
    assert (b.video[1].timestamp - b.video[0].timestamp) & 0xFFFFFFFF == 0x20


@pair
async def test_the_audio_level_is_on_the_wire(a, b):
    for level in (0, 42, 127):
        a.say(b"opus", level * 960, level)
    await until(lambda: len(b.audio) == 3)
    assert [p.level for p in b.audio] == [0, 42, 127]


@pair
async def test_a_pli_reaches_the_sender(a, b):
    a.show([b"\x41x"])
    await until(lambda: b.video)
    b.video_in.send_pli()
    await until(lambda: a.keyframes == 1)
    assert a.report.keyframe_requests == 1


@pair
async def test_a_nack_brings_the_packet_again_even_across_the_wrap(a, b):
    for number in range(4):
        a.show([b"\x41%d" % number], number * 3000)
    await until(lambda: len(b.video) == 4)
    first = b.video[0].sequence_number
    received = b.video_in.reception.received
    b.video_in.send_nack([(first + 1) & 0xFFFF, (first + 3) & 0xFFFF])
    await until(lambda: len(b.video) == 6)
    assert [p.payload for p in b.video[4:]] == [b"\x411", b"\x413"]
    assert b.video[4].repair
    assert b.video[4]._replace(repair=False) == b.video[1]
    assert b.video_in.reception.received == received  # repairs are not the original stream's
    b.video_in.send_nack([65535, 0])
    await until(lambda: a.report.nacked == 4)
    # A browser packs across the wrap: 65535 and the one after it.
    a.video_out._sequence_number = 65535
    a.show([b"\x41y", b"\x41z"], 90_000)
    await until(lambda: len(b.video) == 8)
    wrapped = RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, a.video_out._ssrc, [65535, 65536])
    a.video_out.take_rtcp(wrapped)
    await until(lambda: len(b.video) == 10)
    assert [p.payload for p in b.video[8:]] == [b"\x41y", b"\x41z"]


@pair
async def test_no_decoder_thread_is_started(a, b):
    a.show([b"\x41x"])
    await until(lambda: b.video)
    assert [t for t in threading.enumerate() if "decoder" in t.name] == []


@pair
async def test_receiver_reports_tell_the_loss(a, b):
    count = 0

    def every_fourth_is_lost(sealed, write):
        nonlocal count
        if not is_rtcp(sealed):
            count += 1
            if count % 4 == 0:
                return
        write(sealed)

    on_the_way(a.connection.path, every_fourth_is_lost)
    for number in range(200):
        a.show([b"\x41x"], number * 3000)
    await until(lambda: a.report.fraction_lost)
    assert a.report.fraction_lost == pytest.approx(0.25, abs=0.02)
    assert b.video_in.reception.lost == pytest.approx(50, abs=1)


@pair
async def test_sender_reports_map_timestamps_to_the_capture_clock(a, b):
    reports = []
    take = b.video_in.take_rtcp

    def take_rtcp(packet):
        reports.append(packet)
        take(packet)

    b.video_in.take_rtcp = take_rtcp
    captured = time.monotonic_ns() - 200_000_000  # a picture of some time ago
    a.video_out.send([b"\x41x"], 3000, captured)
    await until(lambda: [r for r in reports if isinstance(r, RtcpSrPacket) and r.sender_info.packet_count])
    info = next(r.sender_info for r in reports if isinstance(r, RtcpSrPacket) and r.sender_info.packet_count)
    since = ((info.rtp_timestamp - b.video[0].timestamp) & 0xFFFFFFFF) / 90_000
    assert since > 0.2  # it speaks of now, not of the picture
    assert info.ntp_timestamp / (1 << 32) - since == pytest.approx(captured / 1e9, abs=0.0001)


@pair
async def test_reports_measure_the_round_trip(a, b):
    a.show([b"\x41x"])
    await until(lambda: a.report.round_trip is not None)
    assert 0 <= a.report.round_trip < 0.1
    write = b.connection.path._write
    loop = asyncio.get_running_loop()
    b.connection.path._write = lambda data: loop.call_later(0.15, write, data)  # what b says comes late
    before = a.report.reports
    await until(lambda: a.report.reports > before + 1)
    assert 0.15 <= a.report.round_trip < 0.3


@pair
async def test_packets_of_other_streams_are_refused(a, b):
    a.show([b"\x41x"])
    await until(lambda: b.video)
    (kind, *_), repairs = b.video_in.payload_types, b.video_in.all_payload_types[-1]
    own, rtx = b.video[0].ssrc, b.video_in._rtx_ssrc
    for stranger in (
        Packet(kind, True, 5, 0, (own + 1) & 0xFFFFFFFF, b"\x41y"),
        Packet(repairs, True, 5, 0, rtx, b"\x00"),
        Packet(repairs, True, 5, 0, own, b"\x00\x05\x41y"),
        Packet(kind + 20, True, 5, 0, own, b"\x41y"),
    ):
        b.video_in.take(stranger, 0.0)
    assert len(b.video) == 1
    assert b.video_in.refused == 4


@pair
async def test_bad_datagrams_from_anybody_don_t_end_the_connection(a, b):
    pair_ = b.connection._ice._nominated[1]
    good_stun = bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("0024000200000000")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for data in (
            b"",
            b"\x00",
            good_stun,
            b"\x40" * 30,
            b"\x80",
            b"\x80" * 40,
            b"\x16",
            b"\xff" * 9,
            b"\x14" * 99,
        ):
            stranger.sendto(data, pair_.local_addr)
    a.show([b"\x41still here"])
    await until(lambda: b.video)
    assert b.connection.counts.bad_datagrams >= 3
    assert b.connection.pc.connectionState == "connected"


@pair
async def test_an_exception_in_our_own_sink_does_not_end_the_connection(a, b):
    def sink(packet, now):
        b.video.append(packet)
        if len(b.video) == 1:
            raise ZeroDivisionError

    b.video_in._sink = sink
    a.show([b"\x41x"])
    a.show([b"\x41y"])
    await until(lambda: len(b.video) == 2)
    assert b.connection.counts.failures == 1


@pair
async def test_the_other_side_can_open_no_channels(a, b):
    opened = []
    b.connection.pc.on("datachannel", opened.append)
    a.connection.pc.createDataChannel("more")
    a.connection.control.send(b"after")
    await until(lambda: b.messages == [b"after"])
    assert opened == []
    assert b.connection.counts.refused_chunks >= 1


@pair
async def test_a_message_larger_than_the_window_is_never_put_together(a, b):
    a.connection.pc.sctp._remote_max_message_size = 0
    a.connection.control.send(bytes(limits.SCTP_WINDOW_MAX * 4))
    await asyncio.sleep(0.3)
    kept = sum(len(c.user_data) for s in b.connection.pc.sctp._inbound_streams.values() for c in s.reassembly)
    assert kept <= limits.SCTP_WINDOW_MAX
    assert b.messages == []


def test_a_flight_of_the_handshake_that_is_lost_is_sent_again():
    lost = []

    def lose_every_first(end):
        ice = end.transport.transport._connection
        sendto = ice.sendto

        async def lossy(data, component):
            if data[0] in (20, 22):  # OpenSSL's own repetitions as well: their record numbers are new
                lost.append(data)
            else:
                await sendto(data, component)

        ice.sendto = lossy

    async def run():
        a, b = await connected(lose_every_first)
        assert len(lost) >= 4
        await asyncio.gather(a.connection.close(), b.connection.close())

    asyncio.run(run())


def test_a_handshake_that_loses_nothing_repeats_its_last_flight_only():
    sent = []

    def watch(end):
        ice = end.transport.transport._connection
        pick = ice.get_component_candidates  # the sockets are made there

        async def get(*arguments, **named):
            candidates = await pick(*arguments, **named)
            for protocol in ice._protocols:
                sendto = protocol.transport.sendto

                def told(data, address, sendto=sendto):
                    if data[0] in (20, 22):
                        sent.append(data)
                    sendto(data, address)

                protocol.transport.sendto = told
            return candidates

        ice.get_component_candidates = get

    async def run():
        a, b = await connected(watch)
        await asyncio.sleep(limits.DTLS_REPEAT_AFTER * (limits.DTLS_REPEATS + 1))
        assert sum(sent.count(data) > 1 for data in set(sent)) <= 1
        assert max(sent.count(data) for data in sent) <= 1 + limits.DTLS_REPEATS
        await asyncio.gather(a.connection.close(), b.connection.close())

    asyncio.run(run())


@pair
async def test_a_wall_clock_that_is_set_does_not_slow_repairs_down(a, b):
    a.connection.control.send(b"one")
    await until(lambda: b.messages == [b"one"])
    sctp = a.connection.pc.sctp
    before = sctp._srtt, sctp._rto
    for jump in (31e6, -31e6):  # what aiortc makes of a round trip during which the clock was set
        sctp._update_rto(jump)
    assert (sctp._srtt, sctp._rto) == before
    for _ in range(20):
        sctp._update_rto(limits.SCTP_RTT_MAX / 2)
    assert sctp._rto == limits.SCTP_RTO_MAX
    assert abs(sctp._get_timestamp() - time.monotonic()) < 5


@pair
async def test_sctp_repairs_at_the_pace_of_a_lan(a, b):
    a.connection.control.send(b"one")
    await until(lambda: b.messages == [b"one"])
    assert a.connection.pc.sctp._rto <= limits.SCTP_RTO_INITIAL
    send, dropped = a.transport.transport._send, []

    async def lose_one(data):
        if 20 <= data[0] <= 63 and not dropped:
            dropped.append(data)
            return
        await send(data)

    a.transport.transport._send = lose_one
    a.connection.control.send(b"two")
    await until(lambda: dropped)
    repair_at = a.connection.pc.sctp._t3_handle.when()
    assert repair_at - asyncio.get_running_loop().time() <= limits.SCTP_RTO_INITIAL
    await until(lambda: b.messages == [b"one", b"two"])


def test_close_awaits_stop_and_sending_afterwards_raises_connection_error():
    async def run():
        a, b = await connected()
        b.show([b"\x41x"])
        await until(lambda: a.video)
        reporting = a.connection.reports._timer
        await a.connection.close()
        assert reporting.cancelled()
        with pytest.raises(ConnectionError):
            a.show([b"\x41x"])
        with pytest.raises(ConnectionError):
            a.video_in.send_pli()
        await b.connection.close()

    asyncio.run(run())


def test_close_is_bounded_when_the_graceful_way_hangs():
    async def run():
        a, b = await connected()
        protocol = a.connection._ice._nominated[1].protocol

        async def never():
            await asyncio.Event().wait()

        protocol.close = never
        started = time.monotonic()
        await a.connection.close()
        assert time.monotonic() - started < 5 * limits.LINK_CLOSE_MAX
        assert protocol.transport.is_closing()
        await b.connection.close()

    asyncio.run(run())


def test_candidates_are_gathered_on_our_hosts_only_loopback_included():
    async def run():
        one, two = End(["127.0.0.1"]), End(["127.0.0.2", "127.0.0.3"])
        found = []
        for end in (one, two):
            pc = end.connection.pc
            await pc.setLocalDescription(await pc.createOffer())
            lines = [x for x in pc.localDescription.sdp.splitlines() if x.startswith("a=candidate")]
            found.append({x.split()[4] for x in lines})
            await end.connection.close()
        assert found == [{"127.0.0.1"}, {"127.0.0.2", "127.0.0.3"}]

    asyncio.run(run())


def test_the_queue_between_socket_and_dtls_is_bounded():
    async def run():
        connection = seam.open_connection(["127.0.0.1"])
        for number in range(limits.ICE_QUEUE_MAX + 10):
            connection._ice._queue.put_nowait((b"%d" % number, 1))
        assert connection._ice._queue.qsize() == limits.ICE_QUEUE_MAX
        assert connection._ice._queue.get_nowait() == (b"10", 1)
        await connection.close()

    asyncio.run(run())


def test_the_offer_names_h264_constrained_baseline_with_rtx_and_opus_and_no_server():
    async def run():
        end = End()
        pc = end.connection.pc
        offer = (await pc.createOffer()).sdp
        names = [x.split()[1] for x in offer.splitlines() if x.startswith("a=rtpmap:")]
        assert names == ["H264/90000", "rtx/90000", "VP8/90000", "rtx/90000", "opus/48000/2"]
        assert "packetization-mode=1;profile-level-id=42e01f" in offer
        assert end.connection._ice.stun_server is None
        assert end.connection._ice.turn_server is None
        await end.connection.close()

    asyncio.run(run())


def test_the_sections_of_an_offer_may_come_in_any_order():
    """aiortc would stop the transport that all share when the first section is not our own first."""

    async def run():
        b, pc = End(), RTCPeerConnection(RTCConfiguration(iceServers=[]))
        pc.createDataChannel("control", negotiated=True, id=0)
        pc.addTransceiver("audio")
        pc.addTransceiver("video")
        await pc.setLocalDescription(await pc.createOffer())
        offer = pc.localDescription.sdp
        assert offer.index("m=audio") < offer.index("m=video")
        await b.connection.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await b.connection.pc.setLocalDescription(await b.connection.pc.createAnswer())
        assert b.connection.pc.localDescription.sdp.count("127.0.0.1") >= 1
        await asyncio.gather(b.connection.close(), pc.close())

    asyncio.run(run())


def test_a_plain_aiortc_peer_understands_us():
    """What is on the wire is WebRTC: a peer without our seam negotiates and gets our packets."""

    async def run():
        a, pc = End(), RTCPeerConnection()
        await a.connection.pc.setLocalDescription(await a.connection.pc.createOffer())
        await pc.setRemoteDescription(RTCSessionDescription(a.connection.pc.localDescription.sdp, "offer"))
        answer = await pc.createAnswer()
        await pc.setLocalDescription(answer)
        await a.connection.pc.setRemoteDescription(pc.localDescription)
        await until(lambda: a.connection.pc.connectionState == "connected")
        track = next(t.receiver.track for t in pc.getTransceivers() if t.kind == "video")
        frames = encoded(Layer.L)
        for number, (_, data) in enumerate(frames[:3]):
            a.show(h264.split(data), number * 6000)
        frame = await asyncio.wait_for(track.recv(), 5)
        assert (frame.width, frame.height) == (320, 180)
        await asyncio.gather(a.connection.close(), pc.close())

    asyncio.run(run())
