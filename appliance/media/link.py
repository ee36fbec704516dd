"""One WebRTC link to one other box: ICE, DTLS, SRTP by aiortc, everything else ours.

The life of a link:

1. One side ``offer``s, the other ``answer``s, the first ``accept``s. Both check what they get
   (core/sdp.py) before anything else reads it.
2. ``on_state("connected")``: the control channel is open. The app exchanges the bind MAC over
   ``fingerprints`` and ``ufrags`` on it.
3. ``open_media``: from here on, and not before, pictures and sound are sent, decoded and played.
4. ``close``: within a second, whatever the network does.

A link never comes back: a healed connection is a new link beside the old one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from aiortc import InvalidStateError, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from appliance.core import limits, sdp
from appliance.core.layers import Codec, Layer
from appliance.core.lip_sync import Heard, LipSync
from appliance.core.picture import Picture
from appliance.core.rtp import Packet
from appliance.errors import LocalProtocolError, RemoteProtocolError
from appliance.media import aiortc_seam as seam
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link_stats import LinkStats
from appliance.media.outgoing import PicturesOut, SoundOut
from appliance.media.rtp_sender import SenderFeedback
from appliance.media.video_receive import VideoReceive

log = logging.getLogger(__name__)

CONNECTED = "connected"
FAILED = "failed"
CLOSED = "closed"

_LAYERS = {layer.spec.height: layer.value for layer in Layer}


class SoundIn(Protocol):
    """Takes the Opus packets of one remote. ``timestamp``: 48 kHz. ``now``: monotonic seconds of arrival.
    ``level``: 0 (loud) to 127 (silent), None when it was not told.

    ``heard``: what is played last, None for nothing yet. ``wait_longer``: play it so many seconds later than
    it might be, as far as that goes.
    """

    @property
    def heard(self) -> Heard | None: ...

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None
    ) -> object: ...

    def wait_longer(self, seconds: float) -> None: ...


class MediaLink:
    """A link to one other box.

    ``hosts``: addresses of ours to use. ``video``, ``audio``: what we send, shared by all links.
    ``sound_in``: takes the other box's sound. ``on_picture`` is called on the decode thread, the
    other callbacks on the network thread. ``allowed``: which addresses may the other box have?
    ``used_fingerprints``: those of all other links, ours and theirs. ``on_checked``: an ICE check came
    through, the rest of the handshake follows.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str],
        video: Fanout,
        audio: SoundFanout,
        sound_in: SoundIn,
        on_picture: Callable[[Picture], None],
        on_control: Callable[[bytes], None],
        on_state: Callable[[str], None],
        on_checked: Callable[[], None] = lambda: None,
        allowed: Callable[[sdp.IPAddress], bool] = sdp.lan_address,
        used_fingerprints: Callable[[], Collection[str]] = tuple,
        name: str = "peer",
    ) -> None:
        self._sound_in = sound_in
        self._on_control = on_control
        self._on_state = on_state
        self._on_checked = on_checked
        self._allowed = allowed
        self._used_fingerprints = used_fingerprints
        self._state = ""
        self._local: sdp.SdpFacts | None = None
        self._remote: sdp.SdpFacts | None = None
        self._opened = False
        self._closing: asyncio.Task[None] | None = None
        self._sound_taken = True
        self._bad_control = 0  # messages refused: oversize, text, or the app's handler failed
        self._early = 0  # media packets that came before open_media
        self._codecs: dict[int, Codec] = {}  # by payload type, of the pictures that came

        self._connection = seam.open_connection(hosts)
        self._pictures = VideoReceive(
            on_picture=on_picture, not_before=self._not_before, name=f"decoder {name}"
        )
        connection = self._connection
        self._video_in = seam.attach_receiver(connection, connection.video, self._video_packet)
        self._audio_in = seam.attach_receiver(connection, connection.audio, self._audio_packet)
        self._video_out = seam.attach_sender(
            connection, connection.video, lambda: self._pictures_out.request_keyframe()
        )
        self._audio_out = seam.attach_sender(connection, connection.audio, lambda: None)
        writable = connection.path.writable
        self._pictures_out = PicturesOut(video, self._video_out, writable, self._send_failed)
        self._sound_out = SoundOut(audio, self._audio_out, writable, self._send_failed)
        connection.path.on_turn = self._pictures.settle
        self._sync = LipSync(self._video_in.clock, self._audio_in.clock)
        self._audio_in.on_report = self._look_at_sync
        self._connection.pc.on("connectionstatechange", self._connection_state)
        self._connection.pc.on("iceconnectionstatechange", self._ice_state)
        self._connection.control.on("open", lambda: self._set_state(CONNECTED))
        self._connection.control.on("message", self._control_message)

    # --- offer and answer -------------------------------------------------------------------------

    async def offer(self) -> str:
        """Return our offer, all candidates in it."""
        pc = self._connection.pc
        await pc.setLocalDescription(await pc.createOffer())
        return self._described(pc.localDescription.sdp)

    async def answer(self, offer: str) -> str:
        """Return our answer to the other box's offer. Raises RemoteProtocolError for a bad offer."""
        await self._set_remote(offer, "offer")
        pc = self._connection.pc
        try:
            await pc.setLocalDescription(await pc.createAnswer())
        except InvalidStateError:
            raise LocalProtocolError("link.closed", "The link was closed meanwhile") from None
        except ValueError as error:  # a section that both need is missing
            raise RemoteProtocolError("sdp.unusable", "The other box's offer lacks a section") from error
        return self._described(pc.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the other box's answer to our offer. Raises RemoteProtocolError for a bad answer."""
        if self._local is None:
            raise LocalProtocolError("link.order", "An answer was accepted before an offer was made")
        await self._set_remote(answer, "answer")

    async def add_candidate(self, candidate: str) -> bool:
        """Take one more candidate (``candidate:...``) of the other box; False when it came too late.

        A description says that it is complete, as ours do; then nothing is added. Raises
        RemoteProtocolError for one that we don't send to.
        """
        value = candidate.removeprefix("a=").removeprefix("candidate:")
        sdp.check_candidate(value, allowed=self._allowed)
        if self._remote is None:
            raise LocalProtocolError("link.order", "A candidate was added before the description")
        ice = self._connection.video.sender.transport.transport
        if len(ice.getRemoteCandidates()) >= limits.CANDIDATES_MAX or self._connection.candidates_complete:
            return False
        await ice.addRemoteCandidate(candidate_from_sdp(value))
        return True

    @property
    def fingerprints(self) -> tuple[str, str]:
        """(ours, theirs): SHA-256 of the DTLS certificates, upper case with colons."""
        local, remote = self._facts()
        return local.fingerprint, remote.fingerprint

    @property
    def local_fingerprint(self) -> str:
        """Ours alone, known from the start: for the ``used_fingerprints`` of other links."""
        return self._connection.fingerprint

    @property
    def remote_fingerprint(self) -> str | None:
        """Theirs, or None before their description came."""
        return self._remote.fingerprint if self._remote is not None else None

    @property
    def ufrags(self) -> tuple[str, str]:
        """(ours, theirs): the ICE user fragments."""
        local, remote = self._facts()
        return local.ufrag, remote.ufrag

    @property
    def state(self) -> str:
        """ "", then "connected", "failed" or "closed"."""
        return self._state

    # --- media ------------------------------------------------------------------------------------

    def open_media(self) -> None:
        """Send and show pictures and sound from now on: the bind MAC was right. Idempotent."""
        if self._opened or self._closing is not None:
            return
        self._opened = True
        self._pictures_out.open()  # the other side may take no pictures, or no sound
        self._sound_out.open()
        self._pictures.start(self._video_in)

    def set_layer(self, layer: Layer | None) -> None:
        """What this peer gets from us, from the next keyframe of that layer on; None: no pictures."""
        self._pictures_out.set_layer(layer)

    def set_sound(self, *, sent: bool, taken: bool) -> None:
        """Whether this peer gets our sound, and whether we listen to its."""
        self._sound_taken = taken
        self._sound_out.want(sent)

    def set_tile(self, size: tuple[int, int] | None) -> None:
        """Show the peer's pictures at this width and height in pixels; None: not at all."""
        self._pictures.set_tile(size)

    def request_keyframe(self) -> None:
        """Ask the other box for a keyframe."""
        self._pictures.request_keyframe()

    def set_rtt(self, seconds: float) -> None:
        """The round trip that the heartbeats measured: repairs are asked for at its pace."""
        self._pictures.set_rtt(seconds)

    @property
    def sending(self) -> Layer | None:
        """The layer that this peer is getting, None while there is none."""
        return self._pictures_out.layer

    @property
    def video_feedback(self) -> SenderFeedback:
        """What the other side's reports say about our pictures; it changes by itself."""
        return self._video_out.feedback

    @property
    def audio_feedback(self) -> SenderFeedback:
        """What the other side's reports say about our sound; it changes by itself."""
        return self._audio_out.feedback

    # --- control ----------------------------------------------------------------------------------

    def send_control(self, message: bytes) -> bool:
        """Send a message on the control channel; False when the channel is not open or its buffer full.

        Raises LocalProtocolError for more than ``CONTROL_MAX_BYTES``.
        """
        if len(message) > limits.CONTROL_MAX_BYTES:
            raise LocalProtocolError("control.size", f"A control message of {len(message)} bytes")
        channel = self._connection.control
        if channel.readyState != "open":
            return False
        if channel.bufferedAmount + len(message) > limits.CONTROL_BUFFERED_MAX:
            return False
        channel.send(message)
        return True

    # --- the end ----------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close within ``LINK_CLOSE_MAX``; leaves no task, thread or socket. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._pictures_out.close()
        self._sound_out.close()
        self._pictures.set_tile(None)  # nothing is shown any more, however long the goodbye takes
        await self._connection.close()
        await self._pictures.stop()
        self._set_state(CLOSED)

    # --- statistics -------------------------------------------------------------------------------

    @property
    def layer(self) -> str:
        """What we get, by its height: "H", "M" or "L", "" before the first picture."""
        return _LAYERS.get(self._pictures.size[1], "")

    def stats(self) -> LinkStats:
        """How the link does at this moment. Not for every snapshot: it counts pictures."""
        now = time.monotonic()
        width, height = self._pictures.size
        decoder, assembly = self._pictures.decoder, self._pictures.assembly
        out = self._pictures_out.subscription
        frames = out.counts if out is not None else None
        sending = self.sending
        counts = self._connection.counts
        skew = self._sync.skew(self._pictures.recently_shown, self._sound_in.heard, now)
        return LinkStats(
            layer=self.layer,
            width=width,
            height=height,
            fps_received=self._pictures.received.read(now),
            fps_decoded=self._pictures.shown.read(now),
            packets_received=self._video_in.reception.received,
            packets_lost=self._video_in.reception.lost,
            packets_recovered=assembly.recovered,
            nacks=self._video_in.nacks_sent,
            plis=self._video_in.plis_sent,
            jitter_ms=self._video_in.reception.jitter_seconds * 1000,
            frames_undecodable=decoder.dropped + decoder.errors,
            decode_ms=decoder.busy_s / decoder.decoded * 1000 if decoder.decoded else 0.0,
            sounds_received=self._audio_in.reception.received,
            sounds_lost=self._audio_in.reception.lost,
            sending=sending.value if sending is not None else "",
            codec=self._video_out.codec,
            frames_sent=frames.sent if frames is not None else 0,
            frames_dropped=frames.dropped if frames is not None else 0,
            sounds_sent=self._sound_out.counts.sent,
            sounds_dropped=self._sound_out.counts.dropped,
            loss_out=self._video_out.feedback.fraction_lost,
            keyframe_requests=self._video_out.feedback.keyframe_requests,
            skew_ms=round(skew * 1000, 1) if skew is not None else None,
            picture_wait_ms=round(self._sync.picture_wait * 1000, 1),
            sound_wait_ms=round(self._sync.sound_wait * 1000, 1),
            bad_input=self._bad_control
            + self._early
            + counts.bad_datagrams
            + counts.refused_chunks
            + counts.failures
            + self._video_in.refused
            + self._audio_in.refused
            + assembly.malformed,
        )

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may) in each queue of the link at this moment."""
        depths = {**self._connection.queues(), **self._pictures.queues()}
        if (out := self._pictures_out.subscription) is not None:
            most = limits.FANOUT_FRAMES_MAX + limits.FANOUT_RECENT_MAX
            depths["frames_out"] = (out.waiting, most)
        return depths

    # --- inside -----------------------------------------------------------------------------------

    def _facts(self) -> tuple[sdp.SdpFacts, sdp.SdpFacts]:
        if self._local is None or self._remote is None:
            raise LocalProtocolError("link.order", "The descriptions were not exchanged yet")
        return self._local, self._remote

    def _described(self, description: str) -> str:
        ours = sdp.only_sha256(description)
        self._local = sdp.check_remote(ours, allowed=lambda _: True, used_fingerprints=())
        return ours

    async def _set_remote(self, description: str, kind: str) -> None:
        used = {*self._used_fingerprints(), self._connection.fingerprint}
        if len(description) <= limits.SDP_MAX_BYTES:
            description = sdp.without_foreign(description, allowed=self._allowed)
        facts = sdp.check_remote(description, allowed=self._allowed, used_fingerprints=used)
        try:
            await self._connection.pc.setRemoteDescription(RTCSessionDescription(description, kind))
        except Exception as error:  # aiortc's parser raises whatever comes
            raise RemoteProtocolError(
                "sdp.unusable", f"The other box's {kind} can't be used ({type(error).__name__})"
            ) from error
        self._remote = facts

    def _connection_state(self) -> None:
        state = self._connection.pc.connectionState
        if state in (FAILED, CLOSED):
            self._set_state(state)

    def _ice_state(self) -> None:
        if self._connection.pc.iceConnectionState in ("connected", "completed") and self._closing is None:
            self._on_checked()

    def _set_state(self, state: str) -> None:
        if state == self._state or self._state == CLOSED:
            return
        self._state = state
        try:
            self._on_state(state)
        except Exception:
            log.exception("the link's state handler failed")

    def _control_message(self, message: bytes | str) -> None:
        if not isinstance(message, bytes) or len(message) > limits.CONTROL_MAX_BYTES:
            self._bad_control += 1
            return
        try:
            self._on_control(message)
        except Exception:
            self._bad_control += 1
            log.exception("a control message could not be handled")

    def _keyframe_wanted(self) -> None:
        self._pictures_out.request_keyframe()

    def _send_failed(self, error: Exception) -> None:
        self._connection.counts.failures += 1
        if self._connection.counts.failures == 1:
            log.error("a packet could not be sent; further ones are only counted", exc_info=error)

    def _video_packet(self, packet: Packet, now: float) -> None:
        if not self._opened:
            self._early += 1
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            codec = Codec(self._video_in.payload_types[packet.payload_type])
            self._codecs[packet.payload_type] = codec
        self._pictures.push(packet, now, codec)

    def _not_before(self, timestamp: int, now: float) -> float:
        return self._sync.not_before(timestamp, now, self._sound_in.heard)

    def _look_at_sync(self, now: float) -> None:
        sync = self._sync
        sound_waited = sync.sound_wait
        sync.look(self._pictures.recently_shown, self._sound_in.heard, now)
        if sync.sound_wait != sound_waited:
            self._sound_in.wait_longer(sync.sound_wait)

    def _audio_packet(self, packet: Packet, now: float) -> None:
        if not self._opened:
            self._early += 1
        elif self._sound_taken:
            self._sound_in.push(packet.sequence_number, packet.timestamp, packet.payload, now, packet.level)
