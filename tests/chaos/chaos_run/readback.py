"""After the faults: wait until all work is done, then read everything back from the broker into the history."""
import time

from .history import digest

_PAUSE_S = 0.5


def drain(place, bus, seconds):
    """Waits until the work queue is empty and stays so; "" or what is left after so many seconds."""
    deadline, calm = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        place.note_spawners()
        try:
            calm = calm + 1 if bus.info("functions").messages == 0 else 0
        except Exception:  # the broker is still coming up
            calm = 0
        if calm >= 4:
            return ""
        time.sleep(_PAUSE_S)
    try:
        bus.queue_empty(1)
    except Exception as error:
        return str(error)
    return ""


def _header(message, name):
    return (message.headers or {}).get(name)


def results(bus, history):
    found = bus.messages("function-results", "function.result.*", 600)
    for message in found:
        end, attempts = _header(message, "stead-outcome"), _header(message, "stead-attempts")
        history.write(
            "driver", "info", "readback", what="result",
            id=message.subject.rpartition(".")[2],
            fn=(_header(message, "stead-function") or "").rpartition("/")[2] or None,
            ver=_header(message, "stead-version"),
            end=end,
            reason=_header(message, "stead-reason"),
            att=None if attempts is None else int(attempts),
            dig=digest(message.data) if end == "succeeded" else None,
            seq=message.metadata.sequence.stream,
        )
    return len(found)


def dead_letters(bus, history):
    found = bus.messages("function-dead", "function.dead.>", 300)
    for message in found:
        attempts = _header(message, "stead-attempts")
        history.write(
            "driver", "info", "readback", what="dead",
            id=message.subject.rpartition(".")[2],
            fn=message.subject.split(".")[3],
            reason=_header(message, "stead-reason"),
            att=None if attempts is None else int(attempts),
            seq=message.metadata.sequence.stream,
        )
    return len(found)


def queued(bus, history):
    """What is still in the work queue, read by its sequence numbers: a consumer of ours would overlap."""
    state, count = bus.info("functions"), 0
    if state.messages:
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = bus.at("functions", sequence)
            if message is not None:
                headers = message.headers or {}
                request_id = headers.get("stead-request-id") or headers.get("Nats-Msg-Id")
                history.write("driver", "info", "readback", what="queued", id=request_id,
                              fn=message.subject.rpartition(".")[2], seq=sequence)
                count += 1
    return count


def read(bus, history):
    return {"results": results(bus, history), "dead": dead_letters(bus, history), "queued": queued(bus, history)}
