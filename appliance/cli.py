"""The ``meetingbox`` command. Each subcommand imports what it needs when it runs, so help is quick.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration (nothing was started), 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance import __version__
from appliance.errors import ConfigError, MeetingBoxError

FAILED = 1
USAGE = 2
INTERRUPTED = 130  # what shells say of a program that Ctrl+C ended

_FORMAT = argparse.RawDescriptionHelpFormatter


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's charset lacks
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return USAGE
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except MeetingBoxError as error:
        # A sentence may quote what came over the network: nothing of it may steer the terminal.
        sentence = "".join(c if c.isprintable() else "?" for c in str(error))
        print(f"meetingbox: {sentence}", file=sys.stderr)
        return USAGE if isinstance(error, ConfigError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; flushing at exit would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meetingbox",
        formatter_class=_FORMAT,
        description="A video meeting box for a room: type a room number and a password, and every box on\n"
        "the same network that typed the same two is in the meeting. No internet, no server, no account.",
        epilog="examples:\n"
        "  meetingbox demo              two boxes on this computer, in a meeting\n"
        "  meetingbox run               be a box\n"
        "  meetingbox doctor            look at camera, sound, screen and network\n"
        "  meetingbox ctl status        ask the box that runs here\n\n"
        "`meetingbox COMMAND --help` says more about each.",
    )
    parser.add_argument("--version", action="version", version=f"meetingbox {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_run(commands)
    _add_serve(commands)
    _add_demo(commands)
    _add_ctl(commands)
    _add_config(commands)
    _add_doctor(commands)
    _add_provision(commands)
    _add_bench(commands)
    _add_version(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        help="be a box: show the home screen and wait for a meeting",
        formatter_class=_FORMAT,
        description="Be a box: take the screen, the camera, the microphone and the speaker, find the other\n"
        "boxes on this network, and wait for somebody to type a room number. Ends with Ctrl+C or SIGTERM.",
        epilog="examples:\n"
        "  meetingbox run\n"
        "  meetingbox run --config box.toml\n"
        "  meetingbox run --config second.toml --socket /tmp/second.sock --state-dir /tmp/second\n\n"
        "`meetingbox config --defaults` prints a configuration to start from.",
    )
    _add_config_option(parser)
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="the control socket; default: [control] socket of the configuration, else "
        "/run/meetingbox/control.sock, else one of this user's",
    )
    _add_state_dir_option(parser)
    parser.add_argument(
        "--last-good",
        action="store_true",
        help="start whatever is in the configuration: while there is a mistake in it, the last good one "
        "is in force, and the home screen says where the mistake is",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more to stderr")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from appliance import config, kiosk

    state = (arguments.state_dir or config.state_dir()).absolute()
    mistake = None
    if arguments.last_good:
        _log_to_stderr(arguments.verbose)
        # All that a first page needs. It stays: looking for garbage in it is a twentieth of the time.
        gc.disable()
        from appliance.app import last_good
        from appliance.app.state_dir import check_state_dir

        gc.enable()
        kiosk.wait_for_provisioning(os.environ)
        check_state_dir(state)
        loaded, mistake = last_good.load(arguments.config, state)
    else:
        loaded = config.load(arguments.config)
        _log_to_stderr(arguments.verbose)
    socket = arguments.socket or loaded.config.control.socket or config.default_socket()
    from appliance import app

    kiosk.wait_for_screen(os.environ)
    return app.run(
        loaded.config,
        config_path=loaded.path,
        socket_path=Path(socket).absolute(),
        state_dir=state,
        mistake=mistake,
    )


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "serve",
        help="be a signaling server alone, for boxes that can't find each other",
        formatter_class=_FORMAT,
        description="Be a signaling server and nothing else: no screen, no camera, no sound. Boxes on its\n"
        "networks find it by themselves and meet through it; boxes elsewhere name it under servers.\n"
        "It stands where mDNS does not come through, with an interface in each subnet. It can't read\n"
        "what it passes on. Ends with Ctrl+C or SIGTERM.",
        epilog="examples:\n"
        "  meetingbox serve\n"
        "  meetingbox serve --interface eth0 --interface eth1 --port 8787\n\n"
        "Pictures and sound go from box to box: their subnets need a route to each other.",
    )
    _add_config_option(parser)
    parser.add_argument("--port", type=_count(0, 65535), metavar="N", help="default: [signaling] port, 8787")
    parser.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="X",
        help="serve on this network interface; may be given several times. Default: the configuration's, "
        "else all but loopback",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more to stderr")
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from appliance import config

    loaded = config.load(arguments.config)
    _log_to_stderr(arguments.verbose)
    from appliance import serve

    chosen = serve.chosen(loaded.config, arguments.port, arguments.interface)
    return serve.run(chosen, config.box_name(loaded.config))


def _log_to_stderr(verbose: bool) -> None:
    import logging

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo",
        help="several boxes on this computer, in a meeting",
        formatter_class=_FORMAT,
        description="Start several boxes on this computer, each its own process, have them join one room by\n"
        "key presses, and measure what they draw and play. Without a display it runs headless.",
        epilog="examples:\n"
        "  meetingbox demo\n"
        "  meetingbox demo --boxes 3 --seconds 20 --headless --json\n"
        "  meetingbox demo --video people.mp4",
    )
    parser.add_argument("--boxes", type=_count(1, 8), default=2, metavar="N", help="1 to 8; default: 2")
    parser.add_argument(
        "--seconds", type=_count(1, 86400), default=20, metavar="S", help="how long; default: 20"
    )
    parser.add_argument("--headless", action="store_true", help="draw on no screen")
    parser.add_argument(
        "--json", action="store_true", help="end with one line of JSON on standard output, the measurements"
    )
    parser.add_argument("--video", type=_readable, metavar="FILE", help="the boxes' camera shows this file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where logs and screenshots go")
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from appliance import demo

    return demo.run(
        boxes=arguments.boxes,
        seconds=float(arguments.seconds),
        headless=arguments.headless,
        json_output=arguments.json,
        video=arguments.video,
        out=arguments.out,
    )


def _add_ctl(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from appliance import cli_ctl

    cli_ctl.add_parser(commands)


def _add_config(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "config",
        help="print the configuration in force",
        formatter_class=_FORMAT,
        description="Print the configuration in force as TOML, every key, with secrets masked, and where\n"
        "each value comes from: the file, the settings on the screen, or neither (the default). A file\n"
        "that is wrong is refused (exit 2) with its name, the key, what was expected and what was found.",
        epilog="examples:\n"
        "  meetingbox config\n"
        "  meetingbox config --config box.toml          is this file right?\n"
        "  meetingbox config --defaults > box.toml      a commented file to start from",
    )
    _add_config_option(parser)
    _add_state_dir_option(parser)
    parser.add_argument("--defaults", action="store_true", help="print the commented defaults instead")
    parser.set_defaults(run=_config)


def _config(arguments: argparse.Namespace) -> int:
    from appliance import config

    if arguments.defaults:
        print(config.default_text(), end="")
        return 0
    from appliance import settings_file

    loaded = config.load(arguments.config)
    state_dir = arguments.state_dir or config.state_dir()
    changes = settings_file.load(state_dir, loaded.config)
    print(f"# from {loaded.path}" if loaded.path else "# no file: the defaults")
    if changes.problem is not None:
        print(f"# not used, because it is damaged: {state_dir / settings_file.SETTINGS}")
        print(f"meetingbox: {changes.problem.sentence}", file=sys.stderr)
    elif changes.values:
        print(f"# and from {state_dir / settings_file.SETTINGS}, which the settings on the screen wrote")
    sources = dict.fromkeys(loaded.given, "from the file") | dict.fromkeys(changes.values, "from the screen")
    print(config.effective_toml(changes.over(loaded.config), sources=sources), end="")
    return 0


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor",
        help="look at camera, sound, screen and network",
        formatter_class=_FORMAT,
        description="Look at everything a box needs: what was found, what is wrong, what to do.\n"
        "Exits with 1 when something is a problem; warnings don't count.",
        epilog="examples:\n"
        "  meetingbox doctor\n"
        "  meetingbox doctor --sound\n"
        "  meetingbox doctor --json\n"
        "  meetingbox doctor --bundle /media/stick        a report for somebody who is not here\n\n"
        "`meetingbox ctl doctor` asks the box that is running.",
    )
    _add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    parser.add_argument(
        "--sound",
        action="store_true",
        help="also play tones and say what the microphone heard of them; a box that runs does it itself, "
        "but not in a meeting",
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="write a report instead, as a ZIP file or into a folder: logs, versions, counters, settings, "
        "network. Passwords and keys are masked, addresses have other names. Run it as root for the logs",
    )
    parser.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    import shutil

    if arguments.bundle is not None:
        from appliance import bundle

        return bundle.run(arguments.bundle, arguments.config, as_json=arguments.json)
    from appliance import config, doctor, probes, settings_file

    loaded = settings_file.in_force(config.load(arguments.config), config.state_dir())
    looks = probes.all_probes(loaded, sound=arguments.sound)
    report = doctor.to_dict(doctor.examine(looks))
    if arguments.json:
        import json

        print(json.dumps(report))
    else:
        print(doctor.to_text(report, shutil.get_terminal_size().columns))
    return 0 if report["healthy"] else FAILED


def _add_provision(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from appliance import cli_provision

    cli_provision.add_parser(commands)


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="run a benchmark (in a checkout)",
        formatter_class=_FORMAT,
        description="Run tests/benchmarks/NAME.py of this checkout with the arguments that follow.",
        epilog="example:\n  meetingbox bench NAME --help",
    )
    parser.add_argument("name", metavar="NAME", help="the benchmark, without .py")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="handed to the benchmark")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from appliance import bench

    return bench.run(arguments.name, arguments.arguments)


def _add_version(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "version",
        help="print the version",
        description="Print the version of meetingbox, of Python and of the machine.",
    )
    parser.set_defaults(run=_version)


def _version(_arguments: argparse.Namespace) -> int:
    import platform

    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    print(f"meetingbox {__version__} (Python {platform.python_version()}, {system})")
    return 0


def _add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help="the configuration; default: $MEETINGBOX_CONFIG, else /etc/meetingbox/meetingbox.toml, "
        "else the defaults",
    )


def _add_state_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        type=Path,
        metavar="PATH",
        help="where the box keeps its identity, its settings and what it learned; default: "
        "$MEETINGBOX_STATE_DIR, else /var/lib/meetingbox, else one of this user's",
    )


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and low <= int(text[:9]) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"expected a number from {low} to {high}, found {text!r}")

    return parse


def _readable(text: str) -> str:
    path = Path(text)
    if path.is_file() and os.access(path, os.R_OK):
        return str(path.absolute())
    raise argparse.ArgumentTypeError(f"there is no readable file {text!r}")
