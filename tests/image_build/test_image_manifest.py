"""The manifest and the locks: readable, of one mind, and refused where they are not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from imagebuild import archive, lock, manifest
from imagebuild.common import BuildError

LOCKS = sorted(path.stem for path in lock.FOLDER.glob("*.lock"))


@pytest.fixture(scope="module")
def asked() -> manifest.Manifest:
    return manifest.load()


class TestTheManifest:
    def test_every_variant_has_a_kernel_and_a_boot_loader(self, asked: manifest.Manifest) -> None:
        for name in manifest.VARIANTS:
            kernels = [each for each in asked.packages[name]["image"] if each.startswith("linux-image-")]
            assert len(kernels) == 1, name
            assert asked.packages[name]["files"], name

    def test_nothing_in_it_builds_or_fetches_programs(self, asked: manifest.Manifest) -> None:
        unwanted = {"apt", "build-essential", "dpkg-dev", "gcc", "python3-pip", "python3-venv", "git", "curl"}
        for name in manifest.VARIANTS:
            assert not unwanted & set(asked.packages[name]["image"])

    def test_a_package_without_a_reason_is_refused(self, tmp_path: Path) -> None:
        text = manifest.PATH.read_text().replace('cage = "', 'cage = "" # "', 1)
        (tmp_path / "manifest.toml").write_text(text)
        with pytest.raises(BuildError, match=r"screen\.all\.cage: expected the reason"):
            manifest.load(tmp_path / "manifest.toml")

    def test_an_unknown_architecture_is_refused(self, tmp_path: Path) -> None:
        text = manifest.PATH.read_text().replace("[image.start.arm64]", "[image.start.riscv64]")
        (tmp_path / "manifest.toml").write_text(text)
        with pytest.raises(BuildError, match=r"image\.start\.riscv64: expected all, amd64"):
            manifest.load(tmp_path / "manifest.toml")

    def test_a_package_asked_for_twice_is_refused(self, tmp_path: Path) -> None:
        text = manifest.PATH.read_text().replace("[image.python.all]", '[image.python.all]\ncage = "again"')
        (tmp_path / "manifest.toml").write_text(text)
        with pytest.raises(BuildError, match="asked for twice: cage"):
            manifest.load(tmp_path / "manifest.toml")


class TestTheLocks:
    def test_there_is_one_for_each_architecture_and_for_the_tools(self) -> None:
        assert {"amd64", "arm64", "tools"} <= set(LOCKS)

    @pytest.mark.parametrize("name", LOCKS)
    def test_it_is_of_this_manifest(self, asked: manifest.Manifest, name: str) -> None:
        pinned = lock.load(name)
        assert pinned.manifest == archive.manifest_digest(asked, name), "renew it: ./dev image --lock"
        assert pinned.architecture == manifest.architecture_of(name)
        for use, names in asked.packages[name].items():
            assert set(names) <= {package.name for package in pinned.of(use)}

    @pytest.mark.parametrize("name", LOCKS)
    def test_writing_what_was_read_changes_nothing(self, name: str) -> None:
        assert lock.write(lock.load(name)) == lock.path_of(name).read_text()

    @pytest.mark.parametrize("name", LOCKS)
    def test_nothing_is_of_another_architecture(self, name: str) -> None:
        pinned = lock.load(name)
        assert {package.architecture for package in pinned.packages} <= {"all", pinned.architecture}

    @pytest.mark.parametrize("name", [name for name in LOCKS if name != manifest.TOOLS])
    def test_no_compiler_and_no_package_manager_came_along(self, name: str) -> None:
        names = {package.name for package in lock.load(name).of("image")}
        assert not {"apt", "binutils", "cpp", "dpkg-dev", "gcc", "g++", "make", "python3-pip"} & names
        assert not {
            each for each in names if each.startswith(("gcc-14-x", "cpp-1", "python3-pip", "libc6-dev"))
        }

    def test_what_changed_is_said_package_by_package(self) -> None:
        old = lock.load("amd64").packages
        newer = dataclasses.replace(old[0], version="999")
        other = dataclasses.replace(old[1], sha256="0" * 64)
        told = lock.changes(old, [newer, other, *old[3:]])
        assert len(told) == 3
        assert f"  {old[0].name} {old[0].version} -> 999 ({old[0].use})" in told
        assert any(line.startswith(f"! {old[1].name}") for line in told)
        assert f"- {old[2].name} {old[2].version} ({old[2].use})" in told
        assert lock.changes(old, old) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("image cage 0.2.0-2 amd64 debian 12 abc pool/c.deb", "expected a SHA-256 of 64 digits, found 'abc'"),
        (f"image cage 0.2.0-2 amd64 debian many {'a' * 64} pool/c.deb", "expected a size in bytes"),
        (f"image cage 0.2.0-2 amd64 debian 12 {'a' * 64} ../c.deb", "no path below an archive"),
        (f"image cage 0.2.0-2 amd64 debian 12 {'a' * 64} /c.deb", "no path below an archive"),
        (f"image CAGE! 0.2.0-2 amd64 debian 12 {'a' * 64} c.deb", "no package"),
        ("image cage", "expected use name version architecture archive size SHA-256 path"),
        (f"else cage 0.2.0-2 amd64 debian 12 {'a' * 64} c.deb", "expected use name version"),
    ],
)
def test_a_damaged_line_is_refused_with_its_number(line: str, sentence: str) -> None:
    head = "name amd64\narchitecture amd64\nepoch 1\nmanifest x\n"
    with pytest.raises(BuildError, match=rf"x\.lock, line 5: .*{sentence}"):
        lock.parse(head + line + "\n", "x.lock")


def test_a_lock_without_its_head_is_refused() -> None:
    with pytest.raises(BuildError, match="architecture, epoch, manifest, name is missing"):
        lock.parse("# nothing\n", "x.lock")


def test_a_package_that_is_there_twice_is_refused() -> None:
    line = f"image cage 0.2.0-2 amd64 debian 12 {'a' * 64} c.deb\n"
    head = "name amd64\narchitecture amd64\nepoch 1\nmanifest x\n"
    with pytest.raises(BuildError, match="cage is there twice"):
        lock.parse(head + line * 2, "x.lock")
