"""Where the servers of a room are: our own, the configured ones, those found, those known from before.

What is known from before (``core/known_boxes``) is kept in the state folder. It is what joins a meeting
where multicast does not come through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from appliance.app import state_files, state_writing
from appliance.config import Config, Signaling
from appliance.core import address_entry, limits
from appliance.core.known_boxes import How, Known
from appliance.core.view import BoxSeen, ConnectView, Tone
from appliance.core.words import Words, say
from appliance.errors import ControlError
from appliance.signaling.client import Origin, ServerAddress
from appliance.signaling.discovery import FoundBox
from appliance.signaling.interfaces import Interface, host_addresses, may_dial, on_link
from appliance.signaling.look import Answer, look_at

OWN_SERVER = "own"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box or a server is that discovery does not show. ``name``: for the screen.

    ``wanted``: a person typed or configured it, or was in a meeting with it; else it was only seen once.
    """

    name: str
    hosts: tuple[str, ...]
    port: int
    wanted: bool
    found_by: str = "known"


class AddressBook:
    """Which servers to dial, and where boxes were. ``changed()``: ``view`` is another. ``count(code)``: an
    address that a person typed was refused. ``later(seconds, call)`` calls back, as a loop's ``call_later``.
    """

    def __init__(
        self,
        config: Config,
        state_dir: Path,
        changed: Callable[[], None],
        count: Callable[[str], None],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._config = config
        self._state_dir = state_dir
        self._changed = changed
        self._count = count
        self._later = later
        self._unsaved = False
        self._known = state_files.load_known(state_dir)
        self.interfaces: tuple[Interface, ...] = ()
        self.port = 0
        """Of our own server."""
        self.found: tuple[FoundBox, ...] = ()
        """What discovery shows."""
        self.view: ConnectView | None = None
        """What became of the address that a person typed last."""

    @property
    def boxes(self) -> tuple[FoundBox, ...]:
        """The boxes that discovery shows; a signaling server alone is none."""
        return tuple(found for found in self.found if not found.relay)

    def servers(self) -> list[ServerAddress]:
        """Every server that a room is joined through now."""
        found = [box for box in self.found if box.present]
        servers = [ServerAddress.discovered(f.instance, f.addresses, f.port) for f in found]
        servers += [ServerAddress.configured(url) for url in self._config.servers]
        if own := host_addresses(self.interfaces):
            servers.append(ServerAddress.discovered(OWN_SERVER, own, self.port, Origin.OWN))
        for known, hosts in self._unseen(found)[: limits.KNOWN_DIALED_MAX]:
            servers.append(ServerAddress.discovered(known.key, hosts, known.port, Origin.KNOWN))
        return servers

    def _unseen(self, found: Iterable[FoundBox]) -> list[tuple[Known, list[str]]]:
        """What is known from before and is none of these, the likeliest first, with its addresses."""
        shown = tuple(found)
        unseen = []
        for known in self._known.to_try():
            hosts = [host for host in known.addresses if self._may_try(host, known.how, known.port)]
            if hosts and not any(known.is_at(box.addresses, box.port) for box in shown):
                unseen.append((known, hosts))
        return unseen

    def seen(self, now: float) -> tuple[BoxSeen, ...]:
        """The boxes that the screen may show: those of discovery, the known ones, the configured servers."""
        listed = [f for f in self.found if f.present or now - f.seen_at < limits.BOX_SEEN_FOR]
        boxes = [
            BoxSeen(found.name, next(iter(found.addresses), ""), found.present, found.seen_at)
            for found in listed
            if not found.relay
        ]
        boxes += [
            BoxSeen(known.name, hosts[0], present=False, seen_at=0.0, found_by="known")
            for known, hosts in self._unseen(listed)
        ]
        shown = {address for found in listed for address in found.addresses} | {box.address for box in boxes}
        configured = (urlsplit(url).hostname or "" for url in self._config.servers)
        boxes += [
            BoxSeen("", host, present=False, seen_at=0.0, found_by="server")
            for host in dict.fromkeys(configured)
            if host and host not in shown
        ]
        return tuple(boxes)

    def elsewhere(self, now: float) -> list[Place]:
        """What discovery does not show and a meeting is joined through, configured ones first."""
        listed = [f for f in self.found if f.present or now - f.seen_at < limits.BOX_SEEN_FOR]
        places = []
        for server in map(ServerAddress.configured, self._config.servers):
            own = any(self._is_own(host, server.port) for host in server.hosts)
            shown = any(server.port == f.port and set(server.hosts) & set(f.addresses) for f in listed)
            if not (own or shown):
                places.append(Place(server.hosts[0], server.hosts, server.port, True, "server"))
        configured = {(host, place.port) for place in places for host in place.hosts}
        for known, hosts in self._unseen(listed)[: limits.KNOWN_DIALED_MAX]:
            if configured.isdisjoint((host, known.port) for host in hosts):
                wanted = known.how is not How.SEEN
                places.append(Place(known.name or hosts[0], tuple(hosts), known.port, wanted))
        return places

    def _may_try(self, host: str, how: How, port: int) -> bool:
        if self._is_own(host, port):
            return False
        # What mDNS showed was on the same link; elsewhere, that address is somebody else's.
        return on_link(host, self.interfaces) if how is How.SEEN else may_dial(host, self.interfaces)

    def _is_own(self, host: str, port: int) -> bool:
        return port == self.port and host in host_addresses(self.interfaces)

    # --- what is remembered -------------------------------------------------------------------

    def discovered(self, boxes: Iterable[FoundBox]) -> None:
        """Discovery shows other boxes, or the same ones in another state."""
        self.found = tuple(boxes)
        news = [self._remember(How.SEEN, f.addresses, f.port, f.name) for f in self.found if f.present]
        if any(news):
            self._save()

    def met(self, name: str, addresses: Sequence[str], port: int) -> None:
        """A box of a meeting said, inside the seal, where its server is."""
        if self._remember(How.MET, addresses, port, name):
            self._save()

    def joined(self, tried: Collection[str], reached: Collection[str]) -> None:
        """A meeting is over for us. Servers are named by their keys."""
        if host_addresses(self.interfaces) and self._known.joined(tried, reached):
            self._save()

    def _remember(self, how: How, addresses: Iterable[str], port: int, name: str = "") -> bool:
        """Not on loopback: ports there are of one run, and all of them on this machine."""
        kept = [a for a in addresses if not ipaddress.ip_address(a).is_loopback and not self._is_own(a, port)]
        return self._known.remember(how, kept, port, name)

    def _save(self) -> None:
        if not self._unsaved:
            self._unsaved = True
            self._later(limits.KNOWN_SAVED_AFTER, self.save)

    def save(self) -> None:
        """Write what is not written yet."""
        if not self._unsaved:
            return
        self._unsaved = False
        state_writing.save(self._state_dir, state_files.KNOWN, self._known.to_state())

    def forget(self) -> None:
        """Remember nothing, and read again what the state folder has."""
        self._unsaved = False
        self._known = state_files.load_known(self._state_dir)

    # --- an address that a person typed ---------------------------------------------------------

    async def connect(self, text: str) -> tuple[str, int]:
        """Look whether a box is at this address, and remember it; return its address and port.

        Raises ControlError (``address.malformed``, ``.not-private``, ``.own``, ``.silence``, ``.nobody``,
        ``.something``, ``.other-token``) with a sentence for the screen. ``view`` follows.
        """
        self._show(ConnectView(text, busy=True))
        try:
            address, port = address_entry.parse(text, self._config.signaling.port or Signaling().port)
            at = text.strip()
            if self._is_own(address, port):
                raise ControlError("address.own", say("{at} is this box itself.", at=at))
            if not may_dial(address, self.interfaces):
                raise ControlError("address.not-private", _not_private(at))
            answer = await look_at(address, port, self._config.signaling.token)
            if answer is not Answer.SERVER:
                raise ControlError(f"address.{answer.value}", _sentence(answer, at))
        except ControlError as error:
            self._count(error.code)
            self._show(ConnectView(text, sentence=error.sentence, tone=Tone.WARNING))
            raise
        except BaseException:
            self._show(None)
            raise
        if self._remember(How.TYPED, (address,), port):
            self._save()
        self._show(ConnectView(text, sentence=_found(at)))
        return address, port

    def forget_view(self) -> None:
        """Nobody looks at what became of it any more."""
        self._show(None)

    def _show(self, view: ConnectView | None) -> None:
        self.view = view
        self._changed()


def _sentence(answer: Answer, at: str) -> Words:
    match answer:
        case Answer.OTHER_TOKEN:
            return say(
                "The box at {at} belongs to others: its [signaling] token is not this box's.",
                at=at,
            )
        case Answer.SOMETHING:
            return say("Something answers at {at}, but it is no box.", at=at)
        case Answer.NOBODY:
            return say("There is a computer at {at}, but no box runs on it.", at=at)
    return say("Nothing answers at {at}. Is the box on, and is this its address?", at=at)


def _not_private(at: str) -> Words:
    return say(
        "{at} is no address of a private network, and a box calls nobody outside. "
        "If it has to be, put it under servers in the configuration.",
        at=at,
    )


def _found(at: str) -> Words:
    return say("A box answers at {at}. It is asked from now on whenever a room is joined here.", at=at)
