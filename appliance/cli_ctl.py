"""``meetingbox ctl``: asking the box that runs here. ``ctl_words`` says its answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import ctl_words
from appliance.core import limits

_FORMAT = argparse.RawDescriptionHelpFormatter

KEYS = "0 to 9, ok, back, up, down, left, right, delete, tab"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``ctl`` with one subcommand a verb."""
    parser = commands.add_parser(
        "ctl",
        help="control the box that runs here, and ask it how it is",
        formatter_class=_FORMAT,
        description="Control the box that runs here: everything a finger can do, a script can do.",
        epilog="examples:\n"
        "  meetingbox ctl status\n"
        "  meetingbox ctl join 42                              asks for the password\n"
        "  pass show room | meetingbox ctl join 42 --password-stdin\n"
        "  meetingbox ctl mute on\n"
        '  meetingbox ctl peer mute "Reading room"\n'
        "  meetingbox ctl --json status | jq .peers\n\n"
        "Only the box's own user and group may. Exit codes: 0 done, 1 refused or no box, 2 wrong usage.",
    )
    _add_options(parser, {"socket": None, "json": False})
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def add(verb: str, help_: str, arguments: Callable[[argparse.Namespace], dict[str, object]] | None = None,
            words: Callable[[dict[str, Any]], str] | None = None, epilog: str | None = None,
            ) -> argparse.ArgumentParser:  # fmt: skip
        sub = verbs.add_parser(
            verb,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            epilog=epilog,
            formatter_class=_FORMAT,
        )
        _add_options(sub, None)
        sub.set_defaults(
            run=_run, verb=verb, collect=arguments or (lambda _: {}), words=words or ctl_words.done
        )
        return sub

    add("status", "say how the box is: its meeting, its peers, the boxes it sees", words=ctl_words.status)

    sub = add(
        "join",
        "join a meeting",
        lambda a: {"room": a.room, "password": _password(a.password_stdin)},
        epilog="A meeting that the box is in is put on hold: `switch` goes back to it.\n"
        "The password is asked for, or read from standard input; it is never an argument, where\n"
        "other users of this computer could read it.\n\n"
        "examples:\n"
        "  meetingbox ctl join 42\n"
        "  printf %s 493817 | meetingbox ctl join 42 --password-stdin",
    )
    _add_room(sub)
    sub.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    sub = add("leave", "leave a meeting, or give up joining it", lambda a: {"room": a.room} if a.room else {})
    _add_room(sub, optional=True)
    sub = add(
        "switch",
        "go on with another one of the rooms that the box is in",
        lambda a: {"room": a.room},
        epilog="The room that was on the screen is put on hold: its people see a poster and hear nothing.",
    )
    _add_room(sub)
    sub = add(
        "connect",
        "look whether a box is at an address, and ask it from now on when joining",
        lambda a: {"address": a.address},
        lambda reply: f"A box answers at {reply['address']}, port {reply['port']}.",
        epilog="For boxes that discovery does not show: in another subnet, or where the network carries no\n"
        "multicast. The box remembers the address.\n\n"
        "examples:\n"
        "  meetingbox ctl connect 10.20.0.14\n"
        "  meetingbox ctl connect [fd00::14]:9000",
    )
    sub.add_argument(
        "address", metavar="ADDRESS", help="an IP address, with :PORT if it is not the usual one"
    )
    for verb, help_ in (
        ("mute", "mute the microphone (on), open it (off), or the other of the two"),
        ("camera", "show the camera's picture to the others, or not"),
    ):
        sub = add(verb, help_, lambda a: {"state": a.state})
        sub.add_argument("state", nargs="?", default="toggle", choices=("on", "off", "toggle"))
    sub = add(
        "allow-joining", "open the meeting to newcomers, or close it at once", lambda a: {"state": a.state}
    )
    sub.add_argument("state", choices=("on", "off"))
    add(
        "admit",
        "let one newcomer try although there were too many wrong passwords",
        epilog="For a minute, and one wrong password. Boxes that were in this room before need no admission.",
    )
    sub = add(
        "peer",
        "mute, close or pin one remote picture",
        lambda a: {"peer": a.peer, "action": a.action},
        epilog='example:\n  meetingbox ctl peer pin "Reading room"',
    )
    sub.add_argument("action", choices=("mute", "close", "pin"))
    sub.add_argument("peer", metavar="PEER", help="its id or its name, see `meetingbox ctl status`")
    sub = add(
        "move-tile",
        "put one remote picture at another place",
        lambda a: {"peer": a.peer, "place": a.place},
        epilog='example:\n  meetingbox ctl move-tile "Reading room" 1',
    )
    sub.add_argument("peer", metavar="PEER", help="its id or its name, see `meetingbox ctl status`")
    sub.add_argument("place", metavar="PLACE", type=int, help="1 for the first one")
    sub = add(
        "layout",
        "all tiles alike (grid), or the one who speaks large (speaker)",
        lambda a: {"layout": a.layout},
    )
    sub.add_argument("layout", choices=("grid", "speaker"))
    sub = add(
        "tiles",
        "show names instead of pictures (hide), or the pictures again (show)",
        lambda a: {"state": a.state},
        epilog="While every tile is hidden the other boxes send this one no pictures.",
    )
    sub.add_argument("state", choices=("hide", "show"))
    sub = add(
        "press",
        "press keys as a finger would",
        None,
        epilog=f"keys: {KEYS},\nor any other single character: a letter, a point, a sign\n\n"
        "example:\n  meetingbox ctl press 4 2 ok",
    )
    sub.add_argument("keys", nargs="+", metavar="KEY", help=KEYS)
    sub.set_defaults(run=_press)
    sub = add(
        "screenshot",
        "write what is on the screen to a PNG file",
        lambda a: {"file": str(Path(a.file).absolute())},
        words=lambda reply: f"Written: {reply['file']}" if "file" in reply else "Done.",
    )
    sub.add_argument("file", metavar="FILE", help="written by the box's own user")
    sub = add(
        "screen",
        "open the screen or window again, or close it; a meeting goes on meanwhile",
        lambda a: {"state": a.state},
        words=lambda reply: f"The screen is {reply.get('screen', 'as you said')}.",
        epilog="A screen that is not there yet opens when it appears.",
    )
    sub.add_argument("state", choices=("open", "close"))
    add("stats", "print the numbers behind status", words=ctl_words.stats)
    add(
        "restart-signaling",
        "stop the box's signaling server and start it again",
        epilog="A meeting goes on meanwhile: pictures and sound never go through a server.",
    )
    add(
        "doctor",
        "have the running box look at camera, sound, screen and network",
        words=ctl_words.doctor_report,
    )
    add(
        "sound-check",
        "play tones and say what the microphone heard of them",
        words=ctl_words.sound_check,
        epilog="Takes 7 seconds. Refused while the box is in a meeting. Exits with 1 when in a meeting\n"
        "nobody would be heard, or hear anything.",
    )


def _add_options(parser: argparse.ArgumentParser, defaults: dict[str, Any] | None) -> None:
    """The options that stand before the verb or after it; after it they override."""
    wanted = defaults or {"socket": argparse.SUPPRESS, "json": argparse.SUPPRESS}
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        default=wanted["socket"],
        help="the box's control socket; default: where `meetingbox run` puts it",
    )
    parser.add_argument(
        "--json", action="store_true", default=wanted["json"], help="print the box's reply as it is"
    )


def _add_room(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "room",
        type=_room,
        nargs="?" if optional else None,
        metavar="ROOM",
        help=f"its number, {limits.ROOM_MIN} to {limits.ROOM_MAX}"
        + ("; without it the one on the screen" if optional else ""),
    )


def _room(text: str) -> int:
    if text.isascii() and text.isdigit() and limits.ROOM_MIN <= int(text[:9]) <= limits.ROOM_MAX:
        return int(text)
    words = f"expected a room number from {limits.ROOM_MIN} to {limits.ROOM_MAX}, found {text!r}"
    raise argparse.ArgumentTypeError(words)


# --- Asking -------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    from appliance.control.client import ControlClient

    values = arguments.collect(arguments)
    with ControlClient(_socket(arguments.socket)) as client:
        reply = client.request(arguments.verb, **values)
    _print(_raw(reply) if arguments.json else arguments.words(ctl_words.printable(reply)))
    # A doctor that found a problem fails here as `meetingbox doctor` does.
    return 1 if reply.get("healthy") is False or reply.get("deaf") is True else 0


def _press(arguments: argparse.Namespace) -> int:
    from appliance.control.client import ControlClient

    with ControlClient(_socket(arguments.socket)) as client:
        for key in arguments.keys:
            reply = client.request("press", key=key)
            if arguments.json:
                _print(_raw(reply))
    return 0


def _socket(named: Path | None) -> Path:
    from appliance import config
    from appliance.errors import ConfigError

    if named is not None:
        return named
    try:
        configured = config.load().config.control.socket
    except ConfigError:
        configured = ""  # a box that runs with its last good file is still to be reached
    return Path(configured) if configured else config.find_socket()


def _password(from_stdin: bool) -> str:
    import getpass

    from appliance.errors import ControlError

    if sys.stdin.isatty():
        return getpass.getpass("Password of the meeting: ")
    if not from_stdin:
        sentence = "There is nobody to ask for the password: pass it on standard input with --password-stdin."
        raise ControlError("control.password", sentence)
    # In bytes, so that a binary file is refused here and not as a traceback.
    line = sys.stdin.buffer.readline(4 * limits.PASSWORD_MAX_CHARS + 3)
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ControlError("control.password", "The password on standard input is not UTF-8.") from None


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _raw(reply: dict[str, Any]) -> str:
    import json

    return json.dumps(reply)
