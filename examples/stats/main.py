"""Describes a list of numbers: count, sum, mean, median, deviation, least and greatest."""
import math

import stead


@stead.function
def stats(event, ctx):
    values = event.data.get("values") if isinstance(event.data, dict) else None
    if not isinstance(values, list) or not values:
        raise stead.Reject("data.values must be a list of at least one number")
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise stead.Reject("data.values[%d] is not a number" % index)
    ordered = sorted(values)
    count, middle = len(ordered), len(ordered) // 2
    mean = math.fsum(ordered) / count
    ctx.log.info("described a list", count=count)
    return event.reply(
        "dev.stead.example.stats.v1",
        {
            "count": count,
            "sum": math.fsum(ordered),
            "mean": mean,
            "median": ordered[middle] if count % 2 else (ordered[middle - 1] + ordered[middle]) / 2,
            "deviation": math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / count),
            "min": ordered[0],
            "max": ordered[-1],
        },
    )


if __name__ == "__main__":
    stead.serve(stats)
