"""A function in every language, by gRPC and by NATS; languages without a toolchain; packages, fetched and not."""
import functools
import http.server
import io
import json
import os
import shutil
import tarfile
import threading
import unittest
import zipfile

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


def zip_of(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def tar_of(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def registry_of(address):
    """One package or module `left` 1.0.0 in the form of each registry: path -> content."""
    info = "left-1.0.0.dist-info/"
    wheel = zip_of({"left.py": "WORD = 'by pip'\n", info + "METADATA": "Metadata-Version: 2.1\nName: left\nVersion: 1.0.0\n",
                    info + "WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n", info + "RECORD": ""})
    package = {"name": "left", "version": "1.0.0", "main": "i.cjs", "scripts": {"install": "touch RAN"}}
    version = {**package, "hasInstallScript": True, "dist": {"tarball": "http://%s/npm/left.tgz" % address}}
    module_text = "module example.com/left\n\ngo 1.22\n"
    source = 'package left\n\nconst Word = "by go"\n'
    below = "example.com/left@v1.0.0/"
    return {
        "/pip/left/": b'<a href="left-1.0.0-py3-none-any.whl">left</a>',
        "/pip/left/left-1.0.0-py3-none-any.whl": wheel,
        "/npm/left": json.dumps({"name": "left", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}).encode(),
        "/npm/left.tgz": tar_of({"package/package.json": json.dumps(package), "package/i.cjs": "module.exports = require('fs')"
                                 ".existsSync(__dirname + '/RAN') ? 'its script ran' : 'by npm';\n"}),
        "/go/example.com/left/@v/v1.0.0.info": b'{"Version": "v1.0.0"}',
        "/go/example.com/left/@v/v1.0.0.mod": module_text.encode(),
        "/go/example.com/left/@v/v1.0.0.zip": zip_of({below + "go.mod": module_text, below + "left.go": source}),
    }


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, files, *rest):
        self.files = files
        super().__init__(*rest)

    def do_GET(self):
        content = self.files.get(self.path)
        self.send_response(404 if content is None else 200)
        kind = "application/json" if self.path.startswith("/npm/") else "text/html"
        self.send_header("Content-Type", "application/octet-stream" if self.path[-4:] in (".whl", ".tgz", ".zip") else kind)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


class Fetched(WorldCase):
    """An operator who allows the network, with registries of his own."""

    @classmethod
    def setUpClass(cls):
        files = {}
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Registry, files))
        address = "127.0.0.1:%d" % server.server_port
        files.update(registry_of(address))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        os.environ.update({"PIP_INDEX_URL": "http://%s/pip/" % address, "NPM_CONFIG_REGISTRY": "http://%s/npm/" % address,
                           "GOPROXY": "http://%s/go" % address, "GONOSUMDB": "*"})
        cls.settings = {"build_allow_network": "true"}
        super().setUpClass()

    def check(self, language, files, word):
        self.world.deploy(self.one, files, "fetched-" + language)
        answer = self.one.client.execute("fetched-" + language, event_of(1))
        self.assert_ok(answer)
        self.assertEqual(json.loads(answer.data), word)

    def test_python(self):
        code = "import left\nimport stead\n\n@stead.function\ndef f(event, ctx):\n    return left.WORD\n"
        self.check("python", {"main.py": code, "requirements.txt": "left==1.0.0\n"}, "by pip")

    @unittest.skipUnless(NODE and shutil.which("npm"), "no npm here")
    def test_js(self):
        files = {"main.mjs": "import left from 'left';\nexport default (event) => event.reply('x.v1', left);\n",
                 "package.json": '{"dependencies": {"left": "^1.0.0", "@stead/sdk": "*"}}'}
        self.check("js", files, "by npm")

    @unittest.skipUnless(GO, "no Go here")
    def test_go(self):
        code = DOUBLE["go"]["main.go"].replace('"context"', '"context"\n\t"example.com/left"').replace("2*n", "left.Word")
        files = {"main.go": code, "go.mod": "module x\n\ngo 1.22\n\nrequire example.com/left v1.0.0\n"}
        self.check("go", files, "by go")

    def test_what_there_is_not(self):
        answer = self.one.client.deploy("gone", {**DOUBLE["python"], "requirements.txt": "right\n"})
        self.assert_status(answer, "INVALID_ARGUMENT", "BUILD_FAILED")
        self.assertIn("No matching distribution found for right", answer.text)


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
