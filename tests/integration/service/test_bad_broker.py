"""What somebody does to the broker's half by hand while we use it, or did before we came: each has a defined answer, and
nothing that was accepted is lost."""
import time

from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError
from stead_world import WorldCase, calls, event_of, main, request_id_of, wait_for

SLOW = {"main.py": b"""
import time
import stead

@stead.function
def slow(event, ctx):
    time.sleep(event.data.get("seconds", 0))
    if event.data.get("fail") and ctx.attempt < 3:
        raise ValueError("no")
    return {"attempt": ctx.attempt}
"""}
JSON = {"datacontenttype": "application/json"}
LANGUAGES = ["function.%s.*" % one for one in ("bin", "c", "go", "js", "python")]


class HandCase(WorldCase):
    settings = {"queue_ack_wait": "2s", "functions_retry_base": "20ms"}

    @classmethod
    def setUpClass(cls):
        pass

    def begin(self):
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.one = self.world.serve(**self.settings)
        self.world.deploy(self.one, SLOW, "slow", "spec: {maxWorkers: 4}\n")

    def delete(self, stream):
        self.bus.run(self.bus.stream.delete_stream(stream))

    def there(self, stream):
        def found():
            try:
                return self.bus.info(stream) is not None
            except Exception:  # not there
                return False

        wait_for(found, stream + " to be there again", 60)

    def call(self, seconds=0, **more):
        return self.one.client.start("slow", event_of({"seconds": seconds, **more}))

    def answered(self, *calls):
        for call in calls:
            self.assertEqual(call.result().error, "")

    def works(self):
        wait_for(lambda: self.one.client.execute("slow", event_of({}), 10).ok, "calls that are answered", 60, 0.2)

    def accept(self, count, prefix, **data):
        """Requests by NATS that the broker has acknowledged; their ids."""
        ids = ["%s-%d" % (prefix, number) for number in range(count)]
        for request_id in ids:
            body = ('{"seconds": %s}' % data.get("seconds", 0)).encode()
            self.bus.request("function.python.slow", body, {"stead-request-id": request_id})
        return ids

    def all_end(self, ids, outcome="succeeded"):
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], outcome)


class Buckets(HandCase):
    """Each bucket is deleted while calls run: they are answered, and the bucket is made anew."""

    def test_attempts(self):
        self.begin()
        running = [self.call(2, fail=True) for _ in range(3)]
        wait_for(lambda: self.bus.info("functions").messages == 3, "the calls")
        self.delete("KV_function-attempts")
        self.answered(*running)
        self.there("KV_function-attempts")
        self.answered(self.call(0, fail=True))
        self.assertGreater(self.bus.info("KV_function-attempts").last_seq, 0, "attempts are written down again")
        self.bus.queue_empty()

    def test_lease(self):
        """Without it nobody sweeps; it is made anew, and somebody does."""
        self.begin()
        running = self.call(2)
        wait_for(lambda: self.bus.last("KV_function-lease", "$KV.function-lease.sweeper"), "a sweeper")
        self.delete("KV_function-lease")
        self.answered(running)
        self.there("KV_function-lease")
        wait_for(lambda: self.bus.last("KV_function-lease", "$KV.function-lease.sweeper"), "a sweeper again", 60)
        self.works()

    def test_instances(self):
        self.begin()
        running = self.call(2)
        self.delete("KV_function-instances")
        self.answered(running)
        self.there("KV_function-instances")
        wait_for(lambda: self.bus.last("KV_function-instances", "$KV.function-instances.state." + self.name()), "it", 60)
        self.works()

    def name(self):
        def listed():
            answer = self.one.client.ask("Instances")
            return answer.response.instances if answer.status.name == "OK" else None

        return wait_for(listed, "the instances", 30)[0].name

    def test_config(self):
        """What functions are is in it: they are gone for new calls; what runs ends, what is queued ends with a result."""
        self.settings = {**self.settings, "queue_sweep_interval": "1s"}
        self.begin()
        running = self.call(2)
        ids = self.accept(8, "homeless", seconds=2)
        wait_for(lambda: self.bus.info("functions").messages == 9, "the requests")
        self.delete("KV_function-config")
        self.answered(running)
        for request_id in ids:
            self.assertIn(self.bus.result(request_id).headers["stead-outcome"], ("succeeded", "failed"))
        self.there("KV_function-config")
        wait_for(lambda: self.one.client.execute("slow", event_of({})).reason == "FUNCTION_NOT_FOUND", "the end", 60)
        self.one.says("KV_function-config")
        deploy = lambda: self.one.client.deploy("slow", SLOW)
        wait_for(lambda: deploy().status.name == "OK", "a deploy that nothing comes between", 60)
        self.works()


class Consumers(HandCase):
    def consumer(self):
        return self.bus.run(self.bus.stream.consumer_info("functions", "python-slow")).config

    def becomes(self, condition, what):
        """A mend may delete it and make it anew: meanwhile there is none."""
        def met():
            try:
                return condition(self.consumer())
            except NotFoundError:
                return False

        wait_for(met, what, 60)

    def edit(self, **changes):
        config = self.consumer()
        for key, value in changes.items():
            setattr(config, key, value)
        self.bus.run(self.bus.stream.add_consumer("functions", config))

    def test_deleted(self):
        """While four run and as many wait: made again, everything ends once."""
        self.begin()
        ids = self.accept(8, "deleted", seconds=1)
        wait_for(lambda: self.bus.info("functions").messages <= 8, "the requests")
        self.bus.run(self.bus.stream.delete_consumer("functions", "python-slow"))
        self.all_end(ids)
        self.works()
        self.bus.queue_empty()

    def test_edited_limits(self):
        self.begin()
        self.edit(ack_wait=1, max_ack_pending=1)
        ids = self.accept(6, "edited", seconds=1)
        self.all_end(ids)
        self.becomes(lambda consumer: consumer.ack_wait == 2 and consumer.max_ack_pending == 20000, "a mend")
        self.one.says("changed by hand")
        self.edit(ack_wait=7200)
        self.becomes(lambda consumer: consumer.ack_wait == 2, "another mend")
        self.works()
        self.bus.queue_empty()

    def test_edited_filter(self):
        """It takes another function's requests and passes by its own: made anew, it delivers what it passed by."""
        self.begin()
        self.edit(filter_subject="function.python.other")
        ids = self.accept(5, "filtered")
        self.all_end(ids)
        self.assertEqual(self.consumer().filter_subject, "function.python.slow")
        self.works()
        self.bus.queue_empty()

    def test_edited_deliveries(self):
        self.begin()
        self.edit(max_deliver=1)
        self.becomes(lambda consumer: consumer.max_deliver == -1, "a consumer that does not give up")
        self.works()
        self.bus.queue_empty()


    def assert_ok_status(self, answer):
        self.assertEqual(answer.status.name, "OK", repr(answer))

    def test_made_by_somebody_else(self):
        """It has our name and does not fit: it is left alone, the deploy says so, and what waits runs once it is gone."""
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.one = self.world.serve(**self.settings)
        config = ConsumerConfig(durable_name="python-slow", filter_subject="function.python.slow", ack_wait=77,
                                ack_policy="explicit", deliver_policy="all")
        self.bus.run(self.bus.stream.add_consumer("functions", config))
        ids = self.accept(3, "waiting")
        refused = self.one.client.deploy("slow", SLOW)
        self.assertEqual((refused.status.name, refused.reason), ("FAILED_PRECONDITION", "CONSUMER_TAKEN"), repr(refused))
        self.assertIn("was not made by Stead and differs", repr(refused))
        self.assertEqual(self.consumer().ack_wait, 77)
        self.assertEqual(self.bus.info("functions").messages, 3)
        self.bus.run(self.bus.stream.delete_consumer("functions", "python-slow"))
        self.assert_ok_status(self.one.client.deploy("slow", SLOW))
        self.all_end(ids)
        self.assertEqual(self.consumer().ack_wait, 2)
        self.works()
        self.bus.queue_empty()


class Streams(HandCase):
    """Somebody was there first."""

    def before(self, **config):
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.bus.run(self.bus.stream.add_stream(**config))

    def refused(self, words, **config):
        """It is left alone, the log says why, and nobody is let in."""
        self.before(**config)
        self.one = self.world.serve(ready=False, **self.settings)
        self.one.says(words, 60)
        self.one.says(config["name"])
        found = self.bus.run(self.bus.stream.stream_info(config["name"])).config
        for key, value in config.items():
            self.assertEqual(getattr(found, key), value, "it was changed")
        self.one.stop()

    def used(self, **config):
        self.before(**config)
        self.one = self.world.serve(**self.settings)
        self.world.deploy(self.one, SLOW, "slow")
        self.works()
        found = self.bus.run(self.bus.stream.stream_info(config["name"])).config
        for key, value in config.items():
            self.assertEqual(getattr(found, key), value, "it was changed")
        self.one.says("not made by Stead")

    def test_requests(self):
        good = {"name": "functions", "subjects": LANGUAGES, "retention": "workqueue", "discard": "new"}
        self.refused("retention does not fit", **{**good, "retention": "limits"})
        self.refused("subjects does not fit", **{**good, "subjects": ["function.go.*"]})
        self.refused("discard does not fit", **{**good, "discard": "old"})
        self.refused("max_age does not fit", **{**good, "max_age": 60.0})
        self.used(**good)
        self.used(**{**good, "storage": "memory"})

    def test_results(self):
        good = {"name": "function-results", "subjects": ["function.result.*"], "retention": "limits", "discard": "new"}
        self.refused("discard does not fit", **{**good, "discard": "old"})
        self.refused("retention does not fit", **{**good, "retention": "workqueue"})
        self.refused("max_age does not fit", **{**good, "max_age": 5.0})
        self.used(**{**good, "max_age": 600.0})

    def test_dead_letters(self):
        good = {"name": "function-dead", "subjects": ["function.dead.>"], "retention": "limits", "discard": "new"}
        self.refused("discard does not fit", **{**good, "discard": "old"})
        self.used(**good)

    def test_buckets(self):
        good = {"subjects": ["$KV.function-config.>"], "name": "KV_function-config", "discard": "new",
                "allow_rollup_hdrs": True, "max_msgs_per_subject": 1}
        self.refused("max_age does not fit", **{**good, "max_age": 600.0})
        self.refused("discard does not fit", **{**good, "discard": "old"})
        self.used(**good)

    def test_deleted_while_we_run(self):
        """What was queued is gone with it, and those who wait are told; what runs is answered; then all goes on."""
        self.begin()
        running = self.call(3)
        wait_for(lambda: self.bus.info("functions").messages == 1, "the call")
        time.sleep(0.5)
        self.delete("functions")
        self.answered(running)
        self.there("functions")
        self.works()
        self.one.says("lost a stream or bucket")
        running = self.call(3)
        self.delete("function-results")
        answer = running.result()
        self.assertEqual(answer.error, "")
        self.there("function-results")
        self.works()
        self.bus.queue_empty()


class Full(HandCase):
    def test_requests(self):
        """A full queue is told at once, with when to come again; what is in it runs."""
        self.settings = {**self.settings, "queue_max_pending": "5"}
        self.begin()
        ids = self.submit(self.one, 5, seconds=2)
        events = [event_of({}) for _ in range(10)]
        began = time.monotonic()
        answers = [self.one.client.execute("slow", event, 10) for event in events]
        refused = [answer for answer in answers if answer.status.name == "RESOURCE_EXHAUSTED"]
        self.assertTrue(refused, answers)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual({answer.reason for answer in refused}, {"QUEUE_FULL"})
        self.assertTrue(all(answer.retry_s for answer in refused), "it is said when to come again")
        self.all_end(ids)
        self.works()
        for event, answer in zip(events, answers):
            if answer.status.name == "RESOURCE_EXHAUSTED":
                self.assertIsNone(self.bus.last("function-results", "function.result." + request_id_of("slow", event)))

    def test_requests_when_the_broker_is_killed(self):
        """A full queue, some of which was settled just now: what comes back takes nobody's place. Callers of two
        instances, which learn of each other's requests late, are refused before the broker has no room."""
        self.settings = {**self.settings, "queue_max_pending": "60", "service_slots": "4"}
        self.begin()
        two = self.world.serve("two", **self.settings)
        self.world.deploy(self.one, SLOW, "quick", "spec: {maxWorkers: 4}\n")
        wait_for(lambda: two.client.execute("quick", event_of({})).ok, "the other instance")
        self.assertEqual(self.one.client.ask("PauseQueue", name="slow", paused=True).status.name, "OK")
        wait_for(self.paused, "the pause")
        accepted = self.submit(self.one, 25) + self.submit(two, 20)
        self.assertEqual(len(accepted), 45, "there was room")
        for _ in range(10):
            for call in [serve.client.start("quick", event_of({})) for _ in range(4) for serve in (self.one, two)]:
                self.assertEqual(call.result().error, "")
        accepted += self.submit(self.one, 100) + self.submit(two, 100)
        self.world.broker.kill()
        self.assertLess(len(accepted), 245, "the doors refused some")
        self.world.start_broker()
        wait_for(lambda: self.one.client.ask("PauseQueue", name="slow", paused=False).status.name == "OK", "the queue")
        self.all_end(accepted)
        self.bus.queue_empty()

    def paused(self):
        queues = self.one.client.ask("Queues").response.queues
        return any(queue.name == "slow" and queue.paused and queue.takers == 0 for queue in queues)

    def test_requests_by_nats(self):
        """They ask no door; that they filled the queue is known there after a second."""
        self.settings = {**self.settings, "queue_max_pending": "5"}
        self.begin()
        self.assertEqual(self.one.client.ask("PauseQueue", name="slow", paused=True).status.name, "OK")
        wait_for(self.paused, "the pause")
        ids = self.accept(5, "full")
        wait_for(lambda: not self.submit(self.one, 1), "the door to refuse")
        self.assertEqual(self.one.client.ask("PauseQueue", name="slow", paused=False).status.name, "OK")
        self.all_end(ids)
        self.works()

    def submit(self, serve, count, **data):
        """The ids of those that were accepted; the others are refused, with when to come again."""
        accepted = []
        request = calls.module("function_service_pb2").ExecuteFunctionRequest
        for event in [event_of(data) for _ in range(count)]:
            answer = calls.answer_of(serve.client.functions.SubmitFunction.future(request(name="slow", event=event)))
            if answer.status.name == "OK":
                accepted.append(request_id_of("slow", event))
            else:
                self.assert_status(answer, "RESOURCE_EXHAUSTED", "QUEUE_FULL")
                self.assertTrue(answer.retry_s, "it is said when to come again")
        return accepted


if __name__ == "__main__":
    main()
