"""What can be said of the packages without a service: generated files are fresh, copies are equal, types compile,
libstead shows what its header declares and nothing else, and Go's own tests pass."""
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import languages


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="stead-packages-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def get(self, how):
        try:
            return how(self.folder)
        except languages.Missing as missing:
            self.skipTest(str(missing))

    def fresh(self, language, **environment):
        command = [os.path.join(languages.CLIENTS, language, "generate"), "--check"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300,
                              check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_python_descriptors_are_fresh(self):
        self.fresh("python")

    def test_go_messages_are_fresh(self):
        go, environment = self.get(lambda _: languages.go_environment())
        self.fresh("go", PATH=os.path.dirname(go) + ":" + os.environ["PATH"], **environment)

    def test_javascript_copies_are_equal(self):
        copies = os.path.join(languages.CLIENTS, "js", "proto")
        for name in os.listdir(copies):
            original = os.path.join(languages.ROOT, "proto", name)
            same = filecmp.cmp(original, os.path.join(copies, name), shallow=False)
            self.assertTrue(same, "copy proto/%s again" % name)

    def test_types_compile(self):
        self.get(languages.javascript)
        shutil.copy(os.path.join(languages.HERE, "sample.ts"), self.folder)
        compiler = os.path.join(self.folder, "node_modules", "typescript", "bin", "tsc")
        if not os.path.exists(compiler):
            self.skipTest("no typescript; run ci/setup test")
        languages.run("node", compiler, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types",
                      "node", "sample.ts", cwd=self.folder)

    def test_go_is_tidy_and_its_tests_pass(self):
        go, environment = self.get(lambda _: languages.go_environment())
        folder = os.path.join(languages.CLIENTS, "go")
        gofmt = os.path.join(os.path.dirname(os.path.realpath(go)), "gofmt")
        self.assertEqual(languages.run(gofmt, "-l", folder, languages.DRIVERS), "")
        languages.run(go, "vet", ".", cwd=folder, env=environment)
        languages.run(go, "test", ".", cwd=folder, env=environment)

    def test_libstead_shows_its_header_and_no_more(self):
        environment = self.get(languages.installed)
        libraries = environment["LD_LIBRARY_PATH"]
        with open(os.path.join(languages.CLIENTS, "c", "stead", "client.h"), encoding="utf-8") as header:
            text = re.sub(r"/\*.*?\*/", "", header.read(), flags=re.DOTALL)
        declared = set(re.findall(r"\b(stead_client_\w+)\(", text))
        for library, how in (("libstead.so", ["-D"]), ("libstead.a", ["-g"])):
            shown = languages.run("nm", *how, "--defined-only", os.path.join(libraries, library))
            symbols = re.findall(r" [TDBRV] (\w+?)(?:@@\w+)?$", shown, flags=re.MULTILINE)
            self.assertEqual(set(symbols), declared, library)

    def test_libstead_links_statically(self):
        """Of libstead's own code; gRPC stays shared, as Debian has it."""
        environment = self.get(languages.installed)
        program = os.path.join(self.folder, "static")
        source = os.path.join(self.folder, "static.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <stead/client.h>\nint main(void) { stead_client_close(stead_client_open(NULL)); }\n")
        flags = languages.run("pkg-config", "--static", "--cflags", "--libs", "stead", env=environment).split()
        flags = ["-l:libstead.a" if flag == "-lstead" else flag for flag in flags]
        languages.run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-o", program, source, *flags)
        languages.run(program)

    def test_the_header_is_c_plus_plus_too(self):
        if shutil.which("c++") is None:
            self.skipTest("no c++")
        header = os.path.join(languages.CLIENTS, "c", "stead", "client.h")
        languages.run("c++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-pedantic", "-x", "c++", header)


if __name__ == "__main__":
    unittest.main(verbosity=2)
