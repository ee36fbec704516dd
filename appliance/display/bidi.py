"""Lines that mix directions of writing: which part is written which way, and in which order they stand.

The Unicode bidirectional algorithm (UAX #9, Unicode 15) for one line, with isolates and without the older
embeddings and overrides, which ``text.clean`` takes out: they make one name look like another. The rules'
names stand beside the code. A library gives only the reordered characters; a shaper wants the runs as they
are written, and their direction.
"""

from __future__ import annotations

import unicodedata
from bisect import insort
from collections.abc import Iterator

LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"  # marks: strong, and not seen
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"  # around what comes from outside: its first letter decides
MARKS = frozenset("\u200e\u200f\u2066\u2067\u2068\u2069")
DEEPEST = 125  # BD2

_ISOLATES = frozenset(("LRI", "RLI", "FSI"))
_NEUTRAL = frozenset(("B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI", "BN"))
_IGNORED = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF"))  # X9
_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}  # as neutrals and brackets see them: N0 to N2
_OPENING = "([{〈《「『【〔（［｛"  # noqa: RUF001 - the wide ones
_PAIRS = dict(zip(_OPENING, ")]}〉》」』】〕）］｝", strict=True))  # noqa: RUF001
_CLOSING = {closing: opening for opening, closing in _PAIRS.items()}
_BRACKETS = 63  # BD16: a deeper nesting than this is left alone

Sequence = list[int]  # the indices of an isolating run sequence (BD13)


def is_plain(text: str) -> bool:
    """Whether a line is surely written from left to right: quick, and right for nearly all of them."""
    return text.isascii() or all(
        c < "\u0590" or "\u2010" <= c < "\u2028" or "\u2e80" <= c < "\ufb00" for c in text
    )


def goes_left(text: str) -> bool:
    """Whether a line is written from right to left, by its first strong character (P2, P3)."""
    return _first_strong([_class(c) for c in text], 0, len(text)) == 1


def runs(text: str) -> list[tuple[str, bool]]:
    """Parts of a line from left to right as they are seen, each as it is written, and whether to the left.

    Marks and isolates are left out: nobody sees them.
    """
    found = levels(text)
    parts: list[tuple[list[str], int]] = []
    for char, level in zip(text, found, strict=True):
        if not parts or parts[-1][1] != level:
            parts.append(([], level))
        if char not in MARKS:
            parts[-1][0].append(char)
    deepest = max((level for _, level in parts), default=0)
    for least in range(deepest, 0, -1):  # L2
        at = 0
        while at < len(parts):
            end = at
            while end < len(parts) and parts[end][1] >= least:
                end += 1
            parts[at:end] = parts[at:end][::-1]
            at = end + 1
    return [("".join(chars), level % 2 == 1) for chars, level in parts if chars]


def levels(text: str) -> list[int]:
    """The embedding level of every character; odd ones are written from right to left."""
    original = [_class(c) for c in text]
    base = _first_strong(original, 0, len(original))
    found = _explicit(original, base)
    classes = list(original)
    for sequence in _sequences(original, found):
        before, after = _edges(sequence, original, found, base)
        _weak(sequence, classes, before)
        _brackets(sequence, text, original, classes, found, before)
        _neutrals(sequence, classes, found, before, after)
    for i, kind in enumerate(classes):
        if found[i] % 2:  # I2
            found[i] += kind in ("L", "EN", "AN")
        elif kind != "L":  # I1
            found[i] += 1 if kind == "R" else 2 if kind in ("EN", "AN") else 0
    _trailing(original, found, base)
    return found


def _class(char: str) -> str:
    kind = unicodedata.bidirectional(char) or "L"
    return "BN" if kind in _IGNORED else kind


def _first_strong(classes: list[str], start: int, end: int) -> int:
    """The level by the first strong character outside of isolates (P2, P3)."""
    depth = 0
    for kind in classes[start:end]:
        if kind in _ISOLATES:
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif depth == 0 and kind in ("L", "R", "AL"):
            return 0 if kind == "L" else 1
    return 0


def _match(classes: list[str], start: int) -> int:
    """The index of the PDI that ends an isolate; the end, when there is none (BD9)."""
    depth = 1
    for i in range(start + 1, len(classes)):
        if classes[i] in _ISOLATES:
            depth += 1
        elif classes[i] == "PDI":
            depth -= 1
            if depth == 0:
                return i
    return len(classes)


def _explicit(classes: list[str], base: int) -> list[int]:
    """Levels by isolates alone (X1 to X8)."""
    found: list[int] = []
    stack, overflow = [base], 0
    for i, kind in enumerate(classes):
        if kind in _ISOLATES:
            found.append(stack[-1])
            left = kind == "RLI" or (kind == "FSI" and _first_strong(classes, i + 1, _match(classes, i)) == 1)
            level = stack[-1] + 1
            level += level % 2 != left
            if level <= DEEPEST and not overflow:
                stack.append(level)
            else:
                overflow += 1
            continue
        if kind == "PDI":
            if overflow:
                overflow -= 1
            elif len(stack) > 1:
                stack.pop()
        found.append(stack[-1])
    return found


def _sequences(classes: list[str], found: list[int]) -> Iterator[Sequence]:
    """The isolating run sequences (X10); what is ignored is in none, it goes with what stands before it."""
    runs_: list[Sequence] = []
    for i, kind in enumerate(classes):
        if kind == "BN":
            continue
        if runs_ and found[runs_[-1][0]] == found[i]:
            runs_[-1].append(i)
        else:
            runs_.append([i])
    starts = {run[0]: run for run in runs_}
    continued: set[int] = set()
    for run in runs_:
        if run[0] in continued:
            continue
        sequence = list(run)
        while classes[sequence[-1]] in _ISOLATES:
            following = starts.get(_match(classes, sequence[-1]))
            if following is None:
                break
            continued.add(following[0])
            sequence += following
        yield sequence


def _edges(sequence: Sequence, classes: list[str], found: list[int], base: int) -> tuple[str, str]:
    """What stands before and after a sequence (sos and eos, X10)."""
    here = found[sequence[0]]
    i = sequence[0] - 1
    while i >= 0 and classes[i] == "BN":
        i -= 1
    before = found[i] if i >= 0 else base
    last = sequence[-1]
    i = last + 1
    while i < len(classes) and classes[i] == "BN":
        i += 1
    after = found[i] if i < len(classes) and classes[last] not in _ISOLATES else base
    return "LR"[max(here, before) % 2], "LR"[max(here, after) % 2]


def _weak(sequence: Sequence, classes: list[str], before: str) -> None:
    """Numbers and what belongs to them (W1 to W7)."""
    last = before
    for i in sequence:  # W1
        if classes[i] == "NSM":
            classes[i] = "ON" if last in _ISOLATES or last == "PDI" else last
        last = classes[i]
    strong = before
    for i in sequence:  # W2, W3
        if classes[i] in ("L", "R", "AL"):
            strong = classes[i]
        elif classes[i] == "EN" and strong == "AL":
            classes[i] = "AN"
    for i in sequence:
        if classes[i] == "AL":
            classes[i] = "R"
    for a, i, b in zip(sequence, sequence[1:], sequence[2:], strict=False):  # W4
        if classes[a] == classes[b] and (
            (classes[i] in ("ES", "CS") and classes[a] == "EN") or (classes[i] == "CS" and classes[a] == "AN")
        ):
            classes[i] = classes[a]
    at = 0
    while at < len(sequence):  # W5
        end = at
        while end < len(sequence) and classes[sequence[end]] == "ET":
            end += 1
        beside = [classes[sequence[k]] for k in (at - 1, end) if 0 <= k < len(sequence)]
        if end > at and "EN" in beside:
            for i in sequence[at:end]:
                classes[i] = "EN"
        at = max(end, at + 1)
    strong = before
    for i in sequence:  # W6, W7
        if classes[i] in ("ES", "CS", "ET"):
            classes[i] = "ON"
        elif classes[i] in ("L", "R"):
            strong = classes[i]
        elif classes[i] == "EN" and strong == "L":
            classes[i] = "L"


def _brackets(
    sequence: Sequence, text: str, original: list[str], classes: list[str], found: list[int], before: str
) -> None:
    """Brackets go with what they are around, or with what stands before them (N0)."""
    embedding = "LR"[found[sequence[0]] % 2]
    for opening, closing in _pairs(sequence, text, classes):
        inside = {_STRONG.get(classes[i]) for i in sequence[opening + 1 : closing]}
        if embedding in inside:
            direction = embedding
        elif inside & {"L", "R"}:
            strong = next((s for i in reversed(sequence[:opening]) if (s := _STRONG.get(classes[i]))), before)
            direction = strong if strong != embedding else embedding
        else:
            continue
        for bracket in (opening, closing):
            classes[sequence[bracket]] = direction
            for i in sequence[bracket + 1 :]:  # marks on a bracket
                if original[i] != "NSM":
                    break
                classes[i] = direction


def _pairs(sequence: Sequence, text: str, classes: list[str]) -> list[tuple[int, int]]:
    """Pairs of brackets, by their places in the sequence, in the order in which they open (BD16)."""
    waiting: list[tuple[str, int]] = []
    pairs: list[tuple[int, int]] = []
    for place, i in enumerate(sequence):
        if classes[i] != "ON":
            continue
        if text[i] in _PAIRS:
            if len(waiting) == _BRACKETS:
                return []
            waiting.append((text[i], place))
        elif text[i] in _CLOSING:
            for depth in range(len(waiting) - 1, -1, -1):
                if waiting[depth][0] == _CLOSING[text[i]]:
                    insort(pairs, (waiting[depth][1], place))
                    del waiting[depth:]
                    break
    return pairs


def _neutrals(sequence: Sequence, classes: list[str], found: list[int], before: str, after: str) -> None:
    """Between two of one direction that one, else the direction around (N1, N2)."""
    embedding = "LR"[found[sequence[0]] % 2]
    at = 0
    while at < len(sequence):
        end = at
        while end < len(sequence) and classes[sequence[end]] in _NEUTRAL:
            end += 1
        if end > at:
            left = _STRONG[classes[sequence[at - 1]]] if at else before
            right = _STRONG[classes[sequence[end]]] if end < len(sequence) else after
            for i in sequence[at:end]:
                classes[i] = left if left == right else embedding
        at = max(end, at + 1)


def _trailing(classes: list[str], found: list[int], base: int) -> None:
    """White space at the end of the line stands there (L1); what is ignored stands with its neighbour."""
    for i in range(len(found) - 1, -1, -1):
        if classes[i] not in ("WS", "S", "B", "BN") and classes[i] not in _ISOLATES | {"PDI"}:
            break
        found[i] = base
    for i, kind in enumerate(classes):
        if kind == "BN":
            found[i] = found[i - 1] if i else base
