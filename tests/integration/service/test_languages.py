"""A function in every language, by gRPC and by NATS; languages without a toolchain; packages that may not be fetched."""
import json
import os
import shutil
import unittest

from stead_world import ROOT, WorldCase, event_of, main, wait_for
from stead_world.calls import answer_of, module

BUILD = os.environ.get("STEAD_BUILD", os.path.join(ROOT, "build", "release"))
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
# What Go compiles once is kept between runs of the tests.
TOOLS = os.path.join(CACHE, "stead", "build-tools")
GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
NODE = shutil.which("node")
LANGUAGES = ("bin", "c", "go", "js", "python")

DOUBLE = {
    "c": {
        "main.c": """
#include <stead/plugin.h>
#include <stdio.h>
#include <stdlib.h>
static stead_status twice(stead_ctx *ctx, const stead_event *in)
{
    char text[64] = "";
    stead_bytes data = stead_event_data(in);
    snprintf(text, sizeof text, "%.*s", (int)data.n, (const char *)data.p);
    int length = snprintf(text, sizeof text, "%ld", 2 * strtol(text, NULL, 10));
    return stead_reply(ctx, "twice.v1", "application/json", text, (size_t)length);
}
static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "twice", .execute = twice };
int main(int argc, char **argv) { return stead_main(argc, argv, &plugin); }
"""
    },
    "go": {
        "main.go": """
package main

import (
	"context"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
)

func main() { sdk.Serve(sdk.Func(twice), sdk.Concurrency(8)) }

func twice(_ context.Context, e *event.Event) (*event.Event, error) {
	var n int
	if err := e.DataAs(&n); err != nil {
		return nil, sdk.Reject(err)
	}
	return e.Reply("twice.v1", 2*n)
}
"""
    },
    "js": {"main.mjs": "export default (event) => event.reply('twice.v1', 2 * event.data);\n"},
    "python": {"main.py": 'import stead\n\n@stead.function\ndef twice(event, ctx):\n    return event.reply("twice.v1", 2 * event.data)\n'},
}


class Languages(WorldCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(TOOLS, exist_ok=True)
        cls.settings = {"build_tools": TOOLS}
        super().setUpClass()

    def check_doubles(self, language, name):
        self.assertEqual(self.one.client.list()[name].language, language)
        for number in (21, -1):
            answer = self.one.client.execute(name, event_of(number))
            self.assert_ok(answer)
            self.assertEqual(json.loads(answer.data), 2 * number)
        request = "%s-%d" % (name, os.getpid())
        self.bus.publish("function.%s.%s" % (language, name), b"4", {"Nats-Msg-Id": request, "Content-Type": "application/json"})
        self.assertEqual(self.bus.result(request).data, b"8")

    def check_language(self, language):
        name = "twice-" + language
        self.world.deploy(self.one, DOUBLE[language], name)  # the language is found by the files
        self.check_doubles(language, name)

    def test_c(self):
        self.check_language("c")

    def test_python(self):
        self.check_language("python")

    @unittest.skipUnless(GO, "no Go here")
    def test_go(self):
        self.check_language("go")

    @unittest.skipUnless(GO, "no Go here")
    def test_go_many_at_once(self):
        self.world.deploy(self.one, DOUBLE["go"], "busy", "spec: {concurrency: 8, maxWorkers: 1}\n")
        calls = [self.one.client.start("busy", event_of(number)) for number in range(200)]
        self.assertEqual([json.loads(answer_of(call).data) for call in calls], [2 * number for number in range(200)])

    @unittest.skipUnless(NODE, "no Node here")
    def test_js(self):
        self.check_language("js")

    def deploy_program(self, name, path, manifest, executable=True, content=None):
        admin = module("function_admin_pb2")
        if content is None:
            with open(os.path.join(BUILD, "plugin-echo"), "rb") as file:
                content = file.read()
        request = admin.DeployRequest(name=name, manifest=manifest)
        request.files.add(path=path, content=content, executable=executable)
        return answer_of(lambda: self.one.client.admin.Deploy(request, timeout=120))

    def test_bin(self):
        answer = self.deploy_program("prebuilt", "main", "")
        self.assertEqual(answer.status.name, "OK", repr(answer))
        self.assertEqual(answer.response.function.language, "bin")
        self.assertEqual(self.one.client.execute("prebuilt", event_of("to and fro")).data, b"to and fro")
        answer = self.deploy_program("prebuilt", "tools/echo", "spec: {language: bin, command: [tools/echo, --quiet]}\n")
        self.assertEqual(answer.status.name, "OK", repr(answer))
        self.assertEqual(self.one.client.execute("prebuilt", event_of("again")).data, b"again")

    def test_bin_that_can_not_run(self):
        language = "spec: {language: bin}\n"
        for path, executable, content, words in (
            ("main", False, None, "chmod +x"),
            ("other", True, None, "no program main"),
            ("main", True, b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xb7\0" + bytes(100), "another machine"),
            ("main", True, b"#!/usr/bin/no-such-thing\n", "/usr/bin/no-such-thing"),
        ):
            answer = self.deploy_program("unfit", path, language, executable, content)
            self.assert_status(answer, "INVALID_ARGUMENT", "BUILD_FAILED")
            self.assertIn(words, answer.text)

    def test_packages_are_not_fetched(self):
        rows = [("python", {"requirements.txt": "requests\n"}, "requests")]
        if NODE:
            rows.append(("js", {"package.json": '{"dependencies": {"left-pad": "1"}}'}, "left-pad"))
        if GO:
            rows.append(("go", {"go.mod": "module x\n\ngo 1.22\n\nrequire example.com/m v1.0.0\n"}, "example.com/m"))
        for language, more, package in rows:
            answer = self.one.client.deploy("greedy-" + language, {**DOUBLE[language], **more}, language=language)
            self.assert_status(answer, "INVALID_ARGUMENT", "BUILD_FAILED")
            self.assertIn(package, answer.text)
            self.assertIn("set build.allowNetwork: true", answer.text)

    def test_what_is_no_function(self):
        for files, words in (
            ({"main.ts": "let a: number = 1"}, "TypeScript is not compiled"),
            ({"main.py": "", "main.go": ""}, "it looks like go and python"),
            ({"README.md": ""}, "neither main.py"),
        ):
            answer = self.one.client.deploy("unclear", files)
            self.assert_status(answer, "INVALID_ARGUMENT", "UNKNOWN_LANGUAGE")
            self.assertIn(words, answer.text)


class Missing(WorldCase):
    """An instance without some toolchains, beside a stream that was made for fewer languages."""

    settings = {"service_languages": "[c, python]"}

    def subjects(self):
        return set(self.bus.run(self.bus.stream.stream_info("functions")).config.subjects)

    def test_the_rest_works(self):
        self.assertEqual(self.subjects(), {"function.c.*", "function.python.*"})
        nothing = {"STEAD_GO": "/no/such/go", "STEAD_NODE": "/no/such/node"}
        two = self.world.serve("two", env=nothing)
        self.assertEqual(self.subjects(), {"function.%s.*" % language for language in LANGUAGES})
        for language, variable in (("go", "STEAD_GO"), ("js", "STEAD_NODE")):
            wait_for(lambda v=variable: "%s=/no/such" % v in two.log(), "what is missing in the log")
            answer = two.client.deploy("twice-" + language, DOUBLE[language])
            self.assertEqual(answer.reason, "LANGUAGE_NOT_SUPPORTED", repr(answer))
        self.world.deploy(two, DOUBLE["python"], "twice")
        self.assertEqual(two.client.execute("twice", event_of(4)).data, b"8")


if __name__ == "__main__":
    main()
