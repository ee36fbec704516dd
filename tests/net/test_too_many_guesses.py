"""Who typed wrong passwords too often reads when to try again, on the screen, and keeps what was typed."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes

from appliance.core import limits
from appliance.core.guesses import GuessBudgets

ROOM = 1 + os.getpid() % 1000
PASSWORD = f"{os.getpid():06d}"


def spent() -> bytes:
    """The state of a box that has no guesses left for the room, the first of them a minute ago."""
    budgets = GuessBudgets()
    for at in range(limits.GUESSES_PER_ROOM):
        budgets.press(ROOM).spend(float(at))
    return budgets.to_state(60.0)


def test_the_screen_says_when_to_try_again(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all((f"Bridge {os.getpid()}", f"Galley {os.getpid()}"))
        b.end()
        (b.folder / "state" / "guesses.json").write_bytes(spent())
        b.restart()
        boxes.wait(lambda: b.sees(a.name) and a.sees(b.name), 20.0)
        a.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: a.status()["state"] == "in-call")
        b.type(str(ROOM), PASSWORD)  # the right one: but nothing is proven any more
        sentence = f"Too many tries with room {ROOM} were refused."
        boxes.wait(lambda: any(said.startswith(sentence) for said in b.status()["says"]))
        assert b.status()["state"] == "idle"
        assert any("Try again in" in said for said in b.status()["says"])
        assert b.status()["counters"]["join.too-many-guesses"] == 1
