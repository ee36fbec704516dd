"""Downloads: what is not exactly what the lock says does not get in. A real server, on loopback."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from imagebuild import archive, lock
from imagebuild.common import BuildError, StaleLockError

CONTROL = (
    "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <no@example.org>\nDescription: x\n"
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def serve(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    for url in serve(folder):
        yield folder, url


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEETINGBOX_IMAGE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def package(folder: Path, name: str) -> lock.Package:
    """A real package in the mirror's folder, and its line in the lock."""
    tree = folder.parent / f"tree-{name}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL.format(name=name))
    target = folder / f"{name}.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tree, target], check=True, capture_output=True
    )
    data = target.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return lock.Package("image", name, "1.0", "all", "debian", len(data), sha256, target.name)


def pinned(*packages: lock.Package) -> lock.Lock:
    return lock.Lock("amd64", "amd64", 1_750_000_000, "x", tuple(sorted(packages)))


def sources(url: str, snapshot: str = "http://127.0.0.1:9") -> archive.Mirrors:
    return archive.Mirrors({"debian": url}, {}, snapshot)


def test_what_is_as_locked_is_kept_and_not_fetched_again(mirror: tuple[Path, str]) -> None:
    folder, url = mirror
    one = package(folder, "one")
    files = archive.fetch(pinned(one), sources(url), ["image"])
    assert archive.file_sha256(files["one"]) == one.sha256
    (folder / "one.deb").unlink()
    assert archive.fetch(pinned(one), sources(url), ["image"]) == files
    assert archive.is_cached(pinned(one))


def test_a_changed_file_is_refused_and_not_kept(mirror: tuple[Path, str]) -> None:
    folder, url = mirror
    one, two = package(folder, "one"), package(folder, "two")
    data = bytearray((folder / "two.deb").read_bytes())
    data[-1] ^= 1
    (folder / "two.deb").write_bytes(data)
    with pytest.raises(
        BuildError, match=rf"two\.deb: expected {two.size} bytes with SHA-256 {two.sha256}, as locked"
    ):
        archive.fetch(pinned(one, two), sources(url), ["image"])
    assert [path.name for path in archive.store().iterdir()] == [f"{one.sha256}.deb"]


def test_a_file_of_another_length_is_refused(mirror: tuple[Path, str]) -> None:
    folder, url = mirror
    one = package(folder, "one")
    (folder / "one.deb").write_bytes((folder / "one.deb").read_bytes() + b"\0")
    with pytest.raises(BuildError, match="as locked"):
        archive.fetch(pinned(one), sources(url), ["image"])


def test_what_left_the_mirror_says_how_to_renew(mirror: tuple[Path, str]) -> None:
    folder, url = mirror
    one = package(folder, "one")
    (folder / "one.deb").unlink()
    with pytest.raises(StaleLockError) as refused:
        archive.fetch(pinned(one), sources(url), ["image"])
    assert "one 1.0 is nowhere" in str(refused.value)
    assert "404" in str(refused.value)
    assert "./dev image --lock" in str(refused.value)


def test_a_lock_is_not_stale_where_something_else_is_wrong(mirror: tuple[Path, str]) -> None:
    """A new lock would hide an archive that can't be reached, or that has another file of that name."""
    folder, url = mirror
    one, two = package(folder, "one"), package(folder, "two")
    with pytest.raises(BuildError) as unreachable:
        archive.fetch(pinned(one), sources("http://127.0.0.1:9"), ["image"])
    (folder / "one.deb").unlink()
    (folder / "two.deb").write_bytes(b"another file")
    with pytest.raises(BuildError) as changed:
        archive.fetch(pinned(one, two), sources(url), ["image"])
    assert not isinstance(unreachable.value, StaleLockError)
    assert not isinstance(changed.value, StaleLockError)


def test_what_left_the_mirror_comes_from_a_snapshot(mirror: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = mirror
    one = package(folder, "one")
    old = tmp_path / "snapshot/debian/20250615T150640Z"
    old.mkdir(parents=True)
    (folder / "one.deb").rename(old / "one.deb")
    for snapshot in serve(tmp_path / "snapshot"):
        files = archive.fetch(pinned(one), sources(url, snapshot), ["image"])
    assert archive.file_sha256(files["one"]) == one.sha256


def test_a_file_that_was_damaged_in_the_cache_is_noticed(mirror: tuple[Path, str]) -> None:
    folder, url = mirror
    one = package(folder, "one")
    target = archive.fetch(pinned(one), sources(url), ["image"])["one"]
    data = bytearray(target.read_bytes())
    data[0] ^= 1
    target.write_bytes(data)
    with pytest.raises(BuildError, match="the cached file was damaged"):
        archive.fetch(pinned(one), sources(url), ["image"])
    assert archive.fetch(pinned(one), sources(url), ["image"])["one"].read_bytes() != bytes(data)


def test_an_archive_that_nobody_named_is_an_error(mirror: tuple[Path, str]) -> None:
    folder, _ = mirror
    one = package(folder, "one")
    with pytest.raises(BuildError, match="no mirror is known for the archive 'debian'"):
        archive.fetch(pinned(one), archive.Mirrors({}, {}, "http://127.0.0.1:9"), ["image"])


def test_a_repository_has_exactly_the_locked_packages(mirror: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = mirror
    one = package(folder, "one")
    package(folder, "two")
    files = archive.fetch(pinned(one), sources(url), ["image"])
    archive.make_repository(list(files.values()), "trixie", tmp_path / "repository")
    index = (tmp_path / "repository/Packages").read_text()
    assert index.count("Package: ") == 1
    assert f"SHA256: {one.sha256}\n" in index
    assert "Codename: trixie\n" in (tmp_path / "repository/Release").read_text()
