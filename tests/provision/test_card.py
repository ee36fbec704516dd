"""What may stand on a card, what is refused, and how that is said."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from provision.broken_cards import BROKEN, FOLDER, put

from appliance import config
from appliance.core.words import from_plain
from appliance.errors import ConfigError
from appliance.provision import card as cards
from appliance.provision import card_checks, disk, mistake, report
from appliance.provision.card import ALIASES, Card

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMYBUsVnlfh/mtKVeRw me@laptop"
WIFI = '[network.wifi]\ncountry = "DE"\nssid = "Conference"\npassphrase = "open sesame"\n'


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        cards.parse(text)
    assert caught.value.file == cards.FILE
    return caught.value


def english(shown: mistake.ProblemFile) -> str:
    return str(from_plain(shown.sentence))


def card(text: str) -> Card:
    return cards.parse(text)


class TestTheCardOfANewBox:
    TEXT = report.template()

    def uncommented(self) -> str:
        """With the # of every line taken away that has a key."""
        return re.sub(r"^# ([a-z_0-9]+ = )", r"\1", self.TEXT, flags=re.MULTILINE)

    def test_it_is_right_and_says_nothing_but_the_defaults(self) -> None:
        fresh = card(self.TEXT)
        assert fresh.config == config.Config()
        assert fresh.network == cards.Network()
        assert fresh.system == cards.System()
        assert fresh.given == {"network.ethernet", "network.wifi"}

    def test_it_is_right_with_every_key_in_use(self) -> None:
        full = card(self.uncommented())
        every = {f"system.{key}" for key in cards.System.__struct_fields__} | {"network.ipv6"}
        every |= {f"network.ethernet.{key}" for key in cards.Ethernet.__struct_fields__}
        every |= {
            f"network.wifi.{key}" for key in ("country", "ssid", "passphrase", "security", "hidden", "method")
        }
        assert every <= full.given
        assert full.config.name == "Meeting room 1"
        assert full.network.wifi.ssid == "Conference"

    def test_its_commented_values_are_the_defaults_where_they_are_no_examples(self) -> None:
        full = card(self.uncommented())
        assert full.config.display == config.Display()
        assert full.config.call == config.Call()
        assert full.config.video == config.Video()
        assert full.config.signaling == config.Signaling()
        assert (full.system.keyboard, full.system.rotation) == ("us", 0)

    def test_every_line_of_it_is_read_on_any_screen(self) -> None:
        assert max(map(len, self.TEXT.splitlines())) <= 115
        assert self.TEXT.isascii()


class TestAliases:
    @pytest.mark.parametrize(("alias", "key"), ALIASES.items())
    def test_each_is_another_name_of_a_key(self, alias: str, key: str) -> None:
        value = {"name": "Galley", "language": "de", "admin_pin": "4711"}.get(alias.partition(".")[2], "test")
        table, _, name = key.rpartition(".")
        one = card(f'{alias} = "{value}"')
        other = card(f'{f"{table}." if table else ""}{name} = "{value}"')
        assert one.config == other.config != config.Config()

    @pytest.mark.parametrize(("alias", "key"), ALIASES.items())
    def test_both_are_refused_with_the_lines_of_both(self, alias: str, key: str) -> None:
        value = {"name": "Galley", "language": "de", "admin_pin": "4711"}.get(alias.partition(".")[2], "test")
        error = refusal(f'# a card\n{key} = "{value}"\n\n{alias} = "{value}"\n')
        assert (error.code, error.key, error.line) == ("config.conflict", alias, 4)
        assert error.found == f"{key} in line 2 too"

    def test_each_rule_of_an_alias_is_its_keys(self) -> None:
        for alias, key in ALIASES.items():
            assert card_checks.RULES[alias] == card_checks.RULES[key]

    def test_a_pin_and_a_hash_of_one_are_refused(self) -> None:
        error = refusal('system.admin_pin = "4711"\nadmin.pin_hash = ""')
        assert (error.code, error.line) == ("config.conflict", 1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "key", "code"),
        [
            ("network = 1", "network", "type"),
            ("[network]\nipv6 = true", "network.ipv6", "type"),
            ('[network]\nipv6 = "on"', "network.ipv6", "value"),
            ('[network.ethernet]\nmethod = "DHCP"', "network.ethernet.method", "value"),
            ('[network.ethernet]\nmethod = "static"', "network.ethernet.address", "missing-key"),
            ('[network.ethernet]\naddress = "10.0.0.2/24"', "network.ethernet.address", "conflict"),
            ('[network.ethernet]\nmethod = "off"\ngateway = "10.0.0.1"', "network.ethernet.gateway", "conflict"),  # noqa: E501
            ('[network.wifi]\ncountry = "UK"', "network.wifi.country", "value"),
            ('[network.wifi]\ncountry = "DEU"', "network.wifi.country", "value"),
            ('[network.wifi]\npassphrase = "open sesame"', "network.wifi.passphrase", "missing-key"),
            ("[network.wifi]\nhidden = true", "network.wifi.hidden", "missing-key"),
            ('[network.wifi]\nssid = "Conference"', "network.wifi.country", "country"),
            ('[network.wifi]\nssid = "C"\ncountry = "DE"', "network.wifi.passphrase", "missing-key"),
            (WIFI.replace("open sesame", "short"), "network.wifi.passphrase", "value"),
            (WIFI.replace("open sesame", "x" * 64), "network.wifi.passphrase", "value"),
            (WIFI.replace("open sesame", "geheimnisträger"), "network.wifi.passphrase", "value"),
            (WIFI + 'security = "wep"', "network.wifi.security", "value"),
            (WIFI + 'security = "open"', "network.wifi.passphrase", "conflict"),
            (WIFI.replace("open sesame", "a" * 64) + 'security = "wpa3"', "network.wifi.passphrase", "value"),
            (f'[network.wifi]\ncountry = "DE"\nssid = "{"é" * 17}"', "network.wifi.ssid", "value"),
            ('[network.wifi]\nssid = "a\\u0000b"', "network.wifi.ssid", "value"),
            ('[system]\ntime_zone = "../../etc/passwd"', "system.time_zone", "value"),
            ('[system]\ntime_zone = "/etc/passwd"', "system.time_zone", "value"),
            ('[system]\ntime_zone = "Europe/../../x"', "system.time_zone", "value"),
            ('[system]\nkeyboard = "de nodeadkeys"', "system.keyboard", "value"),
            ('[system]\nkeyboard = "de\\"\\nX=1"', "system.keyboard", "value"),
            ("[system]\nrotation = 45", "system.rotation", "value"),
            ("[system]\nrotation = true", "system.rotation", "type"),
            (f'[system]\nssh_keys = ["{KEY}", "ssh-rsa"]', "system.ssh_keys[1]", "value"),
            (f'[system]\nssh_keys = "{KEY}"', "system.ssh_keys", "type"),
            ('[system]\nadmin_pin = "47"', "system.admin_pin", "value"),
            ("[signaling]\nport = 0", "signaling.port", "value"),
            ("[system]\npassword = 1", "system.password", "unknown"),
            ('[network.wlan]\nssid = "x"', "network.wlan", "unknown"),
        ],
    )  # fmt: skip
    def test_each_names_key_and_line(self, text: str, key: str, code: str) -> None:
        error = refusal(f"# one more line\n{text}\n")
        assert (error.key, error.code) == (key, f"config.{code}")
        lines = text.splitlines()
        name = re.sub(r"\[\d\]$", "", key).rpartition(".")[2]
        stands = [n for n, line in enumerate(lines, 2) if re.match(rf"{name} =|\[.*{name}\]", line)]
        assert error.line == (stands[0] if stands else 2)

    @pytest.mark.parametrize(
        ("address", "gateway"),
        [
            ("192.168.7.21", ""),  # no length
            ("192.168.7.0/24", ""),
            ("192.168.7.255/24", ""),
            ("192.168.7.21/33", ""),
            ("192.168.7.21/31", ""),
            ("224.0.0.1/24", ""),
            ("127.0.0.1/8", ""),
            ("192.168.007.21/24", ""),
            ("192.168.7.21/24\n[Route]", ""),
            ("192.168.7.21/24", "192.168.8.1"),
            ("192.168.7.21/24", "192.168.7.21"),
            ("192.168.7.21/24", "router"),
            ("192.168.7.21/24", "192.168.7.1/24"),
        ],
    )
    def test_addresses_that_make_no_sense(self, address: str, gateway: str) -> None:
        address = address.replace("\n", "\\n")
        lines = f'network.ethernet.method = "static"\nnetwork.ethernet.address = "{address}"\n'
        if gateway:
            lines += f'network.ethernet.gateway = "{gateway}"\n'
        error = refusal(lines)
        assert error.key == "network.ethernet." + ("gateway" if gateway else "address")
        assert error.line == (3 if gateway else 2)

    def test_a_gateway_of_ipv6_may_be_link_local(self) -> None:
        text = '[network.ethernet]\nmethod = "static"\naddress6 = "fd00:7::21/64"\ngateway6 = "{}"\n'
        assert card(text.format("fe80::1")).network.ethernet.gateway6 == "fe80::1"
        assert refusal(text.format("fd00:8::1")).key == "network.ethernet.gateway6"
        assert refusal("network.ipv6 = 'off'\n" + text.format("fd00:7::1")).key == "network.ethernet.address6"

    @pytest.mark.parametrize(
        "secret", ["passphrase = 47114711", 'passphrase = "4711"', "passphrase = ['47114711']"]
    )
    def test_a_secret_is_in_no_error(self, secret: str) -> None:
        error = refusal(f'[network.wifi]\ncountry = "DE"\nssid = "x"\n{secret}\n')
        shown = mistake.of_card(error, last_good=True)
        assert "4711" not in str(error)
        assert "4711" not in str(shown)

    def test_a_time_zone_of_every_shape_is_taken(self) -> None:
        for zone in ("UTC", "Etc/GMT+12", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"):
            assert card(f'system.time_zone = "{zone}"').system.time_zone == zone

    @pytest.mark.parametrize(
        "key",
        [
            KEY.replace("AAAAC3", "AAAAC4"),
            'command="/bin/sh" ' + KEY,
            KEY.replace("ssh-ed25519", "ssh-rsa"),
            KEY + "\\nssh-rsa",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "ssh-ed25519 AAAA",
            "ssh-ed25519",
        ],
    )
    def test_what_is_no_public_key(self, key: str) -> None:
        text = key.replace("\\n", "\n")
        assert (
            refusal(f"system.ssh_keys = [{config.to_toml({'x': text})[4:].strip()}]").key
            == "system.ssh_keys[0]"
        )


class TestBrokenCards:
    @pytest.mark.parametrize("name", BROKEN)
    def test_each_says_where_and_what(self, name: str, tmp_path: Path) -> None:
        put(name, tmp_path)
        with pytest.raises(ConfigError) as caught:
            report.check(tmp_path / cards.FILE)
        broken = BROKEN[name]
        shown = mistake.of_card(caught.value, last_good=True)
        assert (shown.code, shown.file, shown.line, shown.key) == (
            broken.code,
            cards.FILE,
            broken.line,
            broken.key,
        )
        assert english(shown) == (f"{broken.says} Until it is corrected, the last good settings are in use.")

    def test_all_files_are_used(self) -> None:
        assert {path.stem for path in FOLDER.iterdir()} <= set(BROKEN)
        assert len(BROKEN) >= 10

    def test_without_a_good_one_the_standard_settings_are_named(self) -> None:
        shown = mistake.of_card(refusal(""), last_good=False)
        assert english(shown).endswith("the standard settings are in use.")


class TestEditorsOfPlainText:
    TEXT = '# Büro\n[system]\nname = "Büro"\n'

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_notepads_file_is_read(self, encoding: str, newline: str, tmp_path: Path) -> None:
        path = tmp_path / cards.FILE
        path.write_bytes(self.TEXT.replace("\n", newline).encode(encoding))
        text, bom = disk.read_card(path)
        assert bom == (encoding == "utf-8-sig")
        assert card(text).config.name == "Büro"

    def test_utf16_is_told_to_be_saved_as_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / cards.FILE
        path.write_bytes(self.TEXT.encode("utf-16"))
        with pytest.raises(ConfigError, match="UTF-16"):
            disk.read_card(path)

    def test_what_is_no_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / cards.FILE)
        with pytest.raises(ConfigError, match="something else"):
            disk.read_card(tmp_path / cards.FILE)
