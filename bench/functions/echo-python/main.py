"""Gives back what it gets: what a call costs beside its function."""
import stead


@stead.function
def echo(event, ctx):
    return event.reply("stead.bench.echo.v1", event.data)


if __name__ == "__main__":
    stead.serve(echo)
