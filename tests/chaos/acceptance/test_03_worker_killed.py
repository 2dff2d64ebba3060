"""3: kill -9 to a worker in the middle of a call means exactly one more execution, and that the crash is charged."""
import os
import signal
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main


class WorkerKilled(WitnessCase):
    def test_one_more_execution(self):
        for folder in ("work", "script"):
            with self.subTest(folder=folder):
                one, two = self.begin(2)
                self.deploy(one, folder, folder)
                self.await_ready([one, two], folder)
                request_id = self.submit(one, b"sleep=1500", folder)
                seen = self.await_run(request_id)
                os.kill(seen[0]["pid"], signal.SIGKILL)
                result = self.result(one, request_id)
                self.assertEqual((result.outcome, result.attempts), ("succeeded", 2))
                self.assertEqual(self.bus.result(request_id).headers["stead-causes"], "crash=1")
                self.bus.queue_empty()
                self.assertEqual(self.runs(request_id), [1, 2])
                self.assertEqual([line["op"] for line in self.seen_by_functions(request_id)], ["invoke", "invoke", "ok"])


if __name__ == "__main__":
    main()
