"""4: SIGTERM under load loses nothing and runs nothing twice that is shorter than the grace."""
import sys
import threading

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of

COUNT = 600
THREADS = 12


class StoppedUnderLoad(WitnessCase):
    def load(self, serves, half):
        """COUNT calls of up to 50 ms; half() is called in the middle of them. The request ids and what was answered."""
        events = [event_of(b"sleep=%d" % (number % 50), id="load-%d" % number) for number in range(COUNT)]
        answers, lock, begun = {}, threading.Lock(), threading.Event()

        def call(thread):
            for number in range(thread, COUNT, THREADS):
                answer = serves[number % len(serves)].client.execute("work", events[number])
                with lock:
                    answers[number] = answer
                    if len(answers) >= COUNT // 2:
                        begun.set()

        threads = [threading.Thread(target=call, args=(thread,), daemon=True) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        self.assertTrue(begun.wait(120))
        half()
        for thread in threads:
            thread.join(120)
        return {request_id_of("work", event): answers[number] for number, event in enumerate(events)}

    def test_one_of_two_instances(self):
        one, two = self.begin(2)
        self.deploy(one)
        self.await_ready([one, two])
        answers = self.load([two], lambda: self.assertEqual(one.stop(), 0))
        for answer in answers.values():
            self.assert_ok(answer)
        self.bus.queue_empty()
        self.assert_ran_once(answers)

    def test_rolling_restart_of_three(self):
        """Each is stopped and started again in turn. The callers of the one that stays see no failed call."""
        serves = self.begin(3)
        self.deploy(serves[0])
        self.await_ready(serves)

        def roll():
            for serve in serves[:2]:
                self.assertEqual(serve.stop(), 0)
                again = self.serve(serve.name)
                self.await_ready([again])

        answers = self.load([serves[2]], roll)
        for answer in answers.values():
            self.assert_ok(answer)
        self.bus.queue_empty()
        self.assert_ran_once(answers)


if __name__ == "__main__":
    main()
