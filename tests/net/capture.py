"""Everything that went over a test's LAN, as Wireshark would have it: recorded by tcpdump, read here.

::

    with Capture(lan, tmp_path / "call.pcap") as capture:
        ...
    for flow in capture.flows():            # every TCP stream, both ways, in order
        ...

Only what the tests need of pcap, Ethernet, IPv4, TCP (RFC 9293) and WebSocket (RFC 6455).
"""

from __future__ import annotations

import itertools
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from net.namespaces import Lan

STOP_WITHIN = 5.0
Address = tuple[str, int]

_PCAP = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_MAGIC = 0xA1B2C3D4
_TCP, _UDP = 6, 17


@dataclass(frozen=True)
class Packet:
    """One IPv4 packet with TCP or UDP in it."""

    protocol: int
    source: Address
    target: Address
    sequence: int  # of TCP
    payload: bytes


@dataclass
class Flow:
    """One direction of one TCP connection: what was said, in order."""

    source: Address
    target: Address
    data: bytes = b""
    texts: list[str] = field(default_factory=list)
    """Its WebSocket's text messages."""
    binaries: list[bytes] = field(default_factory=list)
    """And its binary ones."""


class Capture:
    """Records every frame on the switch of a LAN from ``with`` to its end."""

    def __init__(self, lan: Lan, file: Path) -> None:
        self._lan = lan
        self._file = file

    def __enter__(self) -> Capture:
        self._process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self._lan.name, "tcpdump", "-i", "br0", "-s", "0", "-U"),
                *("-B", "16384", "-w", str(self._file), "--immediate-mode"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STOP_WITHIN
        while not (self._file.exists() and self._file.stat().st_size >= _PCAP.size):
            if time.monotonic() > deadline:
                raise AssertionError("tcpdump does not record")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def raw(self) -> bytes:
        """The whole file."""
        return self._file.read_bytes()

    def packets(self) -> Iterator[Packet]:
        """Every TCP and UDP packet, in the order in which it passed."""
        data = self.raw
        magic, *_, link = _PCAP.unpack_from(data)
        assert (magic, link) == (_MAGIC, 1), "not what tcpdump writes of an Ethernet"
        at = _PCAP.size
        while at + _RECORD.size <= len(data):
            _, _, size, _ = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            packet = _packet(data[at : at + size])
            at += size
            if packet is not None:
                yield packet

    def datagrams(self) -> list[Packet]:
        """Every UDP packet but those of mDNS."""
        return [p for p in self.packets() if p.protocol == _UDP and 5353 not in (p.source[1], p.target[1])]

    def flows(self) -> list[Flow]:
        """Every direction of every TCP connection, with the messages of its WebSocket if it is one."""
        pieces: dict[tuple[Address, Address], dict[int, bytes]] = {}
        for packet in self.packets():
            if packet.protocol == _TCP and packet.payload:
                stream = pieces.setdefault((packet.source, packet.target), {})
                stream[packet.sequence] = max(stream.get(packet.sequence, b""), packet.payload, key=len)
        flows = []
        for (source, target), stream in pieces.items():
            flow = Flow(source, target, _joined(stream))
            _read_websocket(flow)
            flows.append(flow)
        return flows


def _packet(frame: bytes) -> Packet | None:
    if frame[12:14] != b"\x08\x00" or len(frame) < 34:
        return None
    start = 14 + 4 * (frame[14] & 0x0F)
    end = 14 + int.from_bytes(frame[16:18], "big")
    protocol = frame[23]
    if protocol not in (_TCP, _UDP) or frame[20] & 0x1F or frame[21]:
        return None  # what was fragmented is nothing of a box
    source, target = (".".join(map(str, frame[at : at + 4])) for at in (26, 30))
    ports = struct.unpack_from(">HH", frame, start)
    sequence, header = 0, 8
    if protocol == _TCP:
        sequence = int.from_bytes(frame[start + 4 : start + 8], "big")
        header = 4 * (frame[start + 12] >> 4)
    return Packet(protocol, (source, ports[0]), (target, ports[1]), sequence, frame[start + header : end])


def _joined(stream: dict[int, bytes]) -> bytes:
    """The bytes in the order of their sequence numbers; a stream here is far shorter than a wrap."""
    first = next(iter(stream))
    data, reached = [], None
    for offset, payload in sorted(((seq - first) & 0xFFFFFFFF, payload) for seq, payload in stream.items()):
        new = payload if reached is None else payload[max(0, reached - offset) :]
        data.append(new)
        reached = max(reached or 0, offset + len(payload))
    return b"".join(data)


def _read_websocket(flow: Flow) -> None:
    head, found, data = flow.data.partition(b"\r\n\r\n")
    if not found or b"websocket" not in head.lower():
        return
    message, kind, at = b"", 0, 0
    while at + 2 <= len(data):
        first, length = data[at], data[at + 1] & 0x7F
        masked = bool(data[at + 1] & 0x80)
        at += 2
        extra = {126: 2, 127: 8}.get(length, 0)
        if extra:
            length = int.from_bytes(data[at : at + extra], "big")
            at += extra
        mask = data[at : at + 4] if masked else b""
        at += len(mask)
        payload = data[at : at + length]
        at += length
        if masked:
            payload = bytes(byte ^ key for byte, key in zip(payload, itertools.cycle(mask), strict=False))
        opcode = first & 0x0F
        if opcode > 2:
            continue  # ping, pong, close
        kind = opcode or kind
        message += payload
        if first & 0x80:
            if kind == 1:
                flow.texts.append(message.decode())
            else:
                flow.binaries.append(message)
            message = b""
