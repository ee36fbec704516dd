"""What is wrong on an appliance's card stands at home, whole, in every language and size."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pygame
import pytest
from provision.broken_cards import BROKEN, put
from test_display_layout import SIZES, stand

from appliance.core.languages import NAMES, RIGHT_TO_LEFT
from appliance.core.view import LookView, Problem
from appliance.core.words import from_plain
from appliance.display import language
from appliance.display.fonts import Fonts
from appliance.display.preview.scenes import Scene
from appliance.display.preview.snapshots import HOME
from appliance.display.render import layout
from appliance.display.scene import Text
from appliance.display.text import ELLIPSIS, Typesetter
from appliance.errors import ConfigError
from appliance.provision import card, mistake, plan, report


@pytest.fixture(scope="module")
def typesetter():
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


def problems(folder: Path) -> list[mistake.ProblemFile]:
    found = [mistake.of_disk()]
    for name in BROKEN:
        (folder / name).mkdir()
        put(name, folder / name)
        with pytest.raises(ConfigError) as caught:
            report.check(folder / name / card.FILE)
        found += [mistake.of_card(caught.value, last_good) for last_good in (True, False)]
    lost = plan.Machine(zones=lambda _: False)
    made = plan.make(
        card.parse('system.time_zone = "America/Argentina/ComodRivadavia"\n'),
        plan.Kept(),
        ("network.wifi.passphrase",),
        lost,
    )
    return found + [mistake.of_plan(problem, card.FILE) for problem in made.problems]


@pytest.mark.parametrize(
    ("code", "size"),
    [
        pytest.param(code, size, id=f"{code}-{size[0]}x{size[1]}")
        for code, size in itertools.product(NAMES, [size for size in SIZES if size[0] >= size[1]])
    ],
)
def test_it_is_whole(code: str, size: tuple[int, int], typesetter: Typesetter, tmp_path: Path) -> None:
    tr = language.find(code)
    for problem in problems(tmp_path):
        sentence = from_plain(problem.sentence)
        shown = replace(HOME, problems=(Problem(problem.code, sentence),), look=LookView(language=code))
        made = stand(Scene("card", shown), size, typesetter, tr=tr, right_to_left=code in RIGHT_TO_LEFT)
        plain = "".join(c for c in tr(sentence) if c.isprintable())
        found = [
            node
            for node in made.view().nodes
            if isinstance(node, Text) and "".join(c for c in node.text if c.isprintable()) == plain
        ]
        assert len(found) == 1, sentence
        lines = layout(found[0], typesetter)
        assert not any(line.endswith(ELLIPSIS) for line in lines), lines
