"""Benchmarks live in a checkout, beside the tests; the installed package has none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from appliance.errors import StartError

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "benchmarks"


def names(folder: Path = FOLDER) -> list[str]:
    """The benchmarks of this checkout."""
    return sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))


def run(name: str, arguments: list[str], folder: Path = FOLDER) -> int:
    """Run a benchmark as its own process and return its exit code.

    Raises StartError outside a checkout and for a name that is not there.
    """
    if not folder.is_dir():
        sentence = "Benchmarks are part of a checkout, not of the installed package: run ./dev bench there."
        raise StartError("start.bench", sentence)
    file = folder / f"{name}.py"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name) or not file.is_file():
        there = ", ".join(names(folder)) or "none yet"
        raise StartError("start.bench", f"There is no benchmark “{name}”; there are: {there}.")
    return subprocess.run([sys.executable, str(file), *arguments], check=False).returncode
