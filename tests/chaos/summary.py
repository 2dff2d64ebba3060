"""Writes the page about long runs from their outcomes: summary.py OUTCOME.json... (what `run --json` wrote)."""
import json
import sys

_HEAD = """# Long runs of real chaos

<!-- Written by tests/chaos/summary.py from the outcomes of tests/chaos/long; do not edit. -->

What [real chaos](chaos.md) did to Stead and what came of it, from the outcomes that the runs wrote. `stead check` judged
each history: every accepted request ended once, at most one result for an id, nobody charged for what is not the function's
doing, an empty queue at the end.
"""


def _row(name, value):
    return "| %s | %s |" % (name, value)


def _s(number):
    return "" if number == 1 else "s"


def _verdict(run):
    found = len(run["failures"]) + len(run["problems"])
    return "everything held" if found == 0 else "**%d things did not hold**" % found


def _run(run):
    verdict, read = run["verdict"], run["read_back"]
    lines = [
        "\n## %d broker%s, %d instances, %g minute%s: %s\n" % (
            run["brokers"], _s(run["brokers"]), run["instances"], run["minutes"], _s(run["minutes"]), _verdict(run)),
        "```sh\n%s\n```\n" % run["again"],
        "| | |\n|---|---|",
        _row("nats-server", run["server_version"].rpartition("v")[2]),
        _row("namespaces of its own", ", ".join(run["namespaces"]) or "none"),
        _row("seed", run["seed"]),
        _row("operations of clients", "{:,}".format(run["operations"])),
        _row("executions of functions", "{:,}".format(verdict.get("executions", 0))),
        _row("requests accepted", "{:,}".format(verdict.get("accepted", 0))),
        _row("of those ended", "{:,}".format(verdict.get("ended", 0))),
        _row("of those lost", verdict.get("lost", "not judged")),
        _row("results read back", "{:,}".format(read.get("results", 0))),
        _row("dead letters read back", "{:,}".format(read.get("dead", 0))),
        _row("still queued", read.get("queued", "not read")),
        _row("violations of invariants", verdict.get("violations_count", "not judged")),
        _row("processes that ended by themselves, and other failures", len(run["failures"])),
        _row("faults", run["faults"]),
        "\n| fault | times |\n|---|---|",
    ]
    lines += [_row("`%s`" % kind, count) for kind, count in run["fault_kinds"].items()]
    lines += ["\n" + "\n".join("Not here: `%s`, since %s." % (kind, why) for kind, why in run["skipped"].items())] if run["skipped"] else []
    for text in run["failures"] + run["problems"][:20]:
        lines.append("\n- " + text.replace("\n", " ")[:300])
    return lines


def main():
    print(_HEAD, end="")
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            print("\n".join(_run(json.load(file))))


if __name__ == "__main__":
    main()
