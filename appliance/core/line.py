"""The direct sealed line between two boxes that met: its own short handshake.

A pair that proved the password has a *resume secret*. One box dials the other's server at ``/line``
and both show that they hold the secret, without the password and while the door is closed:

    dialer                                                    answerer
      R1  id, nonce, X25519 share, MAC              ------>
                                                    <------   R2  nonce, X25519 share, MAC
      R3  MAC                                       ------>
      S1  identity, sealed under the new keys       ------>
                                                    <------   S2  identity, sealed
      sealed frames                                 <----->   sealed frames

* The id is derived from the secret and from who dials, so nobody else can link it to a box, and a
  message sent back to its sender opens nothing.
* New keys come from the transcript, the secret *and* the Diffie-Hellman: whoever steals the secret
  later can't read the line.
* The secret ratchets with every line. The one before it is kept until the first frame under the new
  one was opened, so that a line that breaks in the middle of this can be dialed again.
* Wrong MACs and unknown ids never cost a guess of the password; ``LineGate`` slows them down.
"""

from __future__ import annotations

import enum
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from appliance.core import limits
from appliance.core.channel import SealedChannel
from appliance.core.encoding import lp
from appliance.core.guesses import Window
from appliance.core.identity import BoxIdentity, RandomBytes, identity_statement, verify
from appliance.core.keys import PairKeys, expand, extract, transcript_hash
from appliance.core.table import Machine
from appliance.errors import RemoteProtocolError, StartError

_ID, _NONCE, _POINT, _MAC, _KEY, _SIGNATURE = 16, 32, 32, 32, 32, 64
R1_BYTES = 1 + _ID + _NONCE + _POINT + _MAC
R2_BYTES = 1 + _NONCE + _POINT + _MAC
R3_BYTES = 1 + _MAC


def _other(role: str) -> str:
    return "B" if role == "A" else "A"


def _refuse(code: str) -> RemoteProtocolError:
    return RemoteProtocolError(code, "A direct line was refused.")


# --- Secrets --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Secret:
    """One resume secret. ``parent``: the one that it ratcheted from. ``made_at``: monotonic seconds."""

    value: bytes = field(repr=False)
    parent: bytes = field(repr=False)
    made_at: float

    def line_id(self, dialer: str) -> bytes:
        """The id in R1; ``dialer``: "A" or "B", the dialing box's role in the pair."""
        return expand(self.value, b"line id", dialer.encode("ascii"))[:_ID]


class _Known(msgspec.Struct):
    """One pair. ``role``: ours in it. ``box_key``: the other box's long-term public key."""

    role: str
    box_key: bytes
    secrets: list[Secret]  # in the order to dial with


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pair: str
    role: str
    box_key: bytes
    secrets: list[tuple[bytes, bytes, float]]  # value, parent, age


class LineSecrets:
    """The resume secrets of every pair of this box.

    A pair is named by any string of the caller's, such as the other's peer id. Secrets live
    ``LINE_SECRET_LIFETIME`` and are forgotten when the box leaves the room.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self.on_ratchet: Callable[[], None] = lambda: None
        """Called when a pair's secrets changed, before anything under the new ones is sent."""

    def __repr__(self) -> str:
        return f"LineSecrets(pairs={len(self._known)})"

    def remember(self, pair: str, role: str, resume: bytes, box_key: bytes, now: float) -> None:
        """A pair was proven and showed its identity. ``role``: ours. ``resume``: of its keys."""
        self._known[pair] = _Known(role, box_key, [Secret(resume, b"", now)])
        self._known.move_to_end(pair)
        if len(self._known) > limits.LINE_SECRETS_MAX:
            self._known.popitem(last=False)

    def forget(self, pair: str) -> None:
        """The pair is over."""
        self._known.pop(pair, None)

    def clear(self) -> None:
        """This box left: nothing may be opened again."""
        self._known.clear()

    def role(self, pair: str) -> str:
        """Ours in the pair. Raises KeyError for an unknown pair, as the next one does."""
        return self._known[pair].role

    def box_key(self, pair: str) -> bytes:
        """The other box's long-term public key."""
        return self._known[pair].box_key

    def candidates(self, pair: str, now: float) -> tuple[Secret, ...]:
        """The secrets to dial with, in this order; empty for a pair that can't be dialed."""
        known = self._known.get(pair)
        if known is None:
            return ()
        known.secrets = [s for s in known.secrets if now - s.made_at < limits.LINE_SECRET_LIFETIME]
        return tuple(known.secrets)

    def find(self, line_id: bytes, now: float) -> tuple[str, Secret] | None:
        """The pair and the secret that a dialer's id belongs to."""
        ids = {
            secret.line_id(_other(known.role)): (pair, secret)
            for pair, known in self._known.items()
            for secret in self.candidates(pair, now)
        }
        return ids.get(line_id)

    def ratchet(self, pair: str, used: Secret, new: bytes, now: float) -> None:
        """A line's keys were agreed on: its new secret is the one to dial with from now on.

        The one that was used comes next, and is never the one to make room: the other box has just
        shown that it holds it.
        """
        known = self._known.get(pair)
        if known is not None:
            others = [secret for secret in known.secrets if secret.value != used.value]
            kept = [Secret(new, used.value, now), used, *others]
            known.secrets = kept[: limits.LINE_SECRETS_PER_PAIR]
            self.on_ratchet()

    def confirm(self, pair: str, new: bytes, now: float) -> None:
        """A first frame under a new secret was opened: both have it, the ones before it can go.

        Of two lines that were dialed at the same time each makes a secret, and the two boxes may
        see them in different orders: such a twin stays.
        """
        known = self._known.get(pair)
        if known is None:
            return
        parents = {secret.value: secret.parent for secret in known.secrets}
        ancestors, old = set(), parents.get(new, b"")
        while old:
            ancestors.add(old)
            old = parents.get(old, b"")
        oldest = now - limits.LINE_CROSSED_WITHIN
        known.secrets = [
            secret
            for secret in known.secrets
            if secret.value == new or (secret.made_at >= oldest and secret.value not in ancestors)
        ]
        self.on_ratchet()

    def to_state(self, now: float) -> bytes:
        """For memory-backed storage that only this box's user can read: it holds the secrets."""
        saved = [
            _Saved(
                pair, known.role, known.box_key, [(s.value, s.parent, now - s.made_at) for s in known.secrets]
            )
            for pair, known in self._known.items()
        ]
        return msgspec.json.encode(saved)

    @classmethod
    def from_state(cls, data: bytes, now: float) -> LineSecrets:
        """Restore what ``to_state`` gave. Raises StartError (``line.state``) when it is damaged."""
        try:
            saved = msgspec.json.decode(data, type=list[_Saved])
        except (ValueError, RecursionError):
            raise StartError("line.state", "The saved line secrets are damaged.") from None
        secrets = cls()
        for entry in saved[-limits.LINE_SECRETS_MAX :]:
            kept = [Secret(value, parent, now - age) for value, parent, age in entry.secrets]
            secrets._known[entry.pair] = _Known(entry.role, entry.box_key, kept)
        return secrets


class LineGate:
    """Slows down addresses whose line handshakes fail."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, Window] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        """Say whether a connection of this address may try."""
        failures = self._failures.get(address)
        return failures is None or failures.available(now) > 0

    def failed(self, address: str, now: float) -> None:
        """A line handshake of this address failed."""
        window = Window(limits.LINE_FAILURES_MAX, limits.LINE_FAILURES_SPAN)
        self._failures.setdefault(address, window).take(now)
        self._failures.move_to_end(address)
        if len(self._failures) > limits.LINE_ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)


# --- The handshake --------------------------------------------------------------------------------


class LineState(enum.Enum):
    """Of one line handshake; the dialer's on the left."""

    START = "start"  # nothing sent / waiting for R1
    GREETED = "greeted"  # R1 sent, waiting for R2 / R2 sent, waiting for R3
    AGREED = "agreed"  # R3 and S1 sent, waiting for S2 / waiting for S1
    UP = "up"
    FAILED = "failed"


class LineEvent(enum.Enum):
    GREET = "greet"
    AGREE = "agree"
    IDENTIFY = "identify"
    FAIL = "fail"


_S, _E = LineState, LineEvent
TABLE: dict[tuple[LineState, LineEvent], LineState] = {
    (_S.START, _E.GREET): _S.GREETED,
    (_S.GREETED, _E.AGREE): _S.AGREED,
    (_S.AGREED, _E.IDENTIFY): _S.UP,
    (_S.START, _E.FAIL): _S.FAILED,
    (_S.GREETED, _E.FAIL): _S.FAILED,
    (_S.AGREED, _E.FAIL): _S.FAILED,
}


class _LineHandshake:
    """What both sides share. Any RemoteProtocolError means: close the connection."""

    def __init__(self, secrets: LineSecrets, identity: BoxIdentity, random_bytes: RandomBytes) -> None:
        self._machine = Machine("line", TABLE, LineState.START)
        self._secrets = secrets
        self._identity = identity
        self._random = random_bytes
        self._private: X25519PrivateKey | None = None
        self._secret: Secret | None = None
        self._keys: PairKeys | None = None
        self._channel: SealedChannel | None = None
        self._r1 = self._expected_r3 = b""
        self._role = ""  # ours in the pair, whoever dials
        self._box_key = b""  # the other box's, as we met it
        self.pair = ""
        """The pair whose line this is, once known."""

    @property
    def state(self) -> LineState:
        return self._machine.state

    @property
    def channel(self) -> SealedChannel:
        """The line's seal. Raises ValueError until the line is up."""
        if self.state is not LineState.UP or self._channel is None:
            raise ValueError("the line is not up")
        return self._channel

    @property
    def keys(self) -> PairKeys:
        """The line's keys; their ``transcript`` is the line's TT. Raises ValueError until it is up."""
        if self.state is not LineState.UP or self._keys is None:
            raise ValueError("the line is not up")
        return self._keys

    def receive(self, frame: bytes, now: float) -> list[bytes]:
        """Take one binary message; return the messages to send, in order.

        Raises RemoteProtocolError, after which the handshake is over: ``line.size``,
        ``line.unknown`` (the id is nobody's we know), ``line.mac``, ``line.share``,
        ``line.identity`` (another box than the one that we met), ``line.unexpected``, or a seal's.
        """
        try:
            return self._take(frame, now)
        except RemoteProtocolError:
            if self._machine.allows(LineEvent.FAIL):
                self._machine.step(LineEvent.FAIL)
            raise

    def _take(self, frame: bytes, now: float) -> list[bytes]:
        raise NotImplementedError

    def _share(self) -> bytes:
        self._private = X25519PrivateKey.from_private_bytes(self._random(_POINT))
        return self._private.public_key().public_bytes_raw()

    def _agree(self, their_share: bytes, r2_body: bytes) -> tuple[bytes, bytes]:
        """Derive the keys; return the MACs of R2 and R3."""
        assert self._private is not None
        assert self._secret is not None
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(their_share))
        except ValueError:
            raise _refuse("line.share") from None
        transcript = transcript_hash(self._r1, r2_body)
        prk = extract(transcript, self._secret.value + shared)
        self._keys = PairKeys.derive(transcript, prk)
        mac_2 = hmac.digest(expand(prk, b"line R2"), transcript, "sha256")
        mac_3 = hmac.digest(expand(prk, b"line R3"), lp(transcript, mac_2), "sha256")
        return mac_2, mac_3

    def _open_channel(self, now: float) -> None:
        assert self._keys is not None
        assert self._secret is not None
        self._channel = SealedChannel.of_pair(self._keys, self._role, now)
        self._secrets.ratchet(self.pair, self._secret, self._keys.resume, now)

    def _identity_frame(self) -> bytes:
        assert self._channel is not None
        assert self._keys is not None
        signature = self._identity.sign(identity_statement(self._role, self._keys.transcript))
        return self._channel.seal(self._identity.public_key + signature)

    def _check_identity(self, frame: bytes, now: float) -> None:
        assert self._channel is not None
        assert self._keys is not None
        plaintext = self._channel.open(frame)
        self._secrets.confirm(self.pair, self._keys.resume, now)
        key, signature = plaintext[:_KEY], plaintext[_KEY:]
        statement = identity_statement(_other(self._role), self._keys.transcript)
        if key != self._box_key or not verify(key, signature, statement):
            raise _refuse("line.identity")

    def _meet(self, pair: str, secret: Secret) -> None:
        self.pair = pair
        self._secret = secret
        self._role = self._secrets.role(pair)
        self._box_key = self._secrets.box_key(pair)


class LineDialer(_LineHandshake):
    """The side that opened the connection. ``secret``: one of ``LineSecrets.candidates``."""

    def __init__(
        self,
        secrets: LineSecrets,
        pair: str,
        secret: Secret,
        identity: BoxIdentity,
        random_bytes: RandomBytes,
    ) -> None:
        super().__init__(secrets, identity, random_bytes)
        self._meet(pair, secret)

    def start(self) -> bytes:
        """R1, the first message."""
        assert self._secret is not None
        self._machine.step(LineEvent.GREET)
        body = b"\x01" + self._secret.line_id(self._role) + self._random(_NONCE) + self._share()
        self._r1 = body + _first_mac(self._secret, body)
        return self._r1

    def _take(self, frame: bytes, now: float) -> list[bytes]:
        if self.state is LineState.GREETED:
            return self._on_r2(frame, now)
        if self.state is LineState.AGREED:
            self._check_identity(frame, now)
            self._machine.step(LineEvent.IDENTIFY)
            return []
        raise _refuse("line.unexpected")

    def _on_r2(self, frame: bytes, now: float) -> list[bytes]:
        if len(frame) != R2_BYTES or frame[0] != 2:
            raise _refuse("line.size")
        body, mac = frame[:-_MAC], frame[-_MAC:]
        mac_2, mac_3 = self._agree(body[-_POINT:], body)
        if not hmac.compare_digest(mac, mac_2):
            raise _refuse("line.mac")
        self._machine.step(LineEvent.AGREE)
        self._open_channel(now)
        return [b"\x03" + mac_3, self._identity_frame()]


class LineAnswerer(_LineHandshake):
    """The side whose server was dialed."""

    def _take(self, frame: bytes, now: float) -> list[bytes]:
        if self.state is LineState.START:
            return self._on_r1(frame, now)
        if self.state is LineState.GREETED:
            return self._on_r3(frame, now)
        if self.state is LineState.AGREED:
            self._check_identity(frame, now)
            self._machine.step(LineEvent.IDENTIFY)
            return [self._identity_frame()]
        raise _refuse("line.unexpected")

    def _on_r1(self, frame: bytes, now: float) -> list[bytes]:
        if len(frame) != R1_BYTES or frame[0] != 1:
            raise _refuse("line.size")
        found = self._secrets.find(frame[1 : 1 + _ID], now)
        if found is None:
            raise _refuse("line.unknown")
        body, mac = frame[:-_MAC], frame[-_MAC:]
        if not hmac.compare_digest(mac, _first_mac(found[1], body)):
            raise _refuse("line.mac")
        self._meet(*found)
        self._r1 = frame
        self._machine.step(LineEvent.GREET)
        r2 = b"\x02" + self._random(_NONCE) + self._share()
        mac_2, self._expected_r3 = self._agree(body[-_POINT:], r2)
        return [r2 + mac_2]

    def _on_r3(self, frame: bytes, now: float) -> list[bytes]:
        if len(frame) != R3_BYTES or frame[0] != 3:
            raise _refuse("line.size")
        if not hmac.compare_digest(frame[1:], self._expected_r3):
            raise _refuse("line.mac")
        self._machine.step(LineEvent.AGREE)
        self._open_channel(now)
        return []


def _first_mac(secret: Secret, body: bytes) -> bytes:
    return hmac.digest(expand(secret.value, b"line R1"), body, "sha256")
