"""The history of a run: what clients, functions and the driver saw, one JSON object a line (docs/internals/history.md).

Every line is stamped by the machine's monotonic clock, which the witnesses in the functions read as well. What the
driver and its clients see is written at once; what the witnesses wrote is merged in at the end, when the driver knows
which process belonged to which instance. The file is then sorted by time.
"""
import itertools
import json
import threading
import time


def digest(data):
    """FNV-1a of 64 bits, as the witnesses have it: 16 hex digits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return "%016x" % value


class History:
    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.file = open(path, "w", encoding="utf-8")
        self.lines = 0

    def write(self, proc, op, f, t=None, **more):
        line = {"t": time.monotonic_ns() if t is None else t, "proc": proc, "op": op, "f": f}
        line.update((key, value) for key, value in more.items() if value is not None)
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with self.lock:
            self.file.write(text)
            self.lines += 1

    def begin(self, proc, f, **more):
        """Writes the beginning of an operation; its number."""
        number = next(self.numbers)
        self.write(proc, "invoke", f, n=number, **more)
        return number

    def close(self, witness_path, names, versions):
        """Merges in what the functions wrote. `names` tells an instance by its spawner's process, `versions` the
        version by function and tag."""
        self.file.close()
        with open(self.path, encoding="utf-8") as file:
            lines = [(json.loads(text)["t"], text) for text in file]
        with open(witness_path, encoding="utf-8") as file:
            for text in file:
                line = _testimony(json.loads(text), names, versions)
                lines.append((line["t"], json.dumps(line, separators=(",", ":")) + "\n"))
        lines.sort(key=lambda line: line[0])
        head = [line for line in lines if '"f":"settings"' in line[1]]
        last = [line for line in lines if '"f":"end"' in line[1]]
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(text for _, text in head)
            file.writelines(text for _, text in lines if '"f":"settings"' not in text and '"f":"end"' not in text)
            file.writelines(text for _, text in last)
        self.lines = len(lines)


def _testimony(seen, names, versions):
    line = {
        "t": seen["t"],
        "proc": "%s/w%d" % (names.get(seen["parent"], "unknown"), seen["pid"]),
        "op": seen["op"],
        "f": "exec",
        "n": seen["n"],
        "id": seen["id"],
        "fn": seen["fn"],
        "ver": versions.get((seen["fn"], seen["tag"])),
        "try": seen["try"],
    }
    line.update((key, seen[key]) for key in ("in", "dig") if key in seen)
    return {key: value for key, value in line.items() if value is not None}
