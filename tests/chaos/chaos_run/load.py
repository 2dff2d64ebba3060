"""The clients: threads that call, submit, publish, ask, cancel and repeat, each with draws of its own from the seed.

Each is a careful client: what ends as unknown is tried again under the same id, by another instance. What it saw goes
into the history as it saw it: `ok` if it was answered, `fail` if it was certainly refused, `info` if it can't know.
"""
import random
import threading
import time

from stead_world import calls

from .history import digest

_OPTIONS = calls.OPTIONS + [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.min_reconnect_backoff_ms", 200)]
_TRIES = 4
_SLACK_S = 0.3
_REMEMBERED = 200
# What used up the attempts: the answer is the stored result `dead-lettered`, told as a status.
_ENDED = ("EXECUTION_TIMEOUT", "PLUGIN_CRASHED", "OUT_OF_MEMORY", "INVALID_RESULT", "POISON")
# What was refused before anything was accepted.
_REFUSED = (
    "NATS_UNAVAILABLE", "NOT_DEPLOYED", "SHUTTING_DOWN", "RUNTIME_UNAVAILABLE", "QUEUE_FULL", "OVERLOADED", "ID_CONFLICT",
    "FUNCTION_NOT_FOUND", "FUNCTION_REMOVED", "EVENT_TOO_LARGE", "INVALID_EVENT", "RESULT_NOT_FOUND", "REQUEST_NOT_FOUND",
    "ALREADY_ENDED",
)
# kind of operation: share
_MIX = {"call": 52, "submit": 14, "publish": 14, "repeat": 7, "result": 6, "cancel": 4, "conflict": 3}
_FUNCTIONS = {"work": 72, "script": 20, "fragile": 8}
_LANGUAGE = {"work": "c", "script": "python", "fragile": "c"}
# wishes by function: (share, text with a place for a number, its least and most)
_WISHES = {
    "work": [
        (80, "sleep=%d", 0, 10), (4, "sleep=%d", 100, 1500), (4, "fail=%d", 1, 2), (1, "fail=%d", 9, 9),
        (2, "reject=%d", 1, 1), (1, "throttle=%d", 1, 1), (6, "size=%d", 1000, 20000),
    ],
    "script": [(88, "sleep=%d", 0, 10), (4, "fail=%d", 1, 2), (3, "reject=%d", 1, 1), (1, "exit=%d", 1, 1), (4, "size=%d", 100, 10000)],
    "fragile": [
        (40, "sleep=%d", 0, 10), (20, "crash=%d", 1, 1), (20, "exit=%d", 1, 1), (8, "exit=%d", 9, 9),
        (4, "hang=%d", 1, 1), (4, "eat=%d", 400, 400), (4, "crash=%d", 9, 9),
    ],
}


class Request:
    """One request and how it is made again."""

    __slots__ = ("function", "data", "event", "id")

    def __init__(self, function, data, event, request_id):
        self.function, self.data, self.event, self.id = function, data, event, request_id


class Load:
    def __init__(self, place, history, per_second, callers=24):
        self.place, self.history = place, history
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.calls, self.ends, self.broken = 0, {}, []
        self.interval_s = callers / per_second
        self.callers = [Caller(self, at + 1) for at in range(callers)]

    def start(self):
        for caller in self.callers:
            caller.start()
        return self

    def count(self, f, op, reason):
        with self.lock:
            self.calls += 1
            key = "%s %s%s" % (f, op, " " + reason if reason else "")
            self.ends[key] = self.ends.get(key, 0) + 1

    def finish(self):
        self.ended.set()
        for caller in self.callers:
            caller.join(120)
        self.broken += [caller.name for caller in self.callers if caller.is_alive()]


class Caller(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.name, self.made, self.count = load, "c%d" % number, [], 0
        self.random = random.Random("%s %s" % (load.place.options.seed, self.name))
        self.clients = [calls.Client(instance.address, _OPTIONS) for instance in load.place.instances]
        self.bus, self.at = load.place.bus_for(number), number

    def run(self):
        due = time.monotonic()
        while not self.load.ended.is_set():
            due = max(due + self.random.expovariate(1 / self.load.interval_s), time.monotonic() - 1)
            if self.load.ended.wait(max(0.0, due - time.monotonic())):
                return
            try:
                self._one()
            except Exception as error:  # a client that can't go on is a bug of the driver, and must be seen
                self.load.broken.append("%s: %r" % (self.name, error))
                raise

    def _one(self):
        kind = self._pick(_MIX)
        if kind in ("call", "submit", "publish") or not self.made:
            getattr(self, "_" + (kind if kind in ("call", "submit", "publish") else "call"))(self._request(kind))
            return
        old = self.random.choice(self.made)
        if kind == "repeat":
            getattr(self, "_call" if old.event is not None else "_publish")(old)
        elif kind == "result":
            self._result(old)
        elif kind == "cancel":
            fresh = self._request("submit")
            if self._submit(fresh):
                self._cancel(fresh)
        elif old.event is not None:
            self._call(Request(old.function, b"sleep=0 other=1", self._event(old.event.id, b"sleep=0 other=1"), old.id), 1)

    def _pick(self, shares):
        return self.random.choices(list(shares), list(shares.values()))[0]

    def _request(self, kind):
        self.count += 1
        function = self._pick(_FUNCTIONS)
        _, wish, least, most = self.random.choices(_WISHES[function], [row[0] for row in _WISHES[function]])[0]
        name = "%s-%d" % (self.name, self.count)
        data = (wish % self.random.randint(least, most)).encode()
        if kind == "publish":
            request = Request(function, data, None, name)
        else:
            event = self._event(name, data)
            request = Request(function, data, event, calls.request_id_of(function, event))
        self.made = self.made[-_REMEMBERED:] + [request]
        return request

    @staticmethod
    def _event(name, data):
        return calls.event_of(data, id=name, source="/chaos")

    def _client(self):
        """Of some instance; one that could not be reached is left for the next."""
        if self.random.random() < 0.1:
            self.at = self.random.randrange(len(self.clients))
        return self.clients[self.at % len(self.clients)]

    def _begin(self, f, request, **more):
        return self.load.history.begin(self.name, f, id=request.id, fn=request.function, **more)

    def _offer(self, f, request, **more):
        """The beginning of an operation that brings the input along."""
        return self._begin(f, request, **{"in": digest(request.data)}, **more)

    def _end(self, op, f, number, request, **more):
        self.load.count(f, op, more.get("reason"))
        self.load.history.write(self.name, op, f, n=number, id=request.id, **more)

    def _refused(self, f, number, request, answer):
        """An answer that is no answer of the function. True if it is worth another try under the same id."""
        reason = answer.reason or answer.status.name
        if answer.reason in _ENDED:
            self._end("fail", f, number, request, end="dead-lettered", reason=reason)
            return False
        if answer.status.name == "UNAVAILABLE":
            self.at += 1
        self._end("fail" if answer.reason in _REFUSED else "info", f, number, request, reason=reason)
        return answer.reason not in ("ID_CONFLICT", "ALREADY_ENDED", "CANCELLED", "QUARANTINED")

    def _again(self, attempt):
        """Between two tries; false when there should be no other."""
        return attempt + 1 < _TRIES and not self.load.ended.wait(self.random.uniform(0.05, 0.5))

    def _call(self, request, tries=_TRIES):
        timeout = 1.5 if self.random.random() < 0.05 else 10
        for attempt in range(tries):
            number = self._offer("call", request, budget_ns=int(timeout * 1e9))
            until = time.monotonic() + timeout - _SLACK_S
            answer = self._client().execute(request.function, request.event, timeout=timeout)
            if answer.status.name == "OK":
                self._answered(number, request, answer.response)
                return
            if answer.reason == "DEADLINE_EXCEEDED" and time.monotonic() < until:
                # Not this call's time is over: an earlier call's was, and that is the stored end of the request.
                self._end("fail", "call", number, request, end="expired", reason=answer.reason)
                return
            if not self._refused("call", number, request, answer) or not self._again(attempt):
                return

    def _answered(self, number, request, response):
        if response.WhichOneof("result") == "error":
            end = "failed" if response.error_detail.error_class == "permanent" else "dead-lettered"
            att = response.error_detail.attempts or None
            self._end("fail", "call", number, request, end=end, reason="FUNCTION_ERROR", att=att)
        else:
            self._end("ok", "call", number, request, end="succeeded", dig=digest(response.data))

    def _submit(self, request):
        """True once it is accepted."""
        for attempt in range(_TRIES):
            number = self._offer("submit", request)
            answer = self._client().call(
                "SubmitFunction", 10, name=request.function, event=request.event
            )
            if answer.status.name == "OK":
                self._end("ok", "submit", number, request)
                return True
            if not self._refused("submit", number, request, answer) or not self._again(attempt):
                return False
        return False

    def _publish(self, request):
        subject = "function.%s.%s" % (_LANGUAGE[request.function], request.function)
        headers = {"Nats-Msg-Id": request.id, "stead-request-id": request.id}
        for attempt in range(_TRIES):
            number = self._offer("publish", request)
            problem = self.bus.try_publish(subject, request.data, headers)
            self._end("info" if problem else "ok", "publish", number, request, reason=problem or None)
            if not problem or not self._again(attempt):
                return

    def _result(self, request):
        number = self._begin("result", request)
        answer = self._client().call("GetResult", 5, request_id=request.id)
        if answer.status.name == "OK":
            found = answer.response
            dig = digest(found.data) if found.outcome == "succeeded" else None
            self._end("ok", "result", number, request, end=found.outcome, reason=found.reason or None,
                      att=found.attempts, dig=dig)
        else:
            self._refused("result", number, request, answer)

    def _cancel(self, request):
        self.load.ended.wait(self.random.uniform(0, 0.02))
        number = self._begin("cancel", request)
        answer = self._client().call("Cancel", 5, request_id=request.id)
        if answer.status.name == "OK":
            self._end("ok", "cancel", number, request, end="cancelled")
        else:
            self._refused("cancel", number, request, answer)
