"""The command: every scene in every size."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from appliance.display.preview.drawing import SIZES, render
from appliance.display.preview.scenes import SCENES


def main(argv: list[str] | None = None) -> int:
    """Write ``NAME-WIDTHxHEIGHT.png`` of every scene and size; print each path."""
    parser = argparse.ArgumentParser(prog="python -m appliance.display.preview", description=main.__doc__)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--scene", action="append", help="only this one (may be given several times)")
    arguments = parser.parse_args(argv)
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    scenes = [s for s in SCENES if not arguments.scene or s.name in arguments.scene]
    for size in SIZES:
        for path in render(scenes, size, arguments.outdir):
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
