"""Two boxes, frame by frame: what each frame leads to, what is refused, and what a guess costs."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from handshake_net import seeded
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.guesses import GuessBudgets
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import Effect, ProofFailed, Proven, Refused, SealFrame, SendFrame
from appliance.core.pair import TABLE, Event, State
from appliance.core.table import Machine
from appliance.errors import LocalProtocolError

NOW = 1000.0
R = "relay"


def box(
    seed: object, password: str = "4711", budgets: GuessBudgets | None = None, room: int = 42
) -> Handshakes:
    return Handshakes(room, password, NOW, seeded(seed), budgets)


def two(password_a: str = "4711", password_b: str = "4711") -> tuple[Handshakes, Handshakes]:
    """The one with the smaller peer id first."""
    one, other = box(1, password_a), box(2, password_b)
    return (one, other) if one.peer_id < other.peer_id else (box(2, password_a), box(1, password_b))


def hear(
    to: Handshakes, text: str, now: float = NOW, relay: str = R, origin: str = "address"
) -> list[Effect]:
    return to.receive(relay, origin, text, now)


def frame(effects: list[Effect]) -> str:
    (text,) = [effect.text for effect in effects if isinstance(effect, SendFrame)]
    return text


def kinds(effects: list[Effect]) -> list[str]:
    return [json.loads(e.text)["type"] if isinstance(e, SendFrame) else type(e).__name__ for e in effects]


@dataclass
class Exchange:
    """A handshake of two, kept frame by frame."""

    joiner: Handshakes
    member: Handshakes
    challenge: str = ""
    proof: str = ""
    accept: str = ""

    def until(self, step: str) -> Exchange:
        self.challenge = frame(hear(self.member, self.joiner.hello()))
        if step != "challenge":
            self.proof = frame(hear(self.joiner, self.challenge))
        if step == "accept":
            self.accept = frame(hear(self.member, self.proof))
        return self


def test_hello_challenge_proof_accept() -> None:
    joiner, member = two()
    x = Exchange(joiner, member).until("proof")
    assert joiner.state(member.peer_id) is State.PROVING
    accepted = hear(member, x.proof)
    assert kinds(accepted) == ["accept", "Proven"]
    (proven,) = hear(joiner, frame(accepted))
    assert isinstance(proven, Proven)
    assert isinstance(accepted[1], Proven)
    assert (proven.role, accepted[1].role) == ("A", "B")
    assert proven.keys == accepted[1].keys
    assert len({proven.keys.a_to_b, proven.keys.b_to_a, proven.keys.resume, proven.keys.bind}) == 4
    assert joiner.proven == {member.peer_id}
    assert not joiner.pending


def test_every_handshake_has_other_keys() -> None:
    keys = set()
    for seed in range(4):
        joiner, member = box(("j", seed)), box(("m", seed))
        x = Exchange(joiner, member).until("accept")
        (proven,) = hear(joiner, x.accept)
        assert isinstance(proven, Proven)
        keys |= {proven.keys.a_to_b, proven.keys.b_to_a}
    assert len(keys) == 8


@pytest.mark.parametrize("smaller_first", [True, False])
def test_two_that_challenged_each_other_let_the_smaller_id_prove(smaller_first: bool) -> None:
    small, large = two()
    to_small, to_large = frame(hear(large, small.hello())), frame(hear(small, large.hello()))
    if smaller_first:
        proof = frame(hear(small, to_small))
        assert hear(large, to_large) == []
    else:
        assert hear(large, to_large) == []
        proof = frame(hear(small, to_small))
    assert large.state(small.peer_id) is State.CROSSED
    accepted = hear(large, proof)
    assert kinds(accepted) == ["accept", "Proven"]
    assert kinds(hear(small, frame(accepted))) == ["Proven"]


def test_a_hello_comes_over_every_relay_and_the_first_counts() -> None:
    joiner, member = two()
    (challenge,) = hear(member, joiner.hello(), relay="one")
    assert isinstance(challenge, SendFrame)
    assert challenge.relay == "one"
    assert hear(member, joiner.hello(), relay="two") == [Refused("hello.duplicate")]


def test_a_handshake_stays_on_its_relay() -> None:
    x = Exchange(*two()).until("proof")
    assert hear(x.member, x.proof, relay="other") == [Refused("proof.relay")]
    x.accept = frame(hear(x.member, x.proof))
    assert hear(x.joiner, x.accept, relay="other") == [Refused("accept.relay")]
    assert kinds(hear(x.joiner, x.accept)) == ["Proven"]


def test_a_box_does_not_talk_to_itself() -> None:
    joiner, _ = two()
    assert hear(joiner, joiner.hello()) == []


def test_frames_for_others_are_passed_over() -> None:
    x = Exchange(*two()).until("accept")
    bystander = box(3)
    for text in (x.challenge, x.proof, x.accept):
        assert hear(bystander, text) == []


# --- The wrong password ---------------------------------------------------------------------------


def test_a_wrong_password_costs_each_side_a_guess_and_says_so() -> None:
    joiner, member = two("1111", "2222")
    x = Exchange(joiner, member).until("proof")
    rejected = hear(member, x.proof)
    assert rejected[1:] == [ProofFailed(joiner.peer_id, as_joiner=False, reason="wrong-proof")]
    assert hear(joiner, frame(rejected)) == [ProofFailed(member.peer_id, as_joiner=True, reason="rejected")]
    assert joiner.state(member.peer_id) is member.state(joiner.peer_id) is State.FAILED
    assert joiner._admission.press.available(NOW) == limits.GUESSES_PER_PRESS - 1
    assert member._guesses.strangers.wrong == 1


def test_a_proof_that_nobody_answers_costs_a_guess_after_three_seconds() -> None:
    joiner, member = two()
    Exchange(joiner, member).until("proof")
    assert joiner.deadline() == NOW + limits.PROOF_WITHIN
    assert joiner.tick(NOW + limits.PROOF_WITHIN - 0.01) == []
    assert joiner.tick(NOW + limits.PROOF_WITHIN) == [
        ProofFailed(member.peer_id, as_joiner=True, reason="unanswered")
    ]
    assert joiner._admission.press.available(NOW) == limits.GUESSES_PER_PRESS - 1


def test_a_late_acceptance_is_refused_and_another_attempt_mends_it() -> None:
    joiner, member = two()
    x = Exchange(joiner, member).until("accept")
    late = NOW + limits.PROOF_WITHIN + 1
    assert kinds(hear(joiner, x.accept, now=late)) == ["ProofFailed", "Refused"]
    joiner.renew(late)
    again = frame(hear(member, joiner.hello(), now=late))
    proof = frame(hear(joiner, again, now=late))
    accepted = hear(member, proof, now=late)
    assert kinds(accepted) == ["accept", "Proven"]
    assert kinds(hear(joiner, frame(accepted), now=late)) == ["Proven"]


def test_an_acceptance_that_does_not_know_the_password_costs_a_guess() -> None:
    """A rogue member that made the challenge can sign, but not confirm."""
    x = Exchange(*two()).until("proof")
    genuine = m.decode_outer(frame(hear(x.member, x.proof)))
    assert isinstance(genuine, m.Accept)
    proof = m.decode_outer(x.proof)
    challenge, hello = m.decode_outer(x.challenge), m.decode_outer(x.joiner.hello())
    assert isinstance(proof, m.Proof)
    assert isinstance(challenge, m.Challenge)
    assert isinstance(hello, m.Hello)
    from appliance.core.keys import transcript_hash

    transcript = transcript_hash(hello.stated, challenge.stated(hello.stated), proof.x)
    forged = m.Accept(
        sender=genuine.sender,
        to=genuine.to,
        confirm=bytes(32),
        sig=x.member._key.sign(m.Accept.statement(transcript, bytes(32))),
    )
    assert hear(x.joiner, m.encode_outer(forged)) == [
        ProofFailed(x.member.peer_id, as_joiner=True, reason="wrong-acceptance")
    ]


def test_a_failed_peer_is_not_proven_to_again_in_the_same_attempt() -> None:
    joiner, member = two("1111", "2222")
    x = Exchange(joiner, member).until("proof")
    hear(joiner, frame(hear(member, x.proof)))
    assert hear(joiner, x.challenge) == [Refused("challenge.failed")]


# --- Budgets and limits ---------------------------------------------------------------------------


def challengers(joiner: Handshakes, count: int, password: str = "0000") -> list[str]:
    return [frame(hear(box(("c", n), password), joiner.hello())) for n in range(count)]


def test_a_joiner_proves_to_two_at_a_time_and_to_one_per_address() -> None:
    joiner = box("joiner")
    challenges = challengers(joiner, 4)
    sent = [hear(joiner, text, origin=o) for text, o in zip(challenges, "aabb", strict=True)]
    assert [kinds(effects) for effects in sent] == [["proof"], [], ["proof"], []]
    # A third one over a third address waits until one of the two has failed.
    third = challengers(joiner, 5)[4]
    assert hear(joiner, third, origin="c") == []
    later = NOW + limits.PROOF_WITHIN
    assert kinds(joiner.tick(later)) == ["ProofFailed", "ProofFailed", "proof"]


def test_one_key_press_loses_five_guesses_at_most() -> None:
    joiner = box("joiner")
    lost, now = 0, NOW
    for attempt in range(12):
        for number in range(3):
            impostor = box(("i", attempt, number), "0000")
            text = frame(hear(impostor, joiner.hello(), now=now))
            hear(joiner, text, now=now, origin=str(number))
        now += limits.PROOF_WITHIN
        lost += sum(isinstance(effect, ProofFailed) for effect in joiner.tick(now))
        joiner.renew(now)
    assert lost == limits.GUESSES_PER_PRESS


def test_one_room_loses_ten_guesses_an_hour_whatever_the_key_presses() -> None:
    budgets = GuessBudgets()
    lost, now = 0, NOW
    for press in range(8):
        joiner = box(("joiner", press), budgets=budgets)
        for number in range(limits.GUESSES_PER_PRESS):
            hear(joiner, frame(hear(box(("i", press, number), "0000"), joiner.hello(), now=now)), now=now)
            now += limits.PROOF_WITHIN
            lost += sum(isinstance(effect, ProofFailed) for effect in joiner.tick(now))
            joiner.renew(now)
    assert lost == limits.GUESSES_PER_ROOM


def test_without_a_guess_left_nothing_is_proven_and_it_is_said() -> None:
    budgets = GuessBudgets()
    for _ in range(limits.GUESSES_PER_ROOM):
        budgets.press(42).spend(NOW)
    joiner = box("joiner", budgets=budgets)
    (challenge,) = challengers(joiner, 1)
    assert hear(joiner, challenge) == [Refused("budget.joiner")]


def test_strangers_lose_five_guesses_and_then_hear_nothing_for_a_while() -> None:
    member = box("member")
    for number in range(limits.STRANGER_GUESSES):
        x = Exchange(box(("s", number), "0000"), member).until("proof")
        assert kinds(hear(member, x.proof)) == ["reject", "ProofFailed"]
    stranger = box("one more", "4711")
    assert hear(member, stranger.hello()) == [Refused("budget.strangers")]
    later = NOW + limits.STRANGER_GUESSES_SPAN
    assert hear(member, stranger.hello(), now=later - 0.1) == [Refused("budget.strangers")]
    assert kinds(hear(member, stranger.hello(), now=later)) == ["challenge"]


def test_what_another_member_saw_shuts_out_strangers_here_and_a_restart_does_not_let_them_in() -> None:
    saw, heard = box("saw"), box("heard", budgets=(budgets := GuessBudgets()))
    for number in range(limits.STRANGER_GUESSES):
        effects = hear(saw, Exchange(box(("s", number), "0000"), saw).until("proof").proof)
        (event,) = [e.event for e in effects if isinstance(e, ProofFailed)]
        assert event is not None
        assert heard.heard_wrong([(event, 0.0)], NOW)
    assert not heard.heard_wrong(saw.wrong_told(NOW), NOW)
    assert hear(heard, box("next").hello()) == [Refused("budget.strangers")]
    assert heard.shut_out(NOW) == saw.shut_out(NOW) != None  # noqa: E711 - both are shut out, alike
    restarted = box("r", budgets=GuessBudgets.from_state(budgets.to_state(NOW), NOW))
    assert hear(restarted, box("next").hello()) == [Refused("budget.strangers")]


def test_challenges_made_before_the_budget_was_empty_don_t_get_more_guesses() -> None:
    member = box("member")
    strangers = [box(("s", number), "0000") for number in range(limits.HANDSHAKES_MAX)]
    proofs = []
    for number, stranger in enumerate(strangers):
        challenge = frame(hear(member, stranger.hello(), origin=str(number)))
        proofs.append(frame(hear(stranger, challenge)))
    results = [kinds(hear(member, proof)) for proof in proofs]
    assert results.count(["reject", "ProofFailed"]) == limits.STRANGER_GUESSES
    assert results.count(["Refused"]) == limits.HANDSHAKES_MAX - limits.STRANGER_GUESSES


def test_strangers_that_were_wrong_shut_strangers_out_although_a_friend_is_here() -> None:
    friend, member = box("friend"), box("member")
    hear(friend, Exchange(friend, member).until("accept").accept)
    for number in range(limits.STRANGER_GUESSES):
        hear(member, Exchange(box(("s", number), "0000"), member).until("proof").proof)
        member.tick(NOW + number * limits.WRONG_PROOF_PAUSE)
    assert hear(member, box("stranger").hello()) == [Refused("budget.strangers")]


def test_a_burst_at_all_members_at_once_is_one_guess_more_at_each_and_not_five() -> None:
    members = [box(("m", n)) for n in range(4)]
    for one in members:
        for other in members:
            if one.peer_id < other.peer_id:
                one.introduce([other.peer_id], NOW)
                hear(one, Exchange(one, other).until("accept").accept)
    assert all(len(member.proven) == 3 for member in members)
    proofs = []
    for number, member in enumerate(members):
        for n in range(limits.HANDSHAKES_MAX):
            stranger = box(("s", number, n), "0000")
            challenge = hear(member, stranger.hello(), origin=str(n))
            if challenge:
                proofs.append((member, frame(hear(stranger, frame(challenge)))))
    assert len(proofs) >= 4 * limits.STRANGER_GUESSES
    effects = [(member, effect) for member, proof in proofs for effect in hear(member, proof)]
    now, wrong = NOW, 0
    while effects:
        events = [(m_, e.event) for m_, e in effects if isinstance(e, ProofFailed)]
        wrong += len(events)
        for witness, event in events:
            assert event is not None
            for member in members:
                assert member.heard_wrong([(event, 0.0)], now) == (member is not witness)
        now += limits.WRONG_PROOF_PAUSE
        effects = [(member, effect) for member in members for effect in member.tick(now)]
    assert wrong <= limits.STRANGER_GUESSES + len(members) - 1
    assert {member.shut_out(now) is not None for member in members} == {True}


def test_who_is_admitted_finds_the_places_free_that_strangers_held() -> None:
    member = box("member")
    for number in range(limits.HELLOS_WAITING_MAX + 2):  # unanswered challenges, and hellos that wait
        hear(member, box(("holds", number)).hello())
    events = [(bytes([number]) * 8, 0.0) for number in range(limits.STRANGER_GUESSES)]
    assert member.heard_wrong(events, NOW)
    assert hear(member, box("shut out").hello()) == [Refused("budget.strangers")]
    assert kinds(member.admit(NOW)) == []
    newcomer = box("newcomer")
    assert kinds(hear(newcomer, Exchange(newcomer, member).until("accept").accept)) == ["Proven"]


def test_a_right_proof_behind_a_wrong_one_waits_and_is_accepted() -> None:
    friend, member = box("friend"), box("member")
    hear(friend, Exchange(friend, member).until("accept").accept)
    wrong = Exchange(box("s", "0000"), member).until("proof")
    right = Exchange(box("newcomer"), member).until("proof")
    hear(member, wrong.proof)
    assert hear(member, right.proof) == []
    assert member.deadline() == NOW + limits.WRONG_PROOF_PAUSE
    (accept,) = [e for e in member.tick(NOW + limits.WRONG_PROOF_PAUSE) if isinstance(e, SendFrame)]
    assert kinds(hear(right.joiner, accept.text, now=NOW + limits.WRONG_PROOF_PAUSE)) == ["Proven"]


def test_who_was_met_proves_again_whatever_strangers_did() -> None:
    friend, member = box("friend"), box("member")
    hear(friend, Exchange(friend, member).until("accept").accept)
    for number in range(limits.STRANGER_GUESSES):
        hear(member, Exchange(box(("s", number), "0000"), member).until("proof").proof)
        member.tick(NOW + number * limits.WRONG_PROOF_PAUSE)
    member.forget(friend.peer_id)
    friend.forget(member.peer_id)
    friend.renew(NOW)
    x = Exchange(friend, member).until("accept")
    assert kinds(hear(friend, x.accept)) == ["Proven"]


def test_a_person_admits_one_stranger_although_the_budget_is_empty() -> None:
    member = box("member")
    for number in range(limits.STRANGER_GUESSES):
        hear(member, Exchange(box(("s", number), "0000"), member).until("proof").proof)
    newcomer = box("newcomer")
    member.admit(NOW)
    assert kinds(hear(newcomer, Exchange(newcomer, member).until("accept").accept)) == ["Proven"]
    assert hear(member, box("another").hello()) == [Refused("budget.strangers")]


def test_challenges_are_bounded_in_number_per_address_and_in_rate() -> None:
    member = box("member")
    hellos = [box(("f", n)).hello() for n in range(30)]
    out = [hear(member, text, origin="same") for text in hellos[:3]]
    assert [kinds(effects) for effects in out] == [["challenge"], ["challenge"], []]
    out = [hear(member, text, origin=str(n)) for n, text in enumerate(hellos[3:])]
    challenges = 2 + sum(kinds(effects) == ["challenge"] for effects in out)
    assert challenges == limits.HANDSHAKES_MAX
    assert out[-1] == [Refused("limit.hellos")]
    # The places are free again when the challenges expire; the hellos that waited are too old then.
    later = NOW + limits.CHALLENGE_WITHIN
    assert member.tick(later) == []
    assert member.deadline() is None
    refilled = [hear(member, box(("g", n)).hello(), now=later, origin=str(n)) for n in range(12)]
    assert sum(kinds(effects) == ["challenge"] for effects in refilled) == limits.CHALLENGES_BURST


def test_a_hello_that_waited_for_the_rate_gets_its_challenge() -> None:
    member = box("member")
    for number in range(limits.CHALLENGES_BURST):
        joiner = box(("q", number))
        hear(member, Exchange(joiner, member).until("proof").proof)
    late = box("late")
    assert hear(member, late.hello()) == []
    assert member.deadline() == pytest.approx(NOW + limits.CHALLENGE_EVERY)
    assert kinds(member.tick(NOW + limits.CHALLENGE_EVERY)) == ["challenge"]


def test_a_flood_of_other_peers_leaves_no_more_than_so_many_in_memory() -> None:
    member = box("member")
    now = NOW
    for number in range(limits.FAILED_REMEMBERED + 8):
        now += limits.STRANGER_GUESS_EVERY
        joiner = box(("wrong", number), "0000")
        challenge = frame(hear(member, joiner.hello(), now=now))
        assert "ProofFailed" in kinds(hear(member, frame(hear(joiner, challenge)), now=now))
    now += limits.STRANGER_GUESSES_SPAN
    for number in range(limits.HELLOS_REMEMBERED + 10):
        now += limits.CHALLENGE_WITHIN
        assert kinds(hear(member, box(("silent", number)).hello(), now=now)) == ["challenge"]
    assert len(member._pairs) <= limits.FAILED_REMEMBERED + 2
    assert len(member._member._heard) == limits.HELLOS_REMEMBERED


# --- Turns, repeats, forgetting -------------------------------------------------------------------


def accepted_box(seed: object) -> Handshakes:
    """A box that was accepted by somebody."""
    joiner = box(seed)
    hear(joiner, Exchange(joiner, box((seed, "member"))).until("accept").accept)
    return joiner


def test_after_the_first_acceptance_only_who_a_roster_names_gets_a_proof() -> None:
    joiner = accepted_box("joiner")
    challenge = frame(hear(box("named"), joiner.hello()))
    assert hear(joiner, challenge) == []
    assert kinds(joiner.introduce([box("named").peer_id], NOW)) == ["proof"]


def test_who_was_accepted_lets_a_stranger_prove_instead() -> None:
    member, newcomer = accepted_box("member"), box("newcomer")
    assert hear(member, frame(hear(newcomer, member.hello()))) == []
    turn = frame(member.tick(NOW + limits.TURN_AFTER))
    assert m.decode_outer(turn).code == "turn"  # type: ignore[union-attr]
    # The newcomer says hello where the member listens now, and proves.
    hello = frame(hear(newcomer, turn, now=NOW + 0.3))
    assert hello == newcomer.hello()
    proof = frame(hear(newcomer, frame(hear(member, hello, now=NOW + 0.3)), now=NOW + 0.3))
    assert kinds(hear(member, proof, now=NOW + 0.3)) == ["accept", "Proven"]


def test_to_a_new_hello_of_a_proven_peer_that_is_still_proven_nothing_changes() -> None:
    joiner, member = two()
    hear(joiner, Exchange(joiner, member).until("accept").accept)
    joiner.renew(NOW)
    challenge = frame(hear(member, joiner.hello()))
    assert member.state(joiner.peer_id) is State.RECHALLENGED
    still = frame(hear(joiner, challenge))
    assert hear(member, still) == []
    assert member.state(joiner.peer_id) is joiner.state(member.peer_id) is State.PROVEN


def test_a_proven_peer_that_is_forgotten_can_prove_again() -> None:
    joiner, member = two()
    hear(joiner, Exchange(joiner, member).until("accept").accept)
    joiner.forget(member.peer_id)
    member.forget(joiner.peer_id)
    joiner.renew(NOW)
    assert kinds(hear(joiner, Exchange(joiner, member).until("accept").accept)) == ["Proven"]


def test_missing_are_those_that_a_roster_names_and_nobody_proved() -> None:
    joiner, member = two()
    hear(joiner, Exchange(joiner, member).until("accept").accept)
    joiner.introduce([member.peer_id, joiner.peer_id, "ab" * 16], NOW)
    assert joiner.missing == {"ab" * 16}


def test_a_room_is_full_at_the_number_of_tiles() -> None:
    member = box("member")
    now = NOW
    for number in range(limits.PEERS_MAX):
        now += 1.0
        x = Exchange(box(("p", number)), member)
        challenge = frame(hear(member, x.joiner.hello(), now=now))
        assert kinds(hear(member, frame(hear(x.joiner, challenge)), now=now)) == ["accept", "Proven"]
    assert hear(member, box("too many").hello(), now=now) == [Refused("room.full")]


def test_who_is_away_takes_no_place_until_it_is_back() -> None:
    member = box("member")
    now, peers = NOW, []
    for number in range(limits.PEERS_MAX + 1):
        now += 1.0
        x = Exchange(box(("p", number)), member)
        challenge = frame(hear(member, x.joiner.hello(), now=now))
        assert kinds(hear(member, frame(hear(x.joiner, challenge)), now=now)) == ["accept", "Proven"]
        peers.append(x.joiner.peer_id)
        if number == 0:
            member.is_away(peers[0], True)
    assert hear(member, box("too many").hello(), now=now) == [Refused("room.full")]
    member.is_away(peers[1], True)
    assert kinds(hear(member, box("the next").hello(), now=now)) == ["challenge"]
    member.is_away(peers[1], False)
    assert hear(member, box("another").hello(), now=now) == [Refused("room.full")]


def test_members_that_are_away_are_bounded() -> None:
    member = box("member")
    now = NOW
    for number in range(limits.MEMBERS_MAX):
        now += 1.0
        x = Exchange(box(("p", number)), member)
        challenge = frame(hear(member, x.joiner.hello(), now=now))
        assert kinds(hear(member, frame(hear(x.joiner, challenge)), now=now)) == ["accept", "Proven"]
        member.is_away(x.joiner.peer_id, True)
    assert hear(member, box("too many").hello(), now=now) == [Refused("room.full")]


# --- Sealed frames --------------------------------------------------------------------------------


def test_a_sealed_frame_reaches_the_pair_alone() -> None:
    joiner, member = two()
    hear(joiner, Exchange(joiner, member).until("accept").accept)
    sent = joiner.seal_frame(member.peer_id, bytes(30))
    assert sent.relay == R
    assert hear(member, sent.text) == [SealFrame(joiner.peer_id, bytes(30))]
    assert hear(member, sent.text, relay="other") == [Refused("seal.relay")]
    assert hear(box("other"), sent.text) == []
    with pytest.raises(LocalProtocolError):
        joiner.seal_frame("ab" * 16, bytes(30))
    forged = m.encode_outer(m.Seal(sender="ab" * 16, to=member.peer_id, payload=bytes(30)))
    assert hear(member, forged) == [Refused("seal.stranger")]


# --- The machine ----------------------------------------------------------------------------------


def test_an_illegal_event_raises() -> None:
    for state in State:
        for event in Event:
            machine = Machine("handshake", TABLE, state)
            if (state, event) not in TABLE:
                with pytest.raises(LocalProtocolError) as caught:
                    machine.step(event)
                assert caught.value.code == "handshake.illegal-event"


def test_every_state_is_reached_and_left() -> None:
    assert {state for state, _ in TABLE} == set(State)
    assert set(TABLE.values()) == set(State)


@given(st.data())
def test_no_sequence_of_genuine_frames_in_any_order_raises(data: st.DataObject) -> None:
    boxes = [box(("any", n), data.draw(st.sampled_from(["4711", "4711", "0000"]))) for n in range(3)]
    texts = [b.hello() for b in boxes]
    now = NOW
    for _ in range(data.draw(st.integers(1, 40))):
        now += data.draw(st.sampled_from([0.0, 0.0, 0.01, 0.35, 2.9, 5.1]))
        receiver = data.draw(st.sampled_from(boxes))
        if data.draw(st.integers(0, 9)) == 0:
            receiver.renew(now)
            texts.append(receiver.hello())
        if data.draw(st.integers(0, 9)) == 0:
            receiver.introduce([b.peer_id for b in boxes], now)
        if data.draw(st.integers(0, 9)) == 0:
            receiver.forget(data.draw(st.sampled_from(boxes)).peer_id)
        text = data.draw(st.sampled_from(texts))
        effects = hear(receiver, text, now=now, relay=data.draw(st.sampled_from("rs")))
        texts += [effect.text for effect in effects if isinstance(effect, SendFrame)]
        deadline = receiver.deadline()
        assert deadline is None or deadline > now


@given(st.text(max_size=200))
def test_whatever_the_text_it_is_refused(text: str) -> None:
    (effect,) = hear(box("any"), text)
    assert isinstance(effect, Refused)


def test_no_repr_shows_the_password_or_a_key() -> None:
    joiner, member = two("secret-4711", "secret-4711")
    (proven,) = hear(joiner, Exchange(joiner, member).until("accept").accept)
    assert isinstance(proven, Proven)
    shown = repr(joiner) + repr(joiner._pairs) + repr(proven) + repr(vars(joiner._frames)["_password"])
    assert "4711" not in shown
    assert repr(proven.keys.a_to_b) not in shown
    assert repr(proven.keys.resume) not in shown
