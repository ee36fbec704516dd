"""Every screen in every size, theme and direction, on one contact sheet: ``./dev screens``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable
from pathlib import Path

import pygame

from appliance.core.grid import Rect
from appliance.core.view import LookView
from appliance.display.fonts import Fonts
from appliance.display.preview.drawing import SIZES, picture_name, render
from appliance.display.preview.scenes import SCENES, Scene
from appliance.display.screenshots import save_png
from appliance.display.shapes import draw_box
from appliance.display.text import Typesetter
from appliance.display.theme import DARK, PALETTES, Ink, Theme

LANGUAGES = ("en", "ar")
OUT = Path("build/screens")
SHEET = "all.png"
THUMB = 400  # pixels of width
GAP = 14
LETTERS = 22


def main(argv: list[str] | None = None) -> int:
    """Write every screen as NAME-WIDTHxHEIGHT-THEME-LANGUAGE.png and all of them on one sheet, all.png."""
    parser = argparse.ArgumentParser(prog="./dev screens", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help=f"the folder to write to (default: {OUT})")
    parser.add_argument("--scene", action="append", help="only this one (may be given several times)")
    parser.add_argument("--language", action="append", help=f"instead of {' and '.join(LANGUAGES)}")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.scene or ()) - {scene.name for scene in SCENES}
    if unknown:
        parser.error(f"there is no scene {', '.join(sorted(unknown))}")
    scenes = [s for s in SCENES if not arguments.scene or s.name in arguments.scene]
    looks = [LookView(t, False, la) for la in arguments.language or LANGUAGES for t in PALETTES]
    arguments.out.mkdir(parents=True, exist_ok=True)
    columns = list(itertools.product(SIZES, looks))
    for i, (size, look) in enumerate(columns):
        for j, path in enumerate(render(scenes, size, arguments.out, look)):
            done = i * len(scenes) + j + 1
            sys.stderr.write(f"\r{done:4} of {len(columns) * len(scenes)}  {path.name:60}")
            sys.stderr.flush()
    sys.stderr.write("\n")
    save_png(sheet(scenes, columns, arguments.out), arguments.out / SHEET)
    sys.stdout.write(f"{arguments.out / SHEET}\n")
    return 0


def sheet(
    scenes: list[Scene], columns: Iterable[tuple[tuple[int, int], LookView]], folder: Path
) -> pygame.Surface:
    """A row for every scene, a column for every size and look; labelled at the top and the left."""
    columns = list(columns)
    pygame.font.init()
    typesetter = Typesetter(Fonts())
    colors = Theme((1280, 720), DARK)
    left = max(typesetter.width(scene.name, LETTERS, True) for scene in scenes) + 2 * GAP
    top = 2 * LETTERS + 2 * GAP
    high = max(THUMB * h // w for w, h in (size for size, _ in columns))
    whole = pygame.Surface((left + len(columns) * (THUMB + GAP), top + len(scenes) * (high + GAP)), depth=24)
    whole.fill((0x60, 0x66, 0x70))

    def write(text: str, at: tuple[int, int], bold: bool = True) -> None:
        whole.blit(typesetter.line(text, LETTERS, bold, colors.color(Ink.FOCUS)), at)

    for i, (size, look) in enumerate(columns):
        x = left + i * (THUMB + GAP)
        write(f"{size[0]}x{size[1]}", (x, GAP))
        write(f"{look.theme} {look.language}", (x, GAP + LETTERS), bold=False)
        for j, scene in enumerate(scenes):
            y = top + j * (high + GAP)
            if i == 0:
                write(scene.name, (GAP, y))
            picture = pygame.image.load(folder / picture_name(scene, size, look))
            small = pygame.transform.smoothscale(picture, (THUMB, THUMB * size[1] // size[0]))
            draw_box(whole, Rect(x - 1, y - 1, small.get_width() + 2, small.get_height() + 2), (0, 0, 0), 0)
            whole.blit(small, (x, y))
    typesetter.close()
    pygame.font.quit()
    return whole


if __name__ == "__main__":
    raise SystemExit(main())
