"""Fuzz targets: everything that comes over a relay, inside a seal, or on a direct line."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import random
from collections import deque
from typing import Any

from fuzzing.target import MACHINE, Reader, Target, pieces

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as effects
from appliance.core.bind import Ends
from appliance.core.channel import SealedChannel, bind_mac
from appliance.core.door import Door
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import SendFrame
from appliance.core.identity import BoxIdentity, PeerKey
from appliance.core.keys import PairKeys, expand
from appliance.core.line import LineAnswerer, LineDialer
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer import Peer
from appliance.core.whereabouts import Me
from appliance.errors import RemoteProtocolError

NOW = 1000.0
ROOM, PASSWORD = 42, "471104"
KEYS = PairKeys(*(bytes([n]) * 32 for n in range(1, 6)))
LINE_KEYS = PairKeys(*(bytes([n]) * 32 for n in range(11, 16)))
BOXES = tuple(BoxIdentity(bytes([n]) * 32) for n in (1, 2))
STEPS_MAX = 24  # of one story: more is more of the same


def _decoded(decode: Any, data: bytes) -> Any:
    try:
        return decode(data)
    except RemoteProtocolError:
        return None


# --- the codec --------------------------------------------------------------------------------------


def outer(data: bytes) -> None:
    """A relay's text frame; what is read can be written, and reads the same."""
    for text in (data, data.decode("utf-8", "replace")):
        message = _decoded(m.decode_outer, text)  # type: ignore[arg-type]
        if message is not None:
            assert m.decode_outer(m.encode_outer(message)) == message


def sealed(data: bytes) -> None:
    """The plaintext of a seal, of somebody who knows the password."""
    message = _decoded(m.decode_sealed, data)
    if message is None:
        return
    assert m.decode_sealed(m.encode_sealed(message)) == message
    if isinstance(message, m.Door):
        with contextlib.suppress(RemoteProtocolError):
            message.verify(ROOM)
        door = Door(ROOM, "00" * 16, 10.0, BOXES[0], "Bridge", NOW)
        with contextlib.suppress(RemoteProtocolError):
            door.heard(message, NOW)


def control(data: bytes) -> None:
    """A message on the data channel."""
    message = _decoded(m.decode_control, data)
    if message is not None:
        assert m.decode_control(m.encode_control(message)) == message


def _frames() -> list[bytes]:
    story = _Story(b"")
    for _ in range(4):
        story.exchange()
    return [text.encode() for text in story.said]


def _sealed_messages() -> list[bytes]:
    one = BOXES[0]
    return [
        m.encode_sealed(message)
        for message in (
            m.Identity.signed(one, "Bridge", "A", KEYS.transcript, ("192.168.1.7", "fd00::1"), 8787),
            m.Roster(peers=["00" * 16, "ff" * 16]),
            m.Door.signed(one, "Bridge", ROOM, bytes(16), 1, True, 600_000),
            m.Door.signed(one, "Bridge", ROOM, bytes(16), 2, False, 0),
            m.Offer(generation=1, sdp="v=0\r\n"),
            m.Answer(generation=1, sdp="v=0\r\n"),
            m.Candidate(generation=1, candidate="candidate:1 1 udp 1 10.0.0.1 9 typ host", mid="0"),
            m.Leaving(),
            m.Guesses(wrong=[("00" * 8, 0), ("ff" * 8, 60_000)]),
            m.Addresses(addresses=("10.0.0.1",), port=8787),
            _introduce(m.Introduce),
            _introduce(m.IntroduceReply),
            m.IntroduceConfirm(sender="00" * 16, to="ff" * 16, confirm=bytes(32)),
        )
    ]


def _introduce(kind: type[m.Introduce] | type[m.IntroduceReply]) -> m.Introduction:
    keys = {"epk": bytes(32), "key": bytes(32), "share": bytes(32), "sig": bytes(64), "signature": bytes(64)}
    return kind(sender="00" * 16, to="ff" * 16, name="Galley", addresses=("10.0.0.1",), port=1, **keys)


def _control_messages() -> list[bytes]:
    return [
        m.encode_control(message)
        for message in (
            m.Bind(mac=bytes(32)),
            m.Heartbeat(seq=1, echo=0, held_ms=0),
            m.Constraints(max_height=360, max_fps=30, visible=True),
            m.MediaState(muted=True, camera_on=False),
            m.SameRoom(),
            m.Links(
                links=[
                    m.Link(peer="00" * 16, name="A", state="live", quality=3, loss_pm=0, rtt_ms=2, layer="M")
                ]
            ),
            m.Leaving(),
        )
    ]


# --- the handshakes -----------------------------------------------------------------------------------


class _Story:
    """One box, another one that knows the password or does not, and whoever else is on the relay."""

    def __init__(self, data: bytes) -> None:
        self.read = Reader(data)
        knows = not self.read.u8() & 1
        self.now = NOW
        self.box = Handshakes(ROOM, PASSWORD, NOW, random.Random(1).randbytes)
        self.keys = random.Random(2).randbytes
        self.attacker = PeerKey.generate(random.Random(2).randbytes)  # the other one's: it can sign
        self.other = Handshakes(ROOM, PASSWORD if knows else "471105", NOW, self.keys)
        self.said = deque([self.box.hello(), self.other.hello()], maxlen=32)

    def exchange(self) -> None:
        """Each of the two hears what was said last, and answers."""
        for text in list(self.said)[-4:]:
            for side in (self.box, self.other):
                self._hear(side, text)

    def _hear(self, side: Handshakes, text: str) -> None:
        for effect in side.receive("relay", "10.0.0.9", text, self.now):
            if isinstance(effect, SendFrame):
                self.said.append(effect.text)

    def step(self) -> None:
        what = self.read.u8()
        match what % 8:
            case 0:
                self._hear(self.box, self.read.piece().decode("utf-8", "replace"))
            case 1:
                self._hear(self.box, self.said[self.read.u8() % len(self.said)])
            case 2:
                self._hear(self.other, self.said[self.read.u8() % len(self.said)])
            case 3:
                self._hear(self.box, self._altered())
            case 4:
                self.now += self.read.u8() / 16
                for effect in self.box.tick(self.now):
                    if isinstance(effect, SendFrame):
                        self.said.append(effect.text)
                assert self.box.deadline() is None or self.box.deadline() > self.now  # type: ignore[operator]
            case 5:
                (self.box, self.other)[self.read.u8() & 1].renew(self.now)
                self.said += [self.box.hello(), self.other.hello()]
            case 6:
                self.box.introduce([self.other.peer_id], self.now)
            case 7:
                self.box.forget(self.other.peer_id)

    def _altered(self) -> str:
        """Something that was said, with a field changed and signed anew by the one who said it."""
        fields = json.loads(self.said[self.read.u8() % len(self.said)])
        names = sorted(fields)
        name = names[self.read.u8() % len(names)]
        value = self.read.piece()
        old = fields[name]
        if isinstance(old, int):
            fields[name] = int.from_bytes(value[:2], "big")
        elif name in ("from", "to", "type", "code"):
            fields[name] = value.decode("utf-8", "replace")
        else:
            whole = bytearray(base64.b64decode(old))
            whole[: len(value)] = value[: len(whole)]
            fields[name] = base64.b64encode(whole).decode()
        text = json.dumps(fields, separators=(",", ":"))
        return self._signed(text) or text

    def _signed(self, text: str) -> str | None:
        """By the other one's key, where that is the frame's sender."""
        message = _decoded(m.decode_outer, text.encode())
        key, hello = self.attacker, json.loads(self.box.hello())
        if isinstance(message, m.Hello):
            return _resigned(text, key.sign(message.stated))
        if isinstance(message, m.Challenge):
            stated = m.decode_outer(json.dumps(hello)).stated  # type: ignore[union-attr]
            return _resigned(text, key.sign(message.stated(stated)))
        return None


def _resigned(text: str, signature: bytes) -> str:
    return json.dumps({**json.loads(text), "sig": base64.b64encode(signature).decode()})


def handshakes(data: bytes) -> None:
    """Frames in any order, genuine, altered and signed anew, made up, with time passing in between."""
    story = _Story(data)
    for _ in range(STEPS_MAX):
        if not story.read:
            break
        story.step()


def _stories() -> list[bytes]:
    genuine = [(kind, n) for n in range(8) for kind in (1, 2)]
    whole = bytes((0, *(number for step in genuine for number in step)))
    altered = b"".join(
        bytes((0, 1, 1, 2, 0, 2, 2, 3, said, field)) + pieces(b"\x00\x01")
        for said in range(4)
        for field in range(3)
    )
    return [whole, b"\x01" + whole[1:], altered, bytes((0, 5, 0, 4, 40, 1, 1, 6, 7, 4, 255))]


# --- a proven peer ------------------------------------------------------------------------------------


class _PeerStory:
    """One link machine, bound and live, and an insider who holds every key of the pair."""

    def __init__(self, data: bytes) -> None:
        self.read = Reader(data)
        first = self.read.u8()
        role, theirs = ("A", "B") if first & 1 else ("B", "A")
        mine, other = BOXES if first & 2 else BOXES[::-1]
        me = Me(mine, "Bridge", "00" * 16, ("10.0.0.1",), 8787)
        self.now = NOW
        self.peer = Peer(
            me, "ff" * 16, role, SealedChannel.of_pair(KEYS, role, NOW), KEYS.transcript, KEYS.bind, NOW
        )
        self.relay = SealedChannel.of_pair(KEYS, theirs, NOW)
        self.line = SealedChannel.of_pair(LINE_KEYS, theirs, NOW)
        self.peer.start()
        if first & 4:
            return  # it has not even said who it is
        self.say(m.Identity.signed(other, "Galley", theirs, KEYS.transcript, ("10.0.0.2",), 8787))
        self.peer.line_up(SealedChannel.of_pair(LINE_KEYS, role, NOW), NOW)
        if first & 8:
            return  # no connection yet
        generation = 1
        if self.peer.leads:
            self.peer.offer_made(generation, "v=0")
        else:
            self.say(m.Offer(generation=generation, sdp="v=0"), on_line=True)
            self.peer.answer_made(generation, "v=0")
        ours, ends = Ends("AA:" * 31 + "AA", "aaaa"), Ends("BB:" * 31 + "BB", "bbbb")
        self.peer.link_connected(generation, ours, ends, NOW)
        mac = bind_mac(
            KEYS.bind, theirs, generation, (ends.fingerprint, ours.fingerprint), (ends.ufrag, ours.ufrag)
        )
        self.peer.control_message(generation, m.encode_control(m.Bind(mac=mac)), NOW)
        assert self.peer.bound == generation

    def say(self, message: m.Sealed, *, on_line: bool = False) -> None:
        self._give(m.encode_sealed(message), on_line)

    def _give(self, plaintext: bytes, on_line: bool) -> list[effects.Effect]:
        plaintext = plaintext[: limits.SEALED_MAX_BYTES]
        if on_line:
            return self.peer.line_frame(self.line.seal(plaintext), self.now)
        return self.peer.relay_frame(self.relay.seal(plaintext), self.now)

    def step(self) -> None:
        what = self.read.u8()
        match what % 6:
            case 0 | 1:
                self._give(self.read.piece(), on_line=bool(what & 1))
            case 2:
                self.peer.control_message(self.read.u8() % 3, self.read.piece(), self.now)
            case 3:
                self.now += self.read.u8() / 8
                self.peer.tick(self.now)
            case 4:
                frame = self.read.piece()
                self.peer.relay_frame(frame, self.now)
                self.peer.line_frame(frame, self.now)
            case 5:
                self.peer.line_lost(bool(self.read.u8() & 1), self.now)


def peer(data: bytes) -> None:
    """What a member sends who knows every key: sealed messages, control messages, garbage, silence."""
    story = _PeerStory(data)
    for _ in range(STEPS_MAX):
        if not story.read:
            break
        story.step()


def _peer_stories() -> list[bytes]:
    sealed_steps = b"".join(pieces(1, message) for message in _sealed_messages())
    control_steps = b"".join(bytes((2, 1)) + pieces(message) for message in _control_messages())
    return [bytes((first,)) + steps for first in (0, 1, 3, 5, 9) for steps in (sealed_steps, control_steps)]


# --- the direct line ----------------------------------------------------------------------------------


def line(data: bytes) -> None:
    """A line's handshake, any of its frames altered, cut or repeated, its first MAC set right."""
    read = Reader(data)
    sides = []
    for mine, other, role in ((BOXES[0], BOXES[1], "A"), (BOXES[1], BOXES[0], "B")):
        secrets = LineSecrets()
        secrets.remember("pair", role, KEYS.resume, other.public_key, NOW)
        sides.append((secrets, mine))
    (secrets_a, box_a), (secrets_b, box_b) = sides
    (secret,) = secrets_a.candidates("pair", NOW)
    dialer = LineDialer(secrets_a, "pair", secret, box_a, random.Random(3).randbytes)
    answerer = LineAnswerer(secrets_b, box_b, random.Random(4).randbytes)
    queue = deque([(answerer, dialer.start())])
    for _ in range(STEPS_MAX):
        if not queue:
            break
        receiver, frame = queue.popleft()
        what = read.u8()
        if what & 1:
            at, put = read.u8(), read.piece()
            frame = frame[:at] + put + frame[at + len(put) :]
        if what & 2:
            frame = frame[: read.u8()]
        if what & 4 and frame[:1] == b"\x01" and len(frame) > 32:
            frame = frame[:-32] + hmac.digest(expand(KEYS.resume, b"line R1"), frame[:-32], "sha256")
        try:
            answers = receiver.receive(frame, NOW)
        except RemoteProtocolError:
            continue
        back = dialer if receiver is answerer else answerer
        queue += [(back, answer) for answer in answers]
        if what & 8:
            queue.append((receiver, frame))


def _line_stories() -> list[bytes]:
    return [
        bytes(12),
        bytes((5, 20)) + pieces(bytes(32)) + bytes(8),
        bytes((0, 1, 40)) + pieces(bytes(32)),
        bytes((8,) * 8),
        bytes((2, 112, 0, 2, 96)),
    ]


_NAMES = """
"type":" "v":1 "room": "epk":" "nonce":" "sig":" "to":" "from":" "y":" "x":" "confirm":" "code":" "payload":"
"key":" "name":" "addresses":[ "peers":[ "sdp":" "generation": "meeting":" "counter": "open":true "mac":"
"seq": "remainingMs": null true { [ \\u0000 \\ud800 1e999 -0 18446744073709551616 \u202e
"""
_JSON_WORDS = tuple(_NAMES.encode().split())

TARGETS = (
    Target("outer", outer, _frames, _JSON_WORDS, limit=limits.RELAY_MESSAGE_MAX),
    Target("sealed", sealed, _sealed_messages, _JSON_WORDS, limit=limits.SEALED_MAX_BYTES),
    Target("control", control, _control_messages, _JSON_WORDS, limit=limits.CONTROL_MAX_BYTES),
    Target("handshakes", handshakes, _stories, _JSON_WORDS, max_bytes=512, weight=MACHINE),
    Target("peer", peer, _peer_stories, _JSON_WORDS, weight=MACHINE),
    Target("line", line, _line_stories, max_bytes=256, weight=MACHINE),
)
