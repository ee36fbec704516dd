"""Settings changed by keys on one box, seen by another; kept over a restart; forgotten by a factory reset."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes, TestBox

from appliance import settings_file

OURS, THEIRS = f"Bridge {os.getpid()}", f"Galley {os.getpid()}"  # other tests on this loopback have theirs
NEW = f"{os.getpid()}812"
OPEN = ("down", "ok")  # from home, without rooms on it, to the settings


def settle(box: TestBox, folder: Path) -> None:
    """Return when everything pressed so far is drawn."""
    box.ask("screenshot", file=str(folder / f"{box.name}.png"))


def rename(box: TestBox, folder: Path, name: str) -> None:
    box.press(*OPEN, "down", "down", "down", "ok")
    settle(box, folder)
    box.press("ok", *["delete"] * len(box.status()["name"]), *name, "ok")
    settle(box, folder)


def test_a_name_is_seen_by_the_others_survives_a_restart_and_is_reset(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a = boxes.start(OURS, video="none", microphone="none")
        b = boxes.start(THEIRS, video="none", microphone="none")
        boxes.wait(lambda: b.sees(OURS) and a.sees(THEIRS), 20.0)
        rename(a, tmp_path, NEW)
        boxes.wait(lambda: a.status()["name"] == NEW and b.sees(NEW) and not b.sees(OURS), 20.0)
        kept = a.folder / "state" / settings_file.SETTINGS
        assert f'name = "{NEW}"' in kept.read_text()
        identity = a.status()["id"]

        a.end()
        a.restart()
        boxes.wait(lambda: a.status()["name"] == NEW, 20.0)
        assert a.status()["id"] == identity

        down = ["down"] * 9
        a.press(*OPEN, *down, "ok")
        settle(a, tmp_path)
        a.press("ok", "right", "ok", "left", "ok")  # asked, yes, yes
        boxes.wait(lambda: a.status()["name"] == OURS and b.sees(OURS), 20.0)
        assert a.status()["id"] != identity
        assert not kept.exists()
        assert any("first day" in sentence for sentence in a.status()["says"])
        a.press("ok")  # home again: its first button begins a meeting
        boxes.wait(lambda: a.status()["state"] == "in-call")
