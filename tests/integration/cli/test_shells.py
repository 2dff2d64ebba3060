"""What shells complete and what `man` shows: asked of real shells and of real formatters, where they are installed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from stead_program import Dev, ROOT, STEAD, environment, stead

NOWHERE = "127.0.0.1:1"
LANGUAGES = ["c", "go", "js", "python"]
PAGES = ("stead.1", "stead.yaml.5", "stead-plugin.7")

# Feeds words to the function that bash would call, split as bash splits a line.
BASH = """
source "$SCRIPT" || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_stead
printf '%s\\n' "${COMPREPLY[@]}"
"""

# An interactive zsh in a terminal of its own gets a line and a key that lists what fits; then it draws its prompt again.
ZSH = r"""
zmodload zsh/zpty
read_until() {
    local all part tries
    for ((tries = 0; tries < 300; tries++)); do
        while zpty -r -t z part '*'; do all+=$part; done
        [[ $all == *$1* ]] && break
        sleep 0.02
    done
    print -r -- $all
}
zpty z 'TERM=dumb zsh -f -i'
zpty -w z "PS1='ready> ' COLUMNS=400; autoload -Uz compinit; compinit -u -D; setopt nolistbeep; bindkey '^I' list-choices"
zpty -w z "source $SCRIPT; echo started''-now"
read_until started-now >/dev/null
sleep 0.2
zpty -w -n z "$1"$'\t'
read_until "ready> $1"
zpty -d z
"""


def listed():
    """The commands that `stead help` lists."""
    overview = stead("help")[1].decode().splitlines()
    return [line[2:21].strip() for line in overview if line.startswith("  ")]


class Shell(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        cls.path = Path(cls.folder.name)
        (cls.path / "bin").mkdir()
        (cls.path / "bin" / "stead").symlink_to(STEAD)
        (cls.path / "sub folder").mkdir()
        (cls.path / "subject.yaml").write_text("")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def script(self, shell):
        if not shutil.which(shell):
            self.skipTest(f"{shell} is not installed")
        path = self.path / f"stead.{shell}"
        code, out, _ = stead("completion", shell)
        self.assertEqual(code, 0)
        path.write_bytes(out)
        return path

    def run_shell(self, *command, **variables):
        path = f"{self.path / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=self.path,
                              stdin=subprocess.DEVNULL, env={**environment(**variables), "PATH": path, "HOME": str(self.path)})
        self.assertEqual(done.stderr, "")
        return done.stdout

    def bash(self, *words, **variables):
        script = self.script("bash")
        return self.run_shell("bash", "--norc", "-c", BASH, "stead", *words, SCRIPT=str(script), **variables).split("\n")[:-1]


class Bash(Shell):
    def test_commands_and_verbs(self):
        first = sorted({command.split()[0] for command in listed()})
        self.assertEqual(sorted(set(self.bash("stead", "")) - {"--help", "--version"}), first)
        self.assertEqual(self.bash("stead", "invo"), ["invoke"])
        verbs = [command.split()[1] for command in listed() if command.startswith("function ")]
        self.assertEqual(self.bash("stead", "function", ""), verbs)
        self.assertEqual(self.bash("stead", "nonsense", ""), [""])
        self.assertEqual(self.bash("stead", "function", "nonsense", ""), [""])

    def test_every_option_of_every_command(self):
        for command in listed():
            with self.subTest(command):
                text = stead("help", *command.split())[1].decode().split("\noptions:\n")
                lines = text[1].split("\n\n")[0].splitlines() if len(text) > 1 else []
                options = [word for line in lines for word in line.replace(",", " ").split() if word.startswith("--")]
                self.assertEqual(self.bash("stead", *command.split(), "--"), options + ["--help"])

    def test_choices(self):
        self.assertEqual(self.bash("stead", "new", "x", "--language", ""), LANGUAGES)
        self.assertEqual(self.bash("stead", "new", "x", "--language", "=", "py"), ["python"])
        self.assertEqual(self.bash("stead", "new", "x", "--language", "="), LANGUAGES)
        self.assertEqual(self.bash("stead", "new", "-l", "g"), ["go"])
        self.assertEqual(self.bash("stead", "help", "--man", ""), list(PAGES))
        self.assertEqual(self.bash("stead", "completion", "f"), ["fish", "functions"])

    def test_the_languages_are_those_of_the_configuration(self):
        schema = json.loads(stead("config", "schema")[1])
        languages = schema["properties"]["service"]["properties"]["languages"]["items"]["enum"]
        self.assertEqual(self.bash("stead", "deploy", "--language", ""), sorted(languages))

    def test_files_and_folders(self):
        self.assertEqual(sorted(self.bash("stead", "deploy", "sub")), ["sub folder"])
        self.assertEqual(sorted(self.bash("stead", "config", "check", "sub")), ["sub folder", "subject.yaml"])
        self.assertEqual(self.bash("stead", "serve", "--config", "subj"), ["subject.yaml"])
        self.assertEqual(self.bash("stead", "dev", "bin", "-v", "sub"), ["sub folder"])  # a list of folders goes on
        self.assertEqual(self.bash("stead", "deploy", "bin", "sub"), [""])               # and one folder does not

    def test_silence_where_nobody_answers(self):
        self.assertEqual(self.bash("stead", "invoke", "", STEAD_ADDR=NOWHERE), [""])
        self.assertEqual(stead("completion", "functions", "--addr", NOWHERE), (69, b"", ""))

    def test_names_of_functions(self):
        with Dev(ROOT / "examples" / "stats") as dev:
            dev.ready()
            address = dev.ports["grpc"]
            self.assertEqual(self.bash("stead", "invoke", "st", STEAD_ADDR=address), ["stats"])
            self.assertEqual(self.bash("stead", "function", "get", "", STEAD_ADDR=address), ["stats"])
            # An address on the line has the word; bash splits it at its colon.
            self.assertEqual(self.bash("stead", "function", "rm", "--addr", f"{address}", "", STEAD_ADDR=NOWHERE), ["stats"])
            self.assertEqual(dev.stop()[0], 0)


class Zsh(Shell):
    def offered(self, line):
        script = self.script("zsh")
        self.assertEqual(self.run_shell("zsh", "-n", str(script)), "")
        text = self.run_shell("zsh", "-f", "-c", ZSH, "driver", line, SCRIPT=str(script), STEAD_ADDR=NOWHERE)
        return text.replace("\r", "").rsplit("ready> ", 1)[0]

    def test_commands_verbs_options_and_choices(self):
        for line, words in (("stead ", ["invoke", "function", "new"]), ("stead function ", ["ls", "get", "rm"]),
                            ("stead new x --language ", LANGUAGES), ("stead invoke --", ["--data", "--json", "--help"]),
                            ("stead deploy s", ["sub\\ folder"]), ("stead help --man ", list(PAGES))):
            with self.subTest(line):
                said = self.offered(line)
                for word in words:
                    self.assertIn(word, said)


class Fish(Shell):
    def offered(self, line):
        script = self.script("fish")
        self.assertEqual(self.run_shell("fish", "--no-config", "-n", str(script)), "")
        command = f"source {script}; complete -C '{line}'"
        out = self.run_shell("fish", "--no-config", "-c", command, STEAD_ADDR=NOWHERE)
        return [offer.split("\t")[0] for offer in out.splitlines()]

    def test_commands_verbs_options_and_choices(self):
        first = sorted({command.split()[0] for command in listed()})
        self.assertEqual(sorted(self.offered("stead ")), first)
        verbs = sorted(command.split()[1] for command in listed() if command.startswith("function "))
        self.assertEqual(sorted(self.offered("stead function ")), verbs)
        self.assertEqual(sorted(self.offered("stead new x --language ")), LANGUAGES)
        self.assertEqual(self.offered("stead new x -l p"), ["python"])
        self.assertEqual(sorted(self.offered("stead function rm --j")), ["--json"])
        self.assertEqual(self.offered("stead deploy sub"), ["sub folder/"])
        self.assertIn("subject.yaml", self.offered("stead config check sub"))
        self.assertEqual(self.offered("stead invoke "), [])
        self.assertEqual(sorted(self.offered("stead help --man ")), sorted(PAGES))


class Manual(unittest.TestCase):
    def page(self, name):
        code, out, err = stead("help", "--man", name)
        self.assertEqual((code, err), (0, ""))
        return out

    def test_pages_are_clean_roff(self):
        for name in PAGES:
            for command in (["groff", "-man", "-ww", "-Tutf8"], ["mandoc", "-Tlint", "-Wwarning"]):
                with self.subTest(page=name, by=command[0]):
                    if not shutil.which(command[0]):
                        self.skipTest(f"{command[0]} is not installed")
                    done = subprocess.run(command, input=self.page(name), capture_output=True, timeout=60, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout[-2000:])

    def test_nothing_is_missing(self):
        text = self.page("stead.1").decode().replace("\\-", "-")
        for command in listed():
            self.assertIn(f".SS stead {command}\n", text)
        settings = self.page("stead.yaml.5").decode()
        for key in ("nats.url", "grpc.maxInFlight", "spec.timeout", "metadata.name"):
            self.assertIn(f"\\fB{key}\\fR", settings)
        self.assertIn("0x10 CALL", self.page("stead-plugin.7").decode())

    def test_other_pages(self):
        code, out, err = stead("help", "--man", "stead.8")
        self.assertEqual((code, out), (2, b""))
        self.assertIn("stead-plugin.7", err)

    def test_they_are_installed(self):
        build = Path(STEAD).parent
        with tempfile.TemporaryDirectory(prefix="stead-cli-") as folder:
            done = subprocess.run(["cmake", "-P", str(build / "cli" / "cmake_install.cmake")], capture_output=True, text=True,
                                  timeout=60, check=False, env={**os.environ, "DESTDIR": folder})
            self.assertEqual(done.returncode, 0, done.stderr)
            found = {str(path.relative_to(folder)).split("/share/")[-1] for path in Path(folder).rglob("*") if path.is_file()}
        self.assertLessEqual({"man/man1/stead.1", "man/man5/stead.yaml.5", "man/man7/stead-plugin.7",
                              "bash-completion/completions/stead", "zsh/vendor-completions/_stead",
                              "fish/vendor_completions.d/stead.fish"}, found)


if __name__ == "__main__":
    unittest.main(verbosity=1)
