"""What a run can be told, and the line that repeats it."""
import argparse
import os
import random
import sys


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tests/chaos/run", description="Hurts a real world of Stead by a seeded schedule and judges what everybody saw."
    )
    parser.add_argument("--minutes", type=float, default=2, help="of load and faults; healing and reading come after (2)")
    parser.add_argument("--seed", type=int, help="of the schedule and the clients' draws; random if absent")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--instances", type=int, choices=(1, 2, 3), default=2)
    parser.add_argument("--server", choices=("2.9", "current"), help="nats-server: Debian's (the default for one broker) or a current one")
    parser.add_argument("--rate", type=float, default=70, help="operations per second that the clients aim at (70)")
    parser.add_argument("--faults", default="", help="only these kinds, separated by commas; none: no faults")
    parser.add_argument("--report", metavar="FILE.html", help="draw the history as a page")
    parser.add_argument("--json", metavar="FILE", help="write the outcome; - is stdout")
    parser.add_argument("--keep", metavar="DIR", help="keep history, logs, journals and stores there")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 1 << 31)
    if options.server is None:
        options.server = "2.9" if options.brokers == 1 else "current"
    if options.keep:
        options.keep = os.path.abspath(options.keep)
        if os.path.isdir(options.keep) and os.listdir(options.keep):
            parser.error("--keep: %s is not empty, and may be another run's; name a folder that is new" % options.keep)
    return options


def again(options):
    """The command that repeats a run."""
    words = ["tests/chaos/run", "--minutes", "%g" % options.minutes, "--seed", str(options.seed)]
    words += ["--brokers", str(options.brokers), "--instances", str(options.instances), "--server", options.server]
    words += ["--rate", "%g" % options.rate] + (["--faults", options.faults] if options.faults else [])
    return " ".join(words)


def say(text):
    print(text, file=sys.stderr, flush=True)
