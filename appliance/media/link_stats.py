"""How one link does at one moment, for ``status``, ``stats`` and the screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkStats:
    """One moment of a link. Rates are per second over the last one; counts are since the start.

    ``layer``: what we get, by its height, "" before the first picture. ``fps_received``: whole frames.
    ``fps_decoded``: pictures handed to the tile. ``packets_lost``: did not come by themselves.
    ``jitter_ms``: of the pictures' packets. ``sending``: the layer this peer gets, "" for none;
    ``codec``: what it gets it in, "" before the connection.
    ``frames_dropped``: lost to this peer's full queue. ``loss_out``: 0 to 1, as the other side reports.
    ``skew_ms``: how much later a sound is heard than the picture of its moment is seen, None while one of
    them is missing; ``picture_wait_ms``, ``sound_wait_ms``: how long the one waits for the other.
    """

    layer: str
    width: int
    height: int
    fps_received: float
    fps_decoded: float
    packets_received: int
    packets_lost: int
    packets_recovered: int
    nacks: int
    plis: int
    jitter_ms: float
    frames_undecodable: int
    decode_ms: float
    sounds_received: int
    sounds_lost: int
    sending: str
    codec: str
    frames_sent: int
    frames_dropped: int
    sounds_sent: int
    sounds_dropped: int
    loss_out: float
    keyframe_requests: int
    skew_ms: float | None
    picture_wait_ms: float
    sound_wait_ms: float
    bad_input: int
