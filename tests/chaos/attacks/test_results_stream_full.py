"""The stream of results is full: what was accepted waits and ends when there is room, with its own result; callers get an
answer meanwhile, and nothing older is thrown out."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for

ROOM = 1000
MORE = 40
RETENTION_S = 15


class ResultsStreamFull(WitnessCase):
    def test_room_comes_by_retention(self):
        (one,) = self.begin(results_max_count=str(ROOM), results_retention="%ds" % RETENTION_S, grpc_max_deadline="10s")
        self.deploy(one)
        ids = ["r-%d" % number for number in range(ROOM + MORE)]

        async def publish():
            for request_id in ids:
                headers = {"Nats-Msg-Id": request_id, "stead-request-id": request_id}
                await self.bus.connection.publish("function.c.work", b"sleep=0", headers=headers)
            await self.bus.connection.flush()

        heard = self.bus.listen("function.result.*")
        self.bus.run(publish(), 60)
        wait_for(lambda: self.bus.info("function-results").messages == ROOM, "a full stream", 60, 0.01)
        self.assertGreater(self.bus.info("functions").messages, 0, "what has no room for its result stays queued")
        self.bus.queue_empty(120)
        ended = [message.subject.rpartition(".")[2] for message in heard if message.headers.get("stead-outcome") == "succeeded"]
        self.assertEqual(sorted(set(ended)), sorted(ids))
        self.assertLessEqual(self.bus.info("function-results").messages, ROOM)
        self.assertEqual({tuple(self.runs(request_id)) for request_id in ids}, {(1,)}, "nobody ran twice for want of room")


if __name__ == "__main__":
    main()
