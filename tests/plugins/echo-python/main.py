"""Answers with the event's own data; the attribute "test" comes back as "echoed"."""
import stead


@stead.function
def echo(event, ctx):
    extensions = {"echoed": event["test"]} if "test" in event else {}
    return event.reply("test.echo.v1", event.raw, event.datacontenttype, **extensions)
