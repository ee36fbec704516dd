"""Which sound device is meant, and what happens when it is not there or goes away."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from appliance.errors import DeviceError
from appliance.media.audio import devices
from appliance.media.audio.devices import Spec, choose, describe, missing, parse_cards, parse_spec

CARDS = """\
 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 1 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 3 [USB            ]: USB-Audio - Jabra SPEAK 510 USB
                      GN Netcom A/S Jabra SPEAK 510 USB at usb-0000:01:00.0-1.3, full speed
"""


def found(*names: str, ins: int = 1, outs: int = 2) -> list[dict[str, object]]:
    return [{"name": name, "max_input_channels": ins, "max_output_channels": outs} for name in names]


PI = [
    *found("vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)", ins=0),
    *found("bcm2835 Headphones: - (hw:1,0)", ins=0),
    *found("Jabra SPEAK 510 USB: Audio (hw:3,0)"),
    *found("default"),
]


# --- The configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("auto", Spec("auto")),
        ("none", Spec("none")),
        ("device", Spec("device")),
        ("device:USB", Spec("device", "USB")),
        ("file:/tmp/a:b.wav", Spec("file", "/tmp/a:b.wav")),
        ("test", Spec("test")),
        ("test:7", Spec("test", "7")),
    ],
)
def test_what_a_microphone_may_be(text: str, spec: Spec) -> None:
    assert parse_spec(text, "microphone") == spec


@pytest.mark.parametrize(
    "text", ["", "usb", "device:", "file:", "file", "test:8", "test:x", "none:1", "auto:"]
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(DeviceError, match="is none of auto") as caught:
        parse_spec(text, "microphone")
    assert caught.value.code == "sound.microphone.unknown"


def test_a_speaker_has_no_band() -> None:
    with pytest.raises(DeviceError):
        parse_spec("test:1", "speaker")


# --- The devices ------------------------------------------------------------------------------------


def test_cards_are_known_by_their_ids() -> None:
    assert [(c.index, c.id, c.driver) for c in parse_cards(CARDS)] == [
        (0, "vc4hdmi0", "vc4-hdmi"),
        (1, "Headphones", "bcm2835_headpho"),
        (3, "USB", "USB-Audio"),
    ]
    assert parse_cards("--- no soundcards ---\n") == ()


def test_a_device_keeps_its_id_when_the_order_of_the_cards_changes() -> None:
    before = describe(PI, (3, 3), parse_cards(CARDS))
    moved = CARDS.replace(" 3 [USB", " 0 [USB").replace(" 0 [vc4", " 3 [vc4")
    renamed = [dict(d, name=str(d["name"]).replace("hw:3", "hw:9")) for d in PI]
    renamed = [dict(d, name=str(d["name"]).replace("hw:0", "hw:3")) for d in renamed]
    renamed = [dict(d, name=str(d["name"]).replace("hw:9", "hw:0")) for d in renamed]
    after = describe(renamed, (3, 3), parse_cards(moved))
    spec = Spec("device", "USB")
    chosen_before, chosen_after = choose(before, spec, "speaker"), choose(after, spec, "speaker")
    assert chosen_before is not None
    assert chosen_after is not None
    assert chosen_before.id == chosen_after.id == "USB"
    assert chosen_before.label == "Jabra SPEAK 510 USB"


def test_without_a_sound_server_a_usb_speakerphone_is_taken_before_hdmi() -> None:
    listed = describe(PI, (2, 0), parse_cards(CARDS))
    for kind in ("microphone", "speaker"):
        chosen = choose(listed, Spec("auto"), kind)  # type: ignore[arg-type]
        assert chosen is not None
        assert chosen.id == "USB"


def test_a_sound_server_is_left_its_choice() -> None:
    listed = describe([*PI, *found("pipewire")], (3, 3), parse_cards(CARDS))
    chosen = choose(listed, Spec("auto"), "speaker")
    assert chosen is not None
    assert chosen.id == "default"


def test_a_device_without_the_right_direction_is_not_taken() -> None:
    listed = describe(PI[:2], (-1, 0), parse_cards(CARDS))
    assert choose(listed, Spec("auto"), "microphone") is None
    assert choose(listed, Spec("device", "Headphones"), "microphone") is None
    speaker = choose(listed, Spec("device", "headphones"), "speaker")
    assert speaker is not None
    assert speaker.id == "Headphones"


def test_a_missing_device_is_named_with_its_remedy() -> None:
    assert "USB is not connected. Plug it in" in str(missing(Spec("device", "USB"), "speaker"))
    assert "No microphone was found. Plug in" in str(missing(Spec("auto"), "microphone"))


# --- PortAudio itself, each in a process of its own -------------------------------------------------

SYSTEM = "</usr/share/alsa/alsa.conf>\n"
ASOUND = """
pcm.{name} {{
    type plug
    slave.pcm {{ type file slave.pcm {{ type null }} file "{sink}" infile "{source}" format raw }}
    hint {{ show on description "a room" }}
}}
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_portaudio_there_is_a_sentence_and_no_crash() -> None:
    said = run(
        """
        import ctypes.util
        find = ctypes.util.find_library
        ctypes.util.find_library = lambda name: None if name == "portaudio" else find(name)
        import time
        from appliance.media.audio.engine import AudioEngine
        engine = AudioEngine("auto", "auto", on_sound=print, on_state=lambda view: None)
        engine.start()
        engine.set_active(True)
        time.sleep(0.3)
        for view in engine.devices:
            print(view.kind, view.problem)
        print("played", engine.stats()["engine"]["played"] > 5)
        engine.stop()
        """
    )
    assert said.count("Install the package libportaudio2") == 2
    assert "played True" in said


def test_portaudio_is_not_begun_again_while_a_stream_is_open() -> None:
    portaudio = devices.PortAudio()
    assert portaudio.rescan()
    portaudio._open.append(object())
    assert not portaudio.rescan()


def test_a_box_without_its_sound_card_says_so_and_runs() -> None:
    said = run(
        """
        import time
        from appliance.media.audio.engine import AudioEngine
        states = []
        engine = AudioEngine("device:Room", "device:Hall", on_sound=print, on_state=states.append)
        engine.start()
        engine.set_active(True)
        time.sleep(0.3)
        print([str(view.problem) for view in engine.devices])
        print("told", [view.kind for view in states])
        print("played", engine.stats()["engine"]["played"] > 5)
        engine.stop()
        """
    )
    assert "The microphone Room is not connected" in said
    assert "The speaker Hall is not connected" in said
    assert "told ['microphone', 'speaker']" in said
    assert "played True" in said


def test_a_device_that_appears_later_is_opened_and_used(tmp_path: Path) -> None:
    """A PCM that ALSA finds in its configuration: PortAudio plays into one file and captures another."""
    sink, source = tmp_path / "sink.raw", tmp_path / "source.raw"
    source.write_bytes(b"\x00\x10" * 480_000)
    config = tmp_path / "asound.conf"
    config.write_text(SYSTEM)
    later = SYSTEM + ASOUND.format(name="room", sink=sink, source=source)
    said = run(
        f"""
        import time
        from pathlib import Path
        from appliance.media.audio.engine import AudioEngine
        sounds = []
        engine = AudioEngine("device:room", "device:room", on_sound=sounds.append, on_state=print)
        engine.start()
        engine.set_active(True)
        print("before", len(sounds), [bool(view.problem) for view in engine.devices])
        Path({str(config)!r}).write_text({later!r})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not (sounds and not any(v.problem for v in engine.devices)):
            time.sleep(0.05)
        print("after", len(sounds) > 0, [view.label for view in engine.devices])
        engine.stop()
        """,
        ALSA_CONFIG_PATH=str(config),
    )
    assert "before 0 [True, True]" in said
    assert "after True ['room', 'room']" in said
    assert sink.stat().st_size > 0
