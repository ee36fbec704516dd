"""pytest, for checks of an image that is booted: options, the lab, and what is kept of a check that failed.

``run.py`` starts pytest with it. The checks are in ``boot_*.py``; `./dev test` does not collect those.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.emulator import boards, disk
from image.emulator.tools import Tools
from image.lab import Lab, Settings, say

LAB = pytest.StashKey[Lab]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("image", "an image in an emulator")
    group.addoption("--arch", choices=boards.ARCHITECTURES, required=True)
    group.addoption("--image", type=Path, required=True, help="the image, .img or .img.xz")
    group.addoption("--tools", type=Path, required=True, help="the chroot with QEMU in it")
    group.addoption("--artifacts", type=Path, required=True, help="where to keep what failed")
    group.addoption("--kvm", action="store_true", help="let this computer's processor run the boxes")
    group.addoption("--slow", type=float, default=1.0, help="factor of all time-outs")


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    option = request.config.getoption
    artifacts: Path = option("--artifacts")
    artifacts.mkdir(parents=True, exist_ok=True)
    given: Path = option("--image")
    packed = given if given.suffix == ".xz" else given.with_name(given.name + ".xz")
    image = disk.unpacked(given, artifacts)
    settings = Settings(
        architecture=option("--arch"),
        image=image,
        packed=packed if packed.exists() else None,
        tools=Tools(option("--tools")),
        artifacts=artifacts,
        kvm=option("--kvm"),
        slow=option("--slow"),
    )
    lab = Lab(settings)
    request.config.stash[LAB] = lab
    yield lab
    lab.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None] | pytest.TestReport:
    report: pytest.TestReport = yield  # type: ignore[misc,assignment]
    lab = item.config.stash.get(LAB, None)
    if report.failed and lab is not None:
        folder = lab.settings.artifacts / item.name.replace("/", "-")
        try:
            lab.tell(folder)
        except Exception as error:  # what is told must not hide what failed
            say(f"not everything could be kept: {error!r}")
        report.sections.append(("kept", f"screens, logs and journals are in {folder}"))
        say(f"FAILED {item.name}: screens, logs and journals are in {folder}")
    return report  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    began = time.monotonic()
    say(f"-- {item.name}")
    yield
    say(f"-- {item.name}: {time.monotonic() - began:.1f} s")
