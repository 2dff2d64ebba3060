"""`stead doctor` on real brokers: a good one, one that Stead has not seen yet, streams of strangers, users who may not."""
import json
import os
import subprocess

from stead_world import WorldCase, event_of, free_port, main, wait_for
from stead_world.world import PROGRAM

USERS = """
jetstream { store_dir: "%s" }
listen: "127.0.0.1:%d"
authorization {
  users: [
    { user: all, password: x }
    { user: blind, password: x, permissions: { publish: { deny: "$JS.API.INFO" } } }
    { user: reader, password: x, permissions: { publish: { deny: ["$KV.function-config.>", "function.python.*"] },
                                                subscribe: { deny: "function.cancel.*" } } }
  ]
}
"""


def doctor(world, *arguments, url=None, **settings):
    """(exit code, findings by what they are about: a list of (level, seen, advice))."""
    variables = {**os.environ, **{"STEAD_" + key.upper(): value for key, value in settings.items()}}
    done = subprocess.run([PROGRAM, "doctor", "--json", "--nats", url or world.nats_url, *arguments],
                          capture_output=True, timeout=90, check=False, env=variables)
    report = json.loads(done.stdout)
    findings = {}
    for one in report["findings"]:
        findings.setdefault(one["about"], []).append((one["level"], one["seen"], one["advice"]))
    assert report["ok"] == (done.returncode == 0), done
    return done.returncode, findings


class DoctorCase(WorldCase):
    @classmethod
    def setUpClass(cls):
        pass

    def assert_finding(self, findings, about, level, words=""):
        found = [one for one in findings.get(about, []) if one[0] == level and words in one[1]]
        self.assertTrue(found, "%s %s %r in %s" % (about, level, words, json.dumps(findings, indent=1)))

    def assert_nothing_fails(self, findings):
        failed = {about: found for about, found in findings.items() if any(one[0] == "FAIL" for one in found)}
        self.assertEqual(failed, {})


class Good(DoctorCase):
    def test_a_broker_before_and_after(self):
        world = self.new_world()
        world.start_broker()
        code, findings = doctor(world)
        self.assertEqual(code, 0, findings)
        self.assert_finding(findings, "functions", "ok", "not there yet")
        bus = world.bus()
        self.assertEqual(bus.run(bus.stream.streams_info()), [], "it makes nothing")

        serve = world.serve()
        world.deploy(serve, "echo")
        serve.client.execute("echo", event_of("x"))
        before = [bus.info(name).last_seq for name in ("functions", "function-results", "KV_function-config")]
        code, findings = doctor(world, "--addr", serve.ports["grpc"])
        self.assertEqual(code, 0, findings)
        self.assert_nothing_fails(findings)
        for about in ("nats-server", "jetstream", "max_payload", "permissions", "functions", "function-results",
                      "function-dead", "function-config", "function-versions", "function-attempts", "function-lease",
                      "function-instances", "function-code", "consumers", "queue room", "duplicates", "results room", "clock", "stead"):
            self.assertEqual([one[0] for one in findings[about]], ["ok"], (about, findings[about]))
        self.assert_finding(findings, "durability", "WARN", "assumed")
        after = [bus.info(name).last_seq for name in ("functions", "function-results", "KV_function-config")]
        self.assertEqual(before, after, "what it tries is stored nowhere")

    def test_the_rate(self):
        world = self.new_world()
        world.start_broker()
        for rate, level, code in (("10", "ok", 0), ("6000", "WARN", 0), ("9000", "FAIL", 1)):
            got, findings = doctor(world, "--rate", rate)
            self.assert_finding(findings, "results room", level, "as given")
            self.assertEqual(got, code)
        done = subprocess.run([PROGRAM, "doctor", "--rate", "many"], capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 2, done)

    def test_its_own_word_of_the_disk(self):
        """The monitoring port tells; a server before 2.10 has nothing to tell, and the default is assumed."""
        world = self.new_world()
        port = free_port()
        world.broker.command += ["-m", str(port)]
        world.start_broker()
        _, findings = doctor(world, "--monitor", "http://127.0.0.1:%d" % port)
        version = findings["nats-server"][0][1].split()[1]
        if tuple(int(part) for part in version.split(".")[:2]) < (2, 10):
            self.assert_finding(findings, "durability", "WARN", "every 1m (assumed")
        else:
            self.assert_finding(findings, "durability", "WARN", "every 2m (by its own word)")


class Foreign(DoctorCase):
    """Streams that someone made before."""

    def made(self, **config):
        world = self.new_world()
        world.start_broker()
        bus = world.bus()
        bus.run(bus.stream.add_stream(**config))
        return world

    def test_streams(self):
        languages = ["function.%s.*" % one for one in ("bin", "c", "go", "js", "python")]
        good = {"name": "functions", "subjects": languages, "retention": "workqueue", "discard": "new", "max_age": 3600}
        for change, level, words in (
            ({}, "WARN", "not made by Stead"),
            ({"retention": "limits"}, "FAIL", "retention limits"),
            ({"discard": "old"}, "FAIL", "when it is full it drops"),
            ({"storage": "memory"}, "WARN", "in memory"),
            ({"subjects": languages[:3]}, "FAIL", "and not function.js.*"),
            ({"max_age": 60}, "FAIL", "dropped after 1m"),
        ):
            with self.subTest(**change):
                world = self.made(**{**good, **change})
                code, findings = doctor(world)
                self.assert_finding(findings, "functions", level, words)
                self.assertEqual(code, 1 if level == "FAIL" else 0, findings)

    def test_a_bucket_that_forgets(self):
        world = self.made(name="KV_function-config", subjects=["$KV.function-config.>"], max_age=600, discard="new",
                          max_msgs_per_subject=1)
        code, findings = doctor(world)
        self.assertEqual(code, 1)
        self.assert_finding(findings, "function-config", "FAIL", "dropped after 10m")

    def test_consumers(self):
        """One of ours that was edited, and one of a stranger."""
        world = self.new_world()
        world.start_broker()
        serve, bus = world.serve(), world.bus()
        world.deploy(serve, "echo")
        serve.kill()
        name = bus.run(bus.stream.consumers_info("functions"))[0].name
        config = bus.run(bus.stream.consumer_info("functions", name)).config
        config.ack_wait = 300
        bus.run(bus.stream.add_consumer("functions", config))
        bus.run(bus.stream.pull_subscribe("function.go.stolen", durable="thief", stream="functions"))
        code, findings = doctor(world)
        self.assertEqual(code, 1)
        self.assert_finding(findings, "consumer", "WARN", "ack wait 5m")
        self.assert_finding(findings, "consumer", "FAIL", "thief")


class Durability(DoctorCase):
    """What each instance found that the broker gives."""

    def told(self, *storage, **settings):
        world = self.new_world()
        world.start_broker()
        serve = world.serve(**settings)

        def read():
            rows = json.loads(self.stead(serve, "instance", "ls", "--json").stdout)["instances"]
            return rows[0] if rows and rows[0]["durability"] else None

        row = wait_for(read, "what the instance found", 30)
        durability = row["durability"]
        self.assertEqual((durability["storage"], durability["replicas"], durability["syncTold"]), storage)
        self.assertIn(durability["syncIntervalMs"], (60000, 120000))
        one = self.stead(serve, "instance", "get", row["name"])
        self.assertIn(storage[0] + ", 1 copy, sync ", one.stdout.decode())
        self.assertIn("(assumed)", one.stdout.decode())
        self.assertEqual(json.loads(self.stead(serve, "instance", "get", row["name"], "--json").stdout)["name"], row["name"])
        self.assertEqual(self.stead(serve, "instance", "get", "nobody").returncode, 2)

    @staticmethod
    def stead(serve, *arguments):
        return subprocess.run([PROGRAM, *arguments, "--addr", serve.ports["grpc"]], capture_output=True, timeout=60, check=False)

    def test_on_disk(self):
        self.told("file", 1, False)

    def test_in_memory(self):
        self.told("memory", 1, False, storage_type="memory")


class Users(DoctorCase):
    def test_permissions(self):
        world = self.new_world()
        path = world.path("users.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(USERS % (world.path("nats"), world.nats_port))
        world.broker.command = [world.broker.command[0], "-c", path]
        world.start_broker()
        at = "127.0.0.1:%d" % world.nats_port
        code, findings = doctor(world, url="nats://all:x@" + at)
        self.assertEqual((code, findings["permissions"][0][0]), (0, "ok"), findings)
        code, findings = doctor(world, url="nats://reader:x@" + at)
        self.assertEqual(code, 1)
        for words in ("publish to $KV.function-config.stead-doctor", "publish to function.python.stead-doctor",
                      "subscribe to function.cancel.*"):
            self.assert_finding(findings, "permissions", "FAIL", words)
        self.assertEqual(len(findings["permissions"]), 3, findings["permissions"])
        code, findings = doctor(world, url="nats://blind:x@" + at)
        self.assertEqual(code, 1)
        self.assert_finding(findings, "permissions", "FAIL", "publish to $JS.API.INFO")
        code, findings = doctor(world, url="nats://nobody:x@" + at)
        self.assertEqual(code, 1)
        self.assert_finding(findings, "nats-server", "FAIL")


if __name__ == "__main__":
    main()
