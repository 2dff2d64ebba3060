"""Running the service: bad configuration, ports in use, missing compilers, deploys, restarts, probes and metrics."""
import socket
import subprocess

from stead_world import WorldCase, event_of, main, wait_for
from stead_world import calls
from stead_world.process import alive
from stead_world.world import PROGRAM

V1 = {"main.py": 'import stead\n\n@stead.function\ndef f(event, ctx):\n    return {"version": 1}\n'}
V2 = {"main.py": V1["main.py"].replace("1}", "2}")}
SLOW = {"main.py": V1["main.py"].replace("    return", "    import time\n    time.sleep(1.5)\n    return")}


def run_serve(*arguments, env=None):
    """A serve that is expected to end by itself."""
    return subprocess.run(
        [PROGRAM, "serve", *arguments], env=env, capture_output=True, text=True, timeout=60, check=False
    )


class Refusals(WorldCase):
    """A serve that can't run says why, on stderr, and ends with the right code."""

    @classmethod
    def setUpClass(cls):
        pass

    def serve(self, world, *arguments):
        command = ["--nats", world.nats_url, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        return run_serve(*command, "--store", world.path("store"), *arguments)

    def config_of(self, world, text):
        with open(world.path("stead.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        return world.path("stead.yaml")

    def check_config(self, text, place, *words):
        world = self.new_world()
        path = self.config_of(world, text)
        ended = self.serve(world, "--config", path)
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("%s:%s" % (path, place), ended.stderr)
        for word in words:
            self.assertIn(word, ended.stderr)

    def test_unknown_key(self):
        self.check_config("service:\n  slotz: 4\n", "2:3", "slotz", "slots")

    def test_bad_value(self):
        self.check_config("functions:\n  timeout: 10\n", "2:", "timeout")

    def test_key_given_twice(self):
        self.check_config("log: {level: info}\nlog: {level: warn}\n", "2:", "log")

    def test_file_that_is_not_there(self):
        world = self.new_world()
        ended = self.serve(world, "--config", world.path("nowhere.yaml"))
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("nowhere.yaml", ended.stderr)

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for option in ("--grpc", "--http"):
                with self.subTest(option):
                    ended = self.serve(self.new_world(), option, address)
                    self.assertEqual(ended.returncode, 69, ended.stderr)
                    self.assertIn(address, ended.stderr)
                    self.assertIn("in use", ended.stderr)

    def test_plaintext_to_the_world(self):
        ended = self.serve(self.new_world(), "--grpc", "0.0.0.0:0")
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("grpc.allowPlaintext", ended.stderr)

    def test_store_that_is_a_file(self):
        world = self.new_world()
        self.config_of(world, "")
        ended = self.serve(world, "--store", world.path("stead.yaml"))
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("stead.yaml", ended.stderr)


class Operation(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.client = cls.one.client

    def test_no_compiler(self):
        """C is reported as not served; Python works."""
        two = self.world.serve("two", env={"STEAD_CC": "/nowhere/cc"})
        two.says("language not served")
        two.says("STEAD_CC")
        self.world.deploy(two, V1, "no-compiler")
        self.assert_ok(two.client.execute("no-compiler", event_of("x")))
        answer = two.client.deploy("in-c", {"main.c": "int main(void) { return 0; }\n"})
        self.assert_status(answer, "FAILED_PRECONDITION", "LANGUAGE_NOT_SUPPORTED")
        self.assertNotIn("in-c", two.client.list())
        self.assertEqual(two.stop(), 0)

    def test_deploy_list_get_remove(self):
        made = self.world.deploy(self.one, V1, "life")
        self.assertEqual((made.language, made.name, made.state), ("python", "life", "READY"))
        self.assertEqual(self.client.list()["life"].version, made.version)
        self.assertIn("life", self.client.list("python"))
        self.assertNotIn("life", self.client.list("c"))
        self.assertEqual(self.client.get("life").response.function.version, made.version)
        self.assert_status(self.client.get("nobody"), "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.assertEqual(self.client.remove("life").response.function.name, "life")
        wait_for(lambda: "life" not in self.client.list(), "the function to be gone")
        self.assert_status(self.client.execute("life", event_of("x")), "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.assert_status(self.client.remove("life"), "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.world.deploy(self.one, V2, "life")
        self.assert_ok(self.client.execute("life", event_of("again")))

    def test_new_version_takes_over(self):
        first = self.world.deploy(self.one, V1, "upgraded")
        self.assertIn(b"1", self.client.execute("upgraded", event_of("x")).data)
        second = self.world.deploy(self.one, V2, "upgraded")
        self.assertNotEqual(first.version, second.version)
        self.assertIn(b"2", self.client.execute("upgraded", event_of("x")).data)

    def test_old_version_finishes(self):
        """A call that runs when a new version takes over ends on the old one."""
        self.world.deploy(self.one, SLOW, "overlap")
        before = len(self.one.workers())
        call = self.client.start("overlap", event_of("x"))
        self.world.deploy(self.one, V2, "overlap")
        self.assertIn(self.client.execute("overlap", event_of("y")).data.replace(b" ", b""), (b'{"version":2}',))
        self.assert_ok(calls.answer_of(call))
        wait_for(lambda: len(self.one.workers()) <= before, "the old version's worker to end")

    def test_identical_deploy(self):
        first = self.world.deploy(self.one, V1, "identical")
        sequence = self.bus.info("KV_function-config").last_seq
        again = self.world.deploy(self.one, V1, "identical")
        self.assertEqual((first.version, first.created), (again.version, again.created))
        self.assertEqual(self.bus.info("KV_function-config").last_seq, sequence)

    def test_two_deploys_at_once(self):
        """One wins or one after the other: afterwards the record, the list and the answers agree."""
        admin = calls.module("function_admin_pb2")
        requests = []
        for files in (V1, V2):
            request = admin.DeployRequest(name="race")
            request.files.add(path="main.py", content=files["main.py"].encode())
            requests.append(self.client.admin.Deploy.future(request, timeout=60))
        answers = [calls.answer_of(request) for request in requests]
        statuses = [answer.status.name for answer in answers]
        self.assertIn("OK", statuses)
        self.assertLessEqual(set(statuses), {"OK", "ABORTED"})
        wait_for(lambda: self.client.get("race").response.function.state == "READY", "the function")
        data = self.client.execute("race", event_of("x")).data
        self.assertEqual({self.client.execute("race", event_of("x")).data for _ in range(5)}, {data})

    def test_name_of_another_language(self):
        answer = self.client.deploy("echo", V1)
        self.assert_status(answer, "ALREADY_EXISTS", "NAME_TAKEN")

    def test_bad_deploys(self):
        self.assert_status(self.client.deploy("a.b", V1), "INVALID_ARGUMENT", "INVALID_FUNCTION_NAME")
        self.assert_status(self.client.deploy("empty", {}), "INVALID_ARGUMENT")
        self.assert_status(self.client.deploy("text", {"notes.txt": "x"}), "INVALID_ARGUMENT", "UNKNOWN_LANGUAGE")
        self.assert_status(self.client.deploy("cobol", V1, language="cobol"), "INVALID_ARGUMENT", "UNKNOWN_LANGUAGE")
        for path in ("../escape.py", "/etc/main.py", "a/../../main.py", "a//b.py", "./main.py", "nul\0.py"):
            with self.subTest(path):
                self.assert_status(self.client.deploy("escape", {**V1, path: "x"}), "INVALID_ARGUMENT")
        self.assertNotEqual(self.client.deploy("fat", {**V1, "blob": b"x" * (17 << 20)}).status.name, "OK")
        many = {**V1, **{"file-%d" % number: "" for number in range(1001)}}
        self.assertNotEqual(self.client.deploy("many", many).status.name, "OK")
        manifest = self.client.deploy("manifest", V1, "spec: {maxRetry: 3}\n")
        self.assert_status(manifest, "INVALID_ARGUMENT", "INVALID_MANIFEST")
        self.assertIn("maxRetries", manifest.text)

    def test_second_instance_serves_what_is_deployed(self):
        two = self.world.serve("three")
        self.assert_ok(two.client.execute("echo", event_of("x")))
        self.world.deploy(two, V1, "from-two")
        wait_for(lambda: "from-two" in self.client.list(), "the other instance to hear of it")
        wait_for(lambda: self.client.execute("from-two", event_of("x")).ok, "the other instance to serve it")
        self.assertEqual(two.stop(), 0)

    def test_probes_and_metrics(self):
        self.assertEqual(self.one.http("/livez")[0], 200)
        self.assertEqual(self.one.http("/readyz")[0], 200)
        self.assertEqual(self.one.http("/nothing")[0], 404)
        self.assert_ok(self.client.execute("echo", event_of("x")))
        status, text = self.one.http("/metrics")
        self.assertEqual(status, 200)
        lines = text.splitlines()
        sample = 'stead_function_invocations_total{language="c",function="echo",outcome="succeeded"}'
        counted = [line for line in lines if line.startswith("stead_function_invocations_total") and '"echo"' in line]
        self.assertTrue(counted, "no %s in\n%s" % (sample, text))
        self.assertGreater(float(counted[0].rpartition(" ")[2]), 0)
        self.assertIn("stead_nats_connected 1", lines)
        for family, labels in (("stead_function_duration_seconds", '{language="c",function="echo"}'),
                               ("stead_function_init_duration_seconds", '{language="c",function="echo"}'),
                               ("stead_request_duration_seconds", '{transport="grpc"}')):
            count = [line for line in lines if line.startswith("%s_count%s " % (family, labels))]
            self.assertEqual(len(count), 1, "%s in\n%s" % (family, text))
            self.assertGreater(float(count[0].rpartition(" ")[2]), 0)
        self.assertTrue(any(line.startswith("process_resident_memory_bytes ") for line in lines))


class Restart(WorldCase):
    def test_restart(self):
        """What was deployed is served again from the broker, by an instance with an empty store as well."""
        self.world.deploy(self.one, "echo")
        self.world.deploy(self.one, V1, "kept")
        event = event_of("before")
        before = self.one.client.execute("kept", event)
        processes = self.one.workers()
        self.assertEqual(self.one.stop(), 0)
        wait_for(lambda: not any(alive(pid) for pid in processes), "the end of all workers")
        self.bus.publish("function.c.echo", b"while nobody was there", {"stead-request-id": "waited"})
        for store in ("one", "fresh"):
            again = self.world.serve(store)
            self.assertEqual({name: function.state for name, function in again.client.list().items()},
                             {"echo": "READY", "kept": "READY"})
            self.assertEqual(self.bus.result("waited").data, b"while nobody was there")
            self.assertEqual(again.client.execute("kept", event).data, before.data, "the stored result")
            self.assert_ok(again.client.execute("kept", event_of("new")))
            self.assertEqual(again.stop(), 0)

    def test_who_stops_is_no_longer_told_of(self):
        """A rollout need not wait for the record of an instance that left to be forgotten, which takes 15 s."""
        two, subject = self.world.serve("two", service_name="leaver"), "$KV.function-instances.state.leaver"
        wait_for(lambda: self.bus.last("KV_function-instances", subject), "its record")
        self.assertEqual(two.stop(), 0)
        record = self.bus.last("KV_function-instances", subject)
        self.assertEqual(record.headers["KV-Operation"], "DEL")

    def test_unix_socket(self):
        address = "unix:" + self.world.path("grpc.sock")
        serve = self.world.serve("unix", env={"STEAD_GRPC_LISTEN": address})
        self.world.deploy(serve, "echo-python")
        self.assert_ok(serve.client.execute("echo-python", event_of("x")))
        self.assertEqual(serve.stop(), 0)


if __name__ == "__main__":
    main()
