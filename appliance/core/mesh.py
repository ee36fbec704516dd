"""The whole mesh: every link of a meeting, those between others included.

Each member tells the others of its own links (``messages.Links``), at most every ``LINKS_EVERY`` seconds.
The rules:

* What a member tells is a hint for people: nothing is decided by it. It names at most as many links as a
  room has peers, and is forgotten after ``LINKS_KEPT``.
* Each end of a link knows what comes in. Of what both say the worse counts; where one end does not tell,
  the other one's word stands alone; where neither does, nothing is known.
* A member that does not name another one for ``LINK_MISSING_AFTER`` does not see it. Until then it has just
  come, and they are being connected.
* Who is at nobody's other end is away, and its links are no news one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.call_view import LinkState, MeshBox, MeshLink, MeshView
from appliance.core.guesses import Bucket
from appliance.core.mesh_words import BROKEN
from appliance.errors import RemoteProtocolError

_STATES = {
    "connecting": LinkState.CONNECTING,
    "live": LinkState.LIVE,
    "silent": LinkState.LOST,
    "away": LinkState.AWAY,
}
_WORST_FIRST = (
    LinkState.AWAY,
    LinkState.LOST,
    LinkState.NONE,
    LinkState.CONNECTING,
    LinkState.LIVE,
    LinkState.UNKNOWN,
)
_LAYERS = ("", "L", "M", "H")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Report:
    """What a member told, by the peer at the other end, and when."""

    links: dict[str, m.Link]
    at: float


class Mesh:
    """What is known of all links of one meeting. ``me``: our peer id. Times are monotonic seconds."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._reports: dict[str, _Report] = {}
        self._heard: dict[str, Bucket] = {}
        self._missing: dict[Pair, float] = {}  # who does not name whom, since when

    def heard(self, by: str, links: Iterable[m.Link], now: float) -> bool:
        """A member told of its links; return whether anything but figures changed.

        Raises RemoteProtocolError (``links.too-many``) where it tells too often.
        """
        bucket = self._heard.setdefault(by, Bucket(limits.LINKS_HEARD_BURST, limits.LINKS_HEARD_EVERY, now))
        if not bucket.take(now):
            raise RemoteProtocolError("links.too-many", "A member tells of its links too often.")
        before = self._reports.get(by)
        self._reports[by] = _Report({link.peer: link for link in links if link.peer != by}, now)
        return before is None or _gist(before.links.values()) != _gist(self._reports[by].links.values())

    def forget(self, peer: str) -> None:
        """A member is over."""
        self._reports.pop(peer, None)
        self._heard.pop(peer, None)
        self._missing = {pair: since for pair, since in self._missing.items() if peer not in pair}

    def view(self, name: str, own: Sequence[m.Link], now: float) -> MeshView:
        """Everything, with our own links as they are now. ``name``: ours."""
        told = {
            by: report.links for by, report in self._reports.items() if now < report.at + limits.LINKS_KEPT
        }
        told[self._me] = {link.peer: link for link in own}
        names = {self._me: name} | {link.peer: link.name for link in own}
        for links in told.values():
            for peer, link in links.items():
                if len(names) <= limits.PEERS_MAX and link.state != "away":
                    names.setdefault(peer, link.name)
        pairs = [self._link(told, one, other, now) for one, other in itertools.combinations(names, 2)]
        known = set(itertools.permutations(names, 2))
        self._missing = {pair: since for pair, since in self._missing.items() if pair in known}
        seen = {peer for link in pairs if link.state not in BROKEN for peer in (link.one, link.other)}
        boxes = tuple(
            MeshBox(peer, names[peer], away=peer != self._me and peer not in seen and _is_away(pairs, peer))
            for peer in names
        )
        return MeshView(boxes, tuple(pairs))

    def _link(self, told: dict[str, dict[str, m.Link]], one: str, other: str, now: float) -> MeshLink:
        ends: list[m.Link] = []
        states: list[LinkState] = []
        for here, there in ((one, other), (other, one)):
            links = told.get(here)
            if links is None:
                continue
            link = links.get(there)
            if link is not None:
                self._missing.pop((here, there), None)
                ends.append(link)
                states.append(_STATES[link.state])
            else:
                since = self._missing.setdefault((here, there), now)
                late = now - since >= limits.LINK_MISSING_AFTER
                states.append(LinkState.NONE if late else LinkState.CONNECTING)
        state = min(states, key=_WORST_FIRST.index, default=LinkState.UNKNOWN)
        if state is not LinkState.LIVE:
            return MeshLink(one, other, state)
        return MeshLink(
            one,
            other,
            state,
            min((end.quality for end in ends if end.quality), default=0),
            max(end.loss_pm for end in ends) / 1000,
            max(end.rtt_ms for end in ends),
            min((end.layer for end in ends), key=_LAYERS.index),
        )


class Teller:
    """When to tell whom of our links."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, object, float]] = {}  # connection, what, and when; by peer

    def due(self, peer: str, connection: int, links: Sequence[m.Link], now: float) -> bool:
        """Tell this peer now? Then it was. ``connection``: a new one has heard nothing yet."""
        gist = _gist(links)
        before = self._told.get(peer)
        if before is not None and before[0] == connection:
            wait = limits.LINKS_AGAIN if before[1] == gist else limits.LINKS_EVERY
            if now - before[2] < wait:
                return False
        self._told[peer] = (connection, gist, now)
        return True

    def forget(self, peer: str) -> None:
        """A member is over."""
        self._told.pop(peer, None)


def _gist(links: Iterable[m.Link]) -> frozenset[tuple[str, str, int, str]]:
    """What is worth telling at once."""
    return frozenset((link.peer, link.state, link.quality, link.layer) for link in links)


def _is_away(links: Iterable[MeshLink], peer: str) -> bool:
    return any(link.state is LinkState.AWAY for link in links if peer in (link.one, link.other))
