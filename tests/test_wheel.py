"""The wheel: built from this checkout, it installs and runs outside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from appliance import config
from appliance.core import languages

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(uv(), "build", "--quiet", "--wheel", "--out-dir", out, ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder)
    run(uv(), "pip", "install", "--quiet", "--no-deps", "--offline", "--python", folder / "bin/python", wheel)
    site = next(folder.glob("lib/python3*/site-packages"))
    # Plain lines of a .pth file are folders to look in; the editable checkout itself is not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def uv() -> Path:
    found = shutil.which("uv") or ROOT / ".uv/bin/uv"
    assert Path(found).exists(), "uv is neither on PATH nor in .uv: run ./dev setup test"
    return Path(found)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MEETINGBOX", "PYTHON"))
    }
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_carries_the_commented_defaults_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "appliance/default.toml" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if not name.startswith(("appliance/", "meetingbox-"))]
    assert not [name for name in names if "__pycache__" in name]


def test_it_speaks_every_language(venv: Path, tmp_path: Path) -> None:
    script = (
        "from appliance.core.words import say\n"
        "from appliance.display import language\n"
        "for code in language.LANGUAGES: print(language.find(code)(say('{name} is back', name='Bridge')))"
    )
    said = run(venv / "bin/python", "-c", script, cwd=tmp_path).splitlines()
    assert said[0] == "Bridge is back"
    assert len(set(said)) == len(languages.NAMES)


def test_it_runs_outside_the_checkout(venv: Path, tmp_path: Path) -> None:
    command = venv / "bin/meetingbox"
    assert run(command, "--help", cwd=tmp_path).startswith("usage: meetingbox")
    assert run(command, "config", "--defaults", cwd=tmp_path) == config.default_text()
    assert config.parse(run(command, "config", cwd=tmp_path), "printed") == config.Config()


def test_what_runs_is_the_installed_package(venv: Path, tmp_path: Path) -> None:
    where = run(venv / "bin/python", "-c", "import appliance; print(appliance.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(venv)


def test_benchmarks_say_that_they_need_a_checkout(venv: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [venv / "bin/meetingbox", "bench", "speed"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "part of a checkout" in done.stderr
