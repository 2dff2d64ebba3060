"""A test world of three clustered brokers (current nats-server) and `instances` instances, with a client at each."""
import sys
import types
import unittest

sys.path.insert(0, __file__.rpartition("/")[0])
from witness_case import event_of, main, request_id_of, wait_for

from chaos_run.machines import server_program
from chaos_run.place import Place
from stead_world import calls

OPTIONS = calls.OPTIONS + [("grpc.max_reconnect_backoff_ms", 1000)]
__all__ = ["ClusterCase", "event_of", "main", "request_id_of", "wait_for"]


class ClusterCase(unittest.TestCase):
    instances = 1

    def setUp(self):
        program = server_program("current")
        if program is None:
            self.skipTest("there is no current nats-server")
        options = types.SimpleNamespace(brokers=3, instances=self.instances, seed=1, keep=None)
        self.place = Place(options, program)
        self.place.start()
        self.clients = [calls.Client(instance.address, OPTIONS) for instance in self.place.instances]

    def tearDown(self):
        troubles = self.place.close()
        self.place.remove()
        self.assertEqual(troubles, [])
