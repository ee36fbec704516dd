"""Boxes that met recognise each other; nobody else can be taken for one of them."""

from __future__ import annotations

import pytest
from handshake_net import seeded
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.guesses import GuessBudgets
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import Effect, ProofFailed, Proven, Refused, SendFrame
from appliance.core.identity import PeerKey
from appliance.core.pair import State
from appliance.errors import StartError

NOW = 1000.0
KEY = bytes(range(32))
BOX_A, BOX_B = "0a" * 16, "0b" * 16
A_KNOWS_B, B_KNOWS_A = (rec.MetBox(BOX_B, KEY),), (rec.MetBox(BOX_A, KEY),)


def box(
    seed: object,
    password: str = "4711",
    known: tuple[rec.MetBox, ...] = (),
    budgets: GuessBudgets | None = None,
) -> Handshakes:
    return Handshakes(42, password, NOW, seeded(seed), budgets, None, known)


def hear(to: Handshakes, text: str, now: float = NOW, origin: str = "address") -> list[Effect]:
    return to.receive("relay", origin, text, now)


def frame(effects: list[Effect]) -> str:
    (text,) = [effect.text for effect in effects if isinstance(effect, SendFrame)]
    return text


def join(joiner: Handshakes, member: Handshakes, now: float = NOW) -> list[Effect]:
    """All of a handshake; what it told both."""
    proof = frame(hear(joiner, frame(hear(member, joiner.hello(), now)), now))
    answer = hear(member, proof, now)
    return [*answer, *hear(joiner, frame(answer), now)]


def use_up(member: Handshakes, now: float = NOW) -> None:
    """Strangers take all that they may."""
    for number in range(limits.STRANGER_GUESSES):
        join(box(("stranger", number), "0000"), member, now)
    assert hear(member, box("next").hello(), now) == [Refused("budget.strangers")]


# --- The tags -------------------------------------------------------------------------------------


def test_a_tag_is_found_by_who_has_the_key_and_by_nobody_else() -> None:
    tags = rec.hello_tags(A_KNOWS_B, b"e" * 32, b"n" * 32, seeded(1))
    assert rec.who_greets(B_KNOWS_A, tags, b"e" * 32, b"n" * 32) == B_KNOWS_A[0]
    assert rec.who_greets((rec.MetBox(BOX_A, bytes(32)),), tags, b"e" * 32, b"n" * 32) is None
    assert rec.who_greets((), tags, b"e" * 32, b"n" * 32) is None


def test_a_tag_is_good_for_its_own_hello_alone() -> None:
    tags = rec.hello_tags(A_KNOWS_B, b"e" * 32, b"n" * 32, seeded(1))
    assert rec.who_greets(B_KNOWS_A, tags, b"E" * 32, b"n" * 32) is None
    assert rec.who_greets(B_KNOWS_A, tags, b"e" * 32, b"N" * 32) is None


def test_hellos_cannot_be_told_apart_by_how_many_boxes_were_met_nor_linked() -> None:
    many = tuple(rec.MetBox(f"{n:032x}", bytes([n]) * 32) for n in range(40))
    for known in ((), A_KNOWS_B, many):
        tags = rec.hello_tags(known, b"e" * 32, b"n" * 32, seeded(len(known)))
        assert len(tags) == rec.TAGS_BYTES
    one, other = (rec.hello_tags(A_KNOWS_B, b"e" * 32, bytes([n]) * 32, seeded(n)) for n in (1, 2))
    shared = {one[i : i + 8] for i in range(0, 256, 8)} & {other[i : i + 8] for i in range(0, 256, 8)}
    assert shared == set()


def test_a_challenge_s_tag_is_good_for_that_challenge_alone() -> None:
    tag = rec.challenge_tag(B_KNOWS_A[0], b"hello", b"e" * 32, b"n" * 32)
    assert rec.who_challenges(A_KNOWS_B, tag, b"hello", b"e" * 32, b"n" * 32) == A_KNOWS_B[0]
    for changed in ((b"hallo", b"e" * 32, b"n" * 32), (b"hello", b"E" * 32, b"n" * 32)):
        assert rec.who_challenges(A_KNOWS_B, tag, *changed) is None


def test_the_key_says_nothing_of_the_resume_secret_and_is_in_no_repr() -> None:
    key = rec.acquaintance_key(KEY)
    assert key != KEY
    met = rec.MetBoxes()
    met.remember(42, BOX_A, key)
    assert key.hex() not in repr(met) + repr(met.in_room(42))
    assert repr(key) not in repr(met) + repr(met.in_room(42))


# --- Members --------------------------------------------------------------------------------------


def test_strangers_shut_out_strangers_and_not_a_box_met_before() -> None:
    member = box("member", known=B_KNOWS_A)
    use_up(member)
    told = join(box("friend", known=A_KNOWS_B), member)
    assert sum(isinstance(effect, Proven) for effect in told) == 2


def test_who_was_met_in_this_very_meeting_and_comes_again_is_recognised() -> None:
    member = box("member")
    use_up(member)
    assert hear(member, box("friend", known=A_KNOWS_B).hello()) == [Refused("budget.strangers")]
    member.met(B_KNOWS_A)
    told = join(box("friend again", known=A_KNOWS_B), member)
    assert sum(isinstance(effect, Proven) for effect in told) == 2


def test_a_box_met_before_has_five_wrong_in_ten_minutes_of_its_own() -> None:
    member = box("member", known=B_KNOWS_A)
    for number in range(limits.MET_GUESSES):
        (failed,) = [
            effect
            for effect in join(box(("friend", number), "0000", A_KNOWS_B), member)
            if isinstance(effect, ProofFailed) and not effect.as_joiner
        ]
        assert failed.event is None  # no stranger's: nobody is told
    assert hear(member, box("again", "0000", A_KNOWS_B).hello()) == [Refused("budget.own")]
    assert frame(hear(member, box("stranger").hello()))
    later = NOW + limits.MET_GUESSES_SPAN
    assert frame(hear(member, box("later", known=A_KNOWS_B).hello(), later))


def test_a_replayed_hello_of_a_box_met_before_is_no_guess_for_anybody() -> None:
    """Its tag is right, and its signature; but only that box can prove on the challenge."""
    friend, member = box("friend", known=A_KNOWS_B), box("member", known=B_KNOWS_A)
    recorded = friend.hello()
    challenge = frame(hear(member, recorded))
    assert hear(member, recorded) == [Refused("hello.duplicate")]
    thief = box("thief", "0000")
    assert hear(thief, challenge) == []  # it is not addressed to him, and he has not that key
    copied = m.decode_outer(recorded)
    assert isinstance(copied, m.Hello)
    key = PeerKey.generate(seeded("thief's"))
    stated = m.Hello.statement(1, 42, key.public_key, copied.nonce, copied.tags)
    stolen = m.Hello(
        v=1, room=42, epk=key.public_key, nonce=copied.nonce, tags=copied.tags, sig=key.sign(stated)
    )
    use_up(other := box("other", known=B_KNOWS_A))
    assert hear(other, m.encode_outer(stolen)) == [Refused("budget.strangers")]


def test_strangers_that_fill_every_place_and_every_challenge_delay_nobody_met_before() -> None:
    member = box("member", known=B_KNOWS_A)
    for number in range(40):
        hear(member, box(("flood", number)).hello(), origin=str(number))
    friend = box("friend", known=A_KNOWS_B)
    assert any(isinstance(effect, Proven) for effect in join(friend, member))
    out = [pair for pair in member._pairs.values() if pair.ours is not None]
    assert len(out) < limits.HANDSHAKES_MAX  # it took one of their places


def test_places_are_as_many_as_before_however_many_boxes_were_met() -> None:
    known = tuple(rec.MetBox(f"{n:032x}", bytes([n]) * 32) for n in range(20))
    member = box("member", known=known)
    hellos = [box(("f", n)).hello() for n in range(20)]
    hellos += [box(("k", n), known=(rec.MetBox("ff" * 16, bytes([n]) * 32),)).hello() for n in range(20)]
    for number, hello in enumerate(hellos):
        hear(member, hello, origin=str(number))
        assert sum(pair.ours is not None for pair in member._pairs.values()) <= limits.HANDSHAKES_MAX
    waiting = sum(pair.heard is not None for pair in member._pairs.values())
    assert waiting <= 2 * limits.HELLOS_WAITING_MAX


def test_one_box_met_before_takes_two_places_at_most() -> None:
    member = box("member", known=B_KNOWS_A)
    for number in range(10):
        hear(member, box(("clone", number), known=A_KNOWS_B).hello())
    assert sum(pair.ours is not None for pair in member._pairs.values()) == limits.MET_CHALLENGES_PER_BOX


def test_who_a_member_named_is_no_stranger() -> None:
    member, newcomer = box("member"), box("newcomer")
    use_up(member)
    member.introduce([newcomer.peer_id], NOW)
    assert sum(isinstance(effect, Proven) for effect in join(newcomer, member)) == 2


# --- Joiners --------------------------------------------------------------------------------------


def test_a_rogue_that_spent_all_guesses_keeps_no_box_from_one_that_it_met() -> None:
    budgets = GuessBudgets()
    for _ in range(limits.GUESSES_PER_ROOM):
        budgets.press(42).spend(NOW)
    joiner = box("joiner", known=A_KNOWS_B, budgets=budgets)
    rogue = frame(hear(box("rogue", "0000"), joiner.hello()))
    assert hear(joiner, rogue, origin="rogue") == [Refused("budget.joiner")]
    assert any(isinstance(effect, Proven) for effect in join(joiner, box("member", known=B_KNOWS_A)))


def test_a_joiner_answers_a_box_that_it_met_beside_the_two_strangers_of_a_time() -> None:
    joiner = box("joiner", known=A_KNOWS_B)
    for number in range(20):
        rogue = box(("rogue", number), "0000")
        hear(joiner, frame(hear(rogue, joiner.hello())), origin=str(number))
    member = box("member", known=B_KNOWS_A)
    assert frame(hear(joiner, frame(hear(member, joiner.hello())), origin="member"))
    assert joiner.state(member.peer_id) is State.PROVING


def test_a_proof_to_a_box_met_before_costs_its_own_budget() -> None:
    budgets = GuessBudgets()
    now = NOW
    for number in range(limits.MET_GUESSES):
        joiner = box(("j", number), "0000", A_KNOWS_B, budgets)
        join(joiner, box(("m", number), "4711", B_KNOWS_A), now)
    assert budgets.press(42).available(now) == limits.GUESSES_PER_PRESS
    joiner = box("j", "0000", A_KNOWS_B, budgets)
    assert hear(joiner, frame(hear(box("m", "4711", B_KNOWS_A), joiner.hello()))) == [
        Refused("budget.joiner")
    ]


# --- What is kept ---------------------------------------------------------------------------------


def test_two_keys_of_a_box_and_so_many_of_a_room_are_kept() -> None:
    met = rec.MetBoxes()
    for number in range(5):
        met.remember(42, BOX_A, bytes([number]) * 32)
    assert [each.key[0] for each in met.in_room(42)] == [4, 3]
    for number in range(100):
        met.remember(42, f"{number:032x}", bytes([number]) * 32)
    assert len(met.in_room(42)) == limits.MET_KEYS_PER_ROOM
    assert met.in_room(42)[0].box_id == f"{99:032x}"
    assert met.in_room(43) == ()
    for room in range(1, 200):
        for number in range(10):
            met.remember(room, f"{number:032x}", bytes([number, room]) * 16)
    assert sum(len(met.in_room(room)) for room in range(1, 1001)) == limits.MET_KEYS_MAX


def test_one_side_that_missed_the_newest_key_is_recognised_by_the_one_before() -> None:
    here, there = rec.MetBoxes(), rec.MetBoxes()
    for met, other in ((here, BOX_B), (there, BOX_A)):
        met.remember(42, other, b"1" * 32)
    here.remember(42, BOX_B, b"2" * 32)
    for joiner, member in ((here, there), (there, here)):
        tags = rec.hello_tags(joiner.in_room(42), b"e" * 32, b"n" * 32, seeded(1))
        found = rec.who_greets(member.in_room(42), tags, b"e" * 32, b"n" * 32)
        assert found is not None
        assert found.key == b"1" * 32


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 3), st.binary(min_size=32, max_size=32))))
def test_a_restart_keeps_them(met: list[tuple[int, int, bytes]]) -> None:
    boxes = rec.MetBoxes()
    for room, number, key in met:
        boxes.remember(room, f"{number:032x}", key)
    again = rec.MetBoxes.from_state(boxes.to_state())
    assert again.to_state() == boxes.to_state()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"v":1,"keys":[[1,"a","AA=="]]}', b'{"v":1,"keys":[[1]]}']
)
def test_a_damaged_file_is_said_so(data: bytes) -> None:
    with pytest.raises(StartError) as caught:
        rec.MetBoxes.from_state(data)
    assert caught.value.code == "met-boxes.state"
