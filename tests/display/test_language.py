"""The language of the screen: found by its code, changed while it is on, English when it fails."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from display_helpers import Shower

from appliance.core.call_view import CallView, JoiningView
from appliance.core.languages import NAMES, RIGHT_TO_LEFT
from appliance.core.view import LookView, Notice, Phase, Snapshot, Tone
from appliance.core.words import say, say_n
from appliance.display import bidi, language
from appliance.display.scene import Text

GONE = say("{name} left", name="Küche")
MINUTES = "Too many tries with room {room} were refused.\nTry again in a minute."
IN_MINUTES = "Too many tries with room {room} were refused.\nTry again in {n} minutes."


def waits(code: str, minutes: int) -> str:
    return language.find(code)(say_n(MINUTES, IN_MINUTES, minutes, room=7)).split("\n")[1]


class TestFind:
    def test_every_language_says_its_own_name_and_speaks(self) -> None:
        assert [language.find(code).name for code in language.LANGUAGES] == list(NAMES.values())
        said = {language.find(code)(GONE) for code in language.LANGUAGES}
        assert len(said) == len(NAMES)
        assert all("Küche" in sentence for sentence in said)
        assert [c for c in language.LANGUAGES if language.find(c).right_to_left] == list(RIGHT_TO_LEFT)

    def test_a_number_chooses_the_form(self) -> None:
        assert waits("de", 1) == "Bitte in einer Minute wieder versuchen."
        assert waits("de", 5) == "Bitte in 5 Minuten wieder versuchen."
        assert waits("zh", 1) == "请在 1 分钟后重试。"
        arabic = [waits("ar", minutes) for minutes in (1, 2, 3, 11, 100)]
        assert len({form.replace("11", "3").replace("100", "3") for form in arabic}) == 4

    def test_what_is_no_sentence_stays(self) -> None:
        for code in language.LANGUAGES:
            assert language.find(code)("Küche {name}") == "Küche {name}"
            assert language.find(code)("") == ""

    def test_a_code_that_is_none_of_ours_is_english(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            found = language.find("tlh")
        assert (found.code, found(GONE)) == ("en", "Küche left")
        assert "language.unknown tlh" in caplog.text

    def test_a_catalogue_that_is_missing_is_english(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            found = language.find("de", tmp_path)
        assert (found.code, found(GONE)) == ("de", "Küche left")
        assert "language.catalogue" in caplog.text

    @pytest.mark.parametrize("damage", ["empty", "cut", "magic", "text", "plural"])
    def test_a_catalogue_that_is_broken_is_english(
        self, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = (language.FOLDER / "de" / "LC_MESSAGES" / "meetingbox.mo").read_bytes()
        broken = {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "magic": b"\0\0\0\0" + whole[4:],
            "text": whole.replace("ü".encode(), b"\xff\xff"),
            "plural": whole.replace(b"plural=(n != 1);", b"plural=(n +++ 1);"),
        }[damage]
        path = tmp_path / "de" / "LC_MESSAGES" / "meetingbox.mo"
        path.parent.mkdir(parents=True)
        path.write_bytes(broken)
        assert broken != whole
        with caplog.at_level(logging.WARNING):
            assert language.find("de", tmp_path)(GONE) == "Küche left"
        assert "language.catalogue" in caplog.text

    def test_a_catalogue_is_read_once(self, tmp_path: Path) -> None:
        shutil.copytree(language.FOLDER / "de", tmp_path / "de")
        first = language.find("de", tmp_path)
        shutil.rmtree(tmp_path / "de")
        assert language.find("de", tmp_path) is first


class TestLive:
    def test_a_language_that_is_changed_changes_what_was_said_before(self, shower: Shower) -> None:
        now = time.monotonic()
        call = CallView(42, now, JoiningView(True, None))
        notice = Notice(1, GONE, Tone.CALM, now)
        snapshot = Snapshot("Bridge", phase=Phase.IN_CALL, call=call, notices=(notice,))
        shown = shower(snapshot)

        def texts() -> list[str]:
            nodes = [node for node in shown.display.view.nodes if isinstance(node, Text)]
            return ["".join(c for c in node.text if c not in bidi.MARKS) for node in nodes]

        assert "Küche left" in texts()
        for code in reversed(language.LANGUAGES):
            shown.show(replace(snapshot, look=LookView(language=code)))
            assert language.find(code)(GONE) in texts()
