"""``./dev image-test``: boot the image in an emulator and check everything that a person relies on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]

QUICK = ("contents", "offline", "meeting")
MORE = ("again", "slots", "hangs", "broken", "clones", "timing", "kills")
WHAT = {
    "contents": "what is in the image, and what is not; nothing is booted",
    "offline": "power on without network and clock: the keypad, and everything is well",
    "meeting": "two boxes on a cable see each other, are joined by touch and by keys, see and hear",
    "again": "a second start, which copies what the first one made, is as the first",
    "slots": "a system on trial: one that does not start is given up, one that does is kept",
    "hangs": "screen, event loop, compositor or everything stands still in a call",
    "broken": "ten meetingbox.toml with mistakes: the keypad, with the sentence",
    "clones": "twenty boxes from one image: twenty names, twenty identities",
    "timing": "from power to the keypad, beside the same system up to a log-in",
    "kills": "the plug is pulled twenty times: first boot, at home, in a call",
}


def main(argv: list[str] | None = None) -> int:
    """Run the checks that were asked for; 0 when all passed."""
    parser = argparse.ArgumentParser(
        prog="./dev image-test",
        description="Boot the image in an emulator and check it. Without --only and --all: "
        + ", ".join(QUICK)
        + ".",
        epilog="\n".join(["checks:", *(f"  {name:9} {WHAT[name]}" for name in (*QUICK, *MORE))]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--arch", choices=("amd64", "arm64"), default="amd64", help="default: amd64")
    parser.add_argument("--only", action="append", choices=(*QUICK, *MORE), help="may be given several times")
    parser.add_argument("--all", action="store_true", help="all of them; takes more than an hour")
    parser.add_argument(
        "--image", type=Path, help="an .img or .img.xz; default: what `./dev image` built last"
    )
    parser.add_argument(
        "--tools", type=Path, help="a Debian system with QEMU; default: the chroot of the build"
    )
    parser.add_argument("--artifacts", type=Path, help="where to keep what failed; default: out/image-test")
    parser.add_argument("--kvm", choices=("auto", "on", "off"), default="auto", help="default: auto")
    parser.add_argument("--slow", type=float, default=1.0, help="factor of all time-outs; default: 1")
    parser.add_argument("rest", nargs="*", help="for pytest, after --")
    arguments = parser.parse_args(argv)

    sys.path[:0] = [str(HERE.parent), str(CHECKOUT / "image-build")]
    import pytest
    from image.emulator import boards

    image = arguments.image or _built(arguments.arch)
    if not image.is_file():
        parser.error(f"there is no {image}; `./dev image --arch {arguments.arch}` builds it")
    checks = [*QUICK, *MORE] if arguments.all else arguments.only or list(QUICK)
    artifacts = arguments.artifacts or CHECKOUT / "out" / "image-test" / arguments.arch
    # Emulated by this computer's processor only where it is of the same kind.
    able = boards.host_has_kvm() and arguments.arch == "amd64"
    kvm = arguments.kvm == "on" or (arguments.kvm == "auto" and able)
    options = [
        "-p",
        "image.plugin",
        "-p",
        "image.pair",
        "-c",
        str(CHECKOUT / "pyproject.toml"),
        "--rootdir",
        str(CHECKOUT),
    ]
    options += ["-o", "python_files=boot_*.py", "-p", "no:cacheprovider", "-s", "--durations=0"]
    options += ["--arch", arguments.arch, "--image", str(image.resolve())]
    options += ["--tools", str(arguments.tools or _tools()), "--artifacts", str(artifacts.resolve())]
    options += ["--slow", str(arguments.slow), *(["--kvm"] if kvm else []), *arguments.rest]
    return int(pytest.main([*options, *(str(HERE / f"boot_{check}.py") for check in checks)]))


def _built(architecture: str) -> Path:
    """The image that `./dev image` built last."""
    plain = CHECKOUT / "out" / f"meetingbox-{architecture}.img"
    return plain if plain.exists() else plain.with_name(plain.name + ".xz")


def _tools() -> Path:
    """The chroot that the build made."""
    from imagebuild import base

    folder: Path = base.tools_folder()
    return folder


if __name__ == "__main__":
    sys.exit(main())
