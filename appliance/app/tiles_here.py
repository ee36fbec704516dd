"""Who of a meeting has a tile, in which state and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.app.peer_shell import PeerShell
from appliance.core.call_view import TileState
from appliance.core.peer_table import PeerState

if TYPE_CHECKING:
    from appliance.app.session import Session

TILE_STATES = {
    PeerState.IDENTIFIED: TileState.CONNECTING,
    PeerState.CONNECTING: TileState.CONNECTING,
    PeerState.LIVE: TileState.LIVE,
    PeerState.SILENT: TileState.RECONNECTING,
}
"""Of the peers that have one."""


def tiles_in_order(session: Session) -> list[str]:
    """The peers that have a tile, in the order of their tiles."""
    here = [peer_id for peer_id, shell in session.peers.items() if shell.machine.state in TILE_STATES]
    return session.order.sorted(here)


def shells_here(session: Session) -> list[PeerShell]:
    """The same, with what owns them."""
    return [session.peers[peer_id] for peer_id in tiles_in_order(session)]
