"""Where one pair stands: its state, since when, and what it reached on the way.

The parts of the link machine (``core/peer.py``) share it: each says which event it is.
"""

from __future__ import annotations

from appliance.core.peer_effects import Changed, Effect, Ended, GoneReason
from appliance.core.peer_table import TABLE, PeerEvent, PeerState
from appliance.core.table import Machine


class Standing:
    """Of one pair. ``resumed``: it was there before this box restarted. ``now``: monotonic seconds."""

    def __init__(self, begins: PeerState, resumed: bool, now: float) -> None:
        self._machine = Machine("peer", TABLE, begins)
        self.since = now
        """When the current state began."""
        self.resumed = resumed
        self.leads = False
        """This box dials and offers; meaningful once the pair is identified."""
        self.milestones = {"proven": now}
        """When each step was first reached: proven, identified, line, connected, bound."""

    @property
    def state(self) -> PeerState:
        return self._machine.state

    @property
    def is_rejoining(self) -> bool:
        """This box restarted, and the other one did not show since that it is there."""
        return self.resumed and self.state is PeerState.INTRODUCED

    def allows(self, event: PeerEvent) -> bool:
        """Say whether the event is legal now."""
        return self._machine.allows(event)

    def step(self, event: PeerEvent, now: float) -> None:
        """Follow the event. Raises LocalProtocolError (``peer.illegal-event``)."""
        self._machine.step(event)
        self.since = now

    def end(self, reason: GoneReason) -> list[Effect]:
        """The pair is over. Raises LocalProtocolError (``peer.illegal-event``) when it was before."""
        self._machine.step(PeerEvent.END)
        return [Ended(reason), Changed()]
