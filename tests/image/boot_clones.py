"""Twenty cards with one image: twenty boxes with names, machine ids and identities of their own.

Twenty emulators are too many for two processors. So each box is the image's own root file system in a network
namespace, with a fresh data partition, and what makes it somebody is what the image does at a first start
(clone.sh); then they meet on one virtual LAN. Only for the architecture of this computer.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.emulator.disk import SLOT_A, partitions
from image.lab import Lab
from net.namespaces import Lan

from appliance.control.client import ControlClient
from appliance.errors import ControlError

COUNT = 20
UP_WITHIN = 300.0  # twenty interpreters start on two processors
HERE = Path(__file__).parent
# No camera, no sound, no screen: a namespace has none.
SETTINGS = """
[video]
source = "none"
[audio]
microphone = "none"
speaker = "none"
[display]
mode = "headless"
width = 640
height = 360
"""


@pytest.fixture(scope="module")
def root(lab: Lab) -> Iterator[Path]:
    """The image's root file system, unpacked."""
    machines = {"x86_64": "amd64", "aarch64": "arm64"}
    if machines.get(platform.machine()) != lab.architecture:
        pytest.fail(f"clones are run by this computer's own processor, which is no {lab.architecture}")
    folder = lab.folder / "root"
    start = str(partitions(lab.settings.image)[SLOT_A].start)
    lab.settings.tools.run("unsquashfs", "-q", "-n", "-o", start, "-d", folder, lab.settings.image)
    firmware = folder / "boot/firmware"
    firmware.mkdir(parents=True, exist_ok=True)
    (firmware / "meetingbox.toml").write_text(SETTINGS)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_twenty_clones_are_twenty_boxes(lab: Lab, root: Path) -> None:
    folders = [lab.folder / f"clone{number}" for number in range(1, COUNT + 1)]
    with Lan(COUNT) as lan:
        for host, folder in zip(lan.hosts, folders, strict=True):
            folder.mkdir()
            with (folder / "log.txt").open("wb") as log:
                inside = ["unshare", "--mount", "--uts", HERE / "clone.sh", root, folder]
                host.popen(list(map(str, inside)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        boxes = [ControlClient(folder / "control.sock") for folder in folders]
        try:
            statuses = wait_for_all(lab, boxes, folders)
        finally:
            for box in boxes:
                box.close()
    machine_ids = {(folder / "machine-id").read_text().strip() for folder in folders}
    host_names = {(folder / "hostname").read_text().strip() for folder in folders}
    assert len({status["id"] for status in statuses}) == COUNT
    assert len({status["name"] for status in statuses}) == COUNT
    assert len(machine_ids) == len(host_names) == COUNT
    assert all(len(each) == 32 for each in machine_ids)
    lab.say(f"{COUNT} boxes: {', '.join(sorted(host_names)[:3])}, ...")


def wait_for_all(lab: Lab, boxes: list[ControlClient], folders: list[Path]) -> list[dict[str, object]]:
    """Wait until every box sees every other one; return what each says of itself."""
    deadline = time.monotonic() + lab.within(UP_WITHIN)
    while True:
        statuses = []
        for box in boxes:
            try:
                statuses.append(box.request("status"))
            except ControlError:
                break
        seen = [sum(1 for other in status["boxes"] if other["present"]) for status in statuses]
        if len(seen) == COUNT and min(seen) >= COUNT - 1:
            return statuses
        if time.monotonic() > deadline:
            logs = "\n".join(
                (folder / "log.txt").read_text()[-400:] for folder in folders[len(statuses) :][:3]
            )
            pytest.fail(f"{len(statuses)} of {COUNT} boxes answer; each sees {seen}\n{logs}")
        time.sleep(2.0)
