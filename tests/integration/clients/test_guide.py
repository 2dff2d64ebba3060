"""The programs of docs/guides/calling.md do what the page says: each is cut out of it, built as its neighbours say, and
run against a `stead serve` with the function `hello`.

What a machine lacks is skipped by name.
"""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import languages
from stead_world import WorldCase, main

PAGE = os.path.join(languages.ROOT, "docs", "guides", "calling.md")
HELLO = """
import stead

@stead.function
def hello(event, ctx):
    if not event.data or "name" not in event.data:
        raise stead.Reject("data.name is missing")
    return {"text": "Hello, " + event.data["name"]}
"""
RUN = {
    ("C", "c"),
    ("C", "sh"),
    ("Go", "go"),
    ("Python", "python"),
    ("JavaScript", "js"),
    ("Plain NATS", "python"),
    ("Request ids, and sending again", "python"),
    ("Submit now, ask later", "js"),
    ("Errors", "go"),
}
NEEDS_NETWORK = {("Go", "sh"), ("Python", "sh"), ("JavaScript", "sh")}  # languages.py does it without


def blocks():
    """{(heading, language): [programs]} of the page."""
    found, heading = {}, ""
    with open(PAGE, encoding="utf-8") as page:
        parts = re.split(r"^(## [^\n]*|```\w+\n.*?^```)$", page.read(), flags=re.MULTILINE | re.DOTALL)
    for part in parts:
        if part.startswith("## "):
            heading = part[3:].strip()
        elif part.startswith("```"):
            language, program = part[3:-3].split("\n", 1)
            found.setdefault((heading, language), []).append(program)
    return found


class Guide(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, {"main.py": HELLO}, "hello")
        cls.blocks = blocks()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="stead-guide-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {"STEAD_ADDR": self.one.ports["grpc"], "NATS_URL": self.world.nats_url}

    def programs(self, heading, language):
        self.assertIn((heading, language), RUN)
        return self.blocks[heading, language]

    def save(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def install(self, how):
        try:
            return how(self.folder)
        except languages.Missing as missing:
            self.skipTest(str(missing))

    def prints(self, wanted, *command, **environment):
        printed = languages.run(*command, cwd=self.folder, env={**self.environment, **environment})
        self.assertRegex(printed.strip(), "^%s$" % wanted)

    def go(self, program):
        go, environment = self.install(lambda _: languages.go_environment())
        folder = os.path.join(languages.DRIVERS, "go")
        with open(os.path.join(folder, "go.mod"), encoding="utf-8") as file:
            self.save("go.mod", re.sub(r"=> .*", "=> " + os.path.join(languages.CLIENTS, "go"), file.read()))
        shutil.copy(os.path.join(folder, "go.sum"), self.folder)
        self.save("main.go", program)
        gofmt = os.path.join(os.path.dirname(os.path.realpath(go)), "gofmt")
        self.assertEqual(languages.run(gofmt, "-l", ".", cwd=self.folder), "", "not as gofmt writes it")
        return go, environment

    def test_c(self):
        (program,), (command,) = self.programs("C", "c"), self.programs("C", "sh")
        environment = self.install(languages.installed)
        self.save("hello.c", program)
        languages.compile_c("hello.c", "strict", environment, cwd=self.folder)
        languages.run("sh", "-c", command, cwd=self.folder, env=environment)
        self.prints(r'\{"text": ?"Hello, Ada"\}', "./hello", **environment)

    def test_go(self):
        (program,) = self.programs("Go", "go")
        go, environment = self.go(program)
        self.prints("Hello, Ada", go, "run", ".", **environment)

    def test_go_errors(self):
        (program,) = self.programs("Errors", "go")
        go, environment = self.go(program)
        self.prints("permanent\nFUNCTION_NOT_FOUND false", go, "run", ".", **environment)

    def test_python(self):
        environment = self.install(languages.python)
        blocking, awaited = self.programs("Python", "python")
        (again,) = self.programs("Request ids, and sending again", "python")
        self.prints("Hello, Ada", sys.executable, self.save("blocking.py", blocking), **environment)
        self.prints("Hello, Ada", sys.executable, self.save("awaited.py", awaited), **environment)
        self.prints(r"(Hello, Ada [0-9a-f]{32})\n\1", sys.executable, self.save("again.py", again), **environment)

    def test_javascript(self):
        environment = self.install(languages.javascript)
        (program,) = self.programs("JavaScript", "js")
        (later,) = self.programs("Submit now, ask later", "js")
        self.prints("Hello, Ada", "node", self.save("hello.mjs", program), **environment)
        self.prints("Hello, Ada 1", "node", self.save("later.mjs", later), **environment)

    def test_nats(self):
        (program,) = self.programs("Plain NATS", "python")
        self.prints("Hello, Ada", sys.executable, self.save("plain.py", program))

    def test_no_program_is_left_out(self):
        self.assertEqual(set(self.blocks), RUN | NEEDS_NETWORK)


if __name__ == "__main__":
    main()
