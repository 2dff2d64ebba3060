"""One run of real chaos: starts a world, loads it, hurts it by the schedule, heals it, drains it, reads everything back,
and has the history judged by `stead check`. The driver's main thread starts and hurts all processes.

Exit codes: 0 everything held, 1 something did not, 77 it can't run here.
"""
import heapq
import itertools
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration", "service"))

from chaos_run import outcome, readback, schedule, space
from chaos_run.faults import KINDS
from chaos_run.load import Load
from chaos_run.machines import server_program
from chaos_run.options import again, parse, say
from chaos_run.place import DEPLOYED, RETENTION_S, TIMEOUT_S, Place
from stead_world.process import wait_for

_TICK_S = 0.1
_PROGRESS_S = 10
_DEPLOYS_S = 120
_DRAIN_S = 150
_SLACK_NS = 300 * 10**6


class Run:
    def __init__(self, options, program):
        self.options, self.started_s = options, time.monotonic()
        self.place = Place(options, program)
        self.history = self.place.history
        self.load, self.failures, self.read = None, [], {}
        wanted = [name for name in options.faults.split(",") if name] or list(KINDS)
        refusals = {name: KINDS[name][0].refusal(self.place) for name in wanted if name != "none"}
        self.skipped = {name: why for name, why in refusals.items() if why}
        self.kinds = {name: KINDS[name] for name, why in refusals.items() if not why}
        self.table = {name: {"begun": 0, "without target": 0} for name in self.kinds}
        self.order = itertools.count()

    def settings(self):
        """What is promised. Clients and functions share one clock, but what they see is stamped a little later."""
        self.history.write("driver", "info", "settings", timeout_ns=TIMEOUT_S * 10**9, retention_ns=RETENTION_S * 10**9,
                           slack_ns=_SLACK_NS, seed=self.options.seed)
        for name, (_, _, retries) in DEPLOYED.items():
            self.history.write("driver", "info", "settings", fn=name, retries=retries)

    def hurt(self):
        """Load and faults, until the time is over."""
        seconds = self.options.minutes * 60
        plan = schedule.make(self.options.seed, seconds, self.kinds) if self.kinds else []
        begun, ends, told = time.monotonic(), [], 0.0
        while time.monotonic() - begun < seconds and not self.failures:
            now = time.monotonic() - begun
            while plan and plan[0].at_s <= now:
                self._begin(plan.pop(0), begun, ends)
            while ends and ends[0][0] <= now:
                self._end(*heapq.heappop(ends)[2:])
            for _, _, fault, _, _ in ends:
                fault.tick()
            self._look()
            if now - told >= _PROGRESS_S:
                told = now
                self._tell(now)
            time.sleep(_TICK_S)
        for _, _, fault, number, planned in sorted(ends):
            self._end(fault, number, planned)

    def _begin(self, planned, begun, ends):
        fault = self.kinds[planned.kind][0](self.place, random.Random(planned.seed))
        target = fault.begin()
        if target is None:
            self.table[planned.kind]["without target"] += 1
            return
        self.table[planned.kind]["begun"] += 1
        number = next(self.history.numbers)
        self.history.write("driver", "info", "fault", n=number, kind=planned.kind, target=target)
        until_s = time.monotonic() - begun + planned.length_s
        heapq.heappush(ends, (until_s, next(self.order), fault, number, planned))

    def _end(self, fault, number, planned):
        fault.end()
        self.history.write("driver", "ok", "fault", n=number, kind=planned.kind)

    def _look(self):
        self.place.note_spawners()
        self.place.note_ends()
        self.failures = self.place.unexpected() + self.place.troubles + self.load.broken

    def faults(self):
        return sum(row["begun"] for row in self.table.values())

    def _tell(self, now):
        say("%4d s  %6d operations  %4d faults  %d failures" % (now, self.load.calls, self.faults(), len(self.failures)))

    def heal(self):
        """Everything is whole again; what was accepted must come to its end."""
        self.place.revive()
        self.history.write("driver", "info", "heal")
        self.load.finish()
        self._look()
        try:
            wait_for(self.place.deploys_done, "all instances to run what was deployed", _DEPLOYS_S)
        except AssertionError as unmet:
            self.failures.append(str(unmet))
        bus = self.place.bus()
        left = readback.drain(self.place, bus, _DRAIN_S)
        if left:
            self.failures.append("the queue is not empty %d s after the faults ended: %s" % (_DRAIN_S, left))
        self.read = readback.read(bus, self.history)

    def close(self):
        self.failures += self.place.close()
        self.history.write("driver", "info", "end")
        self.history.close(self.place.witness, self.place.spawners, self.place.versions)

    def go(self):
        try:
            self.settings()
            self.place.start()
            self.load = Load(self.place, self.history, self.options.rate).start()
            self.hurt()
            self.heal()
        finally:
            self.close()


def main():
    space.enter()
    options = parse(sys.argv[1:])
    program = server_program(options.server)
    if program is None:
        print("there is no nats-server of that version")
        sys.exit(77)
    say("seed %d, %s" % (options.seed, "namespaces of its own: " + space.kinds() if space.kinds() else "plainly on loopback"))
    run = Run(options, program)
    for name, why in run.skipped.items():
        say("without %s: %s" % (name, why))
    run.go()
    good = outcome.judge_and_tell(run)
    if good:
        run.place.remove()
    else:
        run.place.keep_small()
        say("kept: %s\nagain: %s" % (run.place.folder, again(options)))
    sys.stdout.flush()
    os._exit(0 if good else 1)  # daemon threads of gRPC and asyncio may hold on


if __name__ == "__main__":
    main()
