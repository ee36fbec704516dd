"""``./dev screens``: a scene in every size and look, and all of them on one sheet."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from appliance.display import sheet
from appliance.display.preview.drawing import SIZES
from appliance.display.theme import DARK, LIGHT, PALETTES, Ink


def test_a_scene_is_drawn_in_every_size_and_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sheet.main(["--out", str(tmp_path), "--scene", "home", "--scene", "joining"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / sheet.SHEET}\n"
    assert "24 of 24" in err
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert len(pictures) == 2 * len(SIZES) * len(PALETTES) * len(sheet.LANGUAGES) + 1
    assert {"home-1280x720.png", "home-800x480-light-ar.png"} <= pictures
    for name, palette in (("home-1280x720.png", DARK), ("joining-800x480-light-ar.png", LIGHT)):
        assert pygame.image.load(tmp_path / name).get_at((1, 1))[:3] == palette[Ink.BACKGROUND]
    whole = pygame.image.load(tmp_path / sheet.SHEET)
    assert whole.get_width() > 12 * sheet.THUMB
    assert whole.get_height() > 2 * sheet.THUMB * 9 // 16


def test_an_unknown_scene_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        sheet.main(["--scene", "no such"])
    assert ended.value.code == 2
    assert "no scene no such" in capsys.readouterr().err
