"""Secrets leave the card, and everything else on it stays as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import pin_hash, toml_places
from appliance.provision import card as cards
from appliance.provision import plan, report, takeover
from appliance.provision.takeover import SECRETS, Kept, Taken

NOTHING = Kept()
SALT = b"0123456789abcdef"
OTHER_SALT = b"fedcba9876543210"
SERVER = "ws://10.1.2.3/[CHANNEL_ID]?apiKey=abc123"

CARD = """\
# The galley's card. passphrase = "not me"
name = "Galley"   # as on the door
[network.wifi]
country = "DE"
ssid = "Conference"
passphrase = "open sesame"  # of the guests' network
hidden = true # a "comment"

[admin]
pin = '4711' # told to nobody
[signaling]
token = \"\"\"harbour\"\"\"
"""


def take(text: str, before: Kept = NOTHING, salt: bytes = SALT) -> Taken:
    return takeover.take(cards.parse(text), before, salt)


def changed_lines(before: str, after: str) -> list[str]:
    return [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]


class TestOneCard:
    def test_secrets_become_marks_and_nothing_else_changes(self) -> None:
        taken = take(CARD)
        note = "taken over by the box; to change it, take the first # away and write it here"
        assert taken.off == ("network.wifi.passphrase", "admin.pin", "signaling.token")
        assert changed_lines(CARD, taken.text) == [
            f'# passphrase = ""  # {note}  # of the guests\' network',
            f'# pin = ""  # {note} # told to nobody',
            f'# token = ""  # {note}',
        ]
        assert "open sesame" not in taken.text
        assert "4711" not in taken.text
        assert "harbour" not in taken.text

    def test_of_a_pin_a_hash_is_kept_and_of_a_passphrase_its_key(self) -> None:
        kept = take(CARD).kept
        assert pin_hash.from_text(kept.pin_hash).fits("4711")
        assert kept.wifi is not None
        assert (kept.wifi.ssid, kept.wifi.passphrase) == ("Conference", "")
        assert len(kept.wifi.psk) == 64
        assert kept.token == "harbour"
        assert b"4711" not in repr(kept).encode()

    def test_the_marks_stand_for_what_is_kept(self) -> None:
        first = take(CARD)
        second = take(first.text, first.kept, OTHER_SALT)
        assert second == Taken(first.kept, (), first.text, ())
        assert plan.config_of(cards.parse(first.text), first.kept).signaling.token == "harbour"

    def test_without_what_was_kept_each_mark_is_told(self) -> None:
        first = take(CARD)
        assert take(first.text).lost == ("network.wifi.passphrase", "admin.pin", "signaling.token")

    def test_where_a_mark_is_taken_out_too_the_secret_is_forgotten(self) -> None:
        first = take(CARD)
        text = "\n".join(line for line in first.text.splitlines() if "taken over" not in line)
        text = text.replace("hidden", 'security = "open"\nhidden')
        assert take(text, first.kept).kept == Kept()

    def test_a_mark_of_a_passphrase_is_no_open_network(self) -> None:
        first = take(CARD)
        text = "\n".join(
            line for line in first.text.splitlines() if "passphrase = " not in line or "#" not in line
        )
        with pytest.raises(cards.ConfigError, match="passphrase"):
            take(text, first.kept)

    def test_a_new_value_wins_and_leaves_one_mark(self) -> None:
        first = take(CARD)
        text = first.text.replace('# passphrase = ""', 'passphrase = "new and long"')
        second = take(text, first.kept)
        assert second.off == ("network.wifi.passphrase",)
        assert second.text == first.text
        assert second.kept.wifi != first.kept.wifi
        below = first.text.replace("hidden", 'passphrase = "new and long"\nhidden')
        third = take(below, first.kept)
        assert third.kept == second.kept
        assert third.text.count("taken over by the box") == first.text.count("taken over by the box")
        assert take(third.text, third.kept).kept == second.kept

    def test_a_pin_that_is_typed_again_wins_over_the_screens_again(self) -> None:
        first = take(CARD)
        assert take(CARD, first.kept, OTHER_SALT).kept.pin_hash != first.kept.pin_hash

    def test_one_that_could_not_leave_the_card_keeps_its_hash(self) -> None:
        first, card = take(CARD), cards.parse(CARD)
        assert takeover.take(card, first.kept, OTHER_SALT, again=True).kept == first.kept
        other = cards.parse(CARD.replace("4711", "1234"))
        assert takeover.take(other, first.kept, OTHER_SALT, again=True).kept.pin_hash != first.kept.pin_hash

    def test_what_a_person_wrote_behind_a_mark_stays_when_the_mark_goes(self) -> None:
        first = take(CARD)
        text = first.text.replace("hidden", 'passphrase = "new and long"  # since May\nhidden')
        second = take(text, first.kept)
        assert "\n# of the guests' network\n" in second.text
        assert second.text.count("taken over by the box") == 3
        assert second.text.count("# since May") == 1
        braces = 'wifi = { country = "DE", ssid = "x", passphrase = "open sesame" }\n'
        first = take("[network]\n" + braces)
        second = take(
            first.text.replace("[network]\n", "[network]\n").replace('"x"', '"x", passphrase = "12345678"')
        )
        assert second.text == first.text

    def test_a_mark_put_to_use_without_a_value_is_a_mistake(self) -> None:
        text = take(CARD).text.replace('# passphrase = ""', 'passphrase = ""')
        with pytest.raises(cards.ConfigError, match=r"line 6: network\.wifi\.passphrase"):
            cards.parse(text)

    def test_another_network_needs_its_own_passphrase(self) -> None:
        first = take(CARD)
        other = take(first.text.replace('"Conference"', '"Canteen"'), first.kept)
        assert other.lost == ("network.wifi.passphrase",)
        assert other.kept.wifi is None

    def test_wpa3_needs_the_passphrase_itself(self) -> None:
        wpa3 = CARD.replace("hidden", 'security = "wpa3"\nhidden')
        kept = take(wpa3).kept
        assert kept.wifi is not None
        assert kept.wifi.passphrase == "open sesame"
        first = take(CARD)
        later = first.text.replace("hidden", 'security = "wpa3"\nhidden')
        assert take(later, first.kept).lost == ("network.wifi.passphrase",)

    def test_everybodys_token_and_servers_without_a_key_stay(self) -> None:
        text = 'servers = ["ws://10.1.2.3:8787"]\nsignaling.token = "meetingbox"\n'
        assert take(text).text == text

    def test_a_list_of_servers_with_a_key_goes_and_its_comments_stay(self) -> None:
        text = f'servers = [ # ours\n  "{SERVER}", # the old one\n  "ws://b",\n] # all\nname = "x"\n'
        taken = take(text)
        assert taken.kept.servers == (SERVER, "ws://b")
        assert [c.text for c in toml_places.find(taken.text).comments][1:] == ["# the old one # all"] or all(
            comment in taken.text for comment in ("# ours", "# the old one", "# all")
        )
        assert take(taken.text, taken.kept).kept == taken.kept
        assert plan.config_of(cards.parse(taken.text), taken.kept).servers == (SERVER, "ws://b")
        assert "abc123" not in taken.text

    def test_the_card_of_a_new_box_has_no_secret(self) -> None:
        assert take(report.template()) == Taken(Kept(), (), report.template(), ())


# --- Any card --------------------------------------------------------------------------------------

NEWLINES = st.sampled_from(["\n", "\r\n"])
PASSPHRASES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
COMMENTS = st.sampled_from(["", " # a note", "#x = 1", '  # "quoted" [not a table]', "\t# passphrase = 1"])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def wifi_lines(draw: st.DrawFn) -> list[str]:
    """A Wi-Fi network in one of the ways in which TOML can say it."""
    passphrase = draw(PASSPHRASES)
    forms = [quoted(passphrase), f'"""{quoted(passphrase)[1:-1]}"""']
    if "'" not in passphrase:
        forms.append(f"'{passphrase}'")
    value = draw(st.sampled_from(forms))
    pairs = ['country = "DE"', 'ssid = "a # b"', f"passphrase = {value}", "hidden = true"]
    pairs = draw(st.permutations(pairs))
    match draw(st.integers(0, 3)):
        case 0:
            return ["[network.wifi]", *(pair + draw(COMMENTS) for pair in pairs)]
        case 1:
            return [f"network.wifi = {{ {', '.join(pairs)} }}" + draw(COMMENTS)]
        case 2:
            return ["[network]", f"wifi = {{{','.join(pairs)}}}" + draw(COMMENTS)]
        case _:
            return [f"network . wifi.{pair}" + draw(COMMENTS) for pair in pairs]


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = [draw(COMMENTS).lstrip() for _ in range(draw(st.integers(0, 2)))]
    lines += draw(wifi_lines())
    lines += ["[system]" + draw(COMMENTS), f'"admin_pin"=\t"4711"{draw(COMMENTS)}', "rotation = 90"]
    lines += draw(
        st.sampled_from([[], ["[signaling]", "token='harbour'  #t"], ["signaling = {token='x', port=1}"]])
    )
    if lines[-1].startswith("signaling"):
        lines.insert(0, lines.pop())
    newline = draw(NEWLINES)
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


def without_secrets(data: dict[str, Any]) -> dict[str, Any]:
    data["network"]["wifi"].pop("passphrase")
    data["system"].pop("admin_pin")
    data.get("signaling", {}).pop("token", None)
    return {key: value for key, value in data.items() if value != {}}


@given(texts())
def test_whatever_a_card_looks_like_only_its_secrets_go(text: str) -> None:
    card = cards.parse(text)
    off = tuple(key for key in SECRETS if key in card.given)
    after = takeover.without(text, off)
    data = {key: value for key, value in tomllib.loads(after).items() if value != {}}
    assert data == without_secrets(tomllib.loads(text))
    places = toml_places.find(after)
    assert takeover.marked(places) == set(off)
    kept_comments = "\n".join(comment.text for comment in places.comments)
    for comment in toml_places.find(text).comments:
        assert comment.text in kept_comments
    assert after.count("\r\n") == after.count("\n") or "\r\n" not in text
    again = cards.parse(after)
    assert again.marked == card.marked | set(off)
    assert takeover.without(after, ()) == after


# --- The key of a network ----------------------------------------------------------------------------


def test_the_key_is_that_of_the_standard() -> None:
    # IEEE 802.11-2016, J.4.2, test vectors.
    assert (
        takeover.psk("IEEE", "password") == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    )
    assert takeover.psk("any", "AB" * 32) == "ab" * 32


@pytest.mark.skipif(
    not shutil.which("wpa_passphrase") and os.environ.get("CI") != "true", reason="needs wpasupplicant"
)
@pytest.mark.parametrize(("ssid", "passphrase"), [("Conference", "open sesame"), ("Büro 2", 'a"b\\c#d e~')])
def test_the_key_is_the_one_that_wpa_passphrase_makes(ssid: str, passphrase: str) -> None:
    done = subprocess.run(
        ["wpa_passphrase", ssid], input=f"{passphrase}\n", capture_output=True, text=True, check=True
    )
    assert f"\tpsk={takeover.psk(ssid, passphrase)}\n" in done.stdout
