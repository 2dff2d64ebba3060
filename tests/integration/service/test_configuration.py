"""Configurations against a real broker: a whole file of the original configuration, TLS, toolchains of other versions."""
import json
import os
import subprocess

from stead_world import ROOT, WorldCase, event_of, main, wait_for
from stead_world.world import PROGRAM

ORIGINAL = os.path.join(ROOT, "tests", "unit", "config", "original.yaml")
ECHO = {"main.py": "import stead\n\n@stead.function\ndef f(event, ctx):\n    return event.data\n"}


def records(serve, message):
    lines = [line for line in serve.log().splitlines() if line.startswith("{")]
    return [record for record in map(json.loads, lines) if record["msg"] == message]


def make_certificates(folder):
    """A CA and a certificate of 127.0.0.1 that it signed: (ca, certificate, key)."""
    os.makedirs(folder)
    names = [os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem", "ca.key", "request", "extra")]
    ca, certificate, key, ca_key, request, extra = names
    with open(extra, "w", encoding="utf-8") as file:
        file.write("subjectAltName=IP:127.0.0.1\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    sign = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", extra]
    for command in (
        ["req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-subj", "/CN=test CA", "-days", "2"],
        ["req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1"],
        ["x509", "-req", "-in", request, "-out", certificate, *sign],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)
    return ca, certificate, key


class Configurations(WorldCase):
    @classmethod
    def setUpClass(cls):
        pass

    def test_original_file(self):
        world = self.new_world()
        world.start_broker()
        one = world.serve(env={"STEAD_CONFIG": ORIGINAL})
        world.deploy(one, ECHO, "echo")
        answer = one.client.execute("echo", event_of({"a": 1}))
        self.assertEqual(json.loads(answer.data), {"a": 1})
        with open(os.path.join(os.path.dirname(ORIGINAL), "original.check"), encoding="utf-8") as file:
            explained = [line.split(": ", 1)[1] for line in file.read().splitlines()]
        self.check_says_the_same()
        self.assertEqual([record["what"].split(": ", 1)[1] for record in records(one, "setting explained")], explained)
        bus = world.bus()
        version = bus.connection.connected_server_version
        stream = bus.run(bus.stream.stream_info("functions")).config
        room = 2**18 if (version.major, version.minor, version.patch) < (2, 10, 6) else 0
        self.assertEqual((stream.max_msgs, stream.max_age, stream.num_replicas), (10000 + room, 24 * 3600, 1))
        self.assertEqual((stream.storage, sorted(stream.subjects)[0]), ("file", "function.c.*"))

    def check_says_the_same(self):
        """`stead config check` explains on stdout what serve logs, and --json holds the same lines."""
        for arguments in ([], ["--json"]):
            command = [PROGRAM, "config", "check", os.path.basename(ORIGINAL), *arguments]
            ended = subprocess.run(
                command, cwd=os.path.dirname(ORIGINAL), capture_output=True, text=True, timeout=60, check=True
            )
            said = json.loads(ended.stdout)["notes"] if arguments else ended.stdout.splitlines()
            with open(os.path.join(os.path.dirname(ORIGINAL), "original.check"), encoding="utf-8") as file:
                self.assertEqual(said, file.read().splitlines())

    def test_toolchain_of_another_version(self):
        world = self.new_world()
        world.start_broker()
        one = world.serve(function_languages_python_version="3.999", service_languages="[python]")
        self.assertEqual([record["wanted"] for record in records(one, "toolchain of another version")], ["3.999"])

    def test_broker_with_tls(self):
        world = self.new_world()
        ca, certificate, key = make_certificates(world.path("tls"))
        client = ["--tlsverify", "--tlscacert", ca]  # it asks for a certificate of ours, too
        world.broker.command += ["--tls", "--tlscert", certificate, "--tlskey", key, *client]
        world.start_broker()
        stranger = world.serve("stranger", ready=False, nats_tls_ca=ca)
        one = world.serve(nats_tls_ca=ca, nats_tls_cert=certificate, nats_tls_key=key)
        world.deploy(one, ECHO, "echo")
        self.assertTrue(one.client.execute("echo", event_of({"a": 1})).ok)
        self.assertFalse(os.path.exists(stranger.ports_path), "without a certificate it may not come in")
        wait_for(lambda: "nats.conn" in stranger.log(), "the reason in its log", 20)


if __name__ == "__main__":
    main()
