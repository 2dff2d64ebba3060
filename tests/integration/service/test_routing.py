"""Routing: which instance runs a request.

Instances pull what they have room for, and the broker serves waiting pulls in turn. So instances that are equally free
get requests in turn, and a request runs only where its language is served; calls work at every gateway.
"""
import threading
import time

from stead_world import WorldCase, event_of, main, wait_for
from stead_world import calls
from stead_world.load import state_of

# The parent of a function's process is the spawner of its instance.
WHERE = {
    "main.py": """
import os
import time
import stead

@stead.function
def where(event, ctx):
    time.sleep(event.data)
    return os.getppid()
"""
}
IN_C = {
    "main.c": """
#include <stead/plugin.h>

#include <stdio.h>
#include <unistd.h>

static stead_status where(stead_ctx *ctx, const stead_event *in)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%d", (int)getppid());
    return stead_reply(ctx, "where.v1", "text/plain", text, (size_t)length);
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "in-c", .execute = where };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
"""
}
SLOW_SECONDS = 0.25


class Routing(WorldCase):
    """Three instances of one kind."""

    @classmethod
    def set_up_functions(cls):
        cls.serves = [cls.one, cls.world.serve("two"), cls.world.serve("three")]
        for name, workers in (("turns", 1), ("wide", 4)):
            cls.world.deploy(cls.one, WHERE, name, "spec: {maxWorkers: %d}\n" % workers)
            for serve in cls.serves:
                wait_for(lambda s=serve, n=name: state_of(s, n) == "READY", "%s on %s" % (name, serve.name))

    def call(self, serve, name, seconds):
        answer = serve.client.execute(name, event_of(seconds))
        self.assert_ok(answer)
        return int(answer.data)

    def turns(self, name, count, gateways):
        """How many of so many calls, one after the other, each instance ran."""
        for serve in 4 * gateways:
            self.call(serve, name, 0.005)  # from now on nobody's pull is older than the last few calls
        ran = {}
        for number in range(count):
            instance = self.call(gateways[number % len(gateways)], name, 0.005)
            ran[instance] = ran.get(instance, 0) + 1
            time.sleep(0.005)
        self.assertEqual(len(ran), len(self.serves), ran)
        return ran

    def test_one_at_a_time_goes_round(self):
        ran = self.turns("turns", 61, self.serves)
        self.assertLessEqual(max(ran.values()) - min(ran.values()), 1, ran)

    def test_one_gateway_favours_nobody(self):
        ran = self.turns("turns", 61, self.serves[:1])
        self.assertLessEqual(max(ran.values()) - min(ran.values()), 1, ran)

    def test_with_room_for_several(self):
        """An instance that took a call asks for as many more as its workers can take: that much it may be ahead."""
        ran = self.turns("wide", 60, self.serves)
        self.assertLessEqual(max(ran.values()) - min(ran.values()), 4, ran)

    def test_under_load_the_free_ones_share(self):
        """Sixty long calls, and room for twelve: nobody is ahead by more than what one instance runs at once."""
        ran, lock = {}, threading.Lock()

        def many(serve):
            for _ in range(5):
                instance = self.call(serve, "wide", SLOW_SECONDS)
                with lock:
                    ran[instance] = ran.get(instance, 0) + 1

        threads = [threading.Thread(target=many, args=(serve,)) for serve in 4 * self.serves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(ran.values()), 60)
        self.assertEqual(len(ran), len(self.serves), ran)
        self.assertLessEqual(max(ran.values()) - min(ran.values()), 2 * 4, ran)

    def test_a_busy_one_gets_nothing(self):
        """One instance runs a long call and has no more room: the others take all."""
        long_call = self.one.client.start("turns", event_of(3))
        wait_for(lambda: self.bus.run(self.bus.stream.consumer_info("functions", "python-turns")).num_ack_pending,
                 "the long call to begin")
        ran = [self.call(self.one, "turns", 0.005) for _ in range(20)]
        answer = calls.answer_of(long_call)
        self.assert_ok(answer)
        self.assertNotIn(int(answer.data), ran)
        self.assertEqual(len(set(ran)), 2, ran)


class Languages(WorldCase):
    """One instance serves C, the other Python; whoever is called, the request runs where its language is served."""

    settings = {"env": {"STEAD_SERVICE_LANGUAGES": "[c]"}}

    @classmethod
    def set_up_functions(cls):
        cls.two = cls.world.serve("two", env={"STEAD_SERVICE_LANGUAGES": "[python]"})
        cls.world.deploy(cls.one, IN_C, "in-c")
        cls.world.deploy(cls.two, WHERE, "in-python")
        for name in ("in-c", "in-python"):
            for serve in (cls.one, cls.two):
                wait_for(lambda s=serve, n=name: state_of(s, n) is not None, "%s to know %s" % (serve.name, name))

    def parents(self, serve):
        return {parent_of(worker) for worker in serve.workers()}

    def check(self, gateway):
        """Both functions by gRPC through this gateway, many at once."""
        started = [("in-c", gateway.client.start("in-c", event_of("x"))) for _ in range(20)]
        started += [("in-python", gateway.client.start("in-python", event_of(0))) for _ in range(20)]
        for name, call in started:
            answer = calls.answer_of(call)
            self.assert_ok(answer)
            serves = self.one if name == "in-c" else self.two
            self.assertIn(int(answer.data), self.parents(serves), name)

    def test_calls_at_the_gateway_that_serves_c(self):
        self.check(self.one)

    def test_calls_at_the_gateway_that_serves_python(self):
        self.check(self.two)

    def test_published_requests(self):
        for number, (subject, serve) in enumerate((("c.in-c", self.one), ("python.in-python", self.two))):
            request = "published-%d" % number
            headers = {"stead-request-id": request, "Content-Type": "application/json"}
            self.bus.publish("function." + subject, b"0", headers)
            self.assertIn(int(self.bus.result(request).data), self.parents(serve))

    def test_each_runs_its_own_processes_only(self):
        self.check(self.one)
        self.check(self.two)
        for serve, other in ((self.one, "in-python"), (self.two, "in-c")):
            lines = [line for line in serve.http("/metrics")[1].splitlines() if line.startswith("stead_function_invoc")]
            self.assertTrue(lines)
            self.assertFalse([line for line in lines if '"%s"' % other in line and not line.endswith(" 0")], lines)

    def test_states_say_so(self):
        self.assertEqual((state_of(self.one, "in-c"), state_of(self.one, "in-python")), ("READY", "ELSEWHERE"))
        self.assertEqual((state_of(self.two, "in-c"), state_of(self.two, "in-python")), ("ELSEWHERE", "READY"))

    def test_deploys_only_where_it_can_be_built(self):
        answer = self.one.client.deploy("other", WHERE)
        self.assert_status(answer, "FAILED_PRECONDITION", "LANGUAGE_NOT_SUPPORTED")

    def test_a_new_version_reaches_both_gateways(self):
        """And a removal."""
        self.world.deploy(self.two, WHERE, "comes")
        wait_for(lambda: state_of(self.one, "comes") == "ELSEWHERE", "the other gateway to hear of it")
        self.assertIn(int(self.one.client.execute("comes", event_of(0)).data), self.parents(self.two))
        changed = {"main.py": WHERE["main.py"].replace("return os.getppid()", 'return "new"')}
        self.world.deploy(self.two, changed, "comes")
        self.assertEqual(self.one.client.execute("comes", event_of(0)).data, b'"new"')
        self.assert_ok_status(self.one.client.remove("comes"))
        wait_for(lambda: state_of(self.one, "comes") is None, "the other gateway to forget it")
        self.assert_status(self.one.client.execute("comes", event_of(0)), "NOT_FOUND", "FUNCTION_NOT_FOUND")

    def assert_ok_status(self, answer):
        self.assertEqual(answer.status.name, "OK", repr(answer))

    def test_nobody_serves_it_for_a_while(self):
        """The request waits in the stream for an instance that serves its language, and a gateway says nothing else."""
        self.world.deploy(self.two, WHERE, "waits")
        wait_for(lambda: state_of(self.one, "waits") == "ELSEWHERE", "the other gateway to hear of it")
        self.assertEqual(self.two.stop(), 0)
        call = self.one.client.start("waits", event_of(0))
        wait_for(lambda: self.bus.info("functions").messages > 0, "the request to be queued")
        type(self).two = self.world.serve("two", env={"STEAD_SERVICE_LANGUAGES": "[python]"})
        answer = calls.answer_of(call)
        self.assert_ok(answer)
        self.assertIn(int(answer.data), self.parents(self.two))


class Refusals(WorldCase):
    """What routing can't mean is refused at the start, with the reason."""

    @classmethod
    def setUpClass(cls):
        pass

    def ends_with(self, **variables):
        serve = self.new_world().serve("refused", ready=False, **variables)
        self.assertEqual(serve.wait(), 78, serve.log())
        return serve.log()

    def test_every_instance_for_every_language(self):
        log = self.ends_with(service_routing_language_based="false")
        self.assertIn("languageBased", log)
        self.assertIn("can't run their language", log)

    def test_a_strategy_that_is_none(self):
        log = self.ends_with(service_routing_strategy="by-name")
        self.assertIn("service.routing.strategy", log)
        self.assertIn("round-robin", log)


def parent_of(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    main()
