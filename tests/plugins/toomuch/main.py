"""Answers more than any limit allows."""
import stead


@stead.function
def toomuch(event, ctx):
    return b"x" * (64 << 20)
