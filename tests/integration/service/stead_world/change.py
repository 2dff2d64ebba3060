"""Changes of versions: functions that answer with the version that their source says, and what to wait for."""
import json
import threading

from .calls import event_of
from .case import WorldCase
from .process import wait_for

SOURCE = """
import os
import time
import stead
%s

@stead.function
def work(event, ctx):
    time.sleep(%s)
    return {"version": %d}
"""
SPEC = "spec: {maxWorkers: 1}\n"


def source(version, seconds=0.0, first=""):
    return {"main.py": SOURCE % (first, seconds, version)}


def version_of(answer):
    return json.loads(answer.data)["version"]


def behind(work):
    """Starts it in a thread; returns how to get what it returned."""
    ended = []
    thread = threading.Thread(target=lambda: ended.append(work()), daemon=True)
    thread.start()

    def finish(seconds=60):
        thread.join(seconds)
        if not ended:
            raise AssertionError("no answer within %d s" % seconds)
        return ended[0]

    return finish


class ChangeCase(WorldCase):
    def assert_done(self, answer):
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return answer.response

    def deploy(self, name, version, serve=None, seconds=0.0, manifest="", **more):
        answer = (serve or self.one).client.deploy(name, source(version, seconds), manifest, **more)
        return self.assert_done(answer).function

    def call(self, name, serve=None):
        answer = (serve or self.one).client.execute(name, event_of({}))
        self.assert_ok(answer)
        return version_of(answer)

    def get(self, name, serve=None):
        return self.assert_done((serve or self.one).client.get(name)).function

    def known(self, name, serve):
        wait_for(lambda: name in serve.client.list() and self.get(name, serve).state == "READY", name, 20)

    def gone(self, name, serve=None):
        wait_for(lambda: name not in (serve or self.one).client.list(), name + " to be gone", 30)

    def rollout(self, name, serve=None):
        return self.assert_done((serve or self.one).client.ask("Rollout", name=name))

    def rolled_out(self, name, total, serve=None, seconds=30):
        def ready():
            answer = (serve or self.one).client.ask("Rollout", name=name)
            if answer.status.name == "UNAVAILABLE":
                return False
            rollout = self.assert_done(answer)
            return rollout.total == total and rollout.ready == total

        wait_for(ready, "%d instances to be ready" % total, seconds, 0.02)

    def agree(self, name, serve, versions):
        """The record and what serves agree; which of the versions, {text: number}, it is. An instance that was cut off
        serves what it knew until it heard of the change."""

        def settled():
            function = self.get(name, serve)
            return function if function.state == "READY" and function.version in versions else None

        function = wait_for(settled, "%s to serve one of %s" % (name, versions), 30)
        self.assertEqual({self.call(name, serve) for _ in range(5)}, {versions[function.version]})
        return versions[function.version]

    def on_write(self, subject, act, number=1):
        """Acts when the broker was given that many messages on the subject."""
        seen, ready = [], threading.Event()

        async def take(message):
            seen.append(message)
            if len(seen) == number:
                act()
                ready.set()

        async def subscribe():
            subscription = await self.bus.connection.subscribe(subject, cb=take)
            await self.bus.connection.flush()
            return subscription

        subscription = self.bus.run(subscribe())
        self.addCleanup(lambda: self.bus.run(subscription.unsubscribe()))
        return ready
