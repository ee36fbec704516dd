"""Which layer each peer gets, and why: what it asks for, what its link carries, what the uplink allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.layers import Layer
from appliance.core.uplink import share_uplink

UPLINK = "uplink"
ARRIVING = "arriving"


@dataclass(frozen=True, slots=True)
class Demand:
    """``wanted``: by the peer's tile of us. ``cap``, ``capped_by``: of its link (``core/link_health.py``)."""

    wanted: Layer | None
    cap: Layer
    capped_by: str


@dataclass(frozen=True, slots=True)
class Sending:
    """``layer``: what the peer is to get. ``capped_by``: why that is less than ``wanted``, or nothing."""

    layer: Layer | None = None
    wanted: Layer | None = None
    cap: Layer = Layer.H
    capped_by: str = ""


def decide(demands: Sequence[Demand], uplink: int, *, quiet: bool = False) -> list[Sending]:
    """Return what each peer gets. ``demands``: who came first first. ``uplink``: bit/s, 0 for no limit.
    ``quiet``: this box arrives in a crowd (`Arrival`) and sends the smallest pictures only.
    """
    if quiet:
        demands = [Demand(demand.wanted, Layer.L, ARRIVING) for demand in demands]
    carried = [_smaller(demand.wanted, demand.cap) for demand in demands]
    return [
        Sending(layer, demand.wanted, demand.cap, _why(demand, carries, layer))
        for demand, carries, layer in zip(demands, carried, share_uplink(carried, uplink), strict=True)
    ]


def _smaller(wanted: Layer | None, cap: Layer) -> Layer | None:
    return wanted if wanted is None or wanted.fits(cap) else cap


def _why(demand: Demand, carries: Layer | None, layer: Layer | None) -> str:
    if layer is not carries:
        return UPLINK
    return demand.capped_by if carries is not demand.wanted else ""
