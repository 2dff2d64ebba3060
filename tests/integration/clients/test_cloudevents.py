"""Events of the CloudEvents SDKs, given to the Python and JavaScript libraries as they are, arrive at the function with
all that they say. (The C library reads and writes the JSON form: test_event.c; Go's has tests of its own.)"""
import base64
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import languages
from stead_world import WorldCase, main

MIRROR = """
import base64
import stead

@stead.function
def mirror(event, ctx):
    return {"attributes": event.attributes, "base64": base64.b64encode(event.raw).decode()}
"""
PYTHON = """
import datetime, json
import stead_client
%(import)s

WHEN = datetime.datetime(2030, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc)
BASE = {"id": "%(kind)s-", "source": "/shop", "type": "test.v1", "subject": "an order", "tenant": "acme", "time": %(time)s}
ROWS = [({}, {"n": 1}), ({"datacontenttype": "application/octet-stream"}, b"\\0\\xff"),
        ({"datacontenttype": "text/plain", "dataschema": "http://example.com/s"}, "plain"), ({}, None)]
with stead_client.Client() as client:
    for number, (more, data) in enumerate(ROWS):
        event = CloudEvent({**BASE, **more, "id": BASE["id"] + str(number)}, data)
        print(json.dumps(client.execute("mirror", event).data))
"""
JAVASCRIPT = """
import { Client } from '@stead/client';
import { CloudEvent } from 'cloudevents';

const base = { source: '/shop', type: 'test.v1', subject: 'an order', tenant: 'acme', time: '2030-01-02T03:04:05.678Z' };
const rows = [{ data: { n: 1 } }, { data: Buffer.from([0, 255]), datacontenttype: 'application/octet-stream' },
  { data: 'plain', datacontenttype: 'text/plain', dataschema: 'http://example.com/s' }, {}];
const client = new Client();
for (const form of [(event) => event, (event) => event.toJSON(), (event) => JSON.parse(JSON.stringify(event))]) {
  for (const [number, row] of rows.entries()) {
    const event = new CloudEvent({ ...base, ...row, id: `js-${number}` });
    console.log(JSON.stringify((await client.execute('mirror', form(event))).data));
  }
}
client.close();
"""


class CloudEvents(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, {"main.py": MIRROR}, "mirror")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-cloudevents-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def install(self, how):
        try:
            return how(self.folder)
        except languages.Missing as missing:
            self.skipTest(str(missing))

    def answers(self, environment, *command):
        printed = languages.run(*command, cwd=self.folder, env={**environment, "STEAD_ADDR": self.one.ports["grpc"]})
        return [json.loads(line) for line in printed.splitlines()]

    def check(self, seen, kind):
        contents = (("application/json", '{"n": 1}'), ("application/octet-stream", "\0\xff"), ("text/plain", "plain"), (None, ""))
        self.assertEqual(len(seen) % len(contents), 0)
        for number, row in enumerate(seen):
            number %= len(contents)
            media, text = contents[number]
            with self.subTest(kind=kind, number=number):
                attributes = row["attributes"]
                wanted = {"id": "%s-%d" % (kind, number), "source": "/shop", "type": "test.v1", "subject": "an order",
                          "tenant": "acme", "specversion": "1.0", "datacontenttype": media,
                          "dataschema": "http://example.com/s" if number == 2 else None}
                self.assertEqual({name: attributes.get(name) for name in wanted}, wanted)
                self.assertRegex(attributes["time"], r"^2030-01-02T03:04:05\.6780*(Z|\+00:00)$")
                data = base64.b64decode(row["base64"])
                self.assertEqual(data.decode("latin-1").replace('"n":1', '"n": 1'), text)

    def test_python(self):
        """Its two classes: that of version 1, which a time is text for, and that of version 2."""
        environment = self.install(languages.python)
        rows = (("one", "cloudevents.v1.http", "WHEN.isoformat()"), ("two", "cloudevents.core.v1.event", "WHEN"))
        for kind, where, when in rows:
            program = PYTHON % {"import": "from %s import CloudEvent" % where, "kind": kind, "time": when}
            self.check(self.answers(environment, sys.executable, self.write("events.py", program)), kind)

    def test_javascript(self):
        """Its objects, and their JSON form as an object."""
        environment = self.install(languages.javascript)
        self.check(self.answers(environment, "node", self.write("events.mjs", JAVASCRIPT)), "js")


if __name__ == "__main__":
    main()
