"""How an uplink that is too small for everything is shared.

The order in which things are given up, until what is left fits the budget:

1. H becomes M, then M becomes L: the largest layers go first, whoever has them.
2. Then somebody gets no picture at all.

Within each of these, who would get us small goes before who would get us large, and among those alike
who came last goes first: a newcomer takes nothing from those who are here, and whoever made us large
keeps us longest. The order does not depend on the budget, so with a larger one nobody has less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from appliance.core.layers import Layer
from appliance.core.limits import PACKET_OVERHEAD, PACKET_PAYLOAD


def wire_rate(layer: Layer) -> int:
    """Bits a second of a layer on the wire of one link: its bitrate, and the headers of its packets."""
    spec = layer.spec
    packets = spec.fps * math.ceil(spec.bitrate / 8 / spec.fps / PACKET_PAYLOAD)
    return spec.bitrate + packets * PACKET_OVERHEAD * 8


def share_uplink(wishes: Sequence[Layer | None], budget: int) -> list[Layer | None]:
    """Return the layer of each peer, so that all together stay within ``budget`` bits a second.

    ``wishes``: what each would get without a budget, who came first first. 0: no budget.
    """
    shares = list(wishes)
    if budget == 0:
        return shares
    used = sum(wire_rate(layer) for layer in shares if layer is not None)
    last_first = range(len(wishes) - 1, -1, -1)
    for level in reversed(Layer):
        for wish in Layer:  # who would get us small goes first
            for peer in last_first:
                if used <= budget:
                    return shares
                if shares[peer] is not level or wishes[peer] is not wish:
                    continue
                smaller = None if level is Layer.L else level.below
                used -= wire_rate(level) - (wire_rate(smaller) if smaller is not None else 0)
                shares[peer] = smaller
    return shares
