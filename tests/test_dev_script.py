"""``./dev`` on machines that lack things: what it installs, what it says, and that it does so once.

The script runs in a copy of a checkout; apt-get, dpkg-query, sudo, id and uv are small recorders that
stand in its PATH before the real commands, because a test must not change the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RUN_PACKAGES = {"libportaudio2", "libopus0", "fontconfig", "fonts-noto-core", "fonts-droid-fallback"}

FAKES = {
    "id": 'echo "$FAKE_UID"',
    "dpkg-query": 'for last; do :; done; grep -qx -- "$last" "$FAKES/installed" && printf installed',
    "apt-get": """
echo "apt-get $*" >>"$FAKES/log"
[ -z "${FAKE_APT_FAILS:-}" ] || { echo "E: Unable to locate package"; exit 100; }
case " $* " in *" install "*) for word; do echo "$word" >>"$FAKES/installed"; done ;; esac
""",
    "sudo": """
[ "${FAKE_SUDO:-}" = yes ] || exit 1
[ "$1" != -n ] || shift
echo "sudo $*" >>"$FAKES/log"
exec "$@"
""",
    "uv": """
if [ "$1" = --version ]; then echo "uv ${FAKE_UV_VERSION:-0.9.1}"; exit; fi
echo "uv $*" >>"$FAKES/log"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
printf '#!/bin/sh\\necho "ran:$*"\\n' >"$UV_PROJECT_ENVIRONMENT/bin/python"
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/python"
""",
}

# A python3 whose venv holds a pip that installs a uv, all of them recorders.
PYTHON_WITH_VENV = r"""
case "$1" in
-c) case "$2" in *executable*) echo "$0" ;; esac; exit 0 ;;
esac
mkdir -p "$3/bin"
cat >"$3/bin/python" <<'END'
#!/bin/sh
shift 2
echo "pip $*" >>"$FAKES/log"
[ -z "${FAKE_PIP_FAILS:-}" ] || exit 1
sed 's/echo "uv \$\*"/echo "own uv $*"/' "$FAKES/uv" >"${0%python}uv"
chmod +x "${0%python}uv"
END
chmod +x "$3/bin/python"
"""


SYSTEM_PYTHON = "SYSTEM_PYTHON=/usr/bin/python3"  # a line of the script


@dataclass(frozen=True)
class Checkout:
    root: Path
    fakes: Path

    def dev(
        self, *arguments: str, script: Path | None = None, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(script or self.root / "dev"), *arguments],
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
            env={
                "PATH": f"{self.fakes}:{Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": str(self.root.parent),
                "FAKES": str(self.fakes),
                "FAKE_UID": "0",
                **environ,
            },
        )

    def fake(self, name: str, body: str) -> None:
        (self.fakes / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.fakes / name).chmod(0o755)

    @property
    def log(self) -> list[str]:
        """What was run of the recorders, and forget it."""
        file = self.fakes / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, fakes = tmp_path / "check out", tmp_path / "fakes"
    root.mkdir()
    fakes.mkdir()
    for name in ("dev", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    script = (root / "dev").read_text()
    assert SYSTEM_PYTHON in script
    (root / "dev").write_text(script.replace(SYSTEM_PYTHON, f"SYSTEM_PYTHON={fakes}/system-python"))
    (fakes / "installed").touch()
    made = Checkout(root, fakes)
    for name, body in FAKES.items():
        made.fake(name, body)
    return made


class TestSetup:
    def test_as_root_it_installs_what_is_missing_and_says_so(self, checkout: Checkout) -> None:
        (checkout.fakes / "installed").write_text("libopus0\n")
        done = checkout.dev("version")
        assert done.returncode == 0, done.stderr
        assert done.stdout == "ran:-P -m appliance version\n"
        packages = "libportaudio2 fontconfig fonts-noto-core fonts-droid-fallback"
        assert f"dev: installing Debian packages: {packages}" in done.stderr
        update, install, sync = checkout.log
        assert update == "apt-get -q update"
        assert install.endswith(f"--no-install-recommends {packages}")
        assert sync.startswith("uv sync --quiet --locked --project ")

    def test_the_second_time_it_does_nothing(self, checkout: Checkout) -> None:
        checkout.dev("version")
        assert checkout.log
        done = checkout.dev("demo", "--boxes", "3")
        assert (done.stdout, done.stderr) == ("ran:-P -m appliance demo --boxes 3\n", "")
        assert checkout.log == []

    def test_a_changed_lock_file_brings_the_python_packages_up_to_date(self, checkout: Checkout) -> None:
        checkout.dev("version")
        assert checkout.log
        with (checkout.root / "uv.lock").open("a") as lock:
            lock.write("# another\n")
        checkout.dev("version")
        assert [line.split()[0] for line in checkout.log] == ["uv"]

    def test_a_checkout_that_was_moved_is_set_up_again(self, checkout: Checkout) -> None:
        checkout.dev("version")
        assert checkout.log
        moved = Checkout(checkout.root.rename(checkout.root.with_name("moved")), checkout.fakes)
        moved.dev("version")
        assert [line.split()[0] for line in moved.log] == ["uv"]

    def test_a_venv_whose_python_is_gone_is_made_again(self, checkout: Checkout) -> None:
        checkout.dev("version")
        assert checkout.log
        (checkout.root / ".venv/bin/python").unlink()
        assert checkout.dev("version").returncode == 0
        assert [line.split()[0] for line in checkout.log] == ["uv"]

    def test_tests_need_more_packages_and_running_then_needs_none(self, checkout: Checkout) -> None:
        assert checkout.dev("setup", "test").returncode == 0
        install = next(line for line in checkout.log if " install " in line)
        assert set(install.split()) > RUN_PACKAGES | {"nftables", "xvfb"}
        assert checkout.dev("version").stderr == ""
        assert checkout.log == []

    def test_running_first_and_testing_later_adds_only_the_difference(self, checkout: Checkout) -> None:
        checkout.dev("version")
        assert checkout.log
        checkout.dev("setup", "test")
        lines = checkout.log
        assert not RUN_PACKAGES & set(" ".join(lines).split())
        assert [line for line in lines if line.startswith("uv ")] == []

    def test_benchmarks_need_a_compiler_and_one_more_group(self, checkout: Checkout) -> None:
        checkout.fake("gcc", "")
        assert checkout.dev("bench", "cpu").stdout == "ran:-P -m appliance bench cpu\n"
        lines = checkout.log
        assert set(next(line for line in lines if " install " in line).split()) > RUN_PACKAGES | {
            "gcc",
            "xvfb",
        }
        assert [line for line in lines if line.startswith("uv sync") and "--group=bench" in line]
        for command in ("version", "test", "bench"):
            checkout.dev(command)
        assert checkout.log == []

    def test_after_testing_benchmarks_add_only_what_they_need(self, checkout: Checkout) -> None:
        checkout.fake("gcc", "")
        checkout.dev("setup", "test")
        assert not any("--group" in line for line in checkout.log)
        checkout.dev("setup", "bench")
        assert any("--group=bench" in line for line in checkout.log)

    def test_a_user_with_sudo_uses_it(self, checkout: Checkout) -> None:
        done = checkout.dev("version", FAKE_UID="1000", FAKE_SUDO="yes")
        assert done.returncode == 0
        assert "with sudo" in done.stderr
        assert any(
            line.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get") for line in checkout.log
        )

    def test_a_user_without_is_told_what_to_ask_for_and_it_goes_on(self, checkout: Checkout) -> None:
        for _ in range(2):  # and looks again the next time
            done = checkout.dev("version", FAKE_UID="1000")
            assert done.returncode == 0
            assert done.stdout == "ran:-P -m appliance version\n"
            assert (
                "apt-get install --no-install-recommends libportaudio2 libopus0 fontconfig fonts-noto-core"
                " fonts-droid-fallback" in done.stderr
            )
        assert not any(line.startswith("apt-get") for line in checkout.log)

    def test_packages_that_cannot_be_installed_are_named_and_it_goes_on(self, checkout: Checkout) -> None:
        done = checkout.dev("version", FAKE_APT_FAILS="yes")
        assert done.returncode == 0
        assert "Unable to locate package" in done.stderr
        assert "could not be installed" in done.stderr

    @pytest.mark.parametrize(("version", "used"), [("0.7.9", False), ("0.8.0", True), ("1.0.0", True)])
    def test_a_uv_that_is_too_old_is_replaced_by_one_of_its_own(
        self, checkout: Checkout, version: str, used: bool
    ) -> None:
        checkout.fake("python3", PYTHON_WITH_VENV)
        done = checkout.dev("version", FAKE_UV_VERSION=version)
        assert done.returncode == 0, done.stderr
        log = checkout.log
        assert any(line.startswith("uv sync") for line in log) is used
        assert any(line.startswith("pip install") and "uv==" in line for line in log) is not used
        assert any(line.startswith("own uv sync") for line in log) is not used

    def test_a_uv_that_cannot_be_had_is_a_sentence(self, checkout: Checkout) -> None:
        checkout.fake("python3", PYTHON_WITH_VENV)
        done = checkout.dev("version", FAKE_UV_VERSION="0.7.9", FAKE_PIP_FAILS="yes")
        assert done.returncode == 1
        assert "uv could not be installed" in done.stderr

    def test_the_systems_python_comes_first(self, checkout: Checkout) -> None:
        checkout.fake("system-python", "echo /the/system/python")
        assert checkout.dev("version").returncode == 0
        assert any(line.endswith("--python /the/system/python") for line in checkout.log)

    def test_a_python_that_is_named_comes_before_it(self, checkout: Checkout) -> None:
        checkout.fake("system-python", "echo /the/system/python")
        checkout.fake("mine", "echo /my/python")
        assert checkout.dev("version", UV_PYTHON=f"{checkout.fakes}/mine").returncode == 0
        assert any(line.endswith("--python /my/python") for line in checkout.log)

    def test_a_python_that_is_too_old_or_too_new_is_a_sentence(self, checkout: Checkout) -> None:
        for name in ("python3", "python3.13", "python3.12", "python3.11"):
            checkout.fake(name, 'case "$2" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
        done = checkout.dev("version")
        assert done.returncode == 1
        assert "needs Python 3.11, 3.12 or 3.13; the python3 found here is 3.9.2." in done.stderr


class TestCommands:
    def test_it_works_from_elsewhere_and_through_links(self, checkout: Checkout, tmp_path: Path) -> None:
        elsewhere = tmp_path / "else where"
        elsewhere.mkdir()
        (elsewhere / "relative").symlink_to(os.path.relpath(checkout.root / "dev", elsewhere))
        (elsewhere / "twice").symlink_to(elsewhere / "relative")
        for script in ("relative", "twice"):
            done = checkout.dev("version", script=elsewhere / script, cwd=Path("/"))
            assert done.stdout == "ran:-P -m appliance version\n", done.stderr
        assert (checkout.root / ".venv").is_dir()

    def test_arguments_stay_what_they_are(self, checkout: Checkout) -> None:
        done = checkout.dev("run", "--config", "a  b*", "")
        assert done.stdout == "ran:-P -m appliance run --config a  b* \n"

    def test_tests_get_their_arguments(self, checkout: Checkout) -> None:
        assert checkout.dev("test", "-k", "a b").stdout.rstrip().endswith("-k a b")

    def test_the_words_are_collected_by_their_tool(self, checkout: Checkout) -> None:
        done = checkout.dev("words", "--check", cwd=Path("/"))
        assert done.stdout == "ran:-P tools/words.py --check\n", done.stderr

    @pytest.mark.parametrize("arguments", [(), ("help",), ("--help",)])
    def test_help_sets_nothing_up(self, checkout: Checkout, arguments: tuple[str, ...]) -> None:
        done = checkout.dev(*arguments)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: ./dev")
        assert checkout.log == []

    def test_an_unknown_command_is_wrong_usage(self, checkout: Checkout) -> None:
        done = checkout.dev("fly")
        assert done.returncode == 2
        assert "there is no command 'fly'" in done.stderr
        assert checkout.log == []
