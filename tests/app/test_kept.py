"""The joining secret is kept in memory, for its owner alone, or nowhere."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.app.kept import KeptFile, boot_clock, boot_id, in_memory


@pytest.fixture
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="mbx-kept-") as folder:
        yield Path(folder)


def test_what_was_kept_is_read_by_the_next_process(memory: Path, tmp_path: Path) -> None:
    kept = KeptFile(memory / "run", tmp_path)
    assert kept.usable
    assert kept.read() == b""
    kept.write(b"one")
    kept.write(b"two")
    assert KeptFile(memory / "run", tmp_path).read() == b"two"
    (file,) = (memory / "run").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((memory / "run").stat().st_mode) == 0o700
    kept.erase()
    kept.erase()
    assert list((memory / "run").iterdir()) == []


def test_boxes_of_one_machine_do_not_read_each_others(memory: Path, tmp_path: Path) -> None:
    KeptFile(memory, tmp_path / "a").write(b"a")
    assert KeptFile(memory, tmp_path / "b").read() == b""


def test_what_is_not_in_memory_keeps_nothing_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        kept = KeptFile(Path("/proc"), tmp_path)
        kept.write(b"secret")
    assert not kept.usable
    assert kept.read() == b""
    assert [r.getMessage() for r in caplog.records] == ["rejoin.not-kept /proc is not in memory"]


def test_a_folder_that_can_not_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert not KeptFile(tmp_path / "file" / "run", tmp_path).usable


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptFile(None, tmp_path)
    kept.write(b"secret")
    kept.erase()
    assert kept.read() == b""


def test_a_file_that_somebody_put_there_is_replaced_and_not_written_through(
    memory: Path, tmp_path: Path
) -> None:
    kept = KeptFile(memory, tmp_path)
    kept.write(b"one")
    (file,) = memory.iterdir()
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    file.with_suffix(".new").symlink_to(target)
    kept.write(b"two")
    assert target.read_bytes() == b"untouched"
    assert kept.read() == b"two"


def test_the_boot_is_named_and_its_clock_runs() -> None:
    assert len(boot_id()) == 36
    assert boot_clock() >= float(Path("/proc/uptime").read_text().split()[0]) - 1
    assert not in_memory(Path("/proc"))
    assert os.access("/dev/shm", os.W_OK)
