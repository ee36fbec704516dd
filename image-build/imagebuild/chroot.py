"""Commands inside a chroot, in a mount namespace of their own: nothing stays mounted, whatever happens.

As a program: `python3 -m imagebuild.chroot [--bind PATH]... COMMAND ...` runs COMMAND in the tools chroot,
which must have been made by a build.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagebuild.common import BuildError, run

# Mounts what a program expects, then becomes the program: same process, same descriptors, same network.
_SCRIPT = """
set -eu
root=$1
shift
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --rbind --make-rslave /dev "$root/dev"
[ ! -d "$root/sys" ] || mount --rbind --make-rslave /sys "$root/sys"
while [ "$1" != -- ]; do
	[ -d "$1" ] && mkdir -p "$root$1" || { mkdir -p "$root${1%/*}"; : >>"$root$1"; }
	mount --rbind "$1" "$root$1"
	shift
done
shift
exec chroot "$root" "$@"
"""


def command(root: Path, argv: Sequence[object], binds: Sequence[Path] = ()) -> list[str]:
    """The command line that runs `argv` inside `root`, with `binds` at the same paths as outside.

    It needs root. The process that is started becomes the program itself: its id, its standard streams and
    its signals are the program's, its network namespace is the caller's.
    """
    inside = [str(bind.resolve()) for bind in binds]
    words = [str(word) for word in argv]
    return ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", str(root), *inside, "--", *words]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program in a chroot gets to see: nothing of the caller's but what it needs."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC", **(extra or {})}


def run_in(
    root: Path,
    argv: Sequence[object],
    binds: Sequence[Path] = (),
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Run a command in a chroot and return its output. Raises BuildError when it fails."""
    settings = [f"{key}={value}" for key, value in environment(env).items()]
    return run(command(root, ["/usr/bin/env", "-i", *settings, *argv], binds), log=log, shown=argv)


def main(arguments: Sequence[str]) -> int:
    """Become COMMAND inside the tools chroot."""
    from imagebuild import base  # which needs this module

    parser = argparse.ArgumentParser(prog="imagebuild.chroot", description=__doc__)
    parser.add_argument("--bind", action="append", default=[], type=Path, help="a path to have inside, too")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    words = command(base.tools_folder(), options.command, options.bind)
    try:
        os.execvp(words[0], words)  # noqa: S606
    except OSError as error:
        raise BuildError(f"{words[0]}: {error.strerror}") from error


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BuildError as error:
        sys.exit(f"image: {error}")
