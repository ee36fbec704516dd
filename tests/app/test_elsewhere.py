"""Boxes that discovery does not show: asked one after the other, listed with what came of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from appliance.app.addresses import Place
from appliance.app.elsewhere import Elsewhere


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def run(
    places: list[Place], look: Callable[[Elsewhere], Callable[[], bool]], *, resting: bool = False
) -> int:
    """Look at places until something is true; return how often news was told."""
    told: list[None] = []

    async def main() -> None:
        elsewhere = Elsewhere(lambda: places, lambda: resting, lambda: told.append(None))
        elsewhere.start()
        try:
            await until(look(elsewhere))
        finally:
            await elsewhere.stop()

    asyncio.run(main())
    return len(told)


def nobody() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_who_answers_is_there_and_who_was_wanted_is_told_to_be_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        places = [
            Place("Shipyard", ("127.0.0.1",), nobody(), wanted=True),
            Place("Seen once", ("127.0.0.1",), nobody(), wanted=False),
            Place("Pier", ("127.0.0.1",), port, wanted=False),
        ]

        def look(elsewhere: Elsewhere) -> Callable[[], bool]:
            return lambda: (
                [(box.name, box.present) for box in elsewhere.boxes] == [("Pier", True), ("Shipyard", False)]
            )

        assert run(places, look) == 3  # one each, and then none while nothing changes


def test_news_are_looked_at_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = [Place("Pier", ("127.0.0.1",), nobody(), wanted=True)]

        def look(elsewhere: Elsewhere) -> Callable[[], bool]:
            def found() -> bool:
                if len(places) == 1 and elsewhere.boxes:
                    places.append(Place("Quay", ("127.0.0.1",), listener.getsockname()[1], wanted=True))
                    elsewhere.look_soon()
                return [box.name for box in elsewhere.boxes if box.present] == ["Quay"]

            return found

        run(places, look)


def test_what_is_not_known_any_more_is_not_listed() -> None:
    places = [Place("Pier", ("127.0.0.1",), nobody(), wanted=True)]

    def look(elsewhere: Elsewhere) -> Callable[[], bool]:
        def gone() -> bool:
            if places and elsewhere.boxes:
                places.clear()
            return not places and elsewhere.boxes == ()

        return gone

    run(places, look)


def test_in_a_meeting_nobody_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        places = [Place("Pier", ("127.0.0.1",), listener.getsockname()[1], wanted=True)]

        async def main() -> None:
            elsewhere = Elsewhere(lambda: places, lambda: True, lambda: None)
            elsewhere.start()
            for _ in range(50):
                await asyncio.sleep(0)
            assert elsewhere.boxes == ()
            await elsewhere.stop()

        asyncio.run(main())
        try:
            listener.accept()
        except BlockingIOError:
            return
        raise AssertionError("it was asked")
