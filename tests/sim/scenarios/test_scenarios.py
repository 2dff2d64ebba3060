#!/usr/bin/env python3
"""The acceptance tests and the attacks of tests/chaos, and bad input (tests/integration/service/test_bad_input.py), in the
simulator: schedules written by hand, one for each. What must come of one stands in its remarks: `# expect <number> =|>
<number>`, where a number is a path in what `stead sim run --json` prints. Its history is judged by `stead check` as well.
With `# planted N` it must also go wrong
with that planted bug. Usage: test_scenarios.py STEAD STEAD_MUTANTS"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def expectations(path):
    with open(path, encoding="ascii") as file:
        return [line.split()[2:] for line in file if line.startswith("# expect ")]


def planted_bug(path):
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith("# planted "):
                return int(line.split()[2])
    return 0


def value(report, text):
    if text.isdigit():
        return int(text)
    for name in text.split("."):
        report = report.get(name, 0)
    return report


def unmet(path, report):
    wrong = []
    for left, relation, right in expectations(path):
        a, b = value(report, left), value(report, right)
        if not {"=": a == b, ">": a > b}[relation]:
            wrong.append("%s is %d, not %s %s" % (left, a, relation, right))
    return wrong


def finds(mutants, path, copy, bug):
    """Whether it fails with that bug: by an invariant, or by what is expected of it."""
    with open(path, encoding="ascii") as file, open(copy, "w", encoding="ascii") as planted:
        head = file.readline()
        planted.write(head + "mutant %d\n" % bug + file.read())
    done = subprocess.run([mutants, "run", "--schedule", copy, "--json"], capture_output=True, text=True, check=False)
    return done.returncode in (1, 3, 4, 5) or (done.returncode == 0 and unmet(path, json.loads(done.stdout)) != [])


def play(stead, path, history):
    """What is wrong with it, as lines."""
    done = subprocess.run([stead, "sim", "run", "--schedule", path, "--history", history, "--json"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return ["ended with %d: %s%s" % (done.returncode, done.stdout[:300], done.stderr[:300])]
    report = json.loads(done.stdout)
    wrong = unmet(path, report) if expectations(path) else ["it expects nothing"]
    judged = subprocess.run([stead, "check", history], capture_output=True, text=True, check=False)
    return wrong + ([judged.stdout[:500]] if judged.returncode else [])


def main():
    stead, mutants, failed = sys.argv[1], sys.argv[2], 0
    names = sorted(name for name in os.listdir(HERE) if name.endswith(".schedule"))
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = os.path.join(HERE, name)
            wrong = play(stead, path, os.path.join(folder, "history.jsonl"))
            bug = planted_bug(path)
            if bug and not finds(mutants, path, os.path.join(folder, "planted.schedule"), bug):
                wrong.append("it is as well with planted bug %d" % bug)
            print("%s %s" % ("FAILED" if wrong else "ok", name[: -len(".schedule")]))
            for text in wrong:
                print("    " + text)
            failed += bool(wrong)
    print("%d scenarios, %d failed" % (len(names), failed))
    sys.exit(1 if failed or not names else 0)


if __name__ == "__main__":
    main()
