"""What a peer says of one room is remembered for a while, until it looks so from here, too."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.app.one_room import OneRoom
from appliance.core import limits
from appliance.core.identity import BoxIdentity
from appliance.core.introduction import Acquaintance
from appliance.core.keys import PairKeys
from appliance.core.peer import Peer
from appliance.core.view import Tone
from appliance.core.whereabouts import Me
from appliance.media.audio.receive import Told

NOW = 1000.0
OURS, THEIRS = sorted((BoxIdentity(bytes([n]) * 32) for n in (1, 2)), key=lambda box: box.box_id_hex)


class Room:
    """One meeting with one other box, whose microphone is the one that stays on or not."""

    def __init__(self, ours: BoxIdentity, theirs: BoxIdentity) -> None:
        me = Me(ours, "Bridge", "aa" * 16, ("10.0.0.1",), 8787)
        keys = PairKeys(*(bytes([n]) * 32 for n in range(5)))
        other = Acquaintance(
            "bb" * 16, "A", keys, b"e" * 32, theirs.public_key, "Galley", ("10.0.0.2",), 8787, "cc" * 16
        )
        self.peer = Peer.introduced(me, other, NOW)
        self.shell: Any = SimpleNamespace(machine=self.peer, told=[], run=lambda _: None)
        self.counters: Counter[str] = Counter()
        self.muted = 0
        self.said: list[str] = []
        self.one_room = OneRoom(
            lambda: ours.box_id_hex, self._mute, lambda code: self.counters.update([code]), self._notify
        )

    def _mute(self) -> None:
        self.muted += 1

    def _notify(self, text: str, tone: Tone) -> None:
        self.said.append(str(text))

    def talk(self, begin: float, seconds: float, *, alike: bool) -> None:
        """Both microphones are on for so long, and hear the same talker, or one each."""
        for number in range(round(seconds / 0.02)):
            at = begin + number * 0.02
            here, there = (12 if int(at / beat) % 2 else 60 for beat in (0.34, 0.34 if alike else 0.27))
            self.one_room.heard_here(here, at)
            self.shell.told = [Told(there, at, at + 0.03)]
            self.one_room.look({self.peer.peer_id: self.shell}, muted=False, now=at)
            if self.said:
                break
        self.shell.told = []


class TestWhatAPeerSays:
    def test_it_is_believed_when_it_looks_so_from_here_soon(self) -> None:
        room = Room(OURS, THEIRS)
        room.one_room.heard(room.peer, muted=False, now=NOW)
        assert room.counters == {"same-room.not-here": 1}
        assert room.said == []
        room.talk(NOW, limits.SAME_ROOM_LIKELY_FOR - 1, alike=True)
        assert room.counters["same-room.found"] == 1
        assert len(room.said) == 1

    def test_it_is_forgotten_when_it_does_not(self) -> None:
        room = Room(OURS, THEIRS)
        room.one_room.heard(room.peer, muted=False, now=NOW)
        later = NOW + limits.SAME_ROOM_LIKELY_FOR
        room.one_room.look({room.peer.peer_id: room.shell}, muted=False, now=later)
        room.talk(later, limits.SAME_ROOM_WINDOW + 2, alike=True)  # likely, and not yet sure
        assert room.counters == {"same-room.not-here": 1}
        assert room.said == []

    def test_it_is_not_believed_of_a_room_with_another_talker(self) -> None:
        room = Room(OURS, THEIRS)
        room.one_room.heard(room.peer, muted=False, now=NOW)
        room.talk(NOW, limits.SAME_ROOM_LIKELY_FOR - 1, alike=False)
        assert room.counters == {"same-room.not-here": 1}

    @pytest.mark.parametrize(("ours", "theirs", "muted"), [(OURS, THEIRS, 0), (THEIRS, OURS, 1)])
    def test_the_larger_box_id_is_silent(self, ours: BoxIdentity, theirs: BoxIdentity, muted: int) -> None:
        room = Room(ours, theirs)
        room.one_room.heard(room.peer, muted=False, now=NOW)
        room.talk(NOW, limits.SAME_ROOM_LIKELY_FOR - 1, alike=True)
        assert room.muted == muted
