"""Fuzz targets: RTP and RTCP, frame assembly, jitter buffer, Opus, and descriptions of connections.

Packets are as they come out of SRTP, so of somebody who knows the password.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
    RTCRtpSendParameters,
)
from aiortc.rtcrtpparameters import RTCRtpDecodingParameters as Decoding
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from fuzzing.target import MACHINE, Reader, Target, pieces

from appliance.core import h264, limits, parameter_sets, rtp, vp8
from appliance.core.assembly import FrameAssembler
from appliance.core.jitter import JitterBuffer
from appliance.core.layers import Codec
from appliance.core.sdp import check_candidate, check_remote, lan_address, only_sha256, without_foreign
from appliance.errors import RemoteProtocolError
from appliance.media.aiortc_seam import SeamCounts, SrtpPath
from appliance.media.audio.opus import Decoder, Encoder
from appliance.media.rtp_receiver import PacketReceiver
from appliance.media.rtp_sender import LEVEL_URI, PacketSender

H264, RTX, VP8 = 102, 103, 97
SSRC, RTX_SSRC, OURS, OURS_RTX = 1000, 1001, 2000, 2001
LEVEL_ID = 3
PACKETS_MAX = 400  # of one story
STAP = bytes((24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE))


class _Clear:
    """An SRTP session of somebody who holds the keys: it takes what it is given."""

    def unprotect(self, data: bytes) -> bytes:
        return data

    def protect(self, data: bytes) -> bytes:
        return data

    unprotect_rtcp, protect_rtcp = unprotect, protect


class _Media:
    """The path of one connection with everything that takes its packets."""

    def __init__(self) -> None:
        self.counts = SeamCounts()
        pair = SimpleNamespace(
            protocol=SimpleNamespace(
                transport=SimpleNamespace(
                    _buffer_size=0,
                    _sock=SimpleNamespace(sendmsg=lambda *_: 0),
                    sendto=lambda data, address: None,
                )
            ),
            remote_addr=("10.0.0.2", 5000),
        )
        ice = SimpleNamespace(_nominated={1: pair})
        session = _Clear()
        transport: Any = SimpleNamespace(
            _rx_srtp=session,
            _tx_srtp=session,
            _state=State.CONNECTED,
            transport=SimpleNamespace(_connection=ice),
        )
        self.path = SrtpPath(transport, self.counts)
        self.assembler = FrameAssembler()
        codecs = [
            RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=H264),
            RTCRtpCodecParameters(
                mimeType="video/rtx", clockRate=90_000, payloadType=RTX, parameters={"apt": H264}
            ),
            RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=VP8),
        ]
        extensions = [RTCRtpHeaderExtensionParameters(id=LEVEL_ID, uri=LEVEL_URI)]
        self.receiver = PacketReceiver(self.path, "video", OURS, self._packet)
        encoding = Decoding(ssrc=SSRC, payloadType=H264, rtx=RTCRtpRtxParameters(ssrc=RTX_SSRC))
        self.receiver.start(
            RTCRtpReceiveParameters(codecs=codecs, headerExtensions=extensions, encodings=[encoding])
        )
        self.sender = PacketSender(self.path, OURS, OURS_RTX, lambda: None)
        self.sender.start(RTCRtpSendParameters(codecs=codecs, headerExtensions=extensions, muxId="0"))
        self.path.add_receiver(self.receiver)
        self.path.add_sender(self.sender)

    def _packet(self, packet: rtp.Packet, now: float) -> None:
        codec = Codec.VP8 if packet.payload_type == VP8 else Codec.H264
        self.assembler.push(packet, now, codec)

    def check(self) -> None:
        """Whatever came, our own code did not fail on it, and no queue is over its bound."""
        if self.counts.failures:
            raise AssertionError("a packet could not be handled")
        for name, (waiting, bound) in self.assembler.queues().items():
            assert waiting <= bound, name


def packets(data: bytes) -> None:
    """RTP packets through the seam into frame assembly, whole or put together from fields, over time."""
    read, media, now = Reader(data), _Media(), 100.0
    for _ in range(PACKETS_MAX):
        if not read:
            break
        what = read.u8()
        if what < 64:
            packet = read.piece()
        else:
            kind = (H264, RTX, VP8, 111)[what & 3]
            ssrc = RTX_SSRC if kind == RTX else SSRC
            stamp = (read.u8() * 3000 << (what >> 4 & 1) * 16) & 0xFFFFFFFF
            packet = rtp.serialize(kind, bool(what & 4), read.u16(), stamp, ssrc, read.piece())
        media.path.receive(packet, now)
        if what & 8:
            now += read.u8() / 200
            for _frame in media.assembler.expire(now):
                pass
            media.assembler.nacks(now)
            media.assembler.keyframe_due(now)
            media.assembler.deadline()
    media.check()


def _packet_stories() -> list[bytes]:
    frame = [STAP, bytes((0x7C, 0x85)) + bytes(40), bytes((0x7C, 0x45)) + bytes(20)]
    good = b"".join(
        pieces(68 if n == len(frame) - 1 else 64, 1, 0, n, payload) for n, payload in enumerate(frame)
    )
    later = b"".join(pieces(76, n, 0, n + 2, b"\x41" + bytes(30), 3) for n in range(2, 12))
    lost = b"".join(pieces(76, n, 0, n * 2 + 2, b"\x41" + bytes(30), 20) for n in range(2, 12))
    vp8_frame = pieces(70, 1, 0, 0, b"\x10" + bytes((0x10, 0, 0, 0x9D, 1, 0x2A)) + bytes(20))
    raw = rtp.serialize(H264, True, 7, 9, SSRC, STAP, rtp.extensions((LEVEL_ID, b"\x7f")))
    repair = rtp.serialize(RTX, True, 4, 9, RTX_SSRC, rtp.repair(7, STAP))
    return [good + later, good + lost, vp8_frame, pieces(0, raw, 0, repair), good[:60]]


def reports(data: bytes) -> None:
    """RTCP through the seam, by aiortc's parser, to a sender that has packets and to a receiver."""
    media = _Media()
    for n in range(8):
        media.sender.send([bytes(30)] * 3, n * 3000, n * 33_000_000)
    media.path.receive(rtp.serialize(H264, True, 1, 1, SSRC, STAP), 1.0)
    media.path.receive_rtcp(data)
    media.receiver.report()
    media.receiver.clock.captured(12345)
    media.check()


def _reports() -> list[bytes]:
    block = RtcpReceiverInfo(OURS, 12, 3, 70_000, 9, 1 << 20, 77)
    info = RtcpSenderInfo(1 << 40, 90_000, 5, 600)
    made = [
        RtcpSrPacket(SSRC, info, [block]),
        RtcpRrPacket(SSRC, [block, block]),
        RtcpSdesPacket([RtcpSourceInfo(SSRC, [(1, b"name")])]),
        RtcpByePacket([SSRC]),
        RtcpRtpfbPacket(1, SSRC, OURS, [1, 2, 9, 65535]),
        RtcpPsfbPacket(1, SSRC, OURS),
    ]
    return [*(bytes(packet) for packet in made), b"".join(bytes(packet) for packet in made)]


def payloads(data: bytes) -> None:
    """Payloads of one frame: H.264 and VP8, and the parameter sets in what they make."""
    read, some = Reader(data), []
    while read and len(some) < PACKETS_MAX:
        some.append(read.piece())
    for payload in some:
        h264.starts_keyframe(payload)
        vp8.starts_keyframe(payload)
    for depacketize in (h264.depacketize, vp8.depacketize):
        with contextlib.suppress(ValueError):
            frame, _ = depacketize(some)
            with contextlib.suppress(ValueError):
                parameter_sets.ParameterSets().complete(frame)


def _payloads() -> list[bytes]:
    fragments = (bytes((0x7C, 0x85, 1, 2)), bytes((0x7C, 0x05, 3)), bytes((0x7C, 0x45, 4)))
    return [
        pieces(STAP, *fragments),
        pieces(b"\x67\x42\x00", b"\x68\xce", b"\x65\x88\x84"),
        pieces(b"\x10\x10\x00\x00\x9d\x01\x2a" + bytes(9), b"\x00" + bytes(9)),
        pieces(bytes((0x90, 0xF0, 0x81, 2, 3, 4, 0x11)), b"\x80\x00\x01"),
    ]


def sound(data: bytes) -> None:
    """Packets of a voice into the jitter buffer at any time, in any order; pulled as they are played."""
    read, buffer, now = Reader(data), JitterBuffer(), 100.0
    for _ in range(PACKETS_MAX):
        if not read:
            break
        what = read.u8()
        number, stamp = read.u16(), read.u8()
        if what & 64:
            buffer.push(number, number * 960 + stamp, b"\x08" * (what & 3), now, quiet=bool(what & 8))
        else:
            wide = (number << 16 | stamp << 8) & 0xFFFFFFFF
            buffer.push(number, wide, bytes(what & 3), now, quiet=bool(what & 8))
        now += (what >> 4 & 3) / 50 if what < 250 else 3.0
        if what & 4:
            buffer.pull(now)
        assert buffer.held <= limits.JITTER_PACKETS_MAX
    assert buffer.lost >= 0


def _voices() -> list[bytes]:
    steady = b"".join(bytes((0x56, n >> 8, n & 255, 0)) for n in range(60))
    gaps = b"".join(bytes((0x56, 0, n * 3 & 255, n)) for n in range(40))
    return [steady, gaps, steady[::-1][:160], bytes((251, 0, 1, 0)) + steady[:40]]


_OPUS: list[tuple[Decoder, bytes]] = []


def opus(data: bytes) -> None:
    """Any bytes as Opus packets: a frame comes out of every one."""
    if not _OPUS:
        fresh = Decoder()
        _OPUS.append((fresh, fresh.save()))
    decoder, state = _OPUS[0]
    decoder.restore(state)
    read = Reader(data)
    for _ in range(4):
        packet = read.piece()[: limits.OPUS_PACKET_MAX]
        for frame in (decoder.recover(packet), decoder.decode(packet)):
            assert len(frame) == limits.SOUND_FRAME
        if not read:
            break


def _opus_packets() -> list[bytes]:
    import numpy as np

    encoder = Encoder()
    tone = (8000 * np.sin(np.arange(limits.SOUND_FRAME * 4) / 20)).astype(np.int16)
    frames = [encoder.encode(tone[n * 960 : (n + 1) * 960].copy()) for n in range(4)]
    return [pieces(*frames), pieces(b"\x08"), pieces(b"", frames[1]), pieces(frames[0][:9])]


def sdp(data: bytes) -> None:
    """A description as it comes out of the seal: read or refused."""
    text = data.decode("utf-8", "replace")[: limits.SDP_MAX_BYTES]
    only_sha256(text)
    for one in (text, without_foreign(text, allowed=lan_address)):
        with contextlib.suppress(RemoteProtocolError):
            facts = check_remote(one, allowed=lan_address, used_fingerprints=())
            assert len(facts.candidates) <= limits.CANDIDATES_MAX
    with contextlib.suppress(RemoteProtocolError):
        check_candidate(text, allowed=lan_address)


def _descriptions() -> list[bytes]:
    candidate = "1 1 udp 2130706431 192.168.1.7 50000 typ host"
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    for kind in ("video", "audio", "application"):
        lines += [f"m={kind} 50000 UDP/TLS/RTP/SAVPF 101", f"a=candidate:{candidate}"]
        lines += ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=ice-ufrag:abcd"]
        lines += ["a=ice-pwd:" + "p" * 22, "a=setup:actpass", "a=end-of-candidates"]
    whole = "\r\n".join(lines) + "\r\n"
    return [whole.encode(), candidate.encode(), whole.replace("192.168.1.7", "fe80::1%eth0").encode()]


_LINES = """
a=candidate: a=fingerprint:sha-256 a=ice-ufrag: a=ice-pwd: m=video m=audio typ host udp tcp ::1 fe80::1%1
8.8.8.8 255.255.255.255 x.local \u0661
"""
_SDP_WORDS = (*_LINES.encode().split(), b"\r\n", b"\n")

TARGETS = (
    Target("packets", packets, _packet_stories, weight=MACHINE),
    Target("reports", reports, _reports, max_bytes=1500, weight=MACHINE),
    Target("payloads", payloads, _payloads),
    Target("sound", sound, _voices, max_bytes=1600, weight=MACHINE),
    Target("opus", opus, _opus_packets, max_bytes=1024),
    Target("sdp", sdp, _descriptions, _SDP_WORDS, limit=limits.SDP_MAX_BYTES),
)
