"""Writes the page about long runs from their outcomes: summary.py OUTCOME.json... (what `stead sim conform --json` wrote)."""
import json
import sys

_HEAD = """# Long runs against real brokers

<!-- Written by tests/conformance/broker/summary.py from the outcomes of tests/conformance/broker/long; do not edit. -->

What `stead sim conform` saw of real nats-servers that the broker's model [may do or may not](conformance.md). A script
that differs is played twice again: it is a difference if it differs each time, else it is counted under `once`.

| back end | nats-server | quirk scripts | not for it | random scripts | seeds | differ | not as expected | broken | once | of these twice | minutes |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

_WAYS = """
## Choices of the model that were made for real

How often a trace could only be explained by a choice made that way (no, yes).

"""


def _number(value):
    return "{:,}".format(value)


def _row(outcome, run):
    last = outcome["seed"] + outcome["random"] - 1
    twice = sum(1 for finding in run["findings"] if not finding["steady"] and finding["again"] == 1)
    cells = [
        "`%s`" % run["backend"], run["version"], outcome["files"] - run["left_out"], run["left_out"], _number(outcome["random"]),
        "%d to %d" % (outcome["seed"], last) if outcome["random"] else "none", run["differences"], run["unmet"], run["broken"],
        run["once"], twice, "%.1f" % (run["seconds"] / 60),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _findings(run):
    return ["- `%s` of `%s`, line %d: %s" % (finding["script"], run["backend"], finding["line"], finding["why"].replace("\n", " "))
            for finding in run["findings"] if finding["steady"]]


def _ways(runs):
    lines = ["| choice | " + " | ".join("`%s`" % run["backend"] for run in runs) + " |", "|---|" + "---|" * len(runs)]
    for choice in runs[0]["seen"]:
        cells = ["%s, %s" % (_number(run["seen"][choice]["no"]), _number(run["seen"][choice]["yes"])) for run in runs]
        lines.append("| `%s` | " % choice + " | ".join(cells) + " |")
    return lines


def main():
    outcomes = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            outcomes.append(json.load(file))
    pairs = [(outcome, run) for outcome in outcomes for run in outcome["backends"]]
    print(_HEAD + "\n".join(_row(outcome, run) for outcome, run in pairs))
    found = [line for _, run in pairs for line in _findings(run)]
    if found:
        print("\n## What differs\n\n" + "\n".join(found))
    print(_WAYS + "\n".join(_ways([run for _, run in pairs])))


main()
