"""After wrong passwords strangers are shut out everywhere, boxes met before are not; a person admits one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from net.boxes import Boxes, TestBox
from websockets.asyncio.client import connect

from appliance.core import limits
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import ProofFailed, SendFrame
from appliance.signaling.access import DEFAULT_TOKEN

PASSWORD = f"{os.getpid():06d}"
ROOM = 1 + os.getpid() % 1000


def server_of(box: TestBox) -> str:
    """Where the box's own signaling server is."""
    log = box.log()
    port = log.rpartition("port=")[2].split()[0]
    return f"ws://127.0.0.1:{port}/{ROOM}?apiKey={DEFAULT_TOKEN}"


def wrong_proofs(box: TestBox) -> int:
    """How many wrong passwords this box tells of."""
    return int(box.stats()["abuse"].get("abuse.wrong-proofs", {"count": 0})["count"])


async def guess(url: str, done: Callable[[], bool], within: float = 20.0) -> None:
    """Try wrong passwords, each time as somebody else, until something is true."""
    wrong, ends = 0, time.monotonic() + within
    async with connect(url, proxy=None, compression=None) as websocket:
        while not done() and time.monotonic() < ends:
            joiner = Handshakes(ROOM, "not it", time.monotonic(), os.urandom)
            await websocket.send(joiner.hello())
            tried = time.monotonic()
            looked_at = wrong
            while wrong == looked_at and time.monotonic() - tried < 1.0:
                try:
                    text = await asyncio.wait_for(websocket.recv(), 1.0)
                except TimeoutError:
                    break
                for effect in joiner.receive("relay", "box", str(text), time.monotonic()):
                    if isinstance(effect, SendFrame):
                        await websocket.send(effect.text)
                    wrong += isinstance(effect, ProofFailed)


def test_strangers_are_shut_out_and_one_is_admitted_but_who_was_here_before_needs_nobody(
    tmp_path: Path,
) -> None:
    with Boxes(tmp_path) as boxes:
        a, b, friend, stranger = boxes.start_all(("Bridge", "Galley", "Friend", "Stranger"))
        names = {"Bridge", "Galley", "Friend", "Stranger"}
        boxes.wait(lambda: all(box.sees(*(names - {box.name})) for box in boxes.all), 20.0)
        for box in (a, b, friend):
            box.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: friend.drawn() == {"Bridge", "Galley"} and a.drawn() == {"Galley", "Friend"})
        friend.ask("leave")
        boxes.wait(lambda: a.peers() == {"Galley": "live"} and b.peers() == {"Bridge": "live"})

        asyncio.run(guess(server_of(a), lambda: a.status()["strangers"]["shut_out"]))
        boxes.wait(lambda: a.status()["strangers"]["shut_out"] and b.status()["strangers"]["shut_out"])
        counted = [box.status()["strangers"]["wrong"] for box in (a, b)]
        assert counted[0] == counted[1]
        assert limits.STRANGER_GUESSES <= counted[0] <= limits.STRANGER_GUESSES + 1
        assert 500 < a.status()["strangers"]["again_in_s"] <= 600
        # Which of the two a guess went to was chance; that one shows it.
        boxes.wait(lambda: sum(wrong_proofs(box) for box in (a, b)) > 0)
        assert any("abuse.wrong-proofs" in box.log() for box in (a, b))

        friend.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: friend.drawn() == {"Bridge", "Galley"}, 5.0)
        assert a.status()["strangers"]["shut_out"]

        stranger.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: stranger.status()["state"] == "in-call")  # alone: nobody answers it
        boxes.wait(lambda: any("let no newcomers in now" in said for said in stranger.status()["says"]))
        assert stranger.peers() == {}
        assert "Stranger" not in a.peers()
        stranger.ask("leave")
        stranger.ask("join", room=ROOM % 1000 + 1, password=PASSWORD)  # where nobody is, nobody says so
        boxes.wait(lambda: stranger.status()["state"] == "in-call")
        time.sleep(2 * limits.UNANSWERED_AFTER)
        assert stranger.status()["counters"]["join.unanswered"] == 1
        stranger.ask("leave")

        a.ask("admit")
        assert a.status()["strangers"]["admitted"]
        stranger.ask("join", room=ROOM, password=PASSWORD)
        # One member admitted it; to the others it is no stranger any more.
        boxes.wait(lambda: stranger.drawn() == {"Bridge", "Galley", "Friend"}, 15.0)
        assert not a.status()["strangers"]["admitted"]
