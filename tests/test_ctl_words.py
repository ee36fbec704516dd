"""What a terminal shows of a box's answers, without a box."""

from __future__ import annotations

from appliance import ctl_words


def test_names_from_the_network_do_not_steer_the_terminal() -> None:
    reply = {"name": "Bridge\x1b[2J", "peers": [{"na\nme": "\u202eGalley"}], "room": 42}
    assert ctl_words.printable(reply) == {"name": "Bridge?[2J", "peers": [{"na?me": "?Galley"}], "room": 42}


def test_stats_are_a_line_each() -> None:
    words = ctl_words.stats({"ok": True, "now": 1.5, "peers": [{"fps": None}]})
    assert words == "now           1.5\npeers[0].fps  -"


def test_no_stats_are_said_too() -> None:
    assert ctl_words.stats({"ok": True}) == "There are no numbers yet."
