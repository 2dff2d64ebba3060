"""Reads a page's code blocks and says what of them a machine runs.

    ```sh        commands to copy, run as one
    ```          what they print; or, with lines that begin with "$ ", a session of commands and what each prints
    ```text      what `stead dev` says in its terminal meanwhile, each line, in this order
    ```python    code, and so on for other languages

A line that is only "…" in what is printed stands for any lines. Ids, times, ports and sizes are masked before lines are
compared, and so are widths of columns.
"""

import re
from collections import namedtuple

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MASKS = (
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\b[0-9a-f]{16}\b", "VERSION"),
    (r"\b(?=[a-f]*\d)[0-9a-f]{12}\b", "DIGEST"),
    (r"\bs[0-9a-f]{12}\b", "INSTANCE"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC)?Z?", "TIME"),
    (r"^\d\d:\d\d:\d\d ", ""),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\S*/\.local/state/stead/dev", "STORE"),
    (r"\b[\d.]+ (ms|s|KiB|M steps|h simulated|M steps/s)(?=\W|$)", r"N \1"),
    (r"\bN (ms|s)\b", "N s"),
    (r"\b\d+[smh]\b", "Ns"),
    (r"\(\d+m?s\)", "(Ns)"),
    (r"Sequence: \d+", "Sequence: N"),
    (r"#\d+ ", "#N "),
)
ELISION = "…"

Block = namedtuple("Block", "kind text begin end")  # begin, end: of the text in the page


def blocks(page):
    return [Block(found[1], found[2], found.start(2), found.end(2)) for found in FENCE.finditer(page)]


def masked(line):
    for pattern, name in MASKS:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


def lines_of(text):
    """What is to be compared: no empty lines, and no blanks at the end."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def alike(expected, printed):
    """Whether lines of a page stand for lines that were printed."""
    if not expected:
        return not printed
    if expected[0].strip() == ELISION:
        return any(alike(expected[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and masked(expected[0]) == masked(printed[0]) and alike(expected[1:], printed[1:])


def session(text):
    """[(command, [expected lines])] of a session; [] if it is none."""
    steps = []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps and (steps[-1][0].endswith("\\") or steps[-1][0].count("'") % 2):  # goes on, or is still quoted
            steps[-1] = (steps[-1][0] + "\n" + line, [])
        elif steps and line.strip():
            steps[-1][1].append(line.rstrip())
        elif not steps:
            return []
    return steps
