"""Greets whom the event names."""
import stead


@stead.function
def greet(event, ctx):
    name = event.data.get("name") if isinstance(event.data, dict) else None
    if not name:
        raise stead.Reject("data.name is missing")  # permanent: never tried again
    ctx.log.info("greeting", name=name)
    return {"text": "Hello, " + name}


if __name__ == "__main__":
    stead.serve(greet)
