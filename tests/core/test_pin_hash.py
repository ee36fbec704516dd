"""The slow hash of a PIN, and how it is written."""

from __future__ import annotations

import pytest

from appliance.core import limits, pin_hash

MADE = pin_hash.make("4711", b"0123456789abcdef")


def test_it_fits_its_pin_and_no_other() -> None:
    assert MADE.fits("4711")
    assert not MADE.fits("4712")
    assert not MADE.fits("")


def test_as_text_it_is_one_word_that_reads_back() -> None:
    text = pin_hash.to_text(MADE)
    assert pin_hash.from_text(text) == MADE
    assert len(text) <= limits.PIN_HASH_MAX_CHARS
    assert text.isprintable()
    assert not set(text) & set(" \"'\\#")
    assert "4711" not in text


GOOD = pin_hash.to_text(MADE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4711",
        "scrypt",
        GOOD[:-2],
        GOOD.replace("scrypt", "argon"),
        GOOD.replace("$32768$", "$32767$"),
        GOOD.replace("$32768$", "$-32768$"),
        GOOD.replace("$32768$", f"${1 << 40}$"),
        GOOD.replace("$8$1$", "$8$9$"),
        GOOD.replace("$8$1$", "$0$1$"),
        GOOD + "$",
        GOOD + "!",
        GOOD + "A" * 100,
        GOOD.replace("$MD", "$\u0661D"),
    ],
)
def test_what_is_no_hash_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        pin_hash.from_text(text)
    assert not pin_hash.is_text(text)
