"""Two Steads side by side: the one of an older commit and this one, on one broker.

    test_upgrade.py [previous] [SideBySide.test_x]

The older one is built from the history, once per commit, into ${XDG_CACHE_HOME:-~/.cache}/stead/upgrade; this takes a
minute. It is the first commit that promised to get along with later ones, or what STEAD_UPGRADE_FROM names. With
`previous` it is the commit before what is tested: HEAD if files differ from it, else its parent. A clone without
history, or without that commit, skips the tests.
"""
import fcntl
import filecmp
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import unittest

from stead_world import ROOT, WorldCase, event_of, main, wait_for
from stead_world.load import FUNCTION, MANIFEST, SETTINGS, Load, LoadCase, state_of

FROM = os.environ.get("STEAD_UPGRADE_FROM", "5515e16aa6390f0f3e4254b4d7c1eb2d444b36c8")
PREVIOUS = sys.argv[1:2] == ["previous"]
BUILD_SECONDS = 900
V1 = {"main.py": 'import stead\n\n@stead.function\ndef f(event, ctx):\n    return {"version": 1}\n'}
V2 = {"main.py": V1["main.py"].replace("1}", "2}")}
NEWER = {"schema": 99, "language": "python", "name": "from-the-future", "version": "0123456789abcdef", "digest": "?"}


def run(*command, **options):
    options.update(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return subprocess.run(command, timeout=BUILD_SECONDS, check=True, **options)


def git(*arguments):
    """What it prints, or None if it fails."""
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def extract(commit, folder):
    os.makedirs(folder)
    with subprocess.Popen(["git", "-C", ROOT, "archive", commit], stdout=subprocess.PIPE) as archive:
        run("tar", "-x", "-m", "-C", folder, stdin=archive.stdout)


def compile_in(folder):
    out = os.path.join(folder, "build", "release")
    run("cmake", "-S", folder, "-B", out, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    run("cmake", "--build", out, "--target", "stead")
    return out


def build_once(commit, cache):
    """Sources and program of a commit; beside each other, as the program looks for the SDKs there."""
    folder = os.path.join(cache, commit)
    if os.path.exists(folder):
        return folder
    making = "%s.%d" % (folder, os.getpid())
    try:
        extract(commit, making)
        out = compile_in(making)
        for name in os.listdir(out):  # the program is all that is needed of it
            path = os.path.join(out, name)
            if name != "stead":
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        os.rename(making, folder)
    except OSError:
        if not os.path.exists(folder):  # else another test run was faster
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def files_of(folder):
    for base, folders, names in os.walk(folder):
        if base == folder and "build" in folders:
            folders.remove("build")
        yield from (os.path.relpath(os.path.join(base, name), folder) for name in names)


def build_on(commit, cache):
    """The same in a folder that is kept from one commit to the next: only what differs is built again."""
    folder = os.path.join(cache, "previous-" + hashlib.sha256(ROOT.encode()).hexdigest()[:12])
    os.makedirs(folder, exist_ok=True)
    with open(folder + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = folder + ".new"
        shutil.rmtree(fresh, ignore_errors=True)
        extract(commit, fresh)
        wanted = set(files_of(fresh))
        for name in set(files_of(folder)) - wanted:
            os.unlink(os.path.join(folder, name))
        for name in wanted:
            old, new = os.path.join(folder, name), os.path.join(fresh, name)
            if not os.path.exists(old) or not filecmp.cmp(old, new, shallow=False):
                os.makedirs(os.path.dirname(old), exist_ok=True)
                os.replace(new, old)
        shutil.rmtree(fresh)
        compile_in(folder)
    return folder


@functools.cache
def old_program():
    """The older `stead`; skips the test, and says why, if the history does not hold it."""
    name = FROM
    if PREVIOUS:
        name = "HEAD" if git("status", "--porcelain", "--untracked-files=no") else "HEAD^"
    commit = git("rev-parse", "--verify", "--quiet", name + "^{commit}")
    if commit is None:
        raise unittest.SkipTest("commit %s is not in this clone's history: fetch more of it to test upgrades" % name)
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "stead", "upgrade")
    try:
        folder = (build_on if PREVIOUS else build_once)(commit, cache)
    except subprocess.CalledProcessError as error:
        raise AssertionError("commit %s does not build:\n%s" % (commit, error.stdout[-4000:])) from None
    print("beside", commit, flush=True)
    return os.path.join(folder, "build", "release", "stead")


class SideBySide(WorldCase):
    """`one` is the old one, `two` the new one."""

    @classmethod
    def setUpClass(cls):
        program = old_program()
        cls.settings = {"program": program}
        super().setUpClass()

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, V1, "old-made")
        cls.two = cls.world.serve("two")
        cls.world.deploy(cls.two, V1, "new-made")
        for serve in (cls.one, cls.two):
            for name in ("echo", "old-made", "new-made"):
                wait_for(lambda s=serve, n=name: state_of(s, n) == "READY", "%s on %s" % (name, serve.name))

    def record(self, name):
        return self.bus.last("KV_function-config", "$KV.function-config.python." + name)

    def test_each_calls_what_the_other_deployed(self):
        for serve in (self.one, self.two):
            for _ in range(10):
                self.assertEqual(serve.client.execute("echo", event_of(b"x")).data, b"x")
                self.assertIn(b"1", serve.client.execute("old-made", event_of("x")).data)
                self.assertIn(b"1", serve.client.execute("new-made", event_of("x")).data)

    def test_a_stored_result_is_read_by_both(self):
        for writer, reader in ((self.one, self.two), (self.two, self.one)):
            event = event_of("x")
            first = writer.client.execute("echo", event)
            self.assert_ok(first)
            again = reader.client.execute("echo", event)
            self.assertEqual((again.response.request_id, again.data), (first.response.request_id, first.data))

    def test_each_deploys_over_the_other(self):
        """The version that one of them deploys last is what both of them run."""
        self.world.deploy(self.one, V1, "turns")
        for serve, files, word in ((self.two, V2, b"2"), (self.one, V1, b"1"), (self.two, V2, b"2")):
            version = self.world.deploy(serve, files, "turns").version
            for gateway in (self.one, self.two):
                wait_for(lambda g=gateway, v=version: g.client.list()["turns"].version == v, "the new version")
                wait_for(lambda g=gateway, w=word: w in g.client.execute("turns", event_of("x")).data, "its answer", 20)

    def test_each_removes_what_the_other_deployed(self):
        for maker, remover in ((self.one, self.two), (self.two, self.one)):
            self.world.deploy(maker, V1, "short-lived")
            wait_for(lambda s=remover: state_of(s, "short-lived") == "READY", "the other one to serve it")
            self.assertEqual(remover.client.remove("short-lived").status.name, "OK")
            wait_for(lambda s=maker: state_of(s, "short-lived") is None, "the other one to forget it")
            self.assert_status(maker.client.execute("short-lived", event_of("x")), "NOT_FOUND", "FUNCTION_NOT_FOUND")

    def test_records_say_their_schema(self):
        for name in ("old-made", "new-made"):
            self.assertEqual(json.loads(self.record(name).data)["schema"], 1)

    def test_what_a_newer_one_wrote_is_left_alone(self):
        """A record of a schema that neither knows: warned of once, never changed, and the others go on."""
        text = json.dumps(NEWER).encode()
        self.bus.publish("$KV.function-config.python.from-the-future", text)
        written = wait_for(lambda: self.record("from-the-future"), "the record").seq
        wait_for(lambda: "from-the-future" in self.two.log(), "a warning")
        for files in (V1, V2, V1):  # each change makes everybody read all records again
            self.world.deploy(self.two, files, "bystander")
            wait_for(lambda: self.one.client.execute("bystander", event_of("x")).ok, "the old one to serve it")
        time.sleep(1.5)
        self.assertEqual(self.two.log().count("from-the-future"), 1)
        self.assertEqual(self.one.client.execute("echo", event_of(b"x")).data, b"x")
        self.assertEqual(self.two.client.execute("echo", event_of(b"x")).data, b"x")
        answer = self.two.client.deploy("from-the-future", V1)
        self.assertNotEqual(answer.status.name, "OK", repr(answer))
        self.two.client.remove("from-the-future")
        self.assertEqual((self.record("from-the-future").seq, self.record("from-the-future").data), (written, text))
        for serve in (self.one, self.two):
            self.assert_status(serve.client.execute("from-the-future", event_of("x")), "NOT_FOUND")


class Swap(LoadCase):
    """Every instance is replaced, one after the other, while calls come in by gRPC and by NATS. No call fails."""

    def swap(self, before, after):
        old_program()
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        serves = [self.world.serve("before%d" % number, env=SETTINGS, **before) for number in range(2)]
        self.world.deploy(serves[0], {"main.py": FUNCTION}, "work", MANIFEST)
        for serve in serves:
            wait_for(lambda s=serve: state_of(s, "work") == "READY", "the function on " + serve.name)
        clients = [serve.client for serve in serves]
        load = Load(self.bus, clients, 6000, 1500)
        load.clients = clients  # the list itself: it changes under the load
        load.start()
        for number, leaving in enumerate(serves):
            load.wait_until(0.05 + 0.15 * number)
            coming = self.world.serve("after%d" % number, env=SETTINGS, **after)
            wait_for(lambda s=coming: state_of(s, "work") == "READY", "the function on " + coming.name)
            clients.append(coming.client)
            clients.remove(leaving.client)  # as a load balancer does before it lets an instance go
            time.sleep(0.5)
            self.assertEqual(leaving.stop(), 0)
        self.assertLess(load.done(), load.total(), "the load ended before the last swap did")
        load.finish()
        self.assertEqual(set(load.statuses), {"OK"}, load.statuses)
        load.judge(self)

    def test_upgrade_under_load(self):
        self.swap({"program": old_program()}, {})

    def test_rollback_under_load(self):
        """Of Stead itself: back to the old one, which finds what the new one wrote."""
        self.swap({}, {"program": old_program()})


if __name__ == "__main__":
    if PREVIOUS:
        del sys.argv[1]
    try:
        old_program()
    except unittest.SkipTest as reason:
        print("SKIPPED:", reason)
        sys.exit(77)
    main()
