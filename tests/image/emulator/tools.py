"""Programs of the tools chroot, run from outside of it: by its own dynamic loader, with its own libraries.

So they need no rights and see the same files as the test, and end with it like any other child.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

RUN_WITHIN = 300.0  # seconds: unpacking a whole slot is the longest


class ToolsError(Exception):
    """A tool is missing, or failed; the message has the end of what it said."""


class Tools:
    """Debian below ``root``, with QEMU, its firmware, mtools, squashfs-tools and e2fsprogs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        loaders = sorted((root / "usr/lib").glob("*-linux-gnu/ld-linux-*.so.*"))
        if not loaders:
            raise ToolsError(f"{root} is no Debian system with a dynamic loader; `./dev image` makes it")
        self._loader = loaders[0]
        self._libraries = loaders[0].parent

    @property
    def environment(self) -> dict[str, str]:
        """What QEMU's loadable modules are found by."""
        return {"QEMU_MODULE_DIR": str(self._libraries / "qemu")}

    def file(self, *candidates: str) -> Path:
        """The first of these files that is there; ToolsError when none is. Paths are below the root."""
        for candidate in candidates:
            if (self.root / candidate).is_file():
                return self.root / candidate
        raise ToolsError(f"{self.root} has none of {', '.join(candidates)}")

    def argv(self, program: str, *arguments: str | Path) -> list[str]:
        """The command line that runs one of the tree's programs."""
        found = self.file(f"usr/bin/{program}", f"usr/sbin/{program}")
        libraries = f"{self._libraries}:{self._libraries / 'systemd'}"
        head = [str(self._loader), "--library-path", libraries, "--argv0", program, str(found)]
        return [*head, *map(str, arguments)]

    def run(self, program: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end and return it with its output. Raises ToolsError where it fails."""
        options.setdefault("timeout", RUN_WITHIN)
        argv = self.argv(program, *arguments)
        done = subprocess.run(argv, capture_output=True, check=False, **options)
        if done.returncode != 0:
            raise ToolsError(f"{program}: {_end(done.stderr or done.stdout)}")
        return done


def _end(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").strip().splitlines()[-10:])
