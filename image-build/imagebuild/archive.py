"""Package archives: which mirror, what apt finds there, and downloads that are checked against the lock."""

import concurrent.futures
import email.utils
import http
import http.client
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagebuild.common import (
    BuildError,
    StaleLockError,
    cache_folder,
    digest,
    file_sha256,
    replacing,
    run,
    say,
)
from imagebuild.lock import Lock, Package, path_of
from imagebuild.manifest import TOOLS, Manifest, architecture_of

DEBIAN = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
SNAPSHOT = "http://snapshot.debian.org/archive"
RASPBERRYPI_KEY = "CF8A1AF502A2AA2D763BAE7E82B129927FA3303E"  # of whoever signs Raspberry Pi's archive
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RASPBERRYPI_KEYRING = Path("/usr/share/keyrings/raspberrypi-archive-keyring.gpg")
DOWNLOADS = 4  # at once
TIMEOUT_S = 60.0  # without a byte
SNAPSHOT_TIMEOUT_S = 15.0  # it is often out of reach, and asked only for what left the mirror


@dataclass(frozen=True)
class Mirrors:
    """Where each archive is: the archive's name -> its root. `keyrings` likewise."""

    roots: dict[str, str]
    keyrings: dict[str, Path]
    snapshot: str


def _host_mirror(origin: str, label: str) -> str | None:
    """The root of the archive of this origin and label in the host's apt configuration."""
    if not shutil.which("apt-get"):
        return None
    try:
        lines = run(
            ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"]
        )
    except BuildError:
        return None
    for line in lines.splitlines():
        found = line.split("|", 2)
        if found[:2] == [origin, label] and found[2].startswith(("http://", "https://")):
            return found[2].rstrip("/")
    return None


def mirrors(
    mirror: str | None = None,
    security: str | None = None,
    snapshot: str | None = None,
    raspberrypi: str | None = None,
    raspberrypi_keyring: Path | None = None,
) -> Mirrors:
    """The archives to use: what the options say, else what the host's apt uses, else Debian's own.

    Raspberry Pi's archive has no default: `raspberrypi` is its address, or the host is a Raspberry Pi.
    """
    roots = {
        "debian": mirror or _host_mirror("Debian", "Debian") or DEBIAN,
        "security": security or _host_mirror("Debian", "Debian-Security") or SECURITY,
    }
    keyrings = {"debian": KEYRING, "security": KEYRING}
    second = raspberrypi or _host_mirror("Raspberry Pi Foundation", "Raspberry Pi Foundation")
    if second:
        roots["raspberrypi"] = second
        keyrings["raspberrypi"] = raspberrypi_keyring or RASPBERRYPI_KEYRING
    return Mirrors({name: root.rstrip("/") for name, root in roots.items()}, keyrings, snapshot or SNAPSHOT)


def reachable(root: str, suite: str) -> bool:
    """Whether an archive answers."""
    try:
        with urllib.request.urlopen(f"{root}/dists/{suite}/InRelease", timeout=SNAPSHOT_TIMEOUT_S):  # noqa: S310
            return True
    except (OSError, http.client.HTTPException):
        return False


# --- Locking ----------------------------------------------------------------------------------


def _check_key(keyring: Path) -> None:
    """Raise BuildError unless the keyring holds Raspberry Pi's archive key, and no other."""
    listing = run(["gpg", "--show-keys", "--with-colons", keyring])
    lines = [line.split(":") for line in listing.splitlines()]
    primary = [lines[i + 1][9] for i, line in enumerate(lines[:-1]) if line[0] == "pub"]
    if primary != [RASPBERRYPI_KEY]:
        raise BuildError(
            f"{keyring}: expected the one key {RASPBERRYPI_KEY}, found {', '.join(primary) or 'none'}"
        )


class Apt:
    """The host's apt, over the release's indexes of another architecture, with its state in `folder`."""

    def __init__(self, folder: Path, manifest: Manifest, architecture: str, where: Mirrors) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("etc/parts", "state/lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        suites = {
            "debian": f"{manifest.suite} {manifest.suite}-updates",
            "security": f"{manifest.suite}-security",
        }
        suites["raspberrypi"] = manifest.suite
        sources = []
        for name, root in where.roots.items():
            keyring = where.keyrings.get(name)
            if keyring is None or not keyring.is_file():
                raise BuildError(
                    f"the archive '{name}' needs its keyring to be verified; there is none: {keyring}"
                )
            if name == "raspberrypi":
                _check_key(keyring)
            components = "main" if name == "raspberrypi" else " ".join(manifest.components)
            sources.append(
                f"Types: deb\nURIs: {root}\nSuites: {suites[name]}\n"
                f"Components: {components}\nSigned-By: {keyring}\n"
            )
        (folder / "etc/image.sources").write_text("\n".join(sources))
        settings = {
            "Dir::Etc": folder / "etc",
            "Dir::Etc::sourcelist": "image.sources",
            "Dir::Etc::sourceparts": "parts",
            "Dir::Etc::parts": "parts",
            "Dir::Etc::preferencesparts": "parts",
            "Dir::Etc::main": "none",
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "pkgCacheGen::ForceEssential": ",",  # apt itself is not wanted in the image
        }
        (folder / "apt.conf").write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))
        self._folder = folder
        self._env = {"APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}
        self._roots = where.roots
        run(["apt-get", "-q", "update", "--error-on=any"], env=self._env)

    def epoch(self) -> int:
        """When the newest of the release files was made, in seconds since 1970."""
        dates = []
        for path in (self._folder / "state/lists").glob("*Release"):
            date = re.search(r"^Date: (.+)$", path.read_text(), re.MULTILINE)
            if date:
                dates.append(email.utils.parsedate_to_datetime(date[1]).timestamp())
        return int(max(dates))

    def with_dependencies(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Name and version of everything that an empty system needs for these packages."""
        plan = run(["apt-get", "-qq", "-s", "install", "?essential", *names], env=self._env)
        return [
            (words[1].split(":")[0], words[2].lstrip("("))
            for words in (line.split() for line in plan.splitlines())
            if words and words[0] == "Inst"
        ]

    def candidates(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Name and newest version of exactly these packages."""
        found = []
        for name in names:
            stanza = run(["apt-cache", "show", "--no-all-versions", name], env=self._env)
            found.append((name, _field(stanza, "Version")))
        return found

    def packages(self, use: str, wanted: Sequence[tuple[str, str]]) -> list[Package]:
        """The lines of the lock for packages of these names and versions."""
        found: dict[tuple[str, str], Package] = {}
        text = run(["apt-cache", "show", *[f"{name}={version}" for name, version in wanted]], env=self._env)
        for stanza in text.split("\n\n"):
            if not stanza.strip():
                continue
            name, version = _field(stanza, "Package"), _field(stanza, "Version")
            path, sha256 = _field(stanza, "Filename"), _field(stanza, "SHA256")
            package = Package(
                use,
                name,
                version,
                _field(stanza, "Architecture"),
                self._archive_of(name, version),
                int(_field(stanza, "Size")),
                sha256,
                path,
            )
            found[name, version] = package
        missing = set(wanted) - found.keys()
        if missing:
            raise BuildError(f"apt knows nothing of {', '.join(sorted(name for name, _ in missing))}")
        return [found[key] for key in wanted]

    def _archive_of(self, name: str, version: str) -> str:
        if not hasattr(self, "_where"):
            self._where: dict[tuple[str, str], str] = {}
            for archive, root in self._roots.items():
                prefix = root.split("://", 1)[1].replace("_", "%5f").replace("/", "_")
                for path in (self._folder / "state/lists").glob(f"{prefix}_dists_*_Packages*"):
                    listing = run(["/usr/lib/apt/apt-helper", "cat-file", path])
                    for stanza in listing.split("\n\n"):
                        if stanza.strip():
                            key = (_field(stanza, "Package"), _field(stanza, "Version"))
                            self._where.setdefault(key, archive)
        return self._where[name, version]


def _field(stanza: str, name: str) -> str:
    for line in stanza.splitlines():
        if line.startswith(f"{name}: "):
            return line[len(name) + 2 :].strip()
    raise BuildError(f"an index says nothing about {name} in: {stanza[:120]!r}")


def make_lock(name: str, manifest: Manifest, where: Mirrors) -> Lock:
    """Ask the archives what the manifest means today. `name` is as in `lock.path_of`."""
    asked = manifest.packages[name]
    second = "raspberrypi" in name
    if second and "raspberrypi" not in where.roots:
        raise BuildError("where Raspberry Pi's archive is, is not known: name it with --raspberrypi URL")
    used = {archive: root for archive, root in where.roots.items() if second or archive != "raspberrypi"}
    sources = Mirrors(used, where.keyrings, where.snapshot)
    apt = Apt(cache_folder() / "apt" / name, manifest, architecture_of(name), sources)
    if name == TOOLS:
        packages = apt.packages("tools", apt.with_dependencies(asked["tools"]))
    else:
        packages = apt.packages("image", apt.with_dependencies(asked["image"]))
        packages += apt.packages("files", apt.candidates(asked["files"]))
    return Lock(
        name, architecture_of(name), apt.epoch(), manifest_digest(manifest, name), tuple(sorted(packages))
    )


def manifest_digest(manifest: Manifest, name: str) -> str:
    """A name for what the manifest asks of the lock of this name: another one makes the lock stale."""
    asked = manifest.packages[name]
    words = [word for use, names in sorted(asked.items()) for word in (use, *sorted(names))]
    return digest(name, manifest.suite, *words)


# --- Downloads --------------------------------------------------------------------------------


def _fetch(urls: Sequence[tuple[str, float]], package: Package, target: Path) -> None:
    """Get a package from the first address that has it. Raises BuildError when none has what is locked,
    StaleLockError when an archive answers that it has no such file.
    """
    problems = []
    gone = False
    for url, timeout in urls:
        try:
            with replacing(target) as part:
                with urllib.request.urlopen(url, timeout=timeout) as answer, part.open("wb") as file:  # noqa: S310
                    shutil.copyfileobj(answer, file, 1 << 20)
                size, sha256 = part.stat().st_size, file_sha256(part)
                if (size, sha256) != (package.size, package.sha256):
                    raise BuildError(
                        f"{url}: expected {package.size} bytes with SHA-256 {package.sha256}, as locked,"
                        f" found {size} bytes with {sha256}"
                    )
            return
        except urllib.error.HTTPError as error:
            problems.append(f"{url}: {error.code} {error.reason}")
            gone = gone or error.code == http.HTTPStatus.NOT_FOUND
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{url}: {error}")
    kind = StaleLockError if gone else BuildError
    raise kind("\n    ".join([f"{package.name} {package.version} is nowhere:", *problems]))


def store() -> Path:
    """Where downloaded packages are kept, by their SHA-256."""
    return cache_folder() / "packages"


def is_cached(lock: Lock) -> bool:
    """Whether every package of the lock was downloaded before."""
    return all((store() / f"{package.sha256}.deb").is_file() for package in lock.packages)


def fetch(lock: Lock, where: Mirrors, uses: Sequence[str]) -> dict[str, Path]:
    """Every package of the lock for these uses, from the cache or a mirror: name -> file, verified.

    Raises BuildError that names each package that is not as locked or not there any more, and how to renew;
    StaleLockError when nothing but that is the matter.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(lock.epoch))
    files: dict[str, Path] = {}
    jobs: list[tuple[Package, Path]] = []
    for use in uses:
        for package in lock.of(use):
            target = store() / f"{package.sha256}.deb"
            files[package.name] = target
            if not target.is_file() or target.stat().st_size != package.size:
                jobs.append((package, target))
    if jobs:
        megabytes = sum(package.size for package, _ in jobs) / 1e6
        say(f"downloading {len(jobs)} packages, {megabytes:.0f} MB")

    def get(job: tuple[Package, Path]) -> BuildError | None:
        package, target = job
        root = where.roots.get(package.archive)
        if root is None:
            return BuildError(f"{package.name}: no mirror is known for the archive '{package.archive}'")
        addresses = [(f"{root}/{package.path}", TIMEOUT_S)]
        if package.archive != "raspberrypi":
            area = {"debian": "debian", "security": "debian-security"}[package.archive]
            addresses.append((f"{where.snapshot}/{area}/{stamp}/{package.path}", SNAPSHOT_TIMEOUT_S))
        for attempt in (1, 2):
            try:
                _fetch(addresses, package, target)
                return None
            except BuildError as error:
                if attempt == 2 or " nowhere" not in str(error):
                    return error
        return None

    with concurrent.futures.ThreadPoolExecutor(DOWNLOADS) as pool:
        problems = [problem for problem in pool.map(get, jobs) if problem]
    if problems:
        kind = StaleLockError if all(isinstance(each, StaleLockError) for each in problems) else BuildError
        raise kind(
            "\n".join(map(str, problems))
            + f"\n{path_of(lock.name).name} can't be had as it is: a package that Debian replaced leaves the"
            " mirrors. Renew it with `./dev image --lock`, look at what changed and commit it;"
            " or name an archive that keeps old packages with --snapshot."
        )
    for package in (p for use in uses for p in lock.of(use)):
        if (package, files[package.name]) not in jobs and file_sha256(files[package.name]) != package.sha256:
            files[package.name].unlink()
            raise BuildError(f"{package.name}: the cached file was damaged and is deleted; build again")
    return files


def make_repository(files: Sequence[Path], suite: str, folder: Path) -> None:
    """A folder that apt takes for an archive of exactly these packages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stanzas = []
    for file in files:
        os.link(file, folder / file.name)
        control = store() / f"{file.stem}.control"
        if not control.is_file():
            text = subprocess.run(["dpkg-deb", "--field", file], capture_output=True, check=True).stdout
            with replacing(control) as part:
                part.write_bytes(text)
        stanzas.append(
            control.read_text().rstrip("\n")
            + f"\nFilename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {file.stem}\n"
        )
    (folder / "Packages").write_text("\n".join(stanzas))
    (folder / "Release").write_text(f"Origin: meetingbox\nSuite: {suite}\nCodename: {suite}\n")
