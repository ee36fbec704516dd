"""The state of the slots: 1 KiB on a partition of its own, which GRUB and U-Boot read and change.

The partition has a FAT file system with this one file, "slots", because GRUB writes only into files. It is
never mounted: the file's place is `AT`, always, and GRUB, U-Boot and the box overwrite these two sectors and
nothing else.

The file is GRUB's environment block (GRUB manual, "The GRUB environment block"): a first line, then key=value
lines, filled up with '#'. The order is fixed, because U-Boot has no way to write this format and only
changes the digit of `left`, at byte `LEFT_AT`.

    slot   the confirmed one, "a" or "b"
    try    the one on trial, or empty
    left   how many more times the one on trial may be started, "0" to "9"

A boot of the confirmed slot writes nothing. A slot on trial is started `left` times at most; when the box
gets as far as the keypad on it, it becomes the confirmed one.
"""

HEADER = "# GRUB Environment Block\n"
LEFT_AT = len(HEADER) + len("left=")
SIZE = 1024
AT = 5 * 512  # in the partition: boot sector, three sectors of allocation table, one of the root folder
FILE = "slots"


def block(**values: str) -> bytes:
    """An environment block with these values, in this order. Raises ValueError where they don't fit."""
    lines = [f"{key}={value}\n" for key, value in values.items()]
    data = (HEADER + "".join(lines)).encode("ascii")
    if len(data) > SIZE or any("\n" in value for value in values.values()):
        raise ValueError(f"it does not fit in {SIZE} bytes: {values}")
    return data.ljust(SIZE, b"#")


def factory() -> bytes:
    """The state of a card that was just flashed: slot a, nothing on trial."""
    return block(left="0", slot="a", **{"try": ""})
