"""The picture of all links: of what both ends say the worse, and what is not said is not known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.call_view import LinkState
from appliance.core.mesh import Mesh, Teller
from appliance.core.mesh_words import sentences
from appliance.errors import RemoteProtocolError

ME, A, B, C = ("0" * 31 + digit for digit in "0abc")
NAMES = {ME: "Office", A: "Bridge", B: "Galley", C: "Workshop"}
LATER = limits.LINK_MISSING_AFTER + 0.1


def link(peer: str, state: str = "live", **more: object) -> m.Link:
    figures: dict[str, object] = {"quality": 3, "loss_pm": 0, "rtt_ms": 2, "layer": "M"}
    return m.Link(peer=peer, name=NAMES[peer], state=state, **(figures | more))


def lines(mesh: Mesh, *own: m.Link, now: float = 0.0) -> list[str]:
    return [str(line) for line in sentences(mesh.view("Office", own, now))]


def state(mesh: Mesh, one: str, other: str, *own: m.Link, now: float = 0.0) -> LinkState:
    view = mesh.view("Office", own, now)
    return next(found.state for found in view.links if {found.one, found.other} == {one, other})


def whole(*broken: tuple[str, str]) -> Mesh:
    """Four boxes that all see each other, but for these pairs, where each leaves the other out."""
    mesh = Mesh(ME)
    for by in (A, B, C):
        others = [
            peer for peer in NAMES if peer != by and (by, peer) not in broken and (peer, by) not in broken
        ]
        mesh.heard(by, [link(peer) for peer in others], 0.0)
    return mesh


class TestWhatIsWrong:
    def test_nothing(self) -> None:
        assert lines(whole(), link(A), link(B), link(C)) == ["Everybody sees everybody."]

    def test_alone(self) -> None:
        assert lines(Mesh(ME)) == ["Nobody else is here."]

    def test_two_others_that_do_not_see_each_other(self) -> None:
        mesh = whole((A, B))
        own = link(A), link(B), link(C)
        assert lines(mesh, *own) == [
            "Bridge and Galley are being connected."
        ]  # one of them may have just come
        assert lines(mesh, *own, now=LATER) == ["Bridge and Galley do not see each other."]

    def test_two_others_one_of_which_lost_the_other(self) -> None:
        mesh = whole()
        mesh.heard(A, [link(ME), link(B, "silent"), link(C)], 0.1)
        assert lines(mesh, link(A), link(B), link(C), now=0.1) == ["Bridge and Galley do not see each other."]

    def test_our_own_link(self) -> None:
        assert lines(whole(), link(A, "silent"), link(B), link(C)) == [
            "This box and Bridge do not see each other."
        ]

    def test_a_bad_link_of_others_and_of_ours(self) -> None:
        mesh = whole()
        mesh.heard(A, [link(ME), link(B, quality=1), link(C)], 0.1)
        assert lines(mesh, link(A), link(B), link(C, quality=1), now=0.1) == [
            "The connection between this box and Workshop is bad.",
            "The connection between Bridge and Galley is bad.",
        ]

    def test_who_is_away_is_told_once_and_not_link_by_link(self) -> None:
        mesh = Mesh(ME)
        for by, other in ((A, B), (B, A)):
            mesh.heard(by, [link(ME), link(other), link(C, "away")], 0.0)
        view = mesh.view("Office", [link(A), link(B), link(C, "away")], LATER)
        assert [box.name for box in view.boxes if box.away] == ["Workshop"]
        assert [str(line) for line in sentences(view)] == ["Workshop is away."]

    def test_who_lost_everybody_is_told_once(self) -> None:
        mesh = Mesh(ME)
        for by, other in ((A, B), (B, A)):
            mesh.heard(by, [link(ME), link(other), link(C, "silent")], 0.0)
        assert lines(mesh, link(A), link(B), link(C, "silent")) == ["Nobody reaches Workshop."]

    def test_when_it_is_us_who_lost_everybody(self) -> None:
        mesh = whole()
        own = [link(peer, "silent") for peer in (A, B, C)]
        assert lines(mesh, *own) == ["This box reaches nobody."]

    def test_two_boxes_that_lost_each_other(self) -> None:
        assert lines(Mesh(ME), link(A, "silent")) == ["This box and Bridge do not see each other."]

    def test_no_more_lines_than_a_person_reads(self) -> None:
        mesh = whole((A, B), (B, C), (A, C))
        lines(mesh, link(A), link(B), link(C))  # they may have just come
        found = lines(mesh, link(A), link(B), link(C), now=LATER)
        assert len(found) == limits.MESH_SENTENCES
        assert found[-1] == "Galley and Workshop do not see each other."
        more = lines(mesh, link(A), link(B), link(C, quality=1), now=LATER)
        assert more == [*found[:2], "And 2 more."]


class TestBothEnds:
    def test_the_worse_word_counts(self) -> None:
        mesh = whole()
        mesh.heard(A, [link(ME, quality=2, loss_pm=30, rtt_ms=70, layer="L"), link(B), link(C)], 0.1)
        (found, *_) = mesh.view("Office", [link(A, loss_pm=5), link(B), link(C)], 0.1).links
        assert (found.quality, found.loss, found.rtt_ms, found.layer) == (2, 0.03, 70, "L")

    def test_one_end_alone_is_believed(self) -> None:
        mesh = Mesh(ME)
        mesh.heard(A, [link(ME), link(B)], 0.0)
        assert state(mesh, A, B, link(A), link(B)) is LinkState.LIVE

    def test_of_two_that_tell_nothing_nothing_is_known(self) -> None:
        mesh = Mesh(ME)
        assert state(mesh, A, B, link(A), link(B), now=100.0) is LinkState.UNKNOWN

    def test_an_old_word_is_forgotten(self) -> None:
        mesh = whole()
        own = link(A), link(B), link(C)
        assert state(mesh, A, B, *own, now=limits.LINKS_KEPT - 0.1) is LinkState.LIVE
        assert state(mesh, A, B, *own, now=limits.LINKS_KEPT) is LinkState.UNKNOWN

    def test_who_left_is_not_named_any_more(self) -> None:
        mesh = Mesh(ME)
        mesh.heard(A, [link(ME)], 0.0)
        mesh.heard(C, [link(A), link(ME)], 0.0)
        mesh.forget(C)
        assert {box.peer for box in mesh.view("Office", [link(A)], 0.0).boxes} == {ME, A}


class TestStrangeWords:
    def test_a_member_that_only_another_one_sees_is_there_under_the_name_it_gives(self) -> None:
        mesh = Mesh(ME)
        mesh.heard(A, [link(ME), link(B)], 0.0)
        assert [box.name for box in mesh.view("Office", [link(A)], 0.0).boxes] == [
            "Office",
            "Bridge",
            "Galley",
        ]
        lines(mesh, link(A))  # it may have just come
        assert lines(mesh, link(A), now=LATER) == ["This box and Galley do not see each other."]

    def test_who_tells_too_often_is_not_heard(self) -> None:
        mesh = Mesh(ME)
        for _ in range(limits.LINKS_HEARD_BURST):
            mesh.heard(A, [link(ME)], 0.0)
        with pytest.raises(RemoteProtocolError, match="too often"):
            mesh.heard(A, [link(ME)], 0.0)
        mesh.heard(A, [link(ME)], limits.LINKS_HEARD_EVERY)

    def test_a_member_that_makes_up_others_fills_no_more_than_a_room(self) -> None:
        mesh, rng = Mesh(ME), random.Random(1)
        for second in range(50):
            made_up = [
                m.Link(
                    peer=f"{rng.getrandbits(128):032x}",
                    name="x",
                    state="live",
                    quality=3,
                    loss_pm=0,
                    rtt_ms=0,
                    layer="",
                )
                for _ in range(limits.PEERS_MAX)
            ]
            mesh.heard(A, made_up, float(second))
            view = mesh.view("Office", [link(A), link(B)], float(second))
            assert len(view.boxes) == limits.PEERS_MAX + 1
            assert [box.peer for box in view.boxes[:3]] == [ME, A, B]
            assert len(mesh._missing) <= (limits.PEERS_MAX + 1) ** 2

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([A, B, C]),
                st.lists(st.sampled_from([ME, A, B, C]), unique=True),
                st.sampled_from(["connecting", "live", "silent", "away"]),
                st.integers(0, 3),
            ),
            max_size=12,
        ),
        st.lists(st.sampled_from([A, B, C]), unique=True),
        st.floats(0, 60),
    )
    def test_whatever_they_tell_there_is_a_picture_and_a_sentence(self, told, own, now) -> None:
        mesh = Mesh(ME)
        for i, (by, peers, how, quality) in enumerate(told):
            mesh.heard(by, [link(peer, how, quality=quality) for peer in peers], float(i))
        view = mesh.view("Office", [link(peer) for peer in own], 12.0 + now)
        n = len(view.boxes)
        assert len(view.links) == n * (n - 1) // 2
        assert 1 <= len(sentences(view)) <= limits.MESH_SENTENCES


class TestTelling:
    def test_at_once_then_when_something_changed_and_now_and_then(self) -> None:
        teller, links = Teller(), [link(A)]
        assert teller.due(B, 1, links, 0.0)
        assert not teller.due(B, 1, links, limits.LINKS_EVERY)
        assert not teller.due(
            B, 1, [link(A, rtt_ms=90, loss_pm=4)], limits.LINKS_EVERY
        )  # figures alone can wait
        assert not teller.due(B, 1, [link(A, quality=1)], limits.LINKS_EVERY - 0.1)
        assert teller.due(B, 1, [link(A, quality=1)], limits.LINKS_EVERY)
        assert teller.due(B, 1, [link(A, quality=1)], limits.LINKS_EVERY + limits.LINKS_AGAIN)

    def test_a_new_connection_is_told_at_once(self) -> None:
        teller = Teller()
        assert teller.due(B, 1, [], 0.0)
        assert teller.due(B, 2, [], 0.1)
        teller.forget(B)
        assert teller.due(B, 2, [], 0.1)

    def test_what_one_tells_another_always_hears(self) -> None:
        assert limits.LINKS_EVERY > limits.LINKS_HEARD_EVERY
        assert limits.LINKS_KEPT > 2 * limits.LINKS_AGAIN


def test_the_longest_word_fits_on_the_data_channel() -> None:
    longest = [
        m.Link(
            peer=f"{i:032x}",
            name='"' * limits.NAME_MAX_BYTES,
            state="connecting",
            quality=3,
            loss_pm=1000,
            rtt_ms=limits.LINK_RTT_MAX_MS,
            layer="H",
        )
        for i in range(limits.PEERS_MAX)
    ]
    encoded = m.encode_control(m.Links(links=longest))
    assert len(encoded) <= limits.CONTROL_MAX_BYTES
    assert m.decode_control(encoded) == m.Links(links=longest)
