"""ci/setup with dpkg-query, apt-get, id, sudo and systemctl replaced by scripts that record their calls."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-setup-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.log = self.folder / "log"
        self.log.touch()
        self.policy = self.folder / "policy-rc.d"
        self.installed = [line for name in ("run", "test") for line in self.packages(name)]
        self.fake("id", "echo 0")
        self.fake("systemctl", f'echo "systemctl $*" >> {self.log}')
        self.fake("update-rc.d", f'echo "update-rc.d $*" >> {self.log}')
        # Keeps what policy-rc.d said of the service at the time of the installation.
        self.fake("apt-get", f'echo "apt-get $*" >> {self.log}\n[ ! -e {self.policy} ] || '
                  f'{{ {self.policy} nats-server start; echo "policy $?" >> {self.log}; }}')

    @staticmethod
    def packages(name):
        lines = (ROOT / "ci" / "packages" / f"{name}.txt").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def fake(self, name, body):
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + body + "\n")
        path.chmod(0o755)

    def setup(self, *arguments):
        self.fake("dpkg-query", "\n".join(f"echo 'installed {package}'" for package in self.installed))
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder), "STEAD_SETUP_POLICY": str(self.policy)}
        return subprocess.run([shutil.which("bash"), str(ROOT / "ci" / "setup"), *arguments], env=environment,
                              capture_output=True, text=True, check=False, timeout=50)

    def calls(self):
        return self.log.read_text().splitlines()

    def test_nothing_missing_is_silent(self):
        done = self.setup("run")
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.calls()), (0, "", "", []))

    def test_installs_only_what_is_missing(self):
        self.installed.remove("libyaml-dev")
        done = self.setup("run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "setup: installing libyaml-dev\n")
        update, install = self.calls()
        self.assertTrue(update.endswith("update"))
        self.assertTrue(install.endswith("install -y --no-install-recommends libyaml-dev"), install)

    def test_tries_twice(self):
        self.installed.remove("libyaml-dev")
        self.fake("apt-get", f'echo "apt-get $*" >> {self.log}; echo "E: no mirror"; exit 100')
        done = self.setup("run")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(self.calls()), 2)
        self.assertIn("E: no mirror", done.stderr)
        self.assertIn("could not install: libyaml-dev", done.stderr)

    def test_without_root_prints_the_command(self):
        self.installed.remove("libyaml-dev")
        self.installed.remove("nats-server")
        self.fake("id", "echo 1000")
        self.fake("sudo", "exit 1")
        done = self.setup("run")
        self.assertEqual(done.returncode, 77)
        self.assertEqual(done.stdout, "apt-get update && apt-get install -y --no-install-recommends libyaml-dev nats-server\n")
        self.assertEqual(self.calls(), [])

    def test_uses_sudo(self):
        self.installed.remove("libyaml-dev")
        self.fake("id", "echo 1000")
        self.fake("sudo", f'[ "$1" = -n ] || exit 9; shift; echo "sudo $1" >> {self.log}; exec "$@"')
        done = self.setup("run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sudo env", self.calls())

    def test_nats_server_is_never_started_nor_enabled(self):
        self.installed.remove("nats-server")
        done = self.setup("run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("policy 101", self.calls())
        self.assertIn("systemctl disable nats-server.service", self.calls())
        self.assertFalse(self.policy.exists())

    def test_a_policy_of_others_comes_back(self):
        self.installed.remove("nats-server")
        self.policy.write_text("#!/bin/sh\nexit 104\n")
        self.policy.chmod(0o755)
        self.setup("run")
        self.assertIn("policy 101", self.calls())
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")
        self.assertEqual(sorted(path.name for path in self.folder.glob("policy*")), ["policy-rc.d"])

    def test_a_policy_comes_back_when_apt_fails(self):
        self.installed.remove("nats-server")
        self.fake("apt-get", "exit 100")
        self.policy.write_text("#!/bin/sh\nexit 104\n")
        self.assertEqual(self.setup("run").returncode, 1)
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")

    def test_a_server_that_was_here_is_left_alone(self):
        self.installed.remove("libyaml-dev")
        self.setup("run")
        self.assertFalse([call for call in self.calls() if not call.startswith("apt-get")])

    def test_paths(self):
        self.assertRegex(self.setup("path", "venv").stdout, r"/\.cache/stead/venv-[0-9a-f]{12}\n$")
        self.assertRegex(self.setup("path", "nats-server-current").stdout, r"/\.cache/stead/nats-server-v[\d.]+/nats-server\n$")

    def test_usage(self):
        for arguments in ((), ("all",), ("run", "now"), ("path",)):
            done = self.setup(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("ci/setup run ", done.stderr)


if __name__ == "__main__":
    unittest.main()
