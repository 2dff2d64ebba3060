"""The flooded neighbour: 10,000 requests for one function at once, and what becomes of another one's waits.

One service, two functions. In each round the neighbour is measured alone, then the burst is published (plain NATS, in
one write, so that no door holds it back), and the neighbour is measured again while the burst is worked off. The rest
of it is waited for: every request of it must have succeeded. Requests of two kinds make a burst: long ones, of which an
instance takes no more than it has workers, and ones so short that it takes many ahead.
"""

import json
import socket
import statistics
import time
import urllib.error
import urllib.request

import calls
from processes import Failed, say

BURST = 10000
NEIGHBOUR, CALLERS, FLOODED = "echo-c", 4, "waits-c"
DRAINED_S = 180
# Name, milliseconds of one request, and how long the neighbour can be measured before the burst is over.
KINDS = (("long", 10, 8.0), ("short", 1, 0.7))
WARM_UP_S = 0.2


def publish(url, function, data, count):
    """`count` requests, each with an id of its own by its place in the stream; gives when the broker has them all."""
    host, _, port = url.rpartition("/")[2].rpartition(":")
    message = f"PUB function.c.{function} {len(data)}\r\n{data}\r\n".encode()
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(b'CONNECT {"verbose":false,"pedantic":false,"name":"bench-flood"}\r\n' + message * count + b"PING\r\n")
        seen = b""
        while b"PONG" not in seen:
            part = connection.recv(4096)
            if not part or b"-ERR" in seen:
                raise Failed(f"the broker did not take the burst: {seen[-200:]!r}")
            seen += part


class Metrics:
    """What the service says of one function."""

    def __init__(self, address, function):
        self.address, self.function = address, function

    def value(self, family, labels=""):
        try:
            text = urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10).read().decode()
        except (urllib.error.URLError, OSError) as error:
            raise Failed(f"no metrics from the service: {error}") from None
        start = f'{family}{{language="c",function="{self.function}"{labels}}} '
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start)), 0.0)

    def succeeded(self):
        return int(self.value("stead_function_invocations_total", ',outcome="succeeded"'))

    def wait_for(self, succeeded):
        until = time.monotonic() + DRAINED_S
        while self.succeeded() < succeeded:
            if time.monotonic() > until:
                raise Failed(f"{succeeded - self.succeeded()} of the burst have not succeeded after {DRAINED_S} s")
            time.sleep(0.1)


def neighbour(build, subject, seconds, faults):
    found = calls.call(build, subject, CALLERS, seconds, WARM_UP_S)
    if not found["ok"]:
        faults.append(f"flood: {found['wrong']} wrong answers of the neighbour, first: {found['problem']}")
    return {key: found[key] for key in ("calls", "per_second", "p50_us", "p99_us", "max_us", "foreign_cpu")}


def round_of(build, subject, url, flooded, kind, seconds, faults):
    """The neighbour alone, and beside the burst."""
    name, wait_ms, longest = kind
    alone = neighbour(build, subject, min(seconds, longest), faults)
    before = flooded.succeeded()
    publish(url, flooded.function, str(wait_ms), BURST)
    beside = neighbour(build, subject, min(seconds, longest), faults)
    beside["burst_done"] = flooded.succeeded() - before
    meant = beside["burst_done"] < BURST  # else it was not beside the burst all the time, and says nothing
    if not meant:
        say(f"the burst of {name} requests was over before the neighbour was measured: this round does not count")
    flooded.wait_for(before + BURST)
    return {"kind": name, "alone": alone, "beside": beside,
            "ratio_p99": beside["p99_us"] / alone["p99_us"] if meant and alone["p99_us"] else None}


def summary(rounds, kind):
    own = [one for one in rounds if one["kind"] == kind]
    ratios = [one["ratio_p99"] for one in own if one["ratio_p99"] is not None]
    sides = {side: {key: statistics.median(one[side][key] for one in own)
                    for key in ("per_second", "p50_us", "p99_us", "max_us", "foreign_cpu")} for side in ("alone", "beside")}
    return {"kind": kind, "ratio_p99": statistics.median(ratios) if ratios else None, **sides}


def measure(options, build, folder, faults):
    started, rounds = [], []
    try:
        address, roots = calls.start_service(build, folder, started, "flood", "--set", f"queue.maxPending={2 * BURST}")
        ports = json.loads((folder / "flood.json").read_text())
        subject = calls.Subject("neighbour", "stead", address, NEIGHBOUR, roots)
        for function in (NEIGHBOUR, FLOODED):
            calls.deploy(build, address, function)
        flooded = Metrics(ports["http"].removeprefix("http://"), FLOODED)
        calls.call(build, subject, CALLERS, 0.5)  # the cold start is nobody's round
        for number in range(options.rounds):
            for kind in KINDS:
                one = round_of(build, subject, ports["nats"], flooded, kind, options.seconds, faults)
                rounds.append(one)
                say(f"round {number + 1}/{options.rounds}  {kind[0]:5} requests  p99 alone {one['alone']['p99_us'] / 1e3:.3f} ms"
                    f"  beside {BURST} {one['beside']['p99_us'] / 1e3:.3f} ms")
    finally:
        for process in reversed(started):
            process.stop()
    return {"rounds": rounds, "burst": BURST, "summary": [summary(rounds, kind[0]) for kind in KINDS]}
