"""What an editor says with the JSON Schemas is what Stead says: both take a file, or both refuse it."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import jsonschema
import yaml
from stead_program import ROOT, STEAD, environment, stead

ORIGINAL = Path(ROOT) / "tests" / "unit" / "config" / "original.yaml"
GOOD = (
    "{}",
    "functions: {timeout: 1m30s, memory: 512Mi, cpu: 0.5, maxRetries: 0, retry: {jitter: none}}",
    "functions: {timeout: 250ms, memory: 0, cpu: 500m}",
    "nats: {urls: [nats://a:1, nats://b:2]}",
    "service: {languages: [c, go], routing: {strategy: least-loaded, languageBased: true}}",
    "function: {execution: {timeout: 30s, concurrency: 10}, languages: {javascript: {enabled: false, version: '18'}}}",
    "nats: {stream: {name: functions, retention: workqueue}, objectStore: {bucket: function-code}}",
    "queue: {groups: [{name: function.go, ackWait: 30s, maxDeliver: -1}], settings: {maxSize: 10000, discard: new}}",
    "runtime: {longLived: {stateSyncInterval: 30s, maxInstances: 64}}",
)
BAD = (
    "functions: {timeot: 5s}",
    "functions: {timeout: 5}",
    "functions: {timeout: '5'}",
    "functions: {memory: 512MB}",
    "functions: {maxRetries: 101}",
    "functions: {maxRetries: three}",
    "functions: 5",
    "function: {languages: {cobol: {enabled: true}}}",
    "grpc: {maxInFlight: 0}",
    "log: {level: loud}",
    "nats: {user: me}",
    "nats: {stream: {name: mine}}",
    "queue: {groups: [{name: function.go, weight: 3}]}",
    "queue: {groups: {name: function.go}}",
    "service: {languages: [cobol]}",
    "service: {routing: {strategy: sticky}}",
)


def schema_of(*extra):
    schema = json.loads(stead("config", "schema", *extra)[1])
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


class Schemas(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-schema-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def verdicts(self, schema, text):
        """What the schema has against it, and what Stead says to it."""
        path = self.folder / "stead.yaml"
        path.write_text(text)
        code, out, err = stead("config", "check", path)
        return [error.message for error in schema.iter_errors(yaml.safe_load(text))], code, out + err.encode()

    def test_configurations(self):
        schema = schema_of()
        for text in (ORIGINAL.read_text(), *GOOD):
            with self.subTest(text[:80]):
                errors, code, said = self.verdicts(schema, text)
                self.assertEqual((errors, code), ([], 0), said)
        for text in BAD:
            with self.subTest(text):
                errors, code, said = self.verdicts(schema, text)
                self.assertEqual((bool(errors), code), (True, 78), said)

    def test_manifests(self):
        schema = schema_of("--manifest")
        manifests = list((Path(ROOT) / "examples").glob("*/stead.yaml"))
        for language in ("c", "go", "js", "python"):
            command = [STEAD, "new", f"new-{language}", "--language", language]
            subprocess.run(command, cwd=self.folder, capture_output=True, timeout=60, check=True, env=environment())
            manifests.append(self.folder / f"new-{language}" / "stead.yaml")
        self.assertGreaterEqual(len(manifests), 5)
        for path in manifests:
            with self.subTest(path):
                self.assertEqual([error.message for error in schema.iter_errors(yaml.safe_load(path.read_text()))], [])
        for text in ("spec: {timeot: 1s}", "spec: {memory: 5.5}", "kind: Service", "apiVersion: v2", "spec: [1]"):
            with self.subTest(text):
                self.assertFalse(schema.is_valid(yaml.safe_load(text)))


if __name__ == "__main__":
    unittest.main(verbosity=1)
