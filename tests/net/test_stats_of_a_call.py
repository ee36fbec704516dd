"""What ``stats`` tells of a call: how full the queues are, and figures since a moment."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes

PASSWORD = f"{os.getpid():06d}"  # another test on this loopback may use the same room
QUEUES = {
    "line", "send", "control", "datagrams", "assembly", "missing", "decode", "frames_out", "sounds_in",
}  # fmt: skip


def test_every_queue_of_a_call_and_its_bound_is_told(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(["Bridge", "Galley"])
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("42", PASSWORD)
        boxes.wait(lambda: "Galley" in a.drawn() and "Bridge" in b.drawn())

        def measured() -> bool:
            return a.stats()["peers"][0]["latency_ms"]["samples"] > 0

        boxes.wait(measured)
        stats = a.stats()
        queues = {**stats["queues"], **stats["peers"][0]["queues"]}
        assert set(queues) == QUEUES | {"intents"}
        assert all(0 <= queue["waiting"] <= queue["bound"] for queue in queues.values())

        def in_sync() -> bool:
            peers = (a.status()["peers"][0], a.stats()["peers"][0])
            return all(peer["skew_ms"] is not None and -40 <= peer["skew_ms"] <= 60 for peer in peers)

        boxes.wait(in_sync)  # after the first reports
        peer = a.stats()["peers"][0]
        assert peer["picture_wait_ms"] == peer["link"]["picture_wait_ms"] < 250
        assert peer["link"]["sound_wait_ms"] <= 80

        later = a.ask("stats", since=stats["now"] + 3600.0)
        assert later["peers"][0]["latency_ms"] == {"p50": None, "p95": None, "samples": 0}
        assert later["loop_lag_ms"]["max"] == 0.0
        assert later["peers"][0]["drawn"] >= stats["peers"][0]["drawn"]  # counts are of the whole call
