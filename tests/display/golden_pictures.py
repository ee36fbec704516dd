"""Golden pictures: every screen as it should look, kept small, and compared with a tolerance.

A screen is drawn by the real display, reached by real key events (``preview``), and averaged over cells of
8 by 8 pixels. The average of a cell hardly feels how the letters of a font are smoothed; it does feel
whether something stands there. ``./dev screens --golden`` makes them anew: look at every one that changed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pygame

from appliance.core.view import LookView
from appliance.display.preview.drawing import picture_name, render
from appliance.display.preview.scenes import SCENES, Scene

FOLDER = Path(__file__).parent / "golden"
CELL = 8  # pixels
KINDS = (((1280, 720), LookView()), ((800, 480), LookView(theme="light")))  # two sizes, both palettes

CLEARLY = 24  # a cell that differs by this much of 255, in one channel, looks different
FIRMLY = 60  # ... and by this much, is something else
CELLS_AT_MOST = 40  # that look different: a letter smoothed in another way, here and there
MEAN_AT_MOST = 0.6  # of all cells and channels


@dataclass(frozen=True, slots=True)
class Difference:
    """How two pictures differ. ``cells``: that look different; ``firm``: that are something else."""

    mean: float
    cells: int
    firm: int

    @property
    def alike(self) -> bool:
        return self.mean <= MEAN_AT_MOST and self.cells <= CELLS_AT_MOST and self.firm == 0


def fingerprint(picture: pygame.Surface) -> pygame.Surface:
    """The averages of a picture's cells."""
    plain = picture.convert(24) if pygame.display.get_init() else picture
    w, h = picture.get_size()
    return pygame.transform.smoothscale(plain, (w // CELL, h // CELL))


def difference(a: pygame.Surface, b: pygame.Surface) -> Difference:
    """Compare two fingerprints. Of another size, they differ in every cell."""
    if a.get_size() != b.get_size():
        return Difference(255.0, a.get_width() * a.get_height(), a.get_width() * a.get_height())
    one, other = (pygame.image.tobytes(s, "RGB") for s in (a, b))
    apart = [abs(x - y) for x, y in zip(one, other, strict=True)]
    worst = [max(apart[i : i + 3]) for i in range(0, len(apart), 3)]
    return Difference(
        sum(apart) / len(apart), sum(w > CLEARLY for w in worst), sum(w > FIRMLY for w in worst)
    )


def take(scene: Scene, size: tuple[int, int], look: LookView, folder: Path) -> pygame.Surface:
    """Draw a scene on a display of its own; return the picture."""
    (path,) = render([scene], size, folder, look)
    return pygame.image.load(path)


def main() -> int:
    """Make all golden pictures anew, and take away those of scenes that are no more."""
    FOLDER.mkdir(exist_ok=True)
    kept = set()
    with tempfile.TemporaryDirectory() as folder:
        for size, look in KINDS:
            for scene in SCENES:
                small = fingerprint(take(scene, size, look, Path(folder)))
                path = FOLDER / picture_name(scene, size, look)
                kept.add(path)
                old = pygame.image.load(path) if path.exists() else None
                if old is None or pygame.image.tobytes(old, "RGB") != pygame.image.tobytes(small, "RGB"):
                    pygame.image.save(small, path)
                    sys.stderr.write(f"{path.name}\n")
    for path in set(FOLDER.glob("*.png")) - kept:
        path.unlink()
        sys.stderr.write(f"{path.name} is no more\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
