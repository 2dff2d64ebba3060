"""11: a dead letter is redriven twice: the second is a no-op, also after a restart of everything, and of two at once too."""
import sys
import threading

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for


class RedrivenTwice(WitnessCase):
    def test_the_second_is_a_no_op(self):
        one, two = self.begin(2)
        self.deploy(one, spec="  maxRetries: 1\n")
        self.await_ready([one, two])
        dead = self.submit(one, b"fail=2")
        self.assertEqual(self.result(one, dead).outcome, "dead-lettered")
        self.assertEqual(self.runs(dead), [1, 2])
        answers = []
        threads = [threading.Thread(target=lambda by=by: answers.append(self.redrive(by, dead))) for by in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        again = dead + "~1"
        self.assertEqual([answer.status.name for answer in answers], ["OK", "OK"], answers)
        self.assertEqual({answer.response.request_id for answer in answers}, {again})
        self.assertEqual(sorted(answer.response.duplicate for answer in answers), [False, True], "one of them did it")
        self.assertEqual(self.result(two, again).outcome, "dead-lettered")  # it wishes to fail twice again
        self.bus.queue_empty()
        self.assertEqual(self.runs(again), [1, 2])
        self.world.broker.kill()
        self.world.start_broker()
        wait_for(lambda: one.http("/readyz")[0] == 200, "readiness")
        later = self.redrive(one, dead)
        self.assertEqual((later.status.name, later.response.duplicate), ("OK", True), repr(later))
        self.bus.queue_empty()
        self.assertEqual(self.runs(again), [1, 2], "no other run of the redriven request")
        self.assertEqual(self.runs(dead), [1, 2], "nor of the first")
        self.assertEqual(self.bus.info("function-results").messages, 2)

    @staticmethod
    def redrive(serve, request_id):
        """The answer; until the broker is there."""

        def answered():
            answer = serve.client.ask("Redrive", name="work", request_id=request_id)
            return None if answer.status.name == "UNAVAILABLE" else answer

        return wait_for(answered, "an answer")


if __name__ == "__main__":
    main()
