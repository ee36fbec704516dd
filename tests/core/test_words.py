"""Sentences that are translated where they are drawn."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.words import Words, from_plain, say, say_n, to_plain, translated

GERMAN = {
    "{name} joined": "{name} ist da",
    "Room {room} is on hold: {why}": "{why} - Raum {room} wartet",
    "somebody is in another room": "jemand ist in einem anderen Raum",
    "broken {name}": "kaputt {nome}",
    "worse {name}": "schlimmer {name",
    "with braces in it": "mit { im Satz",
}
BOXES = ("eine Box", "{n} Boxen")


def german(message: str) -> str:
    return GERMAN.get(message, message)


def german_plural(one: str, many: str, n: int) -> str:
    return BOXES[n != 1]


def in_german(text: str | Words) -> str:
    return translated(text, german, german_plural)


def test_as_text_a_sentence_is_english():
    assert str(say("{name} joined", name="Bridge")) == "Bridge joined"
    assert str(say_n("{n} box", "{n} boxes", 1)) == "1 box"
    assert str(say_n("{n} box", "{n} boxes", 0)) == "0 boxes"


def test_a_sentence_is_translated_with_the_words_in_it():
    why = say("somebody is in another room")
    assert in_german(say("{name} joined", name="Bridge")) == "Bridge ist da"
    assert in_german(say("Room {room} is on hold: {why}", room=7, why=why)) == (
        "jemand ist in einem anderen Raum - Raum 7 wartet"
    )
    assert in_german(say_n("{n} box", "{n} boxes", 1)) == "eine Box"
    assert in_german(say_n("{n} box", "{n} boxes", 4)) == "4 Boxen"


def test_what_is_a_name_already_stays_as_it_is():
    assert in_german("{name} joined") == "{name} joined"
    assert in_german(say("{name} joined", name="{room}")) == "{room} ist da"


def test_a_sentence_that_no_catalogue_has_stays_english():
    assert in_german(say("{name} is new", name="Bridge")) == "Bridge is new"


@pytest.mark.parametrize("message", ["broken {name}", "worse {name}"])
def test_a_broken_translation_is_english(message):
    assert in_german(say(message, name="Bridge")) == message.replace("{name}", "Bridge")


def test_a_sentence_without_gaps_may_have_braces():
    assert in_german(say("with braces in it")) == "mit { im Satz"


def test_equal_sentences_are_equal():
    assert say("{name} joined", name="Bridge") == say("{name} joined", name="Bridge")
    assert len({say("a", n=1), say("a", n=1), say("a", n=2), say("a")}) == 3


GAPS = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SENTENCES = st.recursive(
    st.builds(Words, st.text(), st.just(())),
    lambda inner: st.builds(
        Words,
        st.text(),
        st.dictionaries(st.text(), st.one_of(GAPS, inner), max_size=3).map(lambda gaps: tuple(gaps.items())),
        st.text(),
        st.integers(),
    ),
    max_leaves=5,
)


@given(st.one_of(st.text(), SENTENCES))
def test_a_text_comes_through_json_as_it_was(text):
    assert from_plain(json.loads(json.dumps(to_plain(text)))) == text


@pytest.mark.parametrize(
    "plain",
    [None, 3, ["a"], {}, {"message": "a"}, {"message": "a", "gaps": {"b": []}, "plural": "", "count": 0}],
)
def test_what_is_no_text_is_refused(plain):
    with pytest.raises(ValueError, match="no text"):
        from_plain(plain)
