"""A forged `stead-reply-to` makes an instance publish nothing where its maker wants it: not into the broker's own
interface, not to a stranger, not to another gateway's caller."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of, wait_for

FORGED = [
    "$JS.API.STREAM.PURGE.function-results", "$JS.API.STREAM.DELETE.functions", "function.c.work", "function.result.victim",
    "stolen.answer", "_INBOX.stolen", "_INBOX.stead", "_INBOX.steadfast.x", "_INBOX.stead.*", "_INBOX.stead.>", "", " ", ".",
]


class ForgedReplyTo(WitnessCase):
    def test_nothing_is_sent_there(self):
        (one,) = self.begin()
        self.deploy(one)
        kept = one.client.execute("work", event_of(b"sleep=0"))
        self.assert_ok(kept)
        stolen = self.bus.listen("stolen.>") , self.bus.listen("_INBOX.stolen")
        for number, subject in enumerate(FORGED):
            headers = {"stead-request-id": "f-%d" % number, "stead-reply-to": subject}
            self.bus.run(self.bus.accept("function.c.work", b"sleep=0", headers))
        for number in range(len(FORGED)):
            self.assertEqual(self.bus.result("f-%d" % number).headers["stead-outcome"], "succeeded")
        self.bus.queue_empty()
        self.assertEqual([len(heard) for heard in stolen], [0, 0])
        self.assertEqual(self.bus.info("function-results").messages, len(FORGED) + 1)
        self.assertIsNone(self.bus.last("function-results", "function.result.victim"))

    def test_a_waiting_caller_takes_no_strangers_answer(self):
        """A request whose reply-to is the inbox of another one's gateway ends that other call with its own result only."""
        (one,) = self.begin()
        self.deploy(one)
        spied = self.bus.listen("function.c.work")
        event = event_of(b"sleep=2000")
        call = one.client.start("work", event)
        self.await_run(request_id_of("work", event))
        inbox = wait_for(lambda: spied, "the request as others see it")[0].headers["stead-reply-to"]
        headers = {"stead-request-id": "stranger", "stead-reply-to": inbox}
        self.bus.run(self.bus.accept("function.c.work", b"sleep=0", headers))
        self.bus.result("stranger")
        response = call.result()
        self.assertEqual(response.data, self.bus.result(request_id_of("work", event)).data)
        self.assertTrue(response.data.startswith(request_id_of("work", event).encode()))


if __name__ == "__main__":
    main()
