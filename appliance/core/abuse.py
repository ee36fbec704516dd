"""When what strangers do is worth a line on the screen: from the counters, at most one line a minute.

The rules:

* A wrong password of a stranger is worth a line at once, and so is a newcomer for whom there is no room.
* What a limit drops or holds back happens to honest boxes too, a little. It is a *flood* from
  ``FLOOD_FROM`` in ``FLOOD_SPAN`` seconds on.
* Two boxes that are the same one, or have one name, are a *clash*: logged and in ``stats`` here; who finds it
  says on the screen what was done about it.
* An episode of one kind begins with what was worth a line and is over when nothing of its kind was counted
  for ``ABUSE_OVER_AFTER``. It is told once when it begins, and every ``ABUSE_LINE_EVERY`` while it goes on.
* Of several kinds at once the screen gets one line: wrong passwords before floods.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.core import limits


@dataclass(frozen=True, slots=True)
class Told:
    """Something to log, under its stable code, and to show unless ``sentence`` is empty.

    ``count``: how often it happened since it was told last.
    """

    code: str
    count: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of abuse is counted under. ``threshold``: in ``FLOOD_SPAN``, from which it is told.

    ``sentence``: for the screen, or empty.
    """

    code: str
    sentence: str
    counters: frozenset[str]
    threshold: int


KINDS = (
    Kind(
        "abuse.wrong-proofs",
        "Somebody tried to join with a wrong password",
        frozenset({"join.wrong-proof"}),
        1,
    ),
    Kind(
        "abuse.full",
        "A newcomer was refused: this room is full",
        frozenset({"room.full"}),
        1,
    ),
    Kind(
        "abuse.clash",
        "",  # its words hang on what was found (app/copies.py)
        frozenset({"identity.clone-met", "identity.cloned", "name.duplicate"}),
        1,
    ),
    Kind(
        "abuse.flood",
        "Somebody sends more than this box takes; the meeting goes on",
        frozenset(
            {
                "budget.strangers",
                "hello.signature",
                "limit.challenges",
                "limit.hellos",
                "line.too-many",
                "line.unproven",
                "outer.malformed",
                "outer.size",
                "relay.flood",
                "signaling.binary",
                "signaling.flood",
                "signaling.oversized",
                "signaling.room-full",
                "signaling.silent-client",
                "signaling.slow-reader",
                "signaling.throttled",
                "signaling.too-many",
                "signaling.wrong-api-key",
            }
        ),
        limits.FLOOD_FROM,
    ),
)


@dataclass(slots=True)
class _Episode:
    """One kind's. ``recent``: (time, how many) of the last ``FLOOD_SPAN``."""

    kind: Kind
    seen: int = 0  # of its counters, at the last look
    recent: deque[tuple[float, int]] = field(default_factory=deque)
    active: bool = False
    last_at: float = float("-inf")
    told_at: float = float("-inf")
    untold: int = 0
    total: int = 0


class Abuse:
    """Looks at the counters once a second, or so."""

    def __init__(self) -> None:
        self._episodes = [_Episode(kind) for kind in KINDS]
        self._line_at = float("-inf")

    def look(self, counters: Mapping[str, int], now: float) -> list[Told]:
        """Say what is worth telling; at most one of it has a sentence for the screen."""
        told: list[Told] = []
        for episode in self._episodes:
            self._count(episode, counters, now)
            due = now - episode.told_at >= limits.ABUSE_LINE_EVERY
            if not (episode.active and episode.untold and due):
                continue
            sentence = ""
            if episode.kind.sentence and now - self._line_at >= limits.ABUSE_LINE_EVERY:
                self._line_at, sentence = now, episode.kind.sentence
            told.append(Told(episode.kind.code, episode.untold, sentence))
            episode.told_at, episode.untold = now, 0
        return told

    def _count(self, episode: _Episode, counters: Mapping[str, int], now: float) -> None:
        # A session's counters go with it, so a sum may fall: then it begins anew.
        total = sum(counters.get(code, 0) for code in episode.kind.counters)
        more, episode.seen = max(0, total - episode.seen), total
        while episode.recent and now - episode.recent[0][0] >= limits.FLOOD_SPAN:
            episode.recent.popleft()
        if not more:
            if episode.active and now - episode.last_at >= limits.ABUSE_OVER_AFTER:
                episode.active = False
            return
        episode.recent.append((now, more))
        if sum(count for _, count in episode.recent) < episode.kind.threshold and not episode.active:
            return
        started = not episode.active
        episode.active, episode.last_at = True, now
        news = sum(count for _, count in episode.recent) if started else more
        episode.untold += news
        episode.total += news

    def stats(self, now: float) -> dict[str, dict[str, object]]:
        """By code: how often in all, whether it goes on, and how long ago it was counted last."""
        return {
            episode.kind.code: {
                "count": episode.total,
                "active": episode.active,
                "last_s_ago": round(now - episode.last_at, 1) if episode.total else None,
            }
            for episode in self._episodes
        }
