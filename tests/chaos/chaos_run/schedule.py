"""What is hurt when: a list made from the seed alone, so that two runs of a seed hurt the same things at the same times.

Time is cut into periods. A quarter of them is quiet, so that the system must also come back to work in between. Every few
periods another random half of the kinds is in play, so that a run sees many mixtures instead of one average.
"""
import random
from collections import namedtuple

PERIOD_S = 8.0
_PERIODS_OF_A_MIX = 4
_QUIET_SHARE = 0.25
_FAULTS_MAX = 5

Planned = namedtuple("Planned", "at_s length_s kind seed")


def make(seed, seconds, kinds):
    """Planned faults in order of time. `kinds` is {name: (class, weight)} of what is possible."""
    draw = random.Random("schedule %s" % seed)
    plan, mix = [], []
    for period in range(int(seconds / PERIOD_S) + 1):
        if period % _PERIODS_OF_A_MIX == 0:
            mix = draw.sample(sorted(kinds), (len(kinds) + 1) // 2)
        quiet = draw.random() < _QUIET_SHARE
        for number in range(draw.randint(2, _FAULTS_MAX)):
            kind = draw.choices(mix, [kinds[name][1] for name in mix])[0]
            at_s = period * PERIOD_S + draw.uniform(0, PERIOD_S)
            length_s = draw.uniform(0.1, 1.0) * kinds[kind][0].longest_s
            if not quiet and at_s < seconds:
                plan.append(Planned(at_s, length_s, kind, "%s %d %d" % (seed, period, number)))
    return sorted(plan)
