"""The bounds, all in one file."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from appliance.core import limits


def test_no_bound_is_given_twice() -> None:
    """The second one would hold for who meant the first."""
    body = ast.parse(Path(limits.__file__).read_text()).body
    names = [target.id for line in body if isinstance(line, ast.Assign) for target in line.targets]  # type: ignore[attr-defined]
    assert [name for name, times in Counter(names).items() if times > 1] == []
