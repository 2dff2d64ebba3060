"""Prints to stdout and stderr, whole lines and halves, and answers all the same."""
import sys

import stead

print("at import")


@stead.function
def prints(event, ctx):
    print("on stdout")
    sys.stderr.write("on stderr\n")
    ctx.log.warn("by the log", answer=42)
    sys.stdout.write("half a line")
    return {"printed": True}
