"""Which servers a room is joined through, and an address that a person typed."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from signaling.test_client import nobody, serving

from appliance.app import state_files, state_writing
from appliance.app.addresses import AddressBook
from appliance.config import Config, Signaling
from appliance.core import limits
from appliance.core.known_boxes import How
from appliance.core.view import Tone
from appliance.errors import ControlError
from appliance.signaling.client import Origin
from appliance.signaling.discovery import FoundBox
from appliance.signaling.interfaces import Interface

WIRED = Interface("eth0", 2, ("10.20.0.14",), "wired", (ipaddress.ip_network("10.20.0.0/16"),))
LOCAL = Interface("lo", 1, ("127.0.0.1",), "local", (ipaddress.ip_network("127.0.0.0/8"),))


class Book:
    """An address book, and what it counted."""

    def __init__(self, folder: Path, config: Config | None = None, interface: Interface = WIRED) -> None:
        self.counters: Counter[str] = Counter()
        self.book = AddressBook(
            config or Config(),
            folder,
            lambda: None,
            lambda code: self.counters.update([code]),
            lambda _, save: save(),
        )
        self.book.interfaces, self.book.port = (interface,), 8787

    def dialled(self) -> list[tuple[Origin, tuple[str, ...]]]:
        return sorted((server.origin, server.hosts) for server in self.book.servers())


def found(name: str, address: str, *, present: bool = True, relay: bool = False) -> FoundBox:
    return FoundBox(f"instance of {name}", name, (address,), 8787, 0.0, present, relay)


class TestSeen:
    def test_the_screen_is_told_of_boxes_that_discovery_does_not_show(self, tmp_path: Path) -> None:
        first = Book(tmp_path)
        first.book.discovered([found("Bridge", "10.20.0.1"), found("Galley", "10.20.0.2")])
        first.book.met("Library", ("10.99.0.3",), 8787)

        again = Book(tmp_path, Config(servers=("ws://10.50.0.1:8787", "ws://10.99.0.3:8787")))
        again.book.discovered([found("Bridge", "10.20.0.1"), found("Relay", "10.20.0.9", relay=True)])
        assert [(box.name, box.address, box.present, box.found_by) for box in again.book.seen(0.0)] == [
            ("Bridge", "10.20.0.1", True, "mdns"),
            ("Library", "10.99.0.3", False, "known"),
            ("Galley", "10.20.0.2", False, "known"),
            ("", "10.50.0.1", False, "server"),
        ]

    def test_a_box_that_went_long_ago_is_only_known(self, tmp_path: Path) -> None:
        book = Book(tmp_path)
        book.book.discovered([found("Bridge", "10.20.0.1")])
        book.book.discovered([found("Bridge", "10.20.0.1", present=False)])
        (went,) = book.book.seen(limits.BOX_SEEN_FOR - 1)
        assert (went.name, went.found_by) == ("Bridge", "mdns")
        (known,) = book.book.seen(limits.BOX_SEEN_FOR)
        assert (known.name, known.found_by, known.present) == ("Bridge", "known", False)


class TestServers:
    def test_our_own_the_configured_the_found_and_the_known(self, tmp_path: Path) -> None:
        first = Book(tmp_path)
        first.book.discovered([found("Bridge", "10.20.0.1"), found("Galley", "10.20.0.2")])
        first.book.met("Library", ("10.99.0.3",), 8787)

        again = Book(tmp_path, Config(servers=("ws://10.50.0.1:8787",)))
        again.book.discovered([found("Bridge", "10.20.0.1"), found("Galley", "10.20.0.2", present=False)])
        assert again.dialled() == [
            (Origin.OWN, ("10.20.0.14",)),
            (Origin.CONFIGURED, ("10.50.0.1",)),
            (Origin.KNOWN, ("10.20.0.2",)),
            (Origin.KNOWN, ("10.99.0.3",)),
            (Origin.FOUND, ("10.20.0.1",)),
        ]

    def test_what_mdns_showed_is_dialled_only_where_it_was_seen(self, tmp_path: Path) -> None:
        book = Book(tmp_path)
        book.book.discovered([found("Bridge", "10.20.0.1")])
        elsewhere = Interface("eth0", 2, ("10.44.0.9",), "wired", (ipaddress.ip_network("10.44.0.0/16"),))
        assert Book(tmp_path, interface=elsewhere).dialled() == [(Origin.OWN, ("10.44.0.9",))]

    def test_no_more_of_old_than_a_meeting_has_boxes(self, tmp_path: Path) -> None:
        book = Book(tmp_path)
        for number in range(2 * limits.KNOWN_DIALED_MAX):
            book.book.met(f"Cabin {number}", (f"10.20.1.{number + 1}",), 8787)
        dialled = book.dialled()
        assert len(dialled) == 1 + limits.KNOWN_DIALED_MAX
        assert (Origin.KNOWN, (f"10.20.1.{2 * limits.KNOWN_DIALED_MAX}",)) in dialled

    def test_a_signaling_server_is_joined_through_and_no_box(self, tmp_path: Path) -> None:
        book = Book(tmp_path)
        book.book.discovered([found("Bridge", "10.20.0.1"), found("Relay", "10.20.0.9", relay=True)])
        assert [box.name for box in book.book.boxes] == ["Bridge"]
        assert (Origin.FOUND, ("10.20.0.9",)) in book.dialled()

    def test_nothing_of_loopback_or_of_ourselves_is_kept(self, tmp_path: Path) -> None:
        book = Book(tmp_path, interface=LOCAL)
        book.book.met("Bridge", ("127.0.0.1",), 40123)
        assert not (tmp_path / state_files.KNOWN).exists()
        book = Book(tmp_path)
        book.book.met("Ourselves", ("10.20.0.14",), 8787)
        assert not (tmp_path / state_files.KNOWN).exists()

    def test_a_box_that_joins_don_t_reach_is_forgotten_but_not_while_the_cable_is_out(
        self, tmp_path: Path
    ) -> None:
        book = Book(tmp_path)
        book.book.met("Bridge", ("10.20.0.1",), 8787)
        (key,) = (server.key for server in book.book.servers() if server.origin is Origin.KNOWN)
        book.book.interfaces = ()
        for _ in range(limits.KNOWN_MISSES_MAX):
            book.book.joined({key}, set())
        book.book.interfaces = (WIRED,)
        assert len(book.dialled()) == 2
        for _ in range(limits.KNOWN_MISSES_MAX):
            book.book.joined({key}, set())
        assert len(book.dialled()) == 1
        assert len(Book(tmp_path).dialled()) == 1

    def test_much_news_is_written_once_and_the_last_of_it_at_the_end(self, tmp_path: Path) -> None:
        due: list[Callable[[], None]] = []
        book = AddressBook(Config(), tmp_path, lambda: None, lambda _: None, lambda _, call: due.append(call))
        book.interfaces = (WIRED,)
        for number in (1, 2, 3):
            book.met("Bridge", (f"10.20.0.{number}",), 8787)
        assert len(due) == 1
        assert not (tmp_path / state_files.KNOWN).exists()
        due.pop()()
        assert len(state_files.load_known(tmp_path)) == 3
        book.met("Galley", ("10.20.0.4",), 8787)
        book.save()
        assert len(state_files.load_known(tmp_path)) == 4

    @pytest.mark.parametrize("data", [b"", b"{", b"\x00" * 100_000])
    def test_a_damaged_file_is_a_warning_and_an_empty_list(
        self, tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / state_files.KNOWN).write_bytes(data)
        with caplog.at_level(logging.WARNING):
            book = Book(tmp_path)
        assert [record.getMessage() for record in caplog.records] == [
            f"state.damaged {state_files.KNOWN} StartError"
        ]
        assert book.dialled() == [(Origin.OWN, ("10.20.0.14",))]
        book.book.met("Bridge", ("10.20.0.1",), 8787)
        assert len(Book(tmp_path).dialled()) == 2


class TestTyped:
    def refused(self, book: Book, text: str) -> str:
        with pytest.raises(ControlError) as refused:
            asyncio.run(book.book.connect(text))
        view = book.book.view
        assert view is not None
        assert (view.address, view.busy, view.tone) == (text, False, Tone.WARNING)
        assert view.sentence == refused.value.sentence
        assert book.counters[refused.value.code] == 1
        return refused.value.code

    def test_a_box_that_answers_is_asked_from_then_on(self, tmp_path: Path) -> None:
        async def run() -> tuple[str, int]:
            async with serving() as server:
                book = Book(tmp_path, interface=LOCAL)
                book.book.port = 1  # not this one
                at = await book.book.connect(f"127.0.0.1:{server.port}")
                assert book.book.view is not None
                assert book.book.view.tone is Tone.CALM
                return at

        assert asyncio.run(run())[0] == "127.0.0.1"

    def test_what_was_typed_is_kept_over_a_restart(self, tmp_path: Path) -> None:
        known = state_files.load_known(tmp_path)
        known.remember(How.TYPED, ("10.99.0.1",), 8787)
        state_writing.save(tmp_path, state_files.KNOWN, known.to_state())
        assert (Origin.KNOWN, ("10.99.0.1",)) in Book(tmp_path).dialled()

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("10.20.0", "address.malformed"),
            ("8.8.8.8", "address.not-private"),
            ("127.0.0.1", "address.not-private"),  # this machine's own services
            ("224.0.0.251", "address.not-private"),
            ("10.20.0.14", "address.own"),
        ],
    )
    def test_what_can_be_no_box_is_refused_before_anything_is_sent(
        self, tmp_path: Path, text: str, code: str
    ) -> None:
        assert self.refused(Book(tmp_path), text) == code

    def test_nobody_there_and_somebody_elses(self, tmp_path: Path) -> None:
        assert self.refused(Book(tmp_path, interface=LOCAL), f"127.0.0.1:{nobody()}") == "address.nobody"

        async def run() -> None:
            async with serving("theirs") as server:
                book = Book(tmp_path, Config(signaling=Signaling(token="ours")), LOCAL)
                with pytest.raises(ControlError) as refused:
                    await book.book.connect(f"127.0.0.1:{server.port}")
                assert refused.value.code == "address.other-token"
                assert "ours" not in str(refused.value)

        asyncio.run(run())
