"""Which addresses are remembered, in which order they are tried, and when they are forgotten."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.known_boxes import How, KnownBoxes
from appliance.errors import StartError

PORT = 8787


def at(number: int) -> tuple[str, ...]:
    return (f"10.20.{number // 250}.{number % 250 + 1}",)


def order(known: KnownBoxes) -> list[str]:
    return [box.addresses[0] for box in known.to_try()]


class TestOrder:
    def test_who_was_met_or_typed_comes_first_the_latest_before_all(self) -> None:
        known = KnownBoxes()
        for number, how in enumerate((How.SEEN, How.MET, How.TYPED, How.SEEN, How.MET)):
            known.remember(how, at(number), PORT)
        assert order(known) == [at(i)[0] for i in (4, 2, 1, 3, 0)]

    def test_a_box_that_shares_an_address_is_the_same_box(self) -> None:
        known = KnownBoxes()
        known.remember(How.MET, ["10.20.0.1", "192.168.7.1"], PORT, "Bridge")
        assert known.remember(How.SEEN, ["10.20.0.1", "10.20.0.9"], PORT)
        (box,) = known.to_try()
        assert (box.addresses, box.name, box.how) == (("10.20.0.1", "10.20.0.9"), "Bridge", How.MET)
        known.remember(How.SEEN, ["10.20.0.1"], PORT + 1)
        assert len(known) == 2

    def test_what_is_seen_every_day_is_no_news(self) -> None:
        known = KnownBoxes()
        assert known.remember(How.SEEN, at(1), PORT, "Bridge")
        assert not known.remember(How.SEEN, at(1), PORT, "Bridge")
        assert known.remember(How.SEEN, at(1), PORT, "Galley")
        assert not known.remember(How.SEEN, [], PORT)


class TestBounds:
    def test_forged_boxes_push_out_nobody_whom_we_met(self) -> None:
        known = KnownBoxes()
        known.remember(How.MET, at(9999), PORT)
        known.remember(How.TYPED, at(9998), PORT)
        for number in range(3 * limits.KNOWN_MAX):
            known.remember(How.SEEN, at(number), PORT)
        assert len(known) == limits.KNOWN_MAX
        assert order(known)[:3] == [at(9998)[0], at(9999)[0], at(3 * limits.KNOWN_MAX - 1)[0]]

    def test_when_all_were_met_the_oldest_goes(self) -> None:
        known = KnownBoxes()
        for number in range(limits.KNOWN_MAX + 1):
            known.remember(How.MET, at(number), PORT)
        assert at(0)[0] not in order(known)
        assert at(1)[0] in order(known)

    def test_a_box_that_many_joins_did_not_reach_is_forgotten(self) -> None:
        known = KnownBoxes()
        known.remember(How.MET, at(1), PORT)
        known.remember(How.MET, at(2), PORT)
        gone, there = (box.key for box in known.to_try())
        for _ in range(limits.KNOWN_MISSES_MAX - 1):
            known.joined({gone, there}, {there})
        assert len(known) == 2
        known.joined({there}, {there})  # not tried: not missed
        assert len(known) == 2
        known.joined({gone, there}, {there})
        assert [box.key for box in known.to_try()] == [there]

    def test_one_answer_and_it_has_all_its_tries_again(self) -> None:
        known = KnownBoxes()
        known.remember(How.SEEN, at(1), PORT)
        key = known.to_try()[0].key
        for _ in range(limits.KNOWN_MISSES_MAX - 1):
            assert known.joined({key}, set())
        assert known.joined({key}, {key})
        assert not known.joined({key}, {key})
        for _ in range(limits.KNOWN_MISSES_MAX - 1):
            known.joined({key}, set())
        assert len(known) == 1


class TestState:
    @given(
        st.lists(
            st.tuples(st.sampled_from(How), st.integers(0, 200), st.integers(1, 65535), st.text(max_size=12))
        )
    )
    def test_it_comes_back_as_it_was(self, heard: list[tuple[How, int, int, str]]) -> None:
        known = KnownBoxes()
        for how, number, port, name in heard:
            known.remember(how, at(number), port, name)
        again = KnownBoxes.from_state(known.to_state())
        assert again.to_try() == known.to_try()
        assert len(known.to_state()) < limits.KNOWN_BYTES_MAX

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xff",
            b"[" * 100_000,
            b'{"v":1}',
            b'{"v":1,"boxes":[{"addresses":["evil.example"],"port":80}]}',
            b'{"v":1,"boxes":[{"addresses":[],"port":80}]}',
            b'{"v":1,"boxes":[{"addresses":["10.0.0.1"],"port":0}]}',
            b'{"v":1,"boxes":[{"addresses":["10.0.0.1"],"port":80,"how":7}]}',
            b'{"v":1,"boxes":[]}' + b" " * limits.KNOWN_BYTES_MAX,
        ],
    )
    def test_a_damaged_file_is_refused_whole(self, data: bytes) -> None:
        with pytest.raises(StartError) as refused:
            KnownBoxes.from_state(data)
        assert refused.value.code == "known.state"

    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        with contextlib.suppress(StartError):
            KnownBoxes.from_state(data)

    def test_more_than_there_may_be_are_not_taken(self) -> None:
        boxes = [{"addresses": at(n), "port": 1} for n in range(2 * limits.KNOWN_MAX)]
        known = KnownBoxes.from_state(json.dumps({"v": 1, "boxes": boxes}).encode())
        assert len(known) == limits.KNOWN_MAX
