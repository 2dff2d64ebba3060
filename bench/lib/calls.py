"""Durable calls: Stead and the baseline in turns, each with a nats-server of its own, under the same load generator."""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import processes
from processes import Failed, Process, say

FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"
WARM_UP_S = 0.5


class Subject:
    """What is measured: a name, a gRPC address, a function, and the processes that work for it."""

    def __init__(self, name, system, address, function, roots):
        self.name, self.system, self.address, self.function, self.roots = name, system, address, function, roots


def kind_of(kind, name):
    """What to call a child of a process that we started."""
    if kind == "service":
        return "spawner" if "spawn" in name else "workers"
    return kind


def start_baseline(build, folder, started):
    broker, url = processes.start_broker("baseline-nats", folder)
    started.append(broker)
    ports = folder / "baseline.json"
    service = Process("baseline", [build / "bench_baseline", "--nats", url, "--ports-file", ports], folder)
    started.append(service)
    address = json.loads(service.wait_for_file(ports).read_text())["grpc"]
    return [Subject("baseline", "baseline", address, "echo", {"nats-server": broker.pid, "service": service.pid})]


def deploy(build, address, function):
    done = subprocess.run(
        [str(build / "stead"), "deploy", str(FUNCTIONS / function)], env={**os.environ, "STEAD_ADDR": address},
        capture_output=True, text=True, timeout=60, check=False,
    )
    if done.returncode:
        raise Failed(f"stead deploy {function} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def start_service(build, folder, started, name, *more):
    """A `stead serve` with a broker of its own. Gives (address, processes that work for it)."""
    broker, url = processes.start_broker(f"{name}-nats", folder)
    started.append(broker)
    ports = folder / f"{name}.json"
    command = [build / "stead", "serve", "--nats", url, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0",
               "--store", folder / f"{name}-store", "--ports-file", ports, *more]
    service = Process(name, command, folder)
    started.append(service)
    address = json.loads(service.wait_for_file(ports).read_text())["grpc"]
    return address, {"nats-server": broker.pid, "service": service.pid}


def start_stead(build, folder, started):
    address, roots = start_service(build, folder, started, "stead")
    subjects = []
    for function, name in (("echo-c", "stead, C"), ("echo-python", "stead, Python")):
        deploy(build, address, function)
        subjects.append(Subject(name, "stead", address, function, roots))
    return subjects


def call(build, subject, callers, seconds, warm_up=WARM_UP_S):
    """One run of the load generator: its numbers, with the CPU time and memory of every process."""
    command = [build / "bench_load", "--address", subject.address, "--function", subject.function, "--callers", callers,
               "--seconds", seconds, "--warm-up", warm_up]
    before, busy_us, began = processes.usage(subject.roots, kind_of), processes.machine_busy_us(), time.monotonic()
    load = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    text = load.stdout.read()
    _, status, rusage = os.wait4(load.pid, 0)
    load.returncode = os.waitstatus_to_exitcode(status)
    took_us = (time.monotonic() - began) * 1e6
    after, busy_us = processes.usage(subject.roots, kind_of), processes.machine_busy_us() - busy_us
    if not text.startswith("{"):
        raise Failed(f"the load generator ended with {load.returncode} against {subject.name}")
    found = json.loads(text)
    cpu_us = processes.cpu_between(before, after)
    cpu_us["load"] = (rusage.ru_utime + rusage.ru_stime) * 1e6
    found["cpu_us_per_call"] = {kind: spent / max(found["all_calls"], 1) for kind, spent in cpu_us.items()}
    found["memory_kb"] = {kind: kb for kind, (_, kb) in processes.memory_of(after).items()}
    found["processes"] = {kind: count for kind, (count, _) in processes.memory_of(after).items()}
    found["foreign_cpu"] = max(0.0, (busy_us - sum(cpu_us.values())) / took_us)
    found["ok"] = load.returncode == 0
    return found


def rounds(options, build, subjects, faults):
    """Every subject at every number of callers, in turns; every second round backwards, so that a drift hits both."""
    samples = []
    for number in range(options.rounds):
        for callers in options.callers:
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                found = call(build, subject, callers, options.seconds)
                found["subject"], found["round"] = subject.name, number
                samples.append(found)
                say(f"round {number + 1}/{options.rounds}  {callers:3} callers  {subject.name:14}"
                    f"{found['per_second']:8.0f}/s  p50 {found['p50_us'] / 1e3:.3f} ms")
                if not found["ok"]:
                    faults.append(f"{subject.name}, {callers} callers: {found['wrong']} wrong, first: {found['problem']}")
    return samples


def summary(samples, name, callers):
    """Medians over the rounds of one subject; CPU time as the mean over all its calls."""
    own = [one for one in samples if one["subject"] == name and one["callers"] == callers]
    found = {key: statistics.median(one[key] for one in own)
             for key in ("per_second", "p50_us", "p90_us", "p99_us", "max_us", "foreign_cpu")}
    total = sum(one["all_calls"] for one in own) or 1
    kinds = {kind: None for one in own for kind in one["cpu_us_per_call"]}
    found["cpu_us_per_call"] = {
        kind: sum(one["cpu_us_per_call"].get(kind, 0) * one["all_calls"] for one in own) / total for kind in kinds
    }
    found["memory_kb"] = own[-1]["memory_kb"]
    found["processes"] = own[-1]["processes"]
    found["calls"] = sum(one["calls"] for one in own)
    return found


def ratio(samples, name, callers, key):
    """Median of (subject / baseline) over the rounds: both were measured within seconds of each other."""
    of = {(one["subject"], one["round"]): one[key] for one in samples if one["callers"] == callers}
    pairs = [of[name, number] / of["baseline", number] for who, number in of
             if who == name and of.get(("baseline", number))]
    return statistics.median(pairs) if pairs else None


def idle(subjects):
    """Memory before the first call."""
    found = {}
    for subject in subjects:
        memory = processes.memory_of(processes.usage(subject.roots, kind_of))
        found.setdefault(subject.system, {kind: kb for kind, (_, kb) in memory.items()})
    return found


def measure(options, build, folder, faults):
    started, subjects = [], []
    try:
        subjects += start_baseline(build, folder, started)
        try:
            subjects += start_stead(build, folder, started)
        except (Failed, OSError, subprocess.TimeoutExpired) as fault:
            faults.append(f"stead: {fault}")
        found = {"idle_kb": idle(subjects)}
        for subject in subjects:  # cold starts, files, streams: nobody's round
            call(build, subject, max(options.callers), 0.5)
        found["samples"] = rounds(options, build, subjects, faults)
    finally:
        for process in reversed(started):
            process.stop()
    samples = found["samples"]
    found["summary"] = [
        {"subject": subject.name, "system": subject.system, "callers": callers,
         **summary(samples, subject.name, callers),
         "ratio_per_second": ratio(samples, subject.name, callers, "per_second"),
         "ratio_p50": ratio(samples, subject.name, callers, "p50_us")}
        for callers in options.callers for subject in subjects
    ]
    return found
