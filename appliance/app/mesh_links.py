"""The links of one meeting: how good ours are, whether pictures come, and what members tell of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from appliance.app.peer_shell import PeerShell
from appliance.core import limits
from appliance.core import messages as m
from appliance.core.call_view import AwayView, MeshView
from appliance.core.link_quality import LinkQuality
from appliance.core.mesh import Mesh, Teller
from appliance.core.missing_picture import MissingPicture
from appliance.core.peer_table import PeerState
from appliance.core.view import Tone
from appliance.core.words import Text, say
from appliance.errors import RemoteProtocolError

_STATES: dict[PeerState, Literal["connecting", "live", "silent", "away"]] = {
    PeerState.IDENTIFIED: "connecting",
    PeerState.CONNECTING: "connecting",
    PeerState.LIVE: "live",
    PeerState.SILENT: "silent",
    PeerState.AWAY: "away",
}


class MeshLinks:
    """Of one session. ``me``: our peer id. ``shown(peer)``: does a screen want its picture now?

    ``frozen(peer)``: no picture came for long: take the last one off. ``count``, ``notify``, ``changed``: see
    `Surroundings`.
    """

    def __init__(
        self,
        me: str,
        peers: Mapping[str, PeerShell],
        shown: Callable[[str], bool],
        frozen: Callable[[str], None],
        count: Callable[[str], None],
        notify: Callable[[Text, Tone], None],
        changed: Callable[[], None],
    ) -> None:
        self._peers = peers
        self._shown = shown
        self._frozen = frozen
        self._count = count
        self._notify = notify
        self._changed = changed
        self._mesh = Mesh(me)
        self._teller = Teller()
        self._quality: dict[str, LinkQuality] = {}
        self._pictures: dict[str, MissingPicture] = {}
        self._away: dict[str, float] = {}  # since when
        self._looked_at = float("-inf")
        self._view: MeshView | None = None  # until something else is known
        self._view_of: object = None  # which peers, and how they were

    def quality(self, peer_id: str) -> int:
        """Of our link with a peer: 3 good, 2 fair, 1 bad, 0 not known yet."""
        quality = self._quality.get(peer_id)
        return quality.value if quality is not None else 0

    def no_picture(self, peer_id: str) -> bool:
        """Has no picture come for long, although one should?"""
        watch = self._pictures.get(peer_id)
        return watch is not None and watch.missing

    def away(self) -> tuple[AwayView, ...]:
        """The members that are out of reach."""
        return tuple(
            AwayView(peer_id, self._peers[peer_id].machine.name, since)
            for peer_id, since in self._away.items()
            if peer_id in self._peers
        )

    def view(self, name: str, now: float) -> MeshView:
        """Every link of this meeting, figures as at the last look. ``name``: this box's."""
        key = (name, [(peer, shell.machine.state, shell.machine.name) for peer, shell in self._peers.items()])
        if self._view is None or self._view_of != key:
            self._view, self._view_of = self._mesh.view(name, self._links(), now), key
        return self._view

    def heard(self, peer_id: str, links: tuple[m.Link, ...], now: float) -> None:
        """A member told of its links."""
        try:
            changed = self._mesh.heard(peer_id, links, now)
        except RemoteProtocolError as error:
            self._count(error.code)
            return
        self._view = None
        if changed:
            self._changed()

    def forget(self, peer_id: str) -> None:
        """A peer is over."""
        self._view = None
        self._mesh.forget(peer_id)
        self._teller.forget(peer_id)
        for known in (self._quality, self._pictures, self._away):
            known.pop(peer_id, None)

    def tick(self, now: float) -> None:
        """Look at our links, once a second at most, and tell the members what is new."""
        if now - self._looked_at < limits.LINKS_LOOK_EVERY:
            return
        self._looked_at = now
        self._view = None
        for peer_id, shell in self._peers.items():
            self._look(peer_id, shell, now)
        links = self._links()
        for shell in list(self._peers.values()):
            machine = shell.machine
            if machine.bound is not None and self._teller.due(machine.peer_id, machine.bound, links, now):
                shell.run(machine.say_links(links))

    def _look(self, peer_id: str, shell: PeerShell, now: float) -> None:
        machine, media = shell.machine, shell.media
        if machine.state is PeerState.AWAY:
            self._away.setdefault(peer_id, now)
        else:
            self._away.pop(peer_id, None)
        stats = media.stats() if media is not None else None
        live = machine.state is PeerState.LIVE and stats is not None
        if not live or stats is None:
            self._quality.pop(peer_id, None)
        else:
            quality = self._quality.setdefault(peer_id, LinkQuality())
            received = stats.packets_received + stats.sounds_received
            quality.look(received, stats.packets_lost + stats.sounds_lost, machine.rtt_ms, now)
        watch = self._pictures.setdefault(peer_id, MissingPicture())
        expected = live and machine.camera_on and not machine.held and self._shown(peer_id)
        came = stats is not None and stats.fps_decoded > 0
        before = watch.missing
        if watch.look(expected=expected, came=came, now=now):
            self._count("picture.missing")
            self._frozen(peer_id)
            seconds = round(limits.NO_PICTURE_AFTER)
            self._notify(say("No picture from {name} for {n} s", name=machine.name, n=seconds), Tone.WARNING)
        if watch.missing != before:
            self._changed()

    def _links(self) -> tuple[m.Link, ...]:
        found: list[m.Link] = []
        for peer_id, shell in self._peers.items():
            state = _STATES.get(shell.machine.state)
            if state is None:
                continue
            quality = self._quality.get(peer_id)
            live = state == "live" and quality is not None
            found.append(
                m.Link(
                    peer=peer_id,
                    name=shell.machine.name,
                    state=state,
                    quality=quality.value if quality is not None and live else 0,
                    loss_pm=round(1000 * quality.loss) if quality is not None and live else 0,
                    rtt_ms=_milliseconds(quality.rtt_ms) if quality is not None and live else 0,
                    layer=_layer(shell.media.layer) if shell.media is not None and live else "",
                )
            )
        return tuple(found[: limits.PEERS_MAX])


def _milliseconds(rtt: float | None) -> int:
    return 0 if rtt is None else min(round(rtt), limits.LINK_RTT_MAX_MS)


def _layer(name: str) -> Literal["", "H", "M", "L"]:
    return name if name in ("H", "M", "L") else ""  # type: ignore[return-value]
