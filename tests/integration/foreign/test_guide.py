"""Every program of docs/guides/nats.md and docs/reference/records.md is cut out of its page and run, and does what the
page says. What a machine lacks is skipped by name.
"""
import os
import re
import shutil
import sys

from foreign_case import ROOT, ForeignCase, main, program, wait_for
from stead_world import event_of

MAIN = 'import stead\n\n@stead.function\ndef hello(event, ctx):\n    return {"text": "%s" + event.data["name"]}\n'
ANSWER = '{"text":"Hello, Ada"}'


def blocks(*path):
    """{(heading, language): [programs]} of the page."""
    found, heading = {}, ""
    with open(os.path.join(ROOT, "docs", *path), encoding="utf-8") as page:
        parts = re.split(r"^(## [^\n]*|```\w+\n.*?^```)$", page.read(), flags=re.MULTILINE | re.DOTALL)
    for part in parts:
        if part.startswith("## "):
            heading = part[3:].strip()
        elif part.startswith("```"):
            language, text = part[3:-3].split("\n", 1)
            found.setdefault((heading, language), []).append(text)
    return found


class Pages(ForeignCase):
    @classmethod
    def set_up_functions(cls):
        beta = cls.world.deploy(cls.one, {"main.py": MAIN % "Beta, "}, "hello").version
        cls.world.deploy(cls.one, {"main.py": MAIN % "Hello, "}, "hello")
        answer = cls.one.client.set_alias("hello", "beta", **{"v" + beta: 100})
        if answer.status.name != "OK":
            raise AssertionError(repr(answer))

    def run_block(self, language, text):
        ending = {"sh": "sh", "python": "py", "js": "mjs"}[language]
        path = os.path.join(self.folder, "block." + ending)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        environment = {"NATS_URL": self.world.nats_url, "HOME": self.folder}
        if language == "sh":
            environment["PATH"] = os.path.dirname(program("nats")) + ":" + os.environ["PATH"]
            return self.run_program(shutil.which("sh"), "-e", path, **environment)
        command = sys.executable if language == "python" else self.node()
        return self.run_program(command, path, **environment)

    def check(self, page, expected):
        """Runs all blocks of a page in their order; `expected` holds a list of checks of output for each place."""
        found = blocks(*page)
        self.assertEqual(list(found), list(expected))
        for place, checks in expected.items():
            self.assertEqual(len(found[place]), len(checks), place)
            for text, check in zip(found[place], checks):
                with self.subTest("%s: %s" % place):
                    printed = self.run_block(place[1], text)
                    if callable(check):
                        check(printed)
                    else:
                        self.assertRegex(printed.strip(), check)

    def events(self, printed):
        self.assertEqual(printed.count('"stream":"functions"'), 2, printed)
        for request_id in ("greet-4", "greet-5"):
            result = self.bus.result(request_id)
            self.assertEqual(result.data.decode(), ANSWER)
            self.assertEqual(result.headers["ce-specversion"], "1.0")
        self.assertEqual(self.bus.result("greet-5").headers["ce-causationid"], "5")

    def test_guide(self):
        self.check(
            ("guides", "nats.md"),
            {
                ("In shell", "sh"): [r'(?s)"stream":"functions".*stead-outcome: succeeded.*Hello, Ada'],
                ("In Python", "python"): ["^succeeded Hello, Ada$", r'^succeeded \{"text":"Hello, Ada"\}$'],
                ("In JavaScript", "js"): ["^succeeded Hello, Ada$"],
                ("Request ids", "js"): ["^true 3$"],
                ("Events", "sh"): [self.events],
                ("Aliases", "sh"): ["(?s)stead-outcome: succeeded.*Beta, Ada"],
                ("Watching", "sh"): [r"(?s)\bpython\.hello\b.*Filter Subject: function\.python\.hello"],
                ("Watching", "js"): [r"^\S+ AVAILABLE READY$"],
            },
        )

    def shout(self):
        return self.one.client.list().get("shout")

    def shouted(self, _printed):
        wait_for(lambda: self.shout() and self.shout().state == "READY", "the function")
        event = event_of({"text": "hey"})
        self.assertEqual(self.one.client.execute("shout", event).data, b'{"text":"HEY!"}')

    def shouted_anew(self, printed):
        wait_for(lambda: self.shout().version == printed.strip() and self.shout().state == "READY", "the new version")
        self.shouted(printed)

    def test_records(self):
        heading = "Deploying without Stead's commands"
        expected = {(heading, "sh"): [self.shouted], (heading, "js"): [self.shouted_anew]}
        self.check(("reference", "records.md"), expected)


if __name__ == "__main__":
    main()
