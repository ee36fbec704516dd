"""The manifest: which packages, for what. See image-build/manifest.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from imagebuild.common import HERE, BuildError

PATH = HERE / "manifest.toml"
TOOLS = "tools"
# Each lock file's name, with the tables of the manifest that count for it.
VARIANTS = {
    "amd64": ("all", "amd64"),
    "arm64": ("all", "arm64"),
    "arm64-raspberrypi": ("all", "arm64", "raspberrypi"),
}


@dataclass(frozen=True)
class Manifest:
    """What is asked for by name. `packages[lock][use]` are names, each once, in order."""

    suite: str
    components: tuple[str, ...]
    python: str  # the release's Python, as "3.13"
    packages: dict[str, dict[str, tuple[str, ...]]]
    left_out: tuple[str, ...]  # paths in the root file system


def architecture_of(name: str) -> str:
    """The architecture of the lock of this name. The tools are for an x86-64 computer."""
    return "amd64" if name == TOOLS else name.partition("-")[0]


def _names(where: str, table: object) -> list[str]:
    if not isinstance(table, dict):
        raise BuildError(f"{where}: expected a table of package = reason, found {table!r}")
    for name, reason in table.items():
        if not isinstance(reason, str) or not reason.strip():
            raise BuildError(f"{where}.{name}: expected the reason for this package, found {reason!r}")
    return list(table)


def _parts(where: str, parts: object, wanted: tuple[str, ...]) -> list[str]:
    """The names in those of a purpose's tables that are wanted. All are checked."""
    if not isinstance(parts, dict):
        raise BuildError(f"{where}: expected tables for all, amd64, arm64 or raspberrypi, found {parts!r}")
    names: list[str] = []
    for part, table in parts.items():
        if part not in ("all", "amd64", "arm64", "raspberrypi"):
            raise BuildError(f"{where}.{part}: expected all, amd64, arm64 or raspberrypi")
        found = _names(f"{where}.{part}", table)
        if part in wanted:
            names += found
    return names


def _left_out(where: str, table: dict[str, object]) -> tuple[str, ...]:
    found: list[str] = []
    for reason, paths in table.items():
        if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths):
            raise BuildError(f"{where}: left_out: {reason!r}: expected a list of paths, found {paths!r}")
        wrong = [each for each in paths if each.startswith("/") or ".." in each.split("/")]
        if wrong:
            raise BuildError(f"{where}: left_out: expected paths below the root, found {', '.join(wrong)}")
        found += paths
    return tuple(found)


def load(path: Path = PATH) -> Manifest:
    """Read the manifest. Raises BuildError with the file and the key at fault."""
    try:
        data = tomllib.loads(path.read_text())
        release = data["release"]
        suite, components, python = release["suite"], release["components"], release["python"]
        image, files, tools = data["image"], data["files"], data["tools"]
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{path}: {error}") from error
    except KeyError as error:
        raise BuildError(f"{path}: [{error.args[0]}] is missing") from error
    without = data.get("without", {})
    packages = {TOOLS: {"tools": tuple(_names(f"{path.name}: tools", tools))}}
    for name, wanted in VARIANTS.items():
        left_out = set(_parts(f"{path.name}: without", without, wanted))
        asked: list[str] = []
        for purpose, parts in image.items():
            asked += _parts(f"{path.name}: image.{purpose}", parts, wanted)
        taken = _parts(f"{path.name}: files", files, wanted)
        twice = {package for package in asked if (asked + taken).count(package) > 1}
        if twice:
            raise BuildError(f"{path.name}: asked for twice: {', '.join(sorted(twice))}")
        if left_out - set(asked):
            raise BuildError(
                f"{path.name}: without: never asked for: {', '.join(sorted(left_out - set(asked)))}"
            )
        kept = tuple(package for package in asked if package not in left_out)
        packages[name] = {"image": kept, "files": tuple(taken)}
    return Manifest(
        suite, tuple(components), python, packages, _left_out(path.name, data.get("left_out", {}))
    )
