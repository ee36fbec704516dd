"""The configuration: one TOML file, typed and frozen.

Every key has a default (``default.toml`` shows them all, with comments); an unknown key, a wrong
type or a value out of range is refused with the file, the key, what was expected and what was
found, and nothing is started. ``config_checks`` says what each value may be.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from appliance import config_checks
from appliance.core import limits, toml_places
from appliance.core.toml_places import shown_key
from appliance.errors import ConfigError, StartError

SYSTEM_CONFIG = Path("/etc/meetingbox/meetingbox.toml")
SYSTEM_STATE = Path("/var/lib/meetingbox")
SYSTEM_RUN = Path("/run/meetingbox")
PROVISION_RUN = Path("/run/meetingbox-provision")


class Signaling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port``: TCP port of the signaling server, 0 takes a free one. ``token``: see docs/security.md."""

    port: int = 8787
    token: str = "meetingbox"  # noqa: S105 - shared by every box, no secret: it keeps deployments apart


class Video(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``source``: auto, test, none, file:PATH, v4l2:/dev/videoN or picamera2. ``encoder``: auto, libx264 or
    h264_v4l2m2m. ``uplink_kbps``: what all pictures that are sent may use together, 0 for no limit.
    """

    source: str = "auto"
    encoder: str = "auto"
    uplink_kbps: int = 0


class Audio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``microphone``, ``speaker``: auto, device, device:ID, file:PATH, test or none; microphone: test:N
    or test:N/M, too.

    ``echo_control``: auto (for sound cards, but for speakerphones that cancel their own echo), on or off.
    ``noise_suppression``, ``automatic_gain``: of a sound card's microphone. ``same_room``: look for boxes
    that share a room with this one; auto (with a sound card's microphone), on or off.
    """

    microphone: str = "auto"
    speaker: str = "auto"
    echo_control: str = "auto"
    noise_suppression: bool = True
    automatic_gain: bool = False
    same_room: str = "auto"


class Display(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``mode``: auto, fullscreen, window or headless. ``width``, ``height``: pixels, 0 for the screen's.

    ``theme``: dark or light. ``reduced_motion``: nothing moves by itself. ``language``: a code of
    ``core/languages.py``. ``dim_after_minutes``, ``off_after_minutes``: of an idle home screen, 0 for never.
    ``measure``: read the time code of the test picture in every drawn picture.
    """

    mode: str = "auto"
    width: int = 0
    height: int = 0
    dim_after_minutes: float = 10.0
    off_after_minutes: float = 120.0
    theme: str = "dark"
    reduced_motion: bool = False
    language: str = "en"
    measure: bool = False


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``joining_minutes``: how long a meeting stays open to newcomers after somebody joined."""

    joining_minutes: float = 10.0


class Admin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``pin``: what the settings ask for, empty for nothing. The box keeps a slow hash of it.

    ``pin_hash``: that hash itself (``core/pin_hash.py``), in the place of the PIN.
    """

    pin: str = ""
    pin_hash: str = ""


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``socket``: absolute path of the control socket, empty for ``default_socket()``."""

    socket: str = ""


class PresetRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A room on the home screen that one press dials."""

    label: str
    room: int


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``name``: the box's name, empty for the host name. ``interfaces``: names of network interfaces
    for mDNS, signaling and media, empty for all but loopback. ``servers``: further signaling servers.
    """

    name: str = ""
    interfaces: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    presets: tuple[PresetRoom, ...] = ()
    signaling: Signaling = Signaling()
    video: Video = Video()
    audio: Audio = Audio()
    display: Display = Display()
    call: Call = Call()
    admin: Admin = Admin()
    control: Control = Control()


_C = TypeVar("_C", bound=Config)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and the file it came from (None: no file, the defaults).

    ``given``: the keys that the file has, as ``table.key``.
    """

    config: Config
    path: Path | None
    given: frozenset[str] = frozenset()


# --- Reading ------------------------------------------------------------------------------------


def find(path: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the file to read: ``path``, else ``$MEETINGBOX_CONFIG``, else the system's if it is there."""
    environ = os.environ if environ is None else environ
    if path is not None:
        return path
    if named := environ.get("MEETINGBOX_CONFIG"):
        return Path(named)
    return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the configuration.

    Raises ConfigError for a file that can't be read, is not TOML, or holds something that is not
    expected there. A file that is named (``path`` or ``$MEETINGBOX_CONFIG``) must exist.
    """
    found = find(path, environ)
    if found is None:
        return Loaded(Config(), None)
    text = read(found)
    return Loaded(parse(text, str(found)), found, keys_of(tomllib.loads(text)))


def parse(text: str, file: str) -> Config:
    """Turn TOML text into a checked configuration; ``file`` names it in errors. Raises ConfigError."""
    data = decode(text, file)
    with naming_lines(text):
        return convert(data, file)


@contextlib.contextmanager
def naming_lines(text: str) -> Iterator[None]:
    """Give a ConfigError about a key of this text its line."""
    try:
        yield
    except ConfigError as error:
        line = error.line or toml_places.find(text).line(error.key)
        raise ConfigError(error.code, error.file, error.key, error.expected, error.found, line) from None


def decode(text: str, file: str) -> dict[str, Any]:
    """Turn TOML text into tables. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from None
    except (RecursionError, ValueError) as error:
        deep = isinstance(error, RecursionError)
        found = "lists or tables nested too deep" if deep else "a number of thousands of digits"
        raise ConfigError("config.syntax", file, "", "TOML", found) from None


def convert(data: dict[str, Any], file: str) -> Config:
    """Turn the tables of a file into a checked configuration. Raises ConfigError."""
    return convert_as(Config, data, file, config_checks.RULES)


def convert_as(schema: type[_C], data: dict[str, Any], file: str, rules: config_checks.Rules) -> _C:
    """The same for a configuration with further keys, and rules for them. Raises ConfigError."""
    _refuse_unknown(file, data, schema, msgspec.inspect.type_info(schema), "")
    try:
        config = msgspec.convert(data, schema, strict=True)
    except msgspec.ValidationError as error:
        raise _type_error(file, data, str(error), rules) from None
    config_checks.check(msgspec.to_builtins(config), file, rules)
    return config


def keys_of(data: dict[str, Any]) -> frozenset[str]:
    """The keys that tables give a value, as ``table.key``."""
    return frozenset(
        f"{key}.{inner}" if inner else key
        for key, value in data.items()
        for inner in (value if isinstance(value, dict) else ("",))
    )


def read(path: Path) -> str:
    """Return a configuration file's text. Raises ConfigError."""
    return as_text(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return a configuration file's bytes. Raises ConfigError."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(limits.CONFIG_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError("config.missing", file, "", "a TOML file", "nothing under this name") from None
    except IsADirectoryError:
        raise ConfigError("config.directory", file, "", "a TOML file", "a directory") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found = f"one that can't be read: {reason}"
        raise ConfigError("config.unreadable", file, "", "a readable file", found) from None
    if len(raw) > limits.CONFIG_MAX_BYTES:
        raise ConfigError(
            "config.too-large", file, "", f"at most {limits.CONFIG_MAX_BYTES // 1024} kB", "a larger file"
        )
    return raw


def as_text(raw: bytes, file: str) -> str:
    """Return the text of a configuration file's bytes. Raises ConfigError."""
    try:
        # Windows' Notepad may put a byte order mark first; TOML knows none.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        line = raw.count(b"\n", 0, error.start) + 1
        found = "UTF-16 (save it as UTF-8)" if utf16 else f"the byte 0x{raw[error.start]:02x}"
        raise ConfigError(
            "config.encoding", file, "" if utf16 else f"line {line}", "UTF-8 text", found, line
        ) from None


def _syntax_error(file: str, text: str, message: str) -> ConfigError:
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    what, line, column = match.groups() if match else (message, None, None)
    where = f"line {line}, column {column}" if line else f"line {text.count(chr(10)) + 1}, at the end"
    found = f"a mistake: {what[:1].lower()}{what[1:]}"
    # tomllib's words for a key, or a table, that stands there twice.
    code = "config.twice" if re.match("Cannot (overwrite|declare|mutate)", what) else "config.syntax"
    return ConfigError(code, file, where, "TOML", found, int(line or text.count("\n") + 1))


def _refuse_unknown(
    file: str, data: Any, schema: type[Config], info: msgspec.inspect.Type, path: str
) -> None:
    if isinstance(info, msgspec.inspect.VarTupleType) and isinstance(data, list):
        for index, item in enumerate(data):
            _refuse_unknown(file, item, schema, info.item_type, f"{path}[{index}]")
    elif isinstance(info, msgspec.inspect.StructType) and isinstance(data, dict):
        fields = {field.encode_name: field.type for field in info.fields}
        for key, value in data.items():
            where = f"{path}.{shown_key(key)}" if path else shown_key(key)
            if key not in fields:
                expected = "one of " + ", ".join(fields) + _hint(key, list(fields), schema, path)
                raise ConfigError("config.unknown", file, where, expected, "an unknown key")
            _refuse_unknown(file, value, schema, fields[key], where)


def _hint(key: str, known: list[str], schema: type[Config], path: str) -> str:
    """Return what the author may have meant: a similar key here, or the same key in another table."""
    near = difflib.get_close_matches(key.lower()[:40], known, n=1)
    if near:
        return f" (did you mean {near[0]}?)"
    homes = {
        field.encode_name: section.encode_name
        for section in msgspec.structs.fields(schema)
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct)
        for field in msgspec.structs.fields(section.type)
    }
    if key in homes and homes[key] != path:
        return f" ({key} belongs under [{homes[key]}])"
    if path and key in {field.encode_name for field in msgspec.structs.fields(schema)}:
        return f" ({key} belongs above the first [table])"
    return ""


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def _type_error(file: str, data: Any, message: str, rules: config_checks.Rules) -> ConfigError:
    """Turn msgspec's message, which names the path and both types, into ours."""
    text, _, at = message.partition(" - at `$")
    key = at.rstrip("`").removeprefix(".")
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if missing:
        name = missing[1]
        where = f"{key}.{name}" if key else name
        words = config_checks.expected(where, rules)
        return ConfigError("config.missing-key", file, where, words, "nothing")
    wanted = re.match(r"Expected `(\w+)", text)
    value: Any = data
    for name, index in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", key):
        value = value[name] if name else value[int(index)]
    found = "another type" if key in config_checks.SECRETS else config_checks.shown(value)
    return ConfigError("config.type", file, key, _WORDS[wanted[1]] if wanted else text, found)


# --- Writing ------------------------------------------------------------------------------------


def effective_toml(config: Config, masked: bool = True, sources: Mapping[str, str] | None = None) -> str:
    """Write a configuration as TOML that ``parse`` reads back; every key is there.

    ``masked`` hides what is nobody else's business: a token that is not the default, the key of
    another server, the PIN. ``sources``: where a key's value comes from (``table.key``), as a comment.
    """
    if masked:
        token = config.signaling.token
        hidden = token if token == Signaling().token else config_checks.MASK
        config = msgspec.structs.replace(
            config,
            signaling=msgspec.structs.replace(config.signaling, token=hidden),
            admin=Admin(
                pin=config_checks.MASK if config.admin.pin else "",
                pin_hash=config_checks.MASK if config.admin.pin_hash else "",
            ),
            servers=tuple(config_checks.mask_url(url) for url in config.servers),
        )
    plain: list[str] = []
    tables: list[str] = []

    def line(key: str, value: object, table: str = "") -> str:
        source = (sources or {}).get(f"{table}.{key}" if table else key)
        return f"{key} = {_toml(value)}" + (f"  # {source}" if source else "")

    for key, value in msgspec.to_builtins(config).items():
        if isinstance(value, dict):
            tables += ["", f"[{key}]", *(line(k, v, key) for k, v in value.items())]
        elif value and isinstance(value[0], dict):
            source = (sources or {}).get(key)
            for item in value:
                tables += ["", f"[[{key}]]" + (f"  # {source}" if source else "")]
                tables += [f"{k} = {_toml(v)}" for k, v in item.items()]
        else:
            plain.append(line(key, value))
    return "\n".join(plain + tables) + "\n"


def to_toml(data: Mapping[str, Any]) -> str:
    """Write some keys of a configuration as TOML: tables last, as ``effective_toml`` does."""
    plain = [f"{key} = {_toml(value)}" for key, value in data.items() if not isinstance(value, dict)]
    tables = [
        line
        for key, value in data.items()
        if isinstance(value, dict)
        for line in ("", f"[{key}]", *(f"{k} = {_toml(v)}" for k, v in value.items()))
    ]
    return "\n".join(plain + tables) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but TOML also wants DEL escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def default_text() -> str:
    """The commented ``default.toml``: every key with its default."""
    return (Path(__file__).parent / "default.toml").read_text(encoding="utf-8")


# --- Name -----------------------------------------------------------------------------------------


def box_name(config: Config) -> str:
    """Return the name of the box: the configured one, or the host's."""
    return config.name or socket.gethostname().split(".")[0] or "meetingbox"


# --- Folders ------------------------------------------------------------------------------------


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the box keeps what it must remember (it may not exist yet).

    ``$MEETINGBOX_STATE_DIR``, else ``/var/lib/meetingbox`` where that is ours to write, else the
    user's XDG state folder. Raises StartError when the user has no home.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("MEETINGBOX_STATE_DIR"):
        return Path(named)
    if os.access(SYSTEM_STATE, os.W_OK | os.X_OK):
        return SYSTEM_STATE
    # The XDG specification has relative paths ignored.
    if (named := environ.get("XDG_STATE_HOME")) and Path(named).is_absolute():
        return Path(named) / "meetingbox"
    home = environ.get("HOME")
    if not home:
        try:
            home = str(Path.home())
        except RuntimeError:
            sentence = "this user has no home folder: name one for the box's state with --state-dir"
            raise StartError("start.state-dir", sentence) from None
    return Path(home) / ".local" / "state" / "meetingbox"


def runtime_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return where the box keeps what must not outlive the power, or None (it may not exist yet).

    ``$MEETINGBOX_RUNTIME_DIR``, else ``/run/meetingbox`` where that is ours to write, else
    ``$XDG_RUNTIME_DIR/meetingbox``.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("MEETINGBOX_RUNTIME_DIR"):
        return Path(named)
    if os.access(SYSTEM_RUN, os.W_OK | os.X_OK):
        return SYSTEM_RUN
    if (named := environ.get("XDG_RUNTIME_DIR")) and Path(named).is_absolute():
        return Path(named) / "meetingbox"
    return None


def default_socket(environ: Mapping[str, str] | None = None) -> Path:
    """Return where a box of this user puts its control socket.

    ``/run/meetingbox`` where that is ours to write, else ``$XDG_RUNTIME_DIR/meetingbox``, else the
    state folder.
    """
    environ = os.environ if environ is None else environ
    if os.access(SYSTEM_RUN, os.W_OK | os.X_OK):
        return SYSTEM_RUN / "control.sock"
    if (named := environ.get("XDG_RUNTIME_DIR")) and Path(named).is_absolute():
        return Path(named) / "meetingbox" / "control.sock"
    return state_dir(environ) / "control.sock"


def find_socket(environ: Mapping[str, str] | None = None) -> Path:
    """Return the control socket that ``ctl`` asks: the system's box if there is one, else this user's."""
    system = SYSTEM_RUN / "control.sock"
    return system if system.exists() else default_socket(environ)
