"""The layers of ``appliance/__init__.py``: imports run one way, and importing does nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "appliance"
FILES = sorted(PACKAGE.rglob("*.py"))

# What each layer may import of ours, besides itself. Layers that are not named may import everything.
MAY_IMPORT = {
    "errors": set(),
    "wake": set(),
    "notify": set(),
    "kiosk": {"core", "errors"},
    "core": {"errors"},
    "config_checks": {"core", "errors"},
    "config": {"config_checks", "core", "errors"},
    "settings_file": {"config", "core", "errors"},
    "bridge": {"core", "wake"},
    "signaling": {"core", "config", "errors"},
    "media": {"core", "config", "errors", "wake"},
    "control": {"core", "config", "errors"},
    "display": {"core", "config", "errors", "bridge"},
    "doctor": {"core", "errors"},
    "ctl_words": {"doctor"},
    "serve": {"core", "config", "errors", "notify", "signaling"},
    "provision": {"core", "config", "config_checks", "errors", "settings_file"},
    "cli_provision": {"errors", "provision"},
    "bench": {"errors"},
}
EVERYTHING = {"app", "bundle", "bundle_sources", "cli", "cli_ctl", "demo", "probes", "__main__", "__init__"}

# Layers that only these may import, even among those that may import everything.
ONLY_FOR = {"provision": {"cli_provision"}, "cli_provision": {"cli"}}

# What an error says is a sentence for the screen. That module imports nothing of ours.
SENTENCES = "appliance.core.words"

# Decisions are pure: what they know of time, chance and the world is passed in.
CORE_LIBRARIES = {"msgspec", "numpy", "cryptography", "nacl", "spake2"}
CORE_NEVER = {
    "asyncio", "concurrent", "ctypes", "datetime", "io", "logging", "multiprocessing", "os", "pathlib",
    "random", "sched", "secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver",
    "ssl", "subprocess", "sys", "tempfile", "threading", "time", "uuid",
}  # fmt: skip

WEBRTC = {"aiortc", "aioice"}
SEAM = {path.relative_to(PACKAGE).as_posix() for path in FILES if path.parent.name == "aiortc_seam"}
# The others use its public classes: descriptions, negotiated parameters, RTCP packets.
WEBRTC_FILES = SEAM | {f"media/{name}.py" for name in ("link", "rtp_receiver", "rtp_reports", "rtp_sender")}


def layer(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, list[str], int]]:
    """Every import as (module, names taken from it, line); relative ones made absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, [], node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parts = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                module = ".".join((*parts, module)).rstrip(".")
            yield module, [alias.name for alias in node.names], node.lineno


def our_layers(module: str, names: list[str]) -> set[str]:
    parts = module.split(".")
    if parts[0] != "appliance":
        return set()
    if len(parts) > 1:
        return {parts[1]}
    # ``from appliance import __version__`` names no layer.
    return {name for name in names if not name.startswith("__")}


def breaches(path: Path, source: str) -> list[str]:
    """Everything in one file that breaks a rule, as ``file:line: why``."""
    tree = ast.parse(source)
    here = layer(path)
    name = path.relative_to(PACKAGE).as_posix()
    found = []

    def breach(line: int, why: str) -> None:
        found.append(f"{name}:{line}: {why}")

    for module, names, line in imports(tree, path):
        if here in MAY_IMPORT:
            may = MAY_IMPORT[here] | ({"core"} if (here, module) == ("errors", SENTENCES) else set())
            for other in sorted(our_layers(module, names) - may - {here}):
                breach(line, f"{here} imports {other}")
        for other in sorted(our_layers(module, names) - {here}):
            if other in ONLY_FOR and here not in ONLY_FOR[other]:
                breach(line, f"{here} imports {other}, which is another's")
        if name == "core/words.py" and our_layers(module, names):
            breach(line, "what every layer uses for its sentences imports one")
        library = module.split(".")[0]
        if here == "core" and library != "appliance":
            if library not in sys.stdlib_module_names | CORE_LIBRARIES:
                breach(line, f"core imports the library {library}")
            if library in CORE_NEVER:
                breach(line, f"core imports {library}")
        if library in WEBRTC:
            if name not in WEBRTC_FILES:
                breach(line, f"{library} is imported outside the seam")
            private = [n for n in (*module.split("."), *names) if n.startswith("_")]
            if private and name not in SEAM:
                breach(line, f"{library}'s private {', '.join(private)} is imported outside the seam")
    if here == "core":
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("open", "print")
            ):
                breach(node.lineno, f"core calls {node.func.id}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    assert breaches(path, path.read_text(encoding="utf-8")) == []


def test_every_module_belongs_to_a_layer() -> None:
    assert {layer(path) for path in FILES} <= set(MAY_IMPORT) | EVERYTHING


def test_the_seam_is_one_folder() -> None:
    assert "media/aiortc_seam/__init__.py" in SEAM
    assert {name.rpartition("/")[0] for name in SEAM} == {"media/aiortc_seam"}


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("display/x.py", "from appliance.media import link"),
        ("display/x.py", "from appliance import media"),
        ("display/screens/x.py", "from ...signaling import server"),
        ("display/screens/x.py", "from ... import signaling"),
        ("signaling/x.py", "def f():\n    import appliance.control.server"),
        ("control/x.py", "from appliance.app import run"),
        ("media/x.py", "from appliance.bridge import Bridge"),
        ("core/x.py", "import appliance.config"),
        ("core/x.py", "import asyncio"),
        ("core/x.py", "from os import urandom"),
        ("core/x.py", "from random import random"),
        ("core/x.py", "import zeroconf"),
        ("core/x.py", "open('x')"),
        ("errors.py", "from appliance.core import limits"),
        ("provision/x.py", "from appliance.app import pin"),
        ("provision/x.py", "from appliance.signaling import interfaces"),
        ("app/x.py", "from appliance.provision import apply"),
        ("probes.py", "def f():\n    from appliance import provision"),
        ("core/words.py", "from appliance.core import limits"),
        ("media/x.py", "import aiortc"),
        ("app/x.py", "from aioice.ice import Connection"),
        ("media/link.py", "from aiortc.rtcrtpsender import _private"),
    ],
)
def test_the_rules_notice_a_breach(file: str, source: str) -> None:
    assert breaches(PACKAGE / file, source) != []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("display/x.py", "from appliance.bridge import Bridge\nfrom .theme import INK"),
        ("core/x.py", "from appliance.core import limits\nimport hashlib, msgspec"),
        ("app/x.py", "from appliance.media import link\nfrom appliance import display"),
        (
            "provision/x.py",
            "from appliance import config_checks, settings_file\nfrom appliance.core import limits",
        ),
        ("control/x.py", "from appliance import __version__"),
        ("errors.py", "from appliance.core.words import Text"),
    ],
)
def test_the_rules_let_the_layers_work(file: str, source: str) -> None:
    assert breaches(PACKAGE / file, source) == []


IMPORT_ALL = """
import importlib, sys, threading

seen = []
def watch(event, arguments):
    if event == "subprocess.Popen" and str(arguments[0]).endswith("ldconfig"):
        return  # ctypes.util.find_library, which foreign libraries call at import
    if event in ("socket.bind", "socket.connect", "socket.listen", "subprocess.Popen", "os.fork", "os.exec",
                 "os.posix_spawn", "os.mkdir", "os.remove", "os.rename", "shutil.rmtree", "signal.signal"):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        if not str(arguments[0]).endswith((".pyc", "/dev/null")) and "__pycache__" not in str(arguments[0]):
            seen.append(f"open {arguments[0]!r} {arguments[1]!r}")
sys.addaudithook(watch)

for name in sys.argv[1:]:
    importlib.import_module(name)
    assert threading.enumerate() == [threading.main_thread()], f"{name} starts {threading.enumerate()}"
    assert not seen, f"{name}: {seen}"
"""


def test_importing_every_module_starts_nothing() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if path.name != "__main__.py"
    ]
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL, *names],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # pygame greets on standard output when it is imported; whoever imports it silences that.
    assert done.stdout == ""
    assert done.stderr == ""


def test_no_two_test_files_share_a_name() -> None:
    # pytest imports them by it, and with two of one name it collects nothing at all.
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
