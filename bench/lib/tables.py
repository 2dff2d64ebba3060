"""The numbers as text, at most 100 columns wide."""

KINDS = ("nats-server", "service", "spawner", "workers", "load")


def table(head, rows):
    """Columns as wide as their widest cell: words to the left, numbers (what has a digit in every row) to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    words = [all(not row[column][:1].isdigit() and row[column] != "-" for row in cells[1:]) for column in range(len(head))]
    lines = []
    for row in cells:
        line = [cell.ljust(width) if column == 0 or words[column] else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append(("  " + "  ".join(line)).rstrip())
    return "\n".join(lines) + "\n"


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def core_text(core):
    return (f"\nCore: {core['median_ns']:.0f} ns a step (median), {core['p99_ns']:.0f} ns (p99 of batches of"
            f" {core['batch_steps']}); {core['steps_per_call']:.1f} steps a call\n")


def sim_text(sim):
    return (f"\nSimulator: {sim['steps_per_second'] / 1e6:.2f} million steps a second of one CPU,"
            f" checks included ({sim['seeds']} seeds)\n")


def interval_text(found):
    return f"{found['ratio']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def journal_text(journal):
    return (f"\nJournal: {interval_text(journal['per_second'])} of the calls/s without it, 32 callers each;"
            f" {interval_text(journal['cpu'])} of\nthe service's CPU time for a call"
            f" ({journal['cpu_us_per_call']:.1f} us, {journal['cpu_us_per_call_without']:.1f} without);"
            f" {journal['rounds']} rounds, 95 % interval\n")


def flood_text(flood):
    lines = []
    for row in flood["summary"]:
        for side, name in (("alone", "alone"), ("beside", f"beside {flood['burst']:,} {row['kind']} requests")):
            one, ratio = row[side], row["ratio_p99"] if side == "beside" else 1
            lines.append((name, number(one["per_second"], 0), number(one["p50_us"] / 1e3, 3), number(one["p99_us"] / 1e3, 3),
                          number(one["max_us"] / 1e3, 1), number(ratio, 2), f"{one['foreign_cpu']:.2f}"))
    return ("\nThe flooded neighbour: calls of one function, alone and beside another's burst (medians of rounds)\n\n"
            + table(("", "calls/s", "p50 ms", "p99 ms", "max ms", "x p99", "other CPUs"), lines))


def callers_text(row):
    return f"{row['callers']} caller" + ("s" if row["callers"] != 1 else "")


def calls_table(rows):
    text = "\nDurable calls, closed loop; ratios are to the baseline of the same round (median of rounds)\n\n"
    last, lines = None, []
    for row in rows:
        callers = callers_text(row) if row["callers"] != last else ""
        last = row["callers"]
        lines.append((callers, row["subject"], number(row["per_second"], 0), number(row["p50_us"] / 1e3, 3),
                      number(row["p90_us"] / 1e3, 3), number(row["p99_us"] / 1e3, 3), number(row["max_us"] / 1e3, 1),
                      number(row["ratio_per_second"], 2), number(row["ratio_p50"], 2), f"{row['foreign_cpu']:.2f}"))
    return text + table(("", "", "calls/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "x calls/s", "x p50", "other CPUs"),
                        lines)


def cpu_table(rows):
    text = "\nCPU time per call, us\n\n"
    lines = []
    for row in rows:
        spent = row["cpu_us_per_call"]
        lines.append((f"{row['subject']}, {callers_text(row)}",
                      *(number(spent.get(kind), 1) for kind in KINDS), number(sum(spent.values()), 1)))
    return text + table(("", *KINDS, "all"), lines)


def memory_table(calls):
    text = "\nResident memory, MB (number of processes); pages shared between processes count in each\n\n"
    lines = []
    for system, memory in calls["idle_kb"].items():
        lines.append((f"{system}, before the first call", *(number(memory.get(kind, 0) / 1024, 1) for kind in KINDS[:4])))
        last = [row for row in calls["summary"] if row["system"] == system][-1]
        cells = [f"{last['memory_kb'].get(kind, 0) / 1024:.1f} ({last['processes'].get(kind, 0)})" for kind in KINDS[:4]]
        lines.append((f"{system}, after the last round", *cells))
    return text + table(("", *KINDS[:4]), lines)


def overload_text(overload):
    lines = []
    for row in overload["rows"]:
        fixed, adaptive = row["fixed"], row["adaptive"]
        lines.append((f"{row['function']}, {row['timeout_s']} s", f"{fixed['succeeded']:,}", f"{adaptive['succeeded']:,}",
                      f"{fixed['others']:,}", f"{adaptive['others']:,}", number(fixed["p50_ms"], 0),
                      number(adaptive["p50_ms"], 0), number(adaptive["limit"], 1)))
    return "\nOverload, simulated: fixed limit of 32 | adaptive\n\n" + table(
        ("function, time-out", "done", "| done", "failed", "| failed", "p50 ms", "| p50 ms", "limit"), lines)


def goals(found):
    """(what, measured, how, goal); measured is a number or has an interval"""
    if "core" in found:
        yield "core step, median ns", found["core"]["median_ns"], "<=", 250
    if "sim" in found:
        yield "simulator, million steps/s", found["sim"]["steps_per_second"] / 1e6, ">=", 2
    if "journal" in found:
        yield "calls/s with the journal, of those without", found["journal"]["per_second"], ">=", 0.97
        yield "CPU of the service a call with the journal, of that without", found["journal"]["cpu"], "<=", 1.03
    for row in found.get("overload", {}).get("rows", []):
        yield f"goodput with adaptive concurrency, {row['function']}, {row['timeout_s']} s", row["goodput_ratio"], ">=", 0.9
    for row in found.get("flood", {}).get("summary", []):
        yield f"p99 beside 10,000 {row['kind']} requests for another, of that alone", row["ratio_p99"], "<=", 3
    for row in found.get("calls", {}).get("summary", []):
        if row["subject"] == "stead, C" and row["callers"] == 64:
            yield "calls/s at 64 callers, C", row["per_second"], ">=", 5000
            yield "of the baseline's calls/s", row["ratio_per_second"], ">=", 0.5
        if row["subject"] == "stead, C" and row["callers"] == 1:
            yield "of the baseline's p50 at 1 caller", row["ratio_p50"], "<=", 1.5


def verdict(value, how, goal):
    """Of a ratio with an interval only what all of it says."""
    low, high = (value["low"], value["high"]) if isinstance(value, dict) else (value, value)
    if value is None:
        return "MISSED"
    best, worst = (low, high) if how == "<=" else (-high, -low)
    bound = goal if how == "<=" else -goal
    return "reached" if worst <= bound else "MISSED" if best > bound else "not shown"


def goals_table(found):
    lines = []
    for what, value, how, goal in goals(found):
        measured = number(value, 2) if not isinstance(value, dict) else number(value["ratio"], 3)
        lines.append((what, measured, f"{how} {goal:,}", verdict(value, how, goal)))
    return "\nGoals\n\n" + table(("", "measured", "goal", ""), lines) if lines else ""


def report(found):
    machine = found["machine"]
    text = f"{machine['cpus']} x {machine['cpu']}, Linux {machine['kernel']}, {machine['commit']}\n"
    text += core_text(found["core"]) if "core" in found else ""
    text += sim_text(found["sim"]) if "sim" in found else ""
    text += overload_text(found["overload"]) if "overload" in found else ""
    if "calls" in found:
        rows = found["calls"]["summary"]
        text += calls_table(rows) + cpu_table(rows) + memory_table(found["calls"])
    text += journal_text(found["journal"]) if "journal" in found else ""
    text += flood_text(found["flood"]) if "flood" in found else ""
    return text + goals_table(found)
