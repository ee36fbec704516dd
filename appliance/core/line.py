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
* The secret ratchets with every line (``line_secrets.py``).
* Wrong MACs and unknown ids never cost a guess of the password; ``line_gate.py`` slows them down.
"""

from __future__ import annotations

import enum
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from appliance.core.channel import SealedChannel
from appliance.core.encoding import lp
from appliance.core.identity import BoxIdentity, RandomBytes, identity_statement, verify
from appliance.core.keys import PairKeys, expand, extract, transcript_hash
from appliance.core.line_secrets import ID_BYTES, LineSecrets, Secret, other_role
from appliance.core.table import Machine
from appliance.errors import RemoteProtocolError

_NONCE, _POINT, _MAC, _KEY = 32, 32, 32, 32
R1_BYTES = 1 + ID_BYTES + _NONCE + _POINT + _MAC
R2_BYTES = 1 + _NONCE + _POINT + _MAC
R3_BYTES = 1 + _MAC


def _refuse(code: str) -> RemoteProtocolError:
    return RemoteProtocolError(code, "A direct line was refused.")


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
        statement = identity_statement(other_role(self._role), self._keys.transcript)
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
        found = self._secrets.find(frame[1 : 1 + ID_BYTES], now)
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
