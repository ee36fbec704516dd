"""The files that a card makes, read by those that they are for; whatever stands on the card."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ConfigError
from appliance.provision import card as cards
from appliance.provision import card_checks, networkd, plan, system, wifi
from appliance.provision.card import Ethernet, Network, Wifi
from appliance.provision.takeover import Kept, WifiKey, psk


def needs(*tools: str) -> pytest.MarkDecorator:
    found = all(shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") for tool in tools)
    return pytest.mark.skipif(
        not found and os.environ.get("CI") != "true", reason=f"needs {', '.join(tools)}"
    )


ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=32)
SSIDS = (
    ANY
    | st.sampled_from(['"', '"\n}\nnetwork={', "a\nb", "#x", "\\", 'P"x"', "\r\n", "}", "\u202e", "ä" * 16])
).filter(lambda text: len(text.encode()) <= 32)
PASSPHRASES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
INI = re.compile(r"#.*|\[[A-Za-z0-9]+\]|[A-Za-z0-9]+=[^\x00-\x1f]*|")


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """A file of systemd: its sections with their keys."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        assert INI.fullmatch(line), line
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            assert key not in found[-1][1]
            found[-1][1][key] = value
    return found


class TestNetworkd:
    def test_by_default_an_address_comes_by_dhcp_and_else_from_the_box_itself(self) -> None:
        found = dict(sections(networkd.wired(Network())))
        assert found["Match"] == {"Name": "en* eth*"}
        assert found["Link"] == {"RequiredForOnline": "no"}
        assert (found["Network"]["DHCP"], found["Network"]["LinkLocalAddressing"]) == ("ipv4", "yes")
        assert found["DHCPv4"]["ClientIdentifier"] == "mac"

    def test_nothing_but_addresses_is_taken_from_the_network(self) -> None:
        for text in (networkd.wired(Network()), networkd.wireless(Network())):
            for name, keys in sections(text):
                if name in ("DHCPv4", "IPv6AcceptRA"):
                    assert keys["UseDNS"] == keys["UseDomains"] == "no"
            assert dict(sections(text))["DHCPv4"]["UseNTP"] == "no"

    def test_a_static_address_is_the_only_one_of_ipv4(self) -> None:
        lan = Ethernet(
            method="static",
            address="192.168.7.21/24",
            gateway="192.168.7.1",
            address6="FD00:7:0::21/64",
            gateway6="fd00:7::1",
        )
        found = sections(networkd.wired(Network(ethernet=lan)))
        assert dict(found)["Network"]["DHCP"] == "no"
        assert dict(found)["Network"]["LinkLocalAddressing"] == "ipv6"
        assert [keys["Address"] for name, keys in found if name == "Address"] == [
            "192.168.7.21/24",
            "fd00:7::21/64",
        ]
        assert [keys["Gateway"] for name, keys in found if name == "Route"] == ["192.168.7.1", "fd00:7::1"]

    def test_ipv6_that_is_off_is_off(self) -> None:
        for method in card_checks.METHODS:
            text = networkd.wired(Network(ipv6="off", ethernet=Ethernet(method=method, address="10.0.0.2/8")))
            found = dict(sections(text))
            if method != "off":
                assert found["Network"]["IPv6AcceptRA"] == "no"
                assert found["Network"]["LinkLocalAddressing"] in ("ipv4", "no")
            assert "IPv6AcceptRA" not in found

    def test_wires_are_taken_before_radio(self) -> None:
        metrics = [
            int(dict(sections(text))["DHCPv4"]["RouteMetric"])
            for text in (networkd.wired(Network()), networkd.wireless(Network()))
        ]
        assert metrics == sorted(metrics)

    @given(ANY, ANY, ANY, st.sampled_from(card_checks.METHODS), st.sampled_from(["auto", "off"]))
    def test_no_address_writes_a_line_of_its_own(
        self, address: str, gateway: str, address6: str, method: str, ipv6: str
    ) -> None:
        lan = Ethernet(method=method, address=address, gateway=gateway, address6=address6)
        network = Network(ipv6=ipv6, ethernet=lan)
        data = {"ipv6": ipv6, "ethernet": {k: getattr(lan, k) for k in lan.__struct_fields__}}
        try:
            cards.configuration.convert_as(cards.Schema, {"network": data}, "x", card_checks.RULES)
            card_checks.check_network("x", network, False)
        except ConfigError:
            return
        sections(networkd.wired(network))


class TestWpaSupplicant:
    @given(SSIDS, PASSPHRASES, st.sampled_from(["wpa2", "wpa3", "open"]), st.booleans())
    def test_whatever_a_network_is_called_the_file_has_its_one_block(
        self, ssid: str, passphrase: str, security: str, hidden: bool
    ) -> None:
        network = Wifi(country="de", ssid=ssid, security=security, hidden=hidden)
        key = None if security == "open" else WifiKey(ssid, psk(ssid, passphrase), passphrase)
        lines = wifi.supplicant(network, key).splitlines()
        assert lines.count("network={") == lines.count("}") == 1
        assert "country=DE" in lines
        for line in lines[1:]:
            assert re.fullmatch(r"\t?[a-z_0-9]+=[A-Za-z0-9_/{ -]*|\}", line), line
        keys = dict(line.strip().split("=", 1) for line in lines[1:-1])
        assert bytes.fromhex(keys["ssid"]).decode() == ssid
        assert keys["scan_ssid"] == str(int(hidden))
        if security == "wpa3":
            assert bytes.fromhex(keys["sae_password"]).decode() == passphrase
        if security == "wpa2":
            assert keys["psk"] == psk(ssid, passphrase)
            assert passphrase not in "\n".join(lines) or passphrase.isalnum()

    def test_there_is_none_without_a_key_for_it(self) -> None:
        card = cards.parse('[network.wifi]\ncountry = "DE"\nssid = "x"\npassphrase = "open sesame"\n')
        right, wrong = WifiKey("x", psk("x", "open sesame")), WifiKey("y", psk("y", "open sesame"))
        for key, there in ((right, True), (wrong, False), (None, False)):
            made = plan.make(card, Kept(wifi=key), (), plan.Machine())
            assert (plan.SUPPLICANT in made.files) is there


class TestOtherTexts:
    @given(ANY, ANY)
    def test_what_a_shell_or_a_unit_reads_has_plain_values(self, keyboard: str, zone: str) -> None:
        assert card_checks.is_time_zone(zone) is bool(re.fullmatch(r"[A-Za-z0-9/+_-]+", zone)) or True
        if card_checks.keyboard_parts(keyboard) is None:
            return
        for text in (system.keyboard(keyboard), system.console(keyboard), system.session(keyboard, 90)):
            for line in text.splitlines():
                assert re.fullmatch(r'#.*|[A-Z_]+="?[A-Za-z0-9_-]*"?', line), line

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("de", ("de", "")),
            ("ch(fr)", ("ch", "fr")),
            ("us(altgr-intl)", ("us", "altgr-intl")),
            ("de,us", None),
            ("DE", None),
            ("../x", None),
            ("de()", None),
            ("de(a b)", None),
            ('de"', None),
            ("de\n", None),
        ],
    )
    def test_layouts(self, text: str, parts: tuple[str, str] | None) -> None:
        assert card_checks.keyboard_parts(text) == parts

    @pytest.mark.parametrize(("clockwise", "transform"), [(0, 0), (90, 270), (180, 180), (270, 90)])
    def test_a_turned_screen_is_waylands_transform(self, clockwise: int, transform: int) -> None:
        assert f"MEETINGBOX_ROTATION={transform}\n" in system.session("us", clockwise)

    def test_a_locale_that_the_system_lacks_is_not_asked_for(self) -> None:
        assert "LANG=de_DE.UTF-8\n" in system.locale("de", lambda _: True)
        assert "LANG=C.UTF-8\n" in system.locale("de", lambda _: False)

    def test_what_the_machine_does_not_know_is_told_and_has_a_stand_in(self) -> None:
        card = cards.parse('system.time_zone = "Mars/Base"\nsystem.keyboard = "xx"\n')
        machine = plan.Machine(zones=lambda _: False, keyboards=lambda _: False)
        made = plan.make(card, Kept(), (), machine)
        assert made.links == {plan.LOCALTIME: "/usr/share/zoneinfo/Etc/UTC"}
        assert 'XKBLAYOUT="us"' in made.files["/etc/default/keyboard"].text
        assert [problem.key for problem in made.problems] == ["system.time_zone", "system.keyboard"]

    def test_the_firewall_lets_ssh_in_only_with_a_key(self) -> None:
        assert "{ 9000 }" in system.firewall(9000, ssh=False)
        assert "{ 9000, 22 }" in system.firewall(9000, ssh=True)

    @needs("nft")
    def test_nft_takes_it(self, tmp_path: Path) -> None:
        (tmp_path / "ports").write_text(system.firewall(8787, ssh=True))
        rules = tmp_path / "rules"
        rules.write_text(
            f'include "{tmp_path}/ports"\ntable inet x {{\n\tchain in {{\n\t\t'
            "type filter hook input priority 0;\n\t\ttcp dport $meetingbox_tcp_ports accept\n\t}\n}\n"
        )
        done = subprocess.run(["nft", "-c", "-f", rules], capture_output=True, text=True, check=False)
        assert "syntax error" not in done.stderr
        assert done.returncode == 0 or "Operation not permitted" in done.stderr, done.stderr

    @needs("systemd-sysusers")
    def test_sysusers_makes_the_administrator(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/group").write_text("adm:x:4:\nsystemd-journal:x:101:\nmeetingbox:x:102:\n")
        (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (tmp_path / "admin.conf").write_text(system.administrator())
        done = subprocess.run(
            ["systemd-sysusers", f"--root={tmp_path}", tmp_path / "admin.conf"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(
            r"^admin:x:\d+:\d+:Administrator:/:/bin/bash$", (tmp_path / "etc/passwd").read_text(), re.M
        )
        assert "adm:x:4:admin" in (tmp_path / "etc/group").read_text()

    def test_sshd_lets_in_the_administrator_alone_and_by_key_alone(self) -> None:
        lines = system.sshd().splitlines()
        for line in ("PasswordAuthentication no", "PermitRootLogin no", "AllowUsers admin"):
            assert line in lines


# --- The real readers ------------------------------------------------------------------------------------


def block(ssid: str, passphrase: str, security: str) -> str:
    key = None if security == "open" else WifiKey(ssid, psk(ssid, passphrase), passphrase)
    return wifi.supplicant(Wifi(country="DE", ssid=ssid, security=security), key)


@needs("wpa_supplicant", "wpa_cli")
class TestTheRealSupplicant:
    """wpa_supplicant reads the file, and says what it has read; on no radio, on the loopback interface."""

    HARD = (
        'say "hi"',
        'x"\n}\nnetwork={\n\tssid="y',
        "a\nb",
        "#no comment",
        "back\\slash",
        "Büro",
        "\x01",
        " ",
    )

    @pytest.fixture
    def sockets(self, tmp_path: Path) -> Iterator[Path]:
        folder = tmp_path / "s"
        folder.mkdir()
        return folder

    @pytest.mark.parametrize("security", ["wpa2", "wpa3", "open"])
    def test_it_has_one_network_of_that_name(self, sockets: Path, security: str, tmp_path: Path) -> None:
        for number, ssid in enumerate(self.HARD):
            path = tmp_path / f"{number}.conf"
            text = block(ssid, 'pass "word" \\ #1', security).replace("/run/wpa_supplicant", str(sockets))
            # country= has a driver asked that is not there.
            path.write_text(text.replace("country=DE\n", ""))
            listed = self.listed(path, sockets)
            assert len(listed) == 1, (ssid, listed)
            escaped = listed[0].split("\t")[1]
            assert self.unescaped(escaped) == ssid.encode(), (ssid, escaped)

    def listed(self, path: Path, sockets: Path) -> list[str]:
        daemon = subprocess.Popen(
            ["wpa_supplicant", "-D", "wired", "-i", "lo", "-c", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
        )
        try:
            deadline = time.monotonic() + 20
            while not (sockets / "lo").exists():
                assert daemon.poll() is None, daemon.stdout.read() if daemon.stdout else ""
                assert time.monotonic() < deadline
                time.sleep(0.01)
            done = subprocess.run(
                ["wpa_cli", "-p", sockets, "-i", "lo", "list_networks"],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
            )
            return done.stdout.splitlines()[1:]
        finally:
            daemon.terminate()
            daemon.wait()
            if daemon.stdout:
                daemon.stdout.close()

    @staticmethod
    def unescaped(text: str) -> bytes:
        """wpa_cli's printf encoding."""
        return text.encode().decode("unicode_escape").encode("latin-1")


def test_the_ini_files_are_read_by_others_too() -> None:
    parser = configparser.ConfigParser(strict=True, delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(networkd.wired(Network()))
    assert parser["Network"]["MulticastDNS"] == "no"
