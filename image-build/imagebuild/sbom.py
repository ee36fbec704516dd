"""What is in the image, as CycloneDX: Debian's packages by debsbom, Python's by uv, merged by debsbom."""

import datetime
import json
import sys
import uuid
from pathlib import Path

from imagebuild import app
from imagebuild.common import CHECKOUT, run
from imagebuild.lock import Lock
from imagebuild.rootfs import Origin

_NAMES = uuid.UUID(
    "a2f3c0de-5a0b-5a71-8d0e-3a3c5f1e7b11"
)  # of ours, for serial numbers that say what they are of
_CALL = "import sys; from debsbom.cli import main; sys.argv[0] = 'debsbom'; sys.exit(main())"


def make(root: Path, pinned: Lock, made: Origin, folder: Path, log: Path) -> Path:
    """Write the bill of materials of an image into `folder`; returns its path.

    Args:
        root: the root file system, whose dpkg database says what is installed.
        pinned: says what was taken out of packages for the boot partition, too.
        made: the commit; the same commit and the same lock give the same bill.
    """
    folder.mkdir()
    debsbom = {"PYTHONPATH": str(app.tool("image")), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", _CALL]
    when = datetime.datetime.fromtimestamp(made.epoch, datetime.UTC).isoformat()

    def serial(part: str) -> str:
        return str(uuid.uuid5(_NAMES, f"{part} {pinned.digest} {made.commit} {made.changed}"))

    def options(part: str) -> list[str]:
        name = f"meetingbox-{pinned.name}" + (f"-{part}" if part else "")
        return ["--timestamp", when, "--cdx-serialnumber", serial(part), "--distro-name", name]

    def generate(part: str, *more: str, given: str | None = None) -> Path:
        words = ["generate", "-t", "cdx", "--distro-arch", pinned.architecture, "--out", str(folder / part)]
        run([*argv, *words, *options(part), *more], env=debsbom, input_=given, log=log)
        return folder / f"{part}.cdx.json"

    parts = [generate("system", "--root", str(root), "--with-licenses")]
    taken = "".join(f"{p.name} {p.version} {p.architecture}\n" for p in pinned.of("files"))
    if taken:
        parts.append(generate("boot", "--from-pkglist", given=taken))
    parts.append(_python(folder / "python.cdx.json", serial("python"), when))
    merged = [
        "merge",
        "-t",
        "cdx",
        "--distro-version",
        made.version,
        "--out",
        str(folder / "all"),
        *options(""),
    ]
    run([*argv, *merged, *[str(part) for part in parts]], env=debsbom, log=log)
    return folder / "all.cdx.json"


def _python(target: Path, serial: str, when: str) -> Path:
    """The Python packages of uv.lock that are in the image, with the sums of their files."""
    argv = [
        "uv",
        "export",
        "--quiet",
        "--locked",
        "--no-dev",
        "--format",
        "cyclonedx1.5",
        "--project",
        CHECKOUT,
    ]
    bill = json.loads(run(argv))
    bill["serialNumber"] = f"urn:uuid:{serial}"
    bill["metadata"]["timestamp"] = when
    target.write_text(json.dumps(bill, indent=1) + "\n")
    return target
