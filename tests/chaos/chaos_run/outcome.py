"""How a run ended: the judgement of its history, a table of faults and ends, and the same as JSON."""
import json
import subprocess
import sys
import time

from stead_world.world import PROGRAM

from . import space
from .options import again, say


def _judge(run):
    """What `stead check` counted, and what it found wrong."""
    command = [PROGRAM, "check", "--json"] + (["--report", run.options.report] if run.options.report else [])
    done = subprocess.run(command + [run.history.path], capture_output=True, text=True, check=False)
    try:
        verdict = json.loads(done.stdout)
    except ValueError:
        return {}, ["stead check ended with %d: %s" % (done.returncode, done.stderr.strip())]
    problems = [json.dumps(one) for one in verdict.pop("violations")]
    if done.returncode and not problems:
        problems = ["stead check ended with %d" % done.returncode]
    return verdict, problems


def _facts(run, verdict, problems):
    options = run.options
    return {
        "seed": options.seed, "minutes": options.minutes, "brokers": options.brokers, "instances": options.instances,
        "server": options.server, "server_version": run.place.server_version, "again": again(options), "namespaces": space.kinds().split(),
        "seconds": round(time.monotonic() - run.started_s), "operations": run.load.calls, "faults": run.faults(),
        "fault_kinds": {name: row["begun"] for name, row in run.table.items()}, "skipped": run.skipped,
        "ends": dict(sorted(run.load.ends.items())), "read_back": run.read, "verdict": verdict,
        "failures": run.failures, "problems": problems,
    }


def judge_and_tell(run):
    """True if everything held."""
    verdict, problems = _judge(run)
    facts = _facts(run, verdict, problems)
    say("\n%-18s %6s" % ("fault", "begun"))
    for name, row in run.table.items():
        note = "  (%d times nothing to hurt)" % row["without target"] if row["without target"] else ""
        say("%-18s %6d%s" % (name, row["begun"], note))
    say("\n%-44s %7s" % ("what clients saw", "times"))
    for name, count in facts["ends"].items():
        say("%-44s %7d" % (name, count))
    for text in run.failures + problems[:50]:
        say("FAILED: %s" % text)
    say("%d operations, %d faults, %s read back, %d failures, %d problems in the history, %d s" % (
        facts["operations"], facts["faults"], run.read, len(run.failures), len(problems), facts["seconds"]))
    if run.options.json:
        text = json.dumps(facts, indent=1) + "\n"
        if run.options.json == "-":
            sys.stdout.write(text)
        else:
            with open(run.options.json, "w", encoding="utf-8") as file:
                file.write(text)
    return not run.failures and not problems
