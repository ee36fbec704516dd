"""Forty cards from a template and a list, and one into an image."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tomllib
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ConfigError, StartError
from appliance.provision import card, cards, image, report

TEMPLATE = """\
# All rooms of the ship. "name" comes from the list.
[network.ethernet]
method = "static"   # no DHCP on board
address = "10.20.0.1/16" # from the list
[display]
# theme = "dark"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "template.toml").write_text(TEMPLATE)
    return tmp_path


def make(folder: Path, rows: str | bytes) -> list[cards.Made]:
    path = folder / "rooms.csv"
    path.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    return cards.make(folder / "template.toml", path)


def refusal(folder: Path, rows: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make(folder, rows)
    return caught.value


class TestManyCards:
    def test_forty_that_differ_in_a_line_or_two(self, folder: Path) -> None:
        rows = "system.name,network.ethernet.address\n" + "".join(
            f"Room {n},10.20.0.{n}/16\n" for n in range(1, 41)
        )
        made = make(folder, rows)
        cards.write(made, folder / "out")
        files = sorted((folder / "out").glob("*/meetingbox.toml"))
        assert [path.parent.name for path in files][:2] == ["01-Room-1", "02-Room-2"]
        assert len(files) == 40
        for number, path in enumerate(files, 1):
            found = card.parse(path.read_text())
            assert found.config.name == f"Room {number}"
            assert found.network.ethernet.address == f"10.20.0.{number}/16"
            kept = [line for line in TEMPLATE.splitlines() if "address" not in line]
            assert [line for line in kept if line not in path.read_text()] == []
            assert "# from the list" in path.read_text()

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_what_spreadsheets_save_is_read(self, folder: Path, delimiter: str, encoding: str) -> None:
        lines = [
            ["card", "system.name", "network.ethernet.address", ""],
            ["k1", "Küche", "10.20.0.2/16", ""],
            [""] * 4,
        ]
        rows = "\r\n".join(delimiter.join(cells) for cells in lines)
        (made,) = make(folder, rows.encode(encoding))
        assert (made.folder, made.card.config.name) == ("k1", "Küche")

    def test_cells_become_what_their_key_wants(self, folder: Path) -> None:
        (folder / "template.toml").write_text('[display]\n# theme = "dark"\n')
        rows = (
            "signaling.port;display.reduced_motion;call.joining_minutes;interfaces;display.theme\n"
            "9000;yes;2,5;eth0 eth1;light\n;;;;\n8000;;;;\n"
        )
        one, other = make(folder, rows)
        assert one.card.config.signaling.port == 9000
        assert one.card.config.display.reduced_motion is True
        assert one.card.config.call.joining_minutes == 2.5
        assert one.card.config.interfaces == ("eth0", "eth1")
        assert 'theme = "light"\n' in one.card.text
        assert other.card.config.display.theme == "dark"

    @pytest.mark.parametrize(
        ("rows", "key", "line", "code"),
        [
            ("system.name\nBridge\nBridge\n", "system.name", 3, "cards.twice"),
            ("card,system.name\na,x\nA,y\n", "card", 3, "cards.twice"),
            (
                "network.ethernet.address\n10.20.0.2/16\n10.20.0.2/24\n",
                "network.ethernet.address",
                3,
                "cards.twice",
            ),
            ("system.nmae\nBridge\n", "system.nmae", 1, "config.unknown"),
            ("system.name,system.name\na,b\n", "system.name", 1, "cards.twice"),
            ("network\nx\n", "network", 1, "config.type"),
            ("presets\nx\n", "presets", 1, "config.type"),
            ("network.ethernet.address\n10.20.0.0/16\n", "network.ethernet.address", 2, "config.value"),
            ("signaling.port\nx\n", "signaling.port", 2, "config.type"),
            ("display.reduced_motion\nx\n", "display.reduced_motion", 2, "config.type"),
            ("system.name\nBridge,1\n", "", 2, "cards.cells"),
            ("card,system.name\n../x,Bridge\n", "card", 2, "cards.folder"),
            ("system.name\n", "", 0, "cards.empty"),
            ("", "", 0, "cards.empty"),
            ('system.name\n"Bridge\n', "", 2, "cards.syntax"),
            ("system.name\n" + "x\n" * 1001, "", 0, "cards.too-many"),
            ("x" * (1 << 20) + "y", "", 0, "cards.too-large"),
        ],
    )
    def test_a_mistake_names_the_line_of_the_list(
        self, folder: Path, rows: str, key: str, line: int, code: str
    ) -> None:
        if code == "cards.too-many":
            rows = "system.name\n" + "".join(f"Room {n}\n" for n in range(1001))
        error = refusal(folder, rows)
        assert (error.code, error.key, error.line) == (code, key, line)
        assert error.file == str(folder / "rooms.csv")

    def test_a_template_with_a_mistake_is_told_as_such(self, folder: Path) -> None:
        (folder / "template.toml").write_text("name = 1\n")
        assert refusal(folder, "system.name\nBridge\n").file == str(folder / "template.toml")

    def test_the_card_of_a_new_box_is_a_template(self, folder: Path) -> None:
        (folder / "template.toml").write_text(report.template())
        rows = "system.name,network.ethernet.method,network.ethernet.address\nBridge,static,10.0.0.5/8\n"
        (made,) = make(folder, rows)
        assert 'name = "Bridge"\n' in made.card.text
        assert "# name =" not in made.card.text
        assert len(made.card.text.splitlines()) == len(report.template().splitlines())


KEYS = (
    "name",
    "system.language",
    "network.wifi.country",
    "signaling.port",
    "system.ssh_keys",
    "display.theme",
)


@given(
    st.sampled_from(KEYS),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.integers(0, 99),
    st.sampled_from(
        [
            "",
            "# only a comment",
            TEMPLATE,
            TEMPLATE.replace("\n", "\r\n"),
            report.template(),
            'name = "x" # y\n[signaling]\nport = 1\n[network.wifi]\n',
            "[system]",
        ]
    ),
)
def test_any_value_can_be_set_and_everything_else_stays(key: str, value: str | int, text: str) -> None:
    after = cards.set_value(text, key, value)
    data, before = tomllib.loads(after), tomllib.loads(text)
    table, _, name = key.rpartition(".")
    for part in table.split(".") if table else ():
        data, before = data[part], before.get(part, {})
    assert data.pop(name) == value
    before.pop(name, None)
    assert data == before
    assert lines(after) - lines(text) <= 3


def lines(text: str) -> int:
    """As TOML counts them: a line ends at a line feed and nowhere else."""
    return text.count("\n") + (text != "" and not text.endswith("\n"))


# --- Into an image ---------------------------------------------------------------------------------------

TOOLS = ("mcopy", "mkfs.vfat")
needs_mtools = pytest.mark.skipif(
    not all(shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") for tool in TOOLS)
    and os.environ.get("CI") != "true",
    reason="needs mtools and dosfstools",
)
FIRST = 2048  # the first sector of the FAT


def fat(size: int, label: str = "MEETINGBOX") -> bytes:
    """An empty FAT file system."""
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size)
        tool = shutil.which("mkfs.vfat", path="/usr/sbin:/sbin") or "mkfs.vfat"
        subprocess.run([tool, "-n", label, file.name], check=True, capture_output=True)
        return Path(file.name).read_bytes()


def gpt(path: Path, names: tuple[str, ...], content: bytes) -> None:
    """An image with a GPT, as far as finding a partition needs one; the content is in the last one named."""
    sectors = len(content) // 512
    entries = b""
    for number, name in enumerate(names):
        start = FIRST + number * sectors
        kind, own = uuid.uuid4().bytes_le, uuid.uuid4().bytes_le
        entries += kind + own + struct.pack("<QQQ", start, start + sectors - 1, 0)
        entries += name.encode("utf-16-le").ljust(72, b"\0")
    header = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 34, 0, bytes(16), 2, 128, 128, 0
    )
    with path.open("wb") as file:
        file.seek(512)
        file.write(header)
        file.seek(1024)
        file.write(entries)
        file.seek((FIRST + (len(names) - 1) * sectors) * 512)
        file.write(content)


def read_back(path: Path, offset: int) -> bytes:
    return subprocess.run(
        ["mtype", "-i", f"{path}@@{offset}", "::meetingbox.toml"],
        capture_output=True,
        check=True,
        env=os.environ | {"MTOOLS_SKIP_CHECK": "1"},
    ).stdout


@needs_mtools
class TestIntoAnImage:
    SIZE = 4 << 20

    @pytest.mark.parametrize("names", [("MEETINGBOX",), ("slot-a", "meetingbox"), ("a", "b", "EFI")])
    def test_it_goes_into_the_partition_of_that_name_or_label(
        self, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        path = tmp_path / "box.img"
        gpt(path, names, fat(self.SIZE))
        offset = image.find(path)
        assert offset == FIRST * 512 + (len(names) - 1) * self.SIZE
        for text in (b"# one\n", TEMPLATE.encode() * 100, b"# three\r\n"):
            assert "MEETINGBOX" in image.put(text, path)
            assert read_back(path, offset) == text
        listed = subprocess.run(
            ["mdir", "-b", "-i", f"{path}@@{offset}"], capture_output=True, text=True, check=True
        )
        assert listed.stdout.split() == ["::/meetingbox.toml"]

    def test_an_mbr_and_a_file_system_alone_are_found_by_the_label(self, tmp_path: Path) -> None:
        alone = tmp_path / "fat.img"
        alone.write_bytes(fat(self.SIZE))
        assert image.find(alone) == 0
        mbr = tmp_path / "mbr.img"
        table = bytearray(512)
        table[450] = 0x0C
        table[454:458] = struct.pack("<I", FIRST)
        table[510:] = b"\x55\xaa"
        mbr.write_bytes(bytes(table).ljust(FIRST * 512, b"\0") + fat(self.SIZE))
        assert image.find(mbr) == FIRST * 512
        image.put(b"# x\n", mbr)
        assert read_back(mbr, FIRST * 512) == b"# x\n"

    def test_a_card_that_is_full_keeps_what_it_had(self, tmp_path: Path) -> None:
        path = tmp_path / "fat.img"
        path.write_bytes(fat(self.SIZE))
        image.put(b"# good\n", path)
        with pytest.raises(StartError, match=r"does not come back|mcopy"):
            image.put(b"x" * (2 * self.SIZE), path)
        assert read_back(path, 0) == b"# good\n"


class TestOtherTargets:
    def test_a_mounted_card_is_a_folder(self, tmp_path: Path) -> None:
        image.put(b"# x\n", tmp_path)
        assert (tmp_path / "meetingbox.toml").read_bytes() == b"# x\n"

    @pytest.mark.parametrize(
        "content", [b"", b"x" * 5000, bytes(1 << 16), b"\0" * 512 + b"EFI PART" + bytes(9000)]
    )
    def test_what_is_no_card_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.img"
        path.write_bytes(content)
        with pytest.raises(StartError, match="no partition MEETINGBOX"):
            image.put(b"# x\n", path)
        assert path.read_bytes() == content

    def test_one_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StartError, match="No such file"):
            image.put(b"# x\n", tmp_path / "none")

    @given(st.binary(max_size=2000))
    def test_no_image_makes_the_search_fail(self, tail: bytes) -> None:
        import tempfile

        for head in (b"", bytes(512) + b"EFI PART", bytes(510) + b"\x55\xaa"):
            with tempfile.NamedTemporaryFile() as file:
                file.write(head + tail)
                file.flush()
                try:
                    image.find(Path(file.name))
                except StartError:
                    continue
