"""The states of one proven pair, what moves it from one to the next, and the whole table.

``core/peer.py`` has the rules in prose, and decides which event it is.
"""

from __future__ import annotations

import enum


class PeerState(enum.Enum):
    PROVEN = "proven"  # identities are on their way over the relay
    IDENTIFIED = "identified"  # looking for the direct line
    CONNECTING = "connecting"  # offer, answer, ICE, DTLS
    LIVE = "live"  # bound, and heard from
    SILENT = "silent"  # bound once, but silent now
    AWAY = "away"  # silent for long, or vanished: off the screen, and still a member
    INTRODUCED = "introduced"  # by a common member; its line is to show that it is there
    GONE = "gone"


class PeerEvent(enum.Enum):
    IDENTIFY = "identify"  # their identity held
    NEGOTIATE = "negotiate"  # there is a way for offers: the line, or the relay in its stead
    BOUND = "bound"  # a connection's bind held
    SILENCE = "silence"  # no heartbeat for SILENT_AFTER, or the connection failed
    HEARD = "heard"  # a heartbeat after silence
    LOSE = "lose"  # silent for GONE_AFTER, or vanished
    END = "end"


_S, _E = PeerState, PeerEvent
TABLE: dict[tuple[PeerState, PeerEvent], PeerState] = {
    (_S.PROVEN, _E.IDENTIFY): _S.IDENTIFIED,
    (_S.IDENTIFIED, _E.NEGOTIATE): _S.CONNECTING,
    (_S.CONNECTING, _E.BOUND): _S.LIVE,
    (_S.LIVE, _E.SILENCE): _S.SILENT,
    (_S.LIVE, _E.BOUND): _S.LIVE,
    (_S.SILENT, _E.HEARD): _S.LIVE,
    (_S.SILENT, _E.BOUND): _S.LIVE,
    (_S.INTRODUCED, _E.NEGOTIATE): _S.CONNECTING,
    (_S.LIVE, _E.LOSE): _S.AWAY,
    (_S.SILENT, _E.LOSE): _S.AWAY,
    (_S.AWAY, _E.BOUND): _S.LIVE,
    **{(state, _E.END): _S.GONE for state in _S if state is not _S.GONE},
}
