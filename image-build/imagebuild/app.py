"""The box and its Python packages for the target, without running anything of the target's."""

import shutil
from pathlib import Path

from imagebuild import chroot
from imagebuild.common import CHECKOUT, BuildError, cache_folder, digest, run

_PLATFORM = {"amd64": "x86_64-manylinux_2_39", "arm64": "aarch64-manylinux_2_39"}

# What no box ever runs or reads, below site-packages. Measured on amd64: 275 MB become 236.
PRUNED = (
    "bin",
    "numpy/f2py",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/random/lib",
    "numpy/**/tests",
    "pygame/docs",
    "pygame/examples",
    "pygame/tests",
    "pygame/__pyinstaller",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.h",
    "**/*.c",
)


def requirements(group: str | None = None) -> str:
    """The versions and hashes of uv.lock, as requirements: those of the box, or of one dependency group."""
    only = ["--only-group", group] if group else ["--no-dev", "--no-emit-project"]
    argv = ["uv", "export", "--quiet", "--locked", *only, "--format", "requirements-txt", "--no-annotate"]
    return run([*argv, "--no-header", "--project", CHECKOUT])


def tool(group: str) -> Path:
    """A folder with the packages of a dependency group, for programs that the build itself runs."""
    pins = requirements(group)
    target = cache_folder() / "python" / f"{group}-{digest(pins)}"
    if not target.is_dir():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        argv: list[object] = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        run([*argv, "--only-binary", ":all:", "--target", part, "-r", "-"], input_=pins)
        part.rename(target)
    return target


def wheel(folder: Path, epoch: int) -> Path:
    """Build our own wheel from the checkout, with the build's tools as uv.lock has them."""
    folder.mkdir(parents=True, exist_ok=True)
    pins = folder / "build-constraints.txt"
    pins.write_text(requirements("image"))
    argv = ["uv", "build", "--quiet", "--wheel", "--build-constraints", str(pins), "--require-hashes"]
    run([*argv, "--out-dir", folder, CHECKOUT], env={"SOURCE_DATE_EPOCH": str(epoch)})
    (built,) = folder.glob("*.whl")
    return built


def install(root: Path, architecture: str, python: str, ours: Path) -> None:
    """Make /opt/meetingbox below `root`: a virtual environment around the system's Python.

    Args:
        root: the root file system.
        architecture: of the target, "amd64" or "arm64".
        python: version of the target's Python, as "3.13".
        ours: the wheel of the box.
    """
    home = root / "opt/meetingbox"
    site = home / f"lib/python{python}/site-packages"
    shutil.rmtree(home, ignore_errors=True)
    site.mkdir(parents=True)
    common: list[object] = ["uv", "pip", "install", "--quiet", "--no-deps", "--link-mode", "copy"]
    common += ["--python-platform", _PLATFORM[architecture], "--python-version", python, "--target", site]
    run([*common, "--only-binary", ":all:", "--require-hashes", "-r", "-"], input_=requirements())
    run([*common, "--offline", ours])
    for pattern in PRUNED:
        found = list(site.glob(pattern))
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for name in ("RECORD", "direct_url.json", "uv_cache.json", "REQUESTED"):
        for path in site.glob(f"*.dist-info/{name}"):
            path.unlink()  # they tell of the files before pruning, and of the folder the wheel was in
    (site / ".lock").unlink(missing_ok=True)  # of uv
    # Raspberry Pi's picamera2 is a package of the system's Python.
    system = "true" if (root / "usr/lib/python3/dist-packages/picamera2").is_dir() else "false"
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = {system}\nversion = {python}\n"
    )
    (home / "bin").mkdir()
    for name in ("python", "python3", f"python{python}"):
        (home / "bin" / name).symlink_to(f"/usr/bin/python{python}")
    program = home / "bin/meetingbox"
    program.write_text(
        "#!/opt/meetingbox/bin/python3 -P\nimport sys\n\nfrom appliance.cli import main\n\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    link = root / "usr/bin/meetingbox"
    link.unlink(missing_ok=True)
    link.symlink_to("/opt/meetingbox/bin/meetingbox")


def compile_all(root: Path, tools: Path, python: str) -> None:
    """Byte-compile the system's Python and the box's, by the tools' Python of the same version.

    The files are checked against nothing at run time: the slot can't change, and a box need not look.
    """
    version = chroot.run_in(
        tools, [f"python{python}", "-c", "import platform; print(platform.python_version())"]
    )
    if not version.startswith(f"{python}."):
        raise BuildError(
            f"the tools have Python {version.strip()}, the image {python}: their locks are too far apart"
        )
    for cache in root.glob("usr/lib/python3*/**/__pycache__"):
        shutil.rmtree(cache)
    folders = [root / f"usr/lib/python{python}", root / "usr/lib/python3", root / "opt/meetingbox/lib"]
    argv = [f"python{python}", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    argv += ["-s", str(root), "-p", "/", *[str(folder) for folder in folders if folder.is_dir()]]
    chroot.run_in(tools, argv, [root], env={"PYTHONHASHSEED": "0"})
