"""What is accepted in another box's SDP."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.sdp import check_candidate, check_remote, lan_address, only_sha256, without_foreign
from appliance.errors import RemoteProtocolError

PRINT = ":".join(["AB"] * 32)
OTHER = ":".join(["CD"] * 32)


def description(
    *,
    kinds: tuple[str, ...] = ("video", "audio", "application"),
    prints: tuple[str, ...] = (f"sha-256 {PRINT}",),
    candidates: tuple[str, ...] = ("1 1 udp 2130706431 192.168.1.7 50000 typ host",),
    ufrag: str = "abcd",
    pwd: str = "p" * 22,
    session: tuple[str, ...] = (),
) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", *session]
    for kind in kinds:
        lines.append(f"m={kind} 50000 UDP/TLS/RTP/SAVPF 101 102")
        lines += [f"a=candidate:{c}" for c in candidates]
        lines += [f"a=fingerprint:{p}" for p in prints]
        if ufrag:
            lines.append(f"a=ice-ufrag:{ufrag}")
        if pwd:
            lines.append(f"a=ice-pwd:{pwd}")
    return "\r\n".join(lines) + "\r\n"


def check(sdp: str, used: tuple[str, ...] = ()):
    return check_remote(sdp, allowed=lan_address, used_fingerprints=used)


def refused(sdp: str, code: str, used: tuple[str, ...] = ()) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check(sdp, used)
    assert caught.value.code == code


def test_a_good_description_is_read():
    facts = check(description())
    assert facts.fingerprint == PRINT
    assert (facts.ufrag, facts.pwd) == ("abcd", "p" * 22)
    assert facts.candidates == (("192.168.1.7", 50000),)
    assert facts.kinds == ("video", "audio", "application")


def test_the_password_is_not_in_the_repr():
    assert "pppp" not in repr(check(description()))


def test_session_wide_values_count_for_every_section():
    sdp = description(
        prints=(),
        ufrag="",
        pwd="",
        session=(f"a=fingerprint:SHA-256 {PRINT.lower()}", "a=ice-ufrag:wxyz", f"a=ice-pwd:{'q' * 22}"),
    )
    assert check(sdp).fingerprint == PRINT


def test_a_fingerprint_in_use_is_refused():
    refused(description(), "sdp.fingerprint.used", used=(OTHER, PRINT))


@pytest.mark.parametrize(
    ("prints", "code"),
    [
        ((), "sdp.fingerprint"),
        ((f"sha-256 {PRINT}", f"sha-256 {OTHER}"), "sdp.fingerprint"),
        ((f"sha-256 {PRINT}", "sha-512 " + ":".join(["AB"] * 64)), "sdp.fingerprint"),
        (("sha-1 " + ":".join(["AB"] * 20),), "sdp.fingerprint"),
        ((f"sha-256 {PRINT}:AB",), "sdp.fingerprint"),
        ((f"sha-256 {PRINT} x",), "sdp.fingerprint"),
        (("sha-256",), "sdp.fingerprint"),
    ],
)
def test_exactly_one_sha256_fingerprint(prints, code):
    refused(description(prints=prints), code)


def test_a_section_without_a_fingerprint_is_refused():
    bare = description().replace(f"a=fingerprint:sha-256 {PRINT}\r\n", "", 1)
    refused(bare, "sdp.fingerprint")


def test_sections_that_disagree_on_the_user_fragment_are_refused():
    refused(description().replace("a=ice-ufrag:abcd", "a=ice-ufrag:efgh", 1), "sdp.ice-ufrag")


@pytest.mark.parametrize(
    ("ufrag", "pwd"), [("abc", "p" * 22), ("ab cd", "p" * 22), ("abcd", "p" * 21), ("abcd", "ü" * 22)]
)
def test_malformed_ice_credentials_are_refused(ufrag, pwd):
    with pytest.raises(RemoteProtocolError):
        check(description(ufrag=ufrag, pwd=pwd))


@pytest.mark.parametrize(
    "kinds", [(), ("video", "video"), ("video", "audio", "text"), ("application",) * 2, ("image",)]
)
def test_no_other_sections_than_one_of_each_kind(kinds):
    refused(description(kinds=kinds), "sdp.sections")


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 udp 1 8.8.8.8 50000 typ host",  # not a local network
        "1 1 udp 1 abc.local 50000 typ host",
        "1 1 udp 1 box.example 50000 typ host",
        "1 1 tcp 1 192.168.1.7 9 typ host tcptype active",
        "1 2 udp 1 192.168.1.7 50000 typ host",  # RTCP is multiplexed
        "1 1 udp 1 192.168.1.7 0 typ host",
        "1 1 udp 1 192.168.1.7 65536 typ host",
        "1 1 udp 1 192.168.1.7 -1 typ host",
        "1 1 udp 1 192.168.1.7 50000 typ srflx raddr 0.0.0.0 rport 0",
        "1 1 udp 1 192.168.1.7 50000 typ relay",
        "1 1 udp 1 0.0.0.0 50000 typ host",
        "1 1 udp 1 255.255.255.255 50000 typ host",
        "1 1 udp 1 224.0.0.251 5353 typ host",
        "1 1 udp 1 ::ffff:8.8.8.8 50000 typ host",
        "1 1 udp 1 ::ffff:192.168.1.7 50000 typ host",
        "1 1 udp 1 fe80::1%eth0 50000 typ host",
        "1 1 udp 1 192.168.1.7 50000 host typ",
        "1 1 udp x 192.168.1.7 50000 typ host",
        "1 1 udp 1 192.168.1.7 50000 typ",
        "",
    ],
)
def test_only_udp_host_addresses_of_local_networks(candidate):
    refused(description(candidates=(candidate,)), "sdp.candidate")


def test_what_allowed_takes_is_taken():
    value = "1 1 UDP 1 203.0.113.7 50000 typ host generation 0"
    assert check_candidate(value, allowed=lambda a: a == ipaddress.ip_address("203.0.113.7")) == (
        "203.0.113.7",
        50000,
    )


def test_the_number_of_candidates_is_bounded():
    def candidates(count: int) -> tuple[str, ...]:
        return tuple(f"1 1 udp 1 10.0.0.{n + 1} 50000 typ host" for n in range(count))

    assert (
        len(check(description(candidates=candidates(limits.CANDIDATES_MAX))).candidates)
        == limits.CANDIDATES_MAX
    )
    refused(description(candidates=candidates(limits.CANDIDATES_MAX + 1)), "sdp.candidates")


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r", "\x00", "\t"])
def test_no_character_that_another_parser_could_take_for_a_line_end(mark):
    with pytest.raises(RemoteProtocolError) as caught:
        check(description().replace("s=-", f"s=-{mark}a=fingerprint:sha-256 {OTHER}", 1))
    assert caught.value.code == "sdp.characters"


def test_sizes_are_bounded():
    refused(description() + "a=x\r\n" * limits.SDP_MAX_BYTES, "sdp.size")
    refused(description() + "a=" + "x" * limits.SDP_LINE_MAX_BYTES + "\r\n", "sdp.line")


def test_private_link_local_and_loopback_addresses_are_local():
    yes = ("10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.1.1", "127.0.0.1", "::1", "fd00::1")
    no = ("172.32.0.1", "8.8.8.8", "100.64.0.1", "192.0.2.1", "2001:db8::1", "0.0.0.0", "240.0.0.1")
    assert all(lan_address(ipaddress.ip_address(a)) for a in yes)
    assert not any(lan_address(ipaddress.ip_address(a)) for a in no)


def test_other_fingerprints_are_taken_out_of_ours():
    ours = description(prints=(f"sha-256 {PRINT}", "sha-384 AA", "sha-512 BB"))
    assert only_sha256(ours) == description()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
@example("m=video 1 X 1\na=fingerprint\n")
@example("a=candidate:\nm=audio 1 X 1")
def test_garbage_is_refused_and_nothing_else_happens(text):
    with pytest.raises(RemoteProtocolError):
        check(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_description_with_anything_put_in_is_read_or_refused(data):
    sdp = description()
    start = data.draw(st.integers(0, len(sdp)))
    end = data.draw(st.integers(start, min(len(sdp), start + 30)))
    try:
        facts = check(sdp[:start] + data.draw(st.text(max_size=30)) + sdp[end:])
    except RemoteProtocolError:
        return
    assert len(facts.fingerprint) == 95
    assert all(lan_address(ipaddress.ip_address(a)) for a, _ in facts.candidates)


class TestWithoutForeign:
    """A box on more networks than this one offers candidates on all of them."""

    LINES = (
        "a=candidate:1 1 udp 1 10.0.0.9 4000 typ host\r\n",
        "a=candidate:2 1 udp 1 2001:db8::9 4000 typ host\r\n",
        "a=candidate:3 1 udp 1 not-an-address 4000 typ host\r\n",
    )

    def test_those_on_other_networks_are_left_out(self) -> None:
        sdp = "v=0\r\n" + "".join(self.LINES)
        kept = without_foreign(sdp, allowed=lambda address: address.is_private and address.version == 4)
        assert kept == "v=0\r\n" + self.LINES[0] + self.LINES[2]

    @pytest.mark.parametrize(
        "line",
        [
            "a=candidate:9 1 tcp 15 10.0.0.9 9 typ host tcptype active generation 0\r\n",
            "a=candidate:9 1 udp 21 4f7a1c2e-0d3b-4c5d-8e9f-001122334455.local 4000 typ host\r\n",
            "a=candidate:9 1 tcp 15 4f7a1c2e-0d3b-4c5d-8e9f-001122334455.local 9 typ host tcptype active\r\n",
        ],
    )
    def test_what_only_browsers_offer_is_left_out(self, line) -> None:
        assert without_foreign("v=0\r\n" + line + self.LINES[0], allowed=lambda _: True) == (
            "v=0\r\n" + self.LINES[0]
        )
        assert without_foreign("v=0\r\n" + line, allowed=lambda _: True) == "v=0\r\n"
        with pytest.raises(RemoteProtocolError):
            check_candidate(line.removeprefix("a=candidate:").strip(), allowed=lambda _: True)

    @pytest.mark.parametrize(
        "line",
        [
            "a=candidate:9 1 tcp 15 10.0.0.9 9 typ host\r\n",
            "a=candidate:9 1 tcp 15 10.0.0.9 9 typ srflx raddr 0.0.0.0 rport 0 tcptype active\r\n",
            "a=candidate:9 1 udp 21 box.local 4000 typ host\r\n",
            "a=candidate:9 1 udp 21 4f7a1c2e-0d3b-4c5d-8e9f-001122334455.example 4000 typ host\r\n",
        ],
    )
    def test_anything_like_it_stays_to_be_refused(self, line) -> None:
        sdp = "v=0\r\n" + line + self.LINES[0]
        assert without_foreign(sdp, allowed=lambda _: True) == sdp

    def test_when_none_would_be_left_it_stays_as_it_is_to_be_refused(self) -> None:
        sdp = "v=0\r\n" + self.LINES[1]
        assert without_foreign(sdp, allowed=lambda address: False) == sdp
