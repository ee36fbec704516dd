"""What the emulated computers are made of, as QEMU's arguments: a PC with UEFI, an arm64 board with U-Boot.

The arm64 board is QEMU's own (``virt``) with a Pi 4's processor; no emulator has a Pi 4 with its screen. Both
have the same screen, keyboard, touch screen, network card and disk, so that the checks are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from image.emulator.tools import Tools

ARCHITECTURES = ("amd64", "arm64")
SCREEN = (800, 480)  # pixels: Raspberry Pi's touch display; a small screen is drawn fast in software
MEMORY_MB = 1536
CPUS = 2
CONSOLE = {"amd64": "ttyS0", "arm64": "ttyAMA0"}  # where the kernel says what it does
SHELL = {"amd64": "ttyS1", "arm64": "ttyAMA1"}  # where a root shell waits, if the arguments ask for one


@dataclass(frozen=True, slots=True)
class Wire:
    """One end of a network cable between two machines: two sockets of the host's file system."""

    ours: Path
    theirs: Path


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel to start without a boot loader, with all of its arguments."""

    image: Path
    initrd: Path
    arguments: str


@dataclass(frozen=True, slots=True)
class Computer:
    """One computer. ``folder``: for its sockets and logs, with a short path.

    ``clock``: what its clock says when it is switched on, UTC, "2000-01-01T00:00:00" for one without a
    battery; None for the right time. ``number``: 1 to 250, gives it a hardware address and a serial number of
    its own.
    ``wire``: None for a network card without a cable. ``kvm``: let the host's processor run it.
    """

    architecture: str
    folder: Path
    disk: Path
    number: int = 1
    wire: Wire | None = None
    clock: str | None = None
    kernel: Kernel | None = None
    kvm: bool = False
    cpus: int = CPUS
    memory_mb: int = MEMORY_MB
    screen: tuple[int, int] = SCREEN
    more: tuple[str, ...] = field(default=())

    @property
    def monitor(self) -> Path:
        return self.folder / "qmp.sock"

    @property
    def shell(self) -> Path:
        return self.folder / "shell.sock"

    @property
    def console_log(self) -> Path:
        return self.folder / "console.log"

    @property
    def hardware_address(self) -> str:
        return f"52:54:00:6d:62:{self.number:02x}"

    @property
    def serial_number(self) -> str:
        return f"EMULATED{self.number:04d}"


def command(tools: Tools, computer: Computer) -> list[str]:
    """QEMU's command line. The computer stands still until the monitor says ``cont``."""
    pc = computer.architecture == "amd64"
    x, y = computer.screen
    parts: list[str | Path] = ["-nodefaults", "-no-user-config", "-S", "-display", "none"]
    for folder in ("qemu", "seabios", "ipxe/qemu", "qemu-efi-aarch64"):
        parts += ["-L", tools.root / "usr/share" / folder]
    parts += _pc(tools, computer) if pc else _arm64(tools, computer)
    parts += ["-accel", "kvm" if computer.kvm else "tcg,thread=multi,tb-size=512"]
    parts += ["-smp", str(computer.cpus), "-m", str(computer.memory_mb)]
    parts += ["-smbios", f"type=1,serial={computer.serial_number}"]
    clock = f"base={computer.clock}" if computer.clock else "base=utc"
    parts += ["-rtc", f"{clock},clock=vm"]
    disk = f"driver=raw,node-name=card,discard=unmap,file.driver=file,file.filename={computer.disk}"
    parts += ["-blockdev", disk, "-device", "virtio-blk-pci,drive=card,bootindex=1"]
    parts += ["-device", f"virtio-{'vga' if pc else 'gpu-pci'},id=screen,xres={x},yres={y}"]
    parts += ["-device", "virtio-keyboard-pci", "-device", "virtio-multitouch-pci"]
    parts += ["-device", "virtio-rng-pci"]
    parts += ["-netdev", _cable(computer), "-device"]
    parts += [f"virtio-net-pci,id=card0,netdev=lan,mac={computer.hardware_address},romfile="]
    parts += ["-chardev", f"socket,id=qmp,path={computer.monitor},server=on,wait=off"]
    parts += ["-mon", "chardev=qmp,mode=control"]
    parts += ["-chardev", f"file,id=console,path={computer.console_log}", "-serial", "chardev:console"]
    parts += ["-chardev", f"socket,id=shell,path={computer.shell},server=on,wait=off"]
    parts += ["-serial", "chardev:shell"]
    if computer.kernel is not None:
        parts += ["-kernel", computer.kernel.image, "-initrd", computer.kernel.initrd]
        parts += ["-append", computer.kernel.arguments]
    emulator = "qemu-system-x86_64" if pc else "qemu-system-aarch64"
    return tools.argv(emulator, *parts, *computer.more)


def _pc(tools: Tools, computer: Computer) -> list[str | Path]:
    """A PC of today: PCI Express, UEFI, no old keyboard controller."""
    parts: list[str | Path] = [
        "-machine",
        "q35,i8042=off",
        "-cpu",
        "host" if computer.kvm else "max,-erms,-fsrm,-fzrm,-fsrs",
    ]
    if computer.kernel is None:
        code = tools.file("usr/share/OVMF/OVMF_CODE_4M.fd")
        parts += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"]
        parts += ["-drive", f"if=pflash,format=raw,unit=1,file={computer.folder / 'uefi.fd'}"]
    return parts


def _arm64(tools: Tools, computer: Computer) -> list[str | Path]:
    """QEMU's own board, with the processor of a Pi 4."""
    parts: list[str | Path] = ["-machine", "virt", "-cpu", "host" if computer.kvm else "cortex-a72"]
    if computer.kernel is None:
        parts += ["-bios", tools.file("usr/lib/u-boot/qemu_arm64/u-boot.bin")]
    return parts


def variables(tools: Tools, computer: Computer) -> None:
    """Give a PC what UEFI keeps between its boots: nothing yet, when there is none."""
    kept = computer.folder / "uefi.fd"
    if computer.architecture == "amd64" and not kept.exists():
        kept.write_bytes(tools.file("usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes())


def _cable(computer: Computer) -> str:
    if computer.wire is None:  # a card that the monitor unplugs before the first instruction
        return "hubport,id=lan,hubid=0"
    ours, theirs = computer.wire.ours, computer.wire.theirs
    return f"dgram,id=lan,local.type=unix,local.path={ours},remote.type=unix,remote.path={theirs}"


def host_has_kvm() -> bool:
    """Can this computer's processor run another kernel as it is? (Not where /dev/kvm emulates that.)"""
    return any(Path("/sys/module", name).exists() for name in ("kvm_intel", "kvm_amd"))
