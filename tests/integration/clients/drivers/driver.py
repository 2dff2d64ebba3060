"""The driver of the Python library; with the argument `aio`, of its asyncio client. See README.md."""
import asyncio
import base64
import datetime
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import stead_client

WHEN = datetime.datetime(2030, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc)


def settings():
    """What the environment sets; all else has its default."""
    names = {"connections": "DRIVER_CONNECTIONS", "retries": "DRIVER_RETRIES", "keepalive": "DRIVER_KEEPALIVE_MS"}
    given = {name: int(os.environ[variable]) for name, variable in names.items() if variable in os.environ}
    if "keepalive" in given:
        given["keepalive"] /= 1000
    return given


def event_of(command):
    attributes = dict(command.get("attributes", {}))
    if command.get("typed"):
        attributes.update(flag=True, count=-5, blob=b"\0\xff", expirytime=WHEN)
        attributes.update(link=stead_client.Uri("http://example.com/a"), path=stead_client.UriRef("/a"))
    data = base64.b64decode(command["data_base64"]) if "data_base64" in command else command.get("data")
    return stead_client.Event(data, **attributes)


def answer_of(result):
    if isinstance(result, str):
        return {"end": "ok", "request_id": result, "duplicate": result.duplicate}
    if result is None:
        return {"end": "ok"}
    answer = {key: getattr(result, key) for key in ("request_id", "attempts", "function", "version")}
    parsed = result.data if not isinstance(result.data, bytes) else None
    return {
        "end": "ok",
        "data_base64": base64.b64encode(result.raw).decode(),
        "parsed": parsed,
        "type": result.event.type,
        "content_type": result.event.datacontenttype,
        "source": result.event.source,
        **answer,
    }


def error_answer(error):
    ends = {stead_client.FunctionError: "function", stead_client.OutcomeError: "outcome"}
    ends[stead_client.PlatformError] = "platform"
    answer = {"end": ends.get(type(error), "local"), "message": str(error)}
    for key in ("message", "request_id", "type", "error_class", "retryable", "attempts", "outcome", "status", "reason",
                "retry_after", "not_started", "violations"):
        if hasattr(error, key):
            answer[key] = getattr(error, key)
    if answer.get("retry_after") is not None:
        answer["retry_after"] = answer["retry_after"] * 1000
    return answer


def arguments_of(command):
    timeout = command.get("timeout_ms", 60000) / 1000
    if command["op"] in ("execute", "submit"):
        return (command["name"], event_of(command)), {"timeout": timeout}
    if command["op"] == "result":
        return (command["id"],), {"wait": command.get("wait", True), "timeout": timeout}
    return (command["id"],), {"timeout": timeout}


def many(command):
    for number in range(command["count"]):
        yield {**command, "op": "execute", "data": {"n": number, **command.get("data", {})}}


def judge(answers):
    failed = [
        answer
        for number, answer in enumerate(answers)
        if answer["end"] != "ok" or json.loads(base64.b64decode(answer["data_base64"]))["n"] != number
    ]
    return {"ok": len(answers) - len(failed), "failed": failed}


def one(client, command):
    try:
        arguments, options = arguments_of(command)
        return answer_of(getattr(client, command["op"])(*arguments, **options))
    except Exception as error:
        return error_answer(error)


def blocking():
    with stead_client.Client(**settings()) as client, ThreadPoolExecutor(256) as pool:
        for line in sys.stdin:
            command = json.loads(line)
            if command["op"] == "many":
                answer = judge(list(pool.map(lambda each: one(client, each), many(command))))
            else:
                answer = one(client, command)
            print(json.dumps(answer), flush=True)


async def one_awaited(client, command):
    try:
        arguments, options = arguments_of(command)
        return answer_of(await getattr(client, command["op"])(*arguments, **options))
    except Exception as error:
        return error_answer(error)


async def awaiting():
    loop = asyncio.get_running_loop()
    async with stead_client.aio.Client(**settings()) as client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            if command["op"] == "many":
                answer = judge(await asyncio.gather(*(one_awaited(client, each) for each in many(command))))
            else:
                answer = await one_awaited(client, command)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(awaiting()) if sys.argv[1:] == ["aio"] else blocking()
