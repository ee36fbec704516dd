"""Pictures and sound of one room: what each peer gets of ours, how large theirs are, and being on hold."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.app.peer_shell import PeerShell
from appliance.app.surroundings import Surroundings
from appliance.core import limits
from appliance.core.arrival import Arrival
from appliance.core.sending import decide


class RoomMedia:
    """Of the peers of one room."""

    def __init__(self, around: Surroundings, peers: Mapping[str, PeerShell]) -> None:
        self._around = around
        self._peers = peers
        self._arrival = Arrival(around.now())
        self._sizes: dict[str, tuple[int, int]] = {}
        self._muted = False
        self._camera_on = True
        self.held = False
        """Another room has the microphone, the camera and the speaker."""

    def set(self, muted: bool, camera_on: bool) -> None:
        """Our microphone and camera, as the others should show them."""
        self._muted, self._camera_on = muted, camera_on
        for shell in self._peers.values():
            self._say(shell)

    def hold(self, held: bool) -> None:
        """Put the room on hold: its people are told, and nothing but heartbeats goes either way. Or go on
        where it was left: tiles as large as they were, until the screen says other sizes.
        """
        self.held = held
        for peer_id, shell in self._peers.items():
            shell.hold(held)
            shell.show_at(None if held else self._sizes.get(peer_id))
            self._say(shell)
            if held:
                self._around.media.show(peer_id, None)
        self.share()

    def begin(self, shell: PeerShell, *, muted_here: bool) -> None:
        """A new peer: tell it what we send, and show it where its tile is."""
        shell.hold(self.held)
        self._say(shell)
        if muted_here:
            shell.mute_here(True)
        # Its tile may be on the screen already: of a meeting that was left and joined again at once.
        if (size := self._sizes.get(shell.machine.peer_id)) is not None and not self.held:
            shell.show_at(size)
        self.share()

    def _say(self, shell: PeerShell) -> None:
        muted, camera_on = self._muted or self.held, self._camera_on and not self.held
        shell.run(shell.machine.say_media(muted, camera_on, self.held))

    # --- theirs -----------------------------------------------------------------------------------

    def show_tiles(self, sizes: dict[str, tuple[int, int]]) -> None:
        """The sizes at which the peers are drawn; one that is not named is hidden."""
        self._sizes = sizes
        for peer_id, shell in self._peers.items():
            shell.show_at(sizes.get(peer_id))

    def shown(self, peer_id: str) -> bool:
        """Is a peer on the screen?"""
        return peer_id in self._sizes and not self.held

    # --- ours -------------------------------------------------------------------------------------

    def share(self) -> None:
        """Decide anew which layer each peer gets of us, in the order in which they came."""
        shells = list(self._peers.values())
        if self._arrival.look(sum(shell.media is None for shell in shells), self._around.now()):
            self._around.arriving()
        demands = [shell.demand for shell in shells]
        shared = decide(demands, self._around.uplink, quiet=self._arrival.quiet)
        for shell, sending in zip(shells, shared, strict=True):
            shell.give(sending)

    def look_at_links(self) -> None:
        """Look at what the receivers report: a link that carries less gets less, and of sound the one
        that loses most says how much FEC there is.
        """
        for shell in self._peers.values():
            shell.look_at_link()
        losses = [shell.feedback.expected_loss for shell in self._peers.values()]
        self._around.media.engine.set_expected_loss(max(losses, default=limits.SOUND_EXPECTED_LOSS))

    @property
    def arriving(self) -> bool:
        """Does this box come into a crowd just now, and keeps quiet?"""
        return self._arrival.quiet

    def deadline(self) -> float | None:
        """When ``tick`` has to look whether to keep quiet, or None."""
        return self._arrival.deadline()

    def tick(self) -> None:
        """Keep quiet no longer than an arrival takes."""
        if self._arrival.quiet:
            self.share()
