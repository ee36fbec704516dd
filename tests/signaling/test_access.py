"""Which key a server is shown, and which keys open it."""

from __future__ import annotations

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from appliance.signaling.access import DEFAULT_TOKEN, key_opens, relay_key

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
addresses = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
ports = st.integers(1, 65535)


def test_the_default_token_is_shown_as_it_is() -> None:
    assert relay_key(DEFAULT_TOKEN, "10.0.0.1", 8787) == DEFAULT_TOKEN


def test_a_relay_key_is_the_documented_hmac() -> None:
    digest = hmac.new(b"ours", b"meetingbox relay key 1\x00fd00::1\x008787", hashlib.sha256).digest()
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert relay_key("ours", "FD00:0:0:0::1", 8787) == expected


@given(tokens, addresses, ports)
def test_a_server_is_opened_by_its_token_and_by_the_key_for_its_own_address(
    token: str, address: str, port: int
) -> None:
    assert key_opens(token, token, address, port)
    assert key_opens(relay_key(token, address, port), token, address, port)


@given(tokens.filter(lambda token: token != DEFAULT_TOKEN), addresses, addresses, ports)
def test_a_key_collected_by_one_server_opens_no_other(token: str, rogue: str, other: str, port: int) -> None:
    if rogue != other:
        assert not key_opens(relay_key(token, rogue, port), token, other, port)


@given(tokens, tokens, addresses, ports)
def test_boxes_with_different_tokens_do_not_open_each_others_servers(
    one: str, two: str, address: str, port: int
) -> None:
    if one != two:
        assert not key_opens(relay_key(one, address, port), two, address, port)


@given(st.text(max_size=200))
def test_any_text_may_be_shown(shown: str) -> None:
    assert not key_opens(shown, "a token that is not in there", "10.0.0.1", 8787)
