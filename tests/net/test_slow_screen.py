"""A box whose screen opens late."""

from __future__ import annotations

from pathlib import Path

from net.boxes import Boxes

SLOW = (str(Path(__file__).parent / "slow_screen.py"),)


def test_a_key_of_a_script_waits_for_the_first_page(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", program=SLOW)
        box.type("42", "123456")
        boxes.wait(lambda: box.status()["room"] == 42)
