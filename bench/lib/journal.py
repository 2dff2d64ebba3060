"""What the flight recorder costs: two services that differ in nothing else, in turns, every second round backwards.

A single round says little: half a second of a service differs by a tenth from the next. So rounds are short, that a drift
hits both, and many; the ratio is that of the sums over all of them, and it comes with the interval in which 95 of 100
repetitions would lie, drawn from the rounds themselves (bootstrap). A goal is reached or missed only if the whole interval
says so. Loading both at once was measured too: the kernel gives one of them the better CPU, and the interval is wider."""

import random

import calls
import processes

CALLERS = 32
ROUNDS_EACH = 40  # for one of the other parts, which are longer
SHARE = 1 / 8  # of their time
WARM_UP_S = 0.15
DRAWS = 2000


def interval(pairs, ratio_of):
    """The ratio over all rounds, and where 95 of 100 lie."""
    dice = random.Random(1)
    drawn = sorted(ratio_of(dice.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    return {"ratio": ratio_of(pairs), "low": drawn[DRAWS // 40], "high": drawn[-1 - DRAWS // 40]}


def calls_ratio(pairs):
    with_it, without = (sum(one["per_second"] for one in side) for side in zip(*pairs))
    return with_it / without


def cpu_us_per_call(side):
    """CPU time of the service, over all its calls."""
    spent_us = sum(one["cpu_us_per_call"]["service"] * one["all_calls"] for one in side)
    return spent_us / sum(one["all_calls"] for one in side)


def cpu_ratio(pairs):
    with_it, without = (cpu_us_per_call(side) for side in zip(*pairs))
    return with_it / without


def measure(options, build, folder, faults):
    started, subjects, pairs = [], [], []
    rounds = ROUNDS_EACH * options.rounds
    try:
        for name, recorded in (("journal", "true"), ("no-journal", "false")):
            address, roots = calls.start_service(build, folder, started, name, "--set", f"journal.enabled={recorded}")
            calls.deploy(build, address, "echo-c")
            subjects.append(calls.Subject(name, "stead", address, "echo-c", roots))
            calls.call(build, subjects[-1], CALLERS, 0.5)
        for number in range(rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            found = {at: calls.call(build, subjects[at], CALLERS, options.seconds * SHARE, WARM_UP_S) for at in order}
            pair = (found[0], found[1])
            faults += [f"{subject.name}: {one['wrong']} wrong, first: {one['problem']}"
                       for subject, one in zip(subjects, pair) if not one["ok"]]
            pairs.append(pair)
            processes.say(f"round {number + 1}/{rounds}  journal {pair[0]['per_second']:8.0f}/s"
                          f"  {pair[0]['cpu_us_per_call']['service']:.1f} us"
                          f"  without {pair[1]['per_second']:8.0f}/s  {pair[1]['cpu_us_per_call']['service']:.1f} us")
    finally:
        for process in reversed(started):
            process.stop()
    with_it, without = zip(*pairs)
    return {"rounds": rounds, "per_second": interval(pairs, calls_ratio), "cpu": interval(pairs, cpu_ratio),
            "cpu_us_per_call": cpu_us_per_call(with_it), "cpu_us_per_call_without": cpu_us_per_call(without)}
