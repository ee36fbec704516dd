"""The configuration file: what is read, what is refused and how that is said, what is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import config
from appliance.config import Config, effective_toml, parse
from appliance.core import limits
from appliance.errors import ConfigError, StartError


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, "box.toml")
    assert caught.value.file == "box.toml"
    return caught.value


class TestDefaults:
    def test_the_commented_file_equals_the_defaults(self) -> None:
        assert parse(config.default_text(), "default.toml") == Config()

    def test_the_commented_file_shows_every_key(self) -> None:
        keys = [line.partition(" = ")[0] for line in effective_toml(Config()).splitlines() if line]
        shown = [line.partition(" = ")[0] for line in config.default_text().splitlines()]
        assert [line for line in shown if line and not line.startswith("#")] == keys

    def test_an_empty_file_is_the_defaults(self) -> None:
        assert parse("", "box.toml") == Config()

    def test_the_example_presets_in_the_comment_are_valid(self) -> None:
        line = next(line for line in config.default_text().splitlines() if line.startswith("# At most"))
        example = line.partition(": ")[2].rstrip(".")
        assert [p.room for p in parse(f"presets = {example}", "box.toml").presets] == [42, 7]

    def test_the_example_servers_in_the_comment_are_valid(self) -> None:
        examples = [
            line.partition(": ")[2].rstrip(".")
            for line in config.default_text().splitlines()
            if line.startswith("#") and '["ws://' in line
        ]
        assert len(examples) == 2
        for example in examples:
            assert len(parse(f"servers = {example}", "box.toml").servers) == 1


class TestRefusals:
    """Every refusal says file, key, expected and found."""

    @pytest.mark.parametrize(
        ("text", "key", "expected", "found"),
        [
            ("name = 2", "name", "text in quotes", "2"),
            ("name = 2020-01-01", "name", "text in quotes", "the date 2020-01-01"),
            ('servers = "ws://a"', "servers", "a list", '"ws://a"'),
            ('servers = ["ws://a", 2]', "servers[1]", "text in quotes", "2"),
            ("signaling = 3", "signaling", "a table", "3"),
            ('[signaling]\nport = "8787"', "signaling.port", "a whole number", '"8787"'),
            ("[signaling]\nport = 8787.0", "signaling.port", "a whole number", "8787.0"),
            ("[signaling]\nport = true", "signaling.port", "a whole number", "true"),
            ("[display]\nmeasure = 1", "display.measure", "true or false", "1"),
            ("[display]\nreduced_motion = 1", "display.reduced_motion", "true or false", "1"),
            ("[audio]\necho_control = true", "audio.echo_control", "text in quotes", "true"),
            ('[audio]\nnoise_suppression = "on"', "audio.noise_suppression", "true or false", '"on"'),
            ("[audio]\nautomatic_gain = 1", "audio.automatic_gain", "true or false", "1"),
            ("[call]\njoining_minutes = true", "call.joining_minutes", "a number", "true"),
            ('presets = [{label="a", room="2"}]', "presets[0].room", "a whole number", '"2"'),
        ],
    )  # fmt: skip
    def test_a_wrong_type(self, text: str, key: str, expected: str, found: str) -> None:
        error = refusal(text)
        assert (error.code, error.key, error.expected, error.found) == ("config.type", key, expected, found)

    @pytest.mark.parametrize(
        ("text", "key", "hint"),
        [
            ("nmae = 'x'", "nmae", "did you mean name?"),
            ("[signaling]\nprot = 1", "signaling.prot", "did you mean port?"),
            ("[signalling]\nport = 1", "signalling", "did you mean signaling?"),
            ("port = 1", "port", "port belongs under [signaling]"),
            ("[video]\nservers = []", "video.servers", "servers belongs above the first [table]"),
            ('presets = [{label="a", room=1, pin="1"}]', "presets[0].pin", "one of label, room"),
            ("'a b' = 1", '"a b"', "one of name"),
        ],
    )
    def test_an_unknown_key_with_what_was_meant(self, text: str, key: str, hint: str) -> None:
        error = refusal(text)
        assert (error.code, error.key) == ("config.unknown", key)
        assert hint in error.expected

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            (f'name = "{"é" * 25}"', "name"),
            ('name = " a"', "name"),
            ('name = "a\\nb"', "name"),
            ('name = "a\\u0000b"', "name"),
            ('name = "a\\u202eb"', "name"),
            ('name = "a\\u2028b"', "name"),
            ('interfaces = [""]', "interfaces[0]"),
            ('interfaces = ["eth0", "a/b"]', "interfaces[1]"),
            ('interfaces = ["a b"]', "interfaces[0]"),
            ('interfaces = ["abcdefghijklmnop"]', "interfaces[0]"),
            ('interfaces = [".."]', "interfaces[0]"),
            (f"interfaces = {['e'] * (limits.INTERFACES_MAX + 1)}", "interfaces"),
            ('servers = ["http://a"]', "servers[0]"),
            ('servers = ["wss://a"]', "servers[0]"),
            ('servers = ["ws://"]', "servers[0]"),
            ('servers = ["ws://a:0"]', "servers[0]"),
            ('servers = ["ws://a:65536"]', "servers[0]"),
            ('servers = ["ws://a:x"]', "servers[0]"),
            ('servers = ["ws://u:p@a"]', "servers[0]"),
            ('servers = ["ws://a/room"]', "servers[0]"),
            ('servers = ["ws://a/[API_KEY]"]', "servers[0]"),
            ('servers = ["ws://a/[CHANNEL_ID]/[ROOM]"]', "servers[0]"),
            ('servers = ["ws://a/[CHANNEL_ID]#x"]', "servers[0]"),
            ('servers = ["ws://a b"]', "servers[0]"),
            ('servers = ["ws://[::1"]', "servers[0]"),
            (f"servers = {['ws://a'] * (limits.SERVERS_MAX + 1)}", "servers"),
            ('presets = [{label="", room=1}]', "presets[0].label"),
            ('presets = [{label="a", room=0}]', "presets[0].room"),
            ('presets = [{label="a", room=1001}]', "presets[0].room"),
            ("[signaling]\nport = -1", "signaling.port"),
            ("[signaling]\nport = 65536", "signaling.port"),
            (f"[signaling]\nport = {10**30}", "signaling.port"),
            ('[signaling]\ntoken = ""', "signaling.token"),
            ('[signaling]\ntoken = "a b"', "signaling.token"),
            ('[video]\nsource = "webcam"', "video.source"),
            ('[video]\nsource = "file:"', "video.source"),
            ('[video]\nsource = "v4l2:video0"', "video.source"),
            ('[video]\nsource = "v4l2:/dev/../etc/passwd"', "video.source"),
            ('[video]\nsource = "test:1"', "video.source"),
            ("[video]\nuplink_kbps = -1", "video.uplink_kbps"),
            ("[video]\nuplink_kbps = 1", "video.uplink_kbps"),
            (f"[video]\nuplink_kbps = {limits.UPLINK_KBPS_MIN - 1}", "video.uplink_kbps"),
            (f"[video]\nuplink_kbps = {10**30}", "video.uplink_kbps"),
            ('[audio]\nmicrophone = "device:"', "audio.microphone"),
            ('[audio]\nmicrophone = "test:8"', "audio.microphone"),
            ('[audio]\nmicrophone = "test:-1"', "audio.microphone"),
            ('[audio]\nspeaker = "test:0"', "audio.speaker"),
            ('[audio]\nspeaker = "file:"', "audio.speaker"),
            ('[audio]\nspeaker = "file:a\\u0000b"', "audio.speaker"),
            ('[audio]\nspeaker = "loud"', "audio.speaker"),
            ('[audio]\necho_control = "maybe"', "audio.echo_control"),
            ('[audio]\nsame_room = ""', "audio.same_room"),
            ('[display]\nmode = "Window"', "display.mode"),
            ('[display]\nlanguage = "nl"', "display.language"),
            ('[display]\nlanguage = ""', "display.language"),
            ("[display]\nwidth = 100\nheight = 480", "display.width"),
            ("[display]\nwidth = 640\nheight = 100000", "display.height"),
            ("[display]\nwidth = 640", "display.height"),
            ('[display]\ntheme = "Dark"', "display.theme"),
            ("[call]\njoining_minutes = 0", "call.joining_minutes"),
            ("[call]\njoining_minutes = -1.5", "call.joining_minutes"),
            ("[call]\njoining_minutes = nan", "call.joining_minutes"),
            ("[call]\njoining_minutes = inf", "call.joining_minutes"),
            ("[call]\njoining_minutes = 1441", "call.joining_minutes"),
            ('[control]\nsocket = "run/x.sock"', "control.socket"),
            (f'[control]\nsocket = "/{"x" * 107}"', "control.socket"),
        ],
    )
    def test_a_value_out_of_range(self, text: str, key: str) -> None:
        error = refusal(text)
        assert (error.code, error.key) == ("config.value", key)
        assert error.expected
        assert error.found
        assert error.sentence.isprintable()

    def test_a_missing_key_of_a_preset(self) -> None:
        error = refusal('presets = [{label = "Board"}]')
        assert (error.key, error.found) == ("presets[0].room", "nothing")
        assert error.expected == "a room number from 1 to 1000"

    @pytest.mark.parametrize(
        ("text", "where", "code"),
        [
            ("name = 'a'\nport 3", "line 2, column 6", "config.syntax"),
            ("name = 'a'\nname = 'b'", "line 2, at the end", "config.twice"),
            ("[video]\n[audio]\n[video]\n", "line 3, column 7", "config.twice"),
            ('name = "abc', "line 1, at the end", "config.syntax"),
            ("name = 'a\n'", "line 1, column 10", "config.syntax"),
        ],
    )
    def test_a_slip_in_the_toml_names_its_line(self, text: str, where: str, code: str) -> None:
        error = refusal(text)
        assert error.code == code
        assert error.key.split(",")[0] == where.split(",")[0]
        assert error.found.startswith("a mistake: ")

    @pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "a = " + "9" * 5_000, "a = 1e999999"])
    def test_what_exhausts_a_parser_is_refused(self, text: str) -> None:
        assert refusal(text).code in ("config.syntax", "config.unknown")

    def test_a_long_value_is_quoted_short(self) -> None:
        assert len(refusal(f'[video]\nsource = "{"x" * 5000}"').sentence) < 250

    def test_secrets_are_not_quoted(self) -> None:
        assert "hunter2" not in refusal('[signaling]\ntoken = "hunter2 "').sentence
        assert "hunter2" not in refusal('[signaling]\ntoken = ["hunter2"]').sentence
        assert "hunter2" not in refusal('servers = ["ws://a/x?apiKey=hunter2"]').sentence


class TestAccepted:
    @pytest.mark.parametrize(
        "text",
        [
            'name = "Küche 2"',
            'name = "会議室"',
            'interfaces = ["eth0", "wlan0", "lo", "enx00e04c680001"]',
            'servers = ["ws://10.1.2.3", "ws://10.1.2.3:8787", "ws://box.local:8787/", "ws://[fd00::1]:8787"]',
            'servers = ["ws://a.b:80/x/[CHANNEL_ID]?k=1&apiKey=[API_KEY]", "ws://a/[CHANNEL_ID]"]',
            "[signaling]\nport = 0",
            '[video]\nsource = "file:/tmp/a b.mp4"',
            '[video]\nsource = "v4l2:/dev/video10"',
            '[video]\nsource = "v4l2:/dev/v4l/by-id/usb-046d_HD_Pro_C920-video-index0"',
            f"[video]\nuplink_kbps = {limits.UPLINK_KBPS_MIN}",
            '[audio]\nmicrophone = "device:USB"\nspeaker = "file:/tmp/out.wav"',
            '[audio]\nmicrophone = "test:0"\nspeaker = "none"',
            '[audio]\necho_control = "on"\nnoise_suppression = false\nautomatic_gain = true',
            '[audio]\necho_control = "off"\nsame_room = "off"',
            "[display]\nwidth = 480\nheight = 800",
            '[display]\nlanguage = "ar"',
            "[call]\njoining_minutes = 1",
            "[call]\njoining_minutes = 0.05",
            "name = 'a'\r\n[call]\r\njoining_minutes = 5\r\n",
        ],
    )
    def test_what_makes_sense_is_taken(self, text: str) -> None:
        assert parse(text, "box.toml") != Config()


class TestFiles:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / "none.toml")
        assert (caught.value.code, caught.value.file) == ("config.missing", str(tmp_path / "none.toml"))

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path)
        assert caught.value.code == "config.directory"

    def test_a_file_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("")
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / "a" / "b")
        assert caught.value.code == "config.unreadable"

    def test_bytes_that_are_not_utf8_name_their_line(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_bytes(b"# one\nname = 'K\xfcche'\n")
        with pytest.raises(ConfigError) as caught:
            config.load(file)
        assert (caught.value.code, caught.value.key) == ("config.encoding", "line 2")
        assert "0xfc" in caught.value.found

    def test_utf16_is_called_by_its_name(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_bytes("name = 'a'".encode("utf-16"))
        with pytest.raises(ConfigError) as caught:
            config.load(file)
        assert "UTF-16" in caught.value.found

    def test_a_byte_order_mark_is_overlooked(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_bytes(b"\xef\xbb\xbfname = 'Bridge'\r\n")
        assert config.load(file).config.name == "Bridge"

    def test_a_file_that_is_too_large(self, tmp_path: Path) -> None:
        file = tmp_path / "box.toml"
        file.write_bytes(b"#" * limits.CONFIG_MAX_BYTES)
        assert config.load(file).config == Config()
        file.write_bytes(b"#" * (limits.CONFIG_MAX_BYTES + 1))
        with pytest.raises(ConfigError) as caught:
            config.load(file)
        assert caught.value.code == "config.too-large"

    def test_an_endless_file(self) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(Path("/dev/zero"))
        assert caught.value.code == "config.too-large"

    def test_search_order(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        system, named, given_ = (tmp_path / name for name in ("system.toml", "env.toml", "option.toml"))
        for file in (system, named, given_):
            file.write_text(f'name = "{file.stem}"')
        monkeypatch.setattr(config, "SYSTEM_CONFIG", system)
        environ = {"MEETINGBOX_CONFIG": str(named)}
        assert config.load(given_, environ).config.name == "option"
        assert config.load(None, environ).config.name == "env"
        assert config.load(None, {"MEETINGBOX_CONFIG": ""}).config.name == "system"
        system.unlink()
        assert config.load(None, {}) == config.Loaded(Config(), None)

    def test_a_file_named_by_the_environment_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError):
            config.load(None, {"MEETINGBOX_CONFIG": str(tmp_path / "none.toml")})


NAMES = st.text(max_size=12).filter(lambda t: config.config_checks.clean_text(t, limits.NAME_MAX_BYTES))


class TestWriting:
    @given(
        st.builds(
            Config,
            name=NAMES,
            interfaces=st.lists(st.sampled_from(["eth0", "wlan0"]), max_size=4).map(tuple),
            presets=st.lists(
                st.builds(config.PresetRoom, label=NAMES.filter(bool), room=st.integers(1, 1000)), max_size=3
            ).map(tuple),
            call=st.builds(config.Call, joining_minutes=st.floats(0.01, 1440)),
            display=st.builds(config.Display, measure=st.booleans()),
            video=st.builds(config.Video, source=st.just('file:/a "b" \\ c\x7f\t.mp4')),
        )
    )
    def test_what_is_written_reads_back(self, wanted: Config) -> None:
        assert parse(effective_toml(wanted, masked=False), "x") == wanted

    def test_a_token_of_ones_own_is_masked(self) -> None:
        text = effective_toml(Config(signaling=config.Signaling(token="hunter2")))
        assert "hunter2" not in text
        assert "meetingbox" not in text
        assert parse(text, "x").signaling.token == "********"
        assert 'token = "meetingbox"' in effective_toml(Config())

    def test_keys_of_other_servers_are_masked(self) -> None:
        servers = ("ws://a/[CHANNEL_ID]?apiKey=hunter2&x=1", "ws://b/[CHANNEL_ID]?apiKey=[API_KEY]")
        text = effective_toml(Config(servers=servers))
        assert "hunter2" not in text
        assert "x=1" in text
        assert servers[1] in text

    def test_a_pin_is_masked_and_never_quoted(self) -> None:
        assert "4711" not in effective_toml(Config(admin=config.Admin(pin="4711")))
        with pytest.raises(ConfigError) as caught:
            parse('[admin]\npin = "471x"', "x")
        assert "471x" not in caught.value.sentence
        assert "4 to 12 digits" in caught.value.sentence

    def test_the_source_of_a_value_stands_beside_it_and_is_read_back(self) -> None:
        given = Config(name="Bridge", presets=(config.PresetRoom(label="Board", room=42),))
        sources = {"name": "from the file", "presets": "from the screen", "audio.speaker": "from the screen"}
        text = effective_toml(given, sources=sources)
        assert 'name = "Bridge"  # from the file' in text
        assert "[[presets]]  # from the screen" in text
        assert 'speaker = "auto"  # from the screen' in text
        assert 'microphone = "auto"\n' in text
        assert parse(text, "x") == given

    def test_every_key_has_a_rule(self) -> None:
        """A key that nobody wrote a rule for would take any value of its type."""
        # true or false, nothing to check
        free = {
            "display.measure",
            "display.reduced_motion",
            "audio.noise_suppression",
            "audio.automatic_gain",
        }
        full = Config(interfaces=("a",), servers=("ws://a",), presets=(config.PresetRoom(label="a", room=1),))
        walked = config.config_checks._walk(msgspec.to_builtins(full), "")
        keys = {key.replace("[0]", "[]") for key, value in walked if not isinstance(value, dict)}
        assert keys - free == set(config.config_checks.RULES)


class TestFolders:
    def test_state_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config, "SYSTEM_STATE", tmp_path / "var")
        home = {"HOME": "/home/kim", "XDG_STATE_HOME": "relative"}
        assert config.state_dir({"MEETINGBOX_STATE_DIR": "/a", **home}) == Path("/a")
        assert config.state_dir(home) == Path("/home/kim/.local/state/meetingbox")
        assert config.state_dir({"XDG_STATE_HOME": "/x"}) == Path("/x/meetingbox")
        (tmp_path / "var").mkdir()
        assert config.state_dir(home) == tmp_path / "var"

    def test_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config, "SYSTEM_RUN", tmp_path / "run")
        monkeypatch.setattr(config, "SYSTEM_STATE", tmp_path / "var")
        environ = {"HOME": "/home/kim", "XDG_RUNTIME_DIR": "/run/user/7"}
        assert config.default_socket({"HOME": "/home/kim"}).parent == config.state_dir({"HOME": "/home/kim"})
        assert config.default_socket(environ) == Path("/run/user/7/meetingbox/control.sock")
        assert config.find_socket(environ) == Path("/run/user/7/meetingbox/control.sock")
        (tmp_path / "run").mkdir()
        assert config.default_socket(environ) == tmp_path / "run" / "control.sock"
        (tmp_path / "run" / "control.sock").touch()
        assert config.find_socket(environ) == tmp_path / "run" / "control.sock"

    def test_no_home_is_a_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_home() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(config.Path, "home", no_home)
        with pytest.raises(StartError) as caught:
            config.state_dir({})
        assert caught.value.code == "start.state-dir"
