"""``meetingbox provision``: cards checked and made on any computer, an appliance set up when it starts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from appliance.errors import ConfigError, StartError

_FORMAT = argparse.RawDescriptionHelpFormatter
FAILED = 1
USAGE = 2


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``provision`` with its subcommands."""
    parser = commands.add_parser(
        "provision",
        help="check and make the meetingbox.toml of an appliance's card",
        formatter_class=_FORMAT,
        description="Check and make the meetingbox.toml of an appliance's card, on any computer.\n"
        "`apply`, `first-boot` and `boot` are what an appliance itself runs when it starts.",
        epilog="examples:\n"
        "  meetingbox provision template > meetingbox.toml      a commented file to start from\n"
        "  meetingbox provision --check meetingbox.toml         is it right, and what would a box do?\n"
        "  meetingbox provision cards --template meetingbox.toml --list rooms.csv --out cards\n"
        "  meetingbox provision put cards/01-Bridge/meetingbox.toml /dev/sdX\n\n"
        "Exit codes: 0 done, 1 not possible, 2 there is a mistake in a file.",
    )
    parser.add_argument(
        "--check",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="say whether each file is right, and what a box would do with it; nothing is changed",
    )
    parser.set_defaults(run=lambda a: _check(a) if a.check else _nothing(parser))
    steps = parser.add_subparsers(title="steps", metavar="STEP")

    sub = steps.add_parser("template", help="print the commented meetingbox.toml of a new card")
    sub.set_defaults(run=_template)

    sub = steps.add_parser(
        "cards",
        help="make many cards that differ in a few lines",
        formatter_class=_FORMAT,
        description="Make a meetingbox.toml for each row of a list, and check each. The list is a CSV\n"
        "file (commas, semicolons or tabs) whose first row has keys: system.name,\n"
        "network.ethernet.address, ... A column `card` names the folders; without it they are numbered.",
        epilog="example of a list:\n"
        "  card,system.name,network.ethernet.address\n"
        "  bridge,Bridge,10.20.0.11/24\n"
        "  galley,Galley,10.20.0.12/24",
    )
    sub.add_argument("--template", type=Path, required=True, metavar="FILE", help="what all cards have")
    sub.add_argument("--list", type=Path, required=True, metavar="CSV", dest="rows", help="what differs")
    sub.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder for each card goes here"
    )
    sub.set_defaults(run=_cards)

    sub = steps.add_parser(
        "put",
        help="write a meetingbox.toml into an image, or onto a card",
        description="Check a meetingbox.toml and write it into an image or onto a card's device, without "
        "mounting it (with mtools), or into the folder where a card is mounted.",
    )
    sub.add_argument("file", type=Path, metavar="FILE", help="the meetingbox.toml")
    sub.add_argument("target", type=Path, metavar="TARGET", help="an image, /dev/sdX, or a folder")
    sub.set_defaults(run=_put)

    for name, run, words in (
        (
            "first-boot",
            _first_boot,
            "make what a box has for itself alone: machine id, SSH host key, identity",
        ),
        ("apply", _apply, "bring meetingbox.toml of the card into force, or the last good one"),
        ("boot", _boot, "first-boot, then apply"),
    ):
        sub = steps.add_parser(name, help=f"{words} (on an appliance)")
        sub.add_argument(
            "--root", type=Path, default=Path("/"), metavar="DIR", help="the system is there; default: /"
        )
        sub.set_defaults(run=run)


def _nothing(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return USAGE


def _check(arguments: argparse.Namespace) -> int:
    from appliance.provision import report

    code = 0
    for file in arguments.check:
        try:
            card = report.check(file)
        except ConfigError as error:
            sentence = "".join(c if c.isprintable() else "?" for c in str(error))
            print(f"meetingbox: {sentence}", file=sys.stderr)
            code = USAGE
            continue
        print(f"{file} is right. With it a box has")
        print("\n".join(report.lines(card)))
    return code


def _template(_arguments: argparse.Namespace) -> int:
    from appliance.provision import report

    print(report.template(), end="")
    return 0


def _cards(arguments: argparse.Namespace) -> int:
    from appliance.provision import cards, report

    made = cards.make(arguments.template, arguments.rows)
    try:
        cards.write(made, arguments.out)
    except OSError as error:
        sentence = f"{arguments.out} can't be written: {error.strerror}."
        raise StartError("provision.out", sentence) from None
    for one in made:
        lan = one.card.network.ethernet
        print(f"{arguments.out / one.folder}: {one.card.config.name or '-'}, {lan.address or lan.method}")
    notes = sorted({note for one in made for note in report.notes(one.card)})
    print("\n".join([*(f"note: {note}" for note in notes), f"{len(made)} cards"]))
    return 0


def _put(arguments: argparse.Namespace) -> int:
    from appliance.provision import image, report

    report.check(arguments.file)
    print(image.put(arguments.file.read_bytes(), arguments.target))
    return 0


def _first_boot(arguments: argparse.Namespace) -> int:
    _log()
    from appliance.provision import first_boot

    first_boot.run(arguments.root)
    return 0


def _apply(arguments: argparse.Namespace) -> int:
    _log()
    from appliance.provision import apply

    apply.run(arguments.root)
    return 0


def _boot(arguments: argparse.Namespace) -> int:
    _first_boot(arguments)
    return _apply(arguments)


def _log() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)
