"""No secret and no address of a network stays in what is handed on."""

from __future__ import annotations

import base64
import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.masking import MASK, Masker

_LETTERS = string.ascii_letters + string.digits + "#%&+-_! äß語"
SECRETS = st.text(_LETTERS, min_size=4, max_size=40).map(str.strip).filter(lambda text: len(text) >= 4)

PATH = "/sys/devices/platform/soc/usb1/1-1/INPUT/input17/Event9"


@given(SECRETS, st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_is_nowhere(secret: str, before: str, after: str) -> None:
    raw = secret.encode()
    for form in (raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode()):
        masked = Masker([secret]).mask(f"{before} {form} {after}")
        assert form not in masked or form in f"{before} {after}"
    masked = Masker([secret]).mask(f"log: [{secret}] said")
    assert masked == f"log: [{MASK}] said" or (secret not in masked)


def test_a_secret_of_bytes() -> None:
    key = bytes(range(32))
    masker = Masker([key])
    assert (
        masker.mask(f"key {key.hex()} and {base64.urlsafe_b64encode(key).decode()}.")
        == f"key {MASK} and {MASK}."
    )


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("psk=bad2cafe and on", f"psk={MASK} and on"),
        ('\tpsk="my wifi is best"', f"\tpsk={MASK}"),
        ("password: hunter2, room 42", f"password: {MASK}, room 42"),
        ('{"token": "abc", "port": 8787}', f'{{"token": {MASK}, "port": 8787}}'),
        ("the pin is 4711.", f"the pin is {MASK}"),
        ("ws://10.0.0.1:8787/42?apiKey=abcdef&x=1", f"ws://private-ipv4-1:8787/42?apiKey={MASK}&x=1"),
        ("http://user:secret@example.org/", f"http://user:{MASK}@example.org/"),
        ("sae_password=686579", f"sae_password={MASK}"),
        ("machine 0123456789abcdef0123456789abcdef!", f"machine {MASK}!"),
        (f"seal {'Ab3/' + 'x9Yz' * 10}= of", f"seal {MASK} of"),
        (PATH, PATH),
        ("spinning keypad passes", "spinning keypad passes"),
        ("-----BEGIN X PRIVATE KEY-----\nAAAA\nBBBB\n-----END X PRIVATE KEY-----\nrest", f"{MASK}\nrest"),
        ("-----BEGIN PRIVATE KEY-----\ncut short", MASK),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret(line: str, masked: str) -> None:
    assert Masker().mask(line) == masked


def test_a_short_pin_is_masked_as_a_word_only() -> None:
    assert Masker(["8787"]).mask("pin 8787, count 187870") == f"pin {MASK}, count 187870"


def test_an_address_has_one_name_in_all_of_a_report() -> None:
    masker = Masker()
    first = masker.mask("10.1.2.3 -> 10.1.2.4, fe80::1%eth0, 2001:DB8::5, 8.8.8.8, 52:54:00:12:34:56")
    assert first == (
        "private-ipv4-1 -> private-ipv4-2, link-local-ipv6-1%eth0, private-ipv6-1, public-ipv4-1, mac-1"
    )
    assert masker.mask("from 10.1.2.4:8787 and 2001:db8:0:0::5, 52-54-00-12-34-56") == (
        "from private-ipv4-2:8787 and private-ipv6-1, mac-1"
    )


def test_what_every_network_has_stays() -> None:
    text = "127.0.0.1, ::1, 224.0.0.251, ff02::fb, 255.255.255.255, 0.0.0.0, 00:00:00:00:00:00"
    assert Masker().mask(text) == text


def test_times_and_versions_stay() -> None:
    text = "Nov 23 06:08:36.123456 box[1:2]: version 6.12.30, 257.13, 3.13.5 at 06:08:36"
    assert Masker().mask(text) == text


@given(st.ip_addresses())
def test_no_address_survives(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    masked = Masker().mask(f"at {address} and [{address}]:8787/24")
    common = Masker().mask(str(address)) == str(address)
    assert common or str(address) not in masked


@given(st.text(max_size=200))
def test_it_takes_any_text(text: str) -> None:
    masked = Masker(["hunter22"]).mask(text)
    assert isinstance(masked, str)
