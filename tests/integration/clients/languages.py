"""The client libraries as a user gets them: each is installed or built in a temporary folder, and its driver talks JSON
lines. `Missing` says what this machine lacks for a language."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.environ.get("STEAD_BUILD", os.path.join(ROOT, "build", "release"))
DRIVERS = os.path.join(HERE, "drivers")
CLIENTS = os.path.join(ROOT, "clients")
_SECONDS = 500


class Missing(Exception):
    pass


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/local/go/bin")
    if path is None:
        raise Missing("%s is not here" % program)
    return path


def run(*command, cwd=None, env=None):
    """The standard output; RuntimeError with all that the command said if it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode != 0:
        raise RuntimeError("%s: %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def python(folder):
    """Installs the package as pip would for a user, so that files which the package forgot are missed."""
    source = shutil.copytree(os.path.join(CLIENTS, "python"), os.path.join(folder, "source"))
    target = os.path.join(folder, "python")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
        "--no-build-isolation", "--target", target, source)
    return {"PYTHONPATH": target}


def javascript(folder):
    """`npm pack`, unpacked beside the packages that it depends on."""
    need("node")
    npm = need("npm")
    modules = os.path.join(run(os.path.join(ROOT, "ci", "setup"), "path", "npm").strip(), "node_modules")
    if not os.path.isdir(os.path.join(modules, "@grpc", "grpc-js")):
        raise Missing("no npm packages for tests; run ci/setup test")
    target = os.path.join(folder, "node_modules", "@stead", "client")
    os.makedirs(target)
    for name in os.listdir(modules):
        if name not in ("@stead", ".bin", ".package-lock.json"):
            os.symlink(os.path.join(modules, name), os.path.join(folder, "node_modules", name))
    run(npm, "pack", "--silent", "--pack-destination", folder, cwd=os.path.join(CLIENTS, "js"))
    run("tar", "-xzf", os.path.join(folder, "stead-client-0.1.0.tgz"), "--strip-components=1", "-C", target)
    return {}


def go_environment():
    """Nothing is fetched: ci/setup test has filled the module cache."""
    go = need("go")
    environment = {"GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    try:
        run(go, "list", "-deps", "./...", cwd=os.path.join(CLIENTS, "go"), env=environment)
    except RuntimeError:
        raise Missing("the Go modules of clients/go are not here; run ci/setup test") from None
    return go, environment


def installed(folder):
    """libstead in a prefix of its own; the environment in which pkg-config finds it."""
    if not os.path.exists(os.path.join(BUILD, "clients", "c", "libstead.so")):
        raise Missing("libstead is not built in %s" % BUILD)
    prefix = os.path.join(folder, "prefix")
    run(need("cmake"), "--install", BUILD, "--component", "client", "--prefix", prefix)
    libraries = os.path.join(prefix, "lib")
    for base, _, names in os.walk(prefix):
        libraries = base if "libstead.so" in names else libraries
    return {"PKG_CONFIG_PATH": os.path.join(libraries, "pkgconfig"), "LD_LIBRARY_PATH": libraries}


def compile_c(source, program, environment, *more, cwd=None):
    """As a user would: with what pkg-config says and all warnings as errors."""
    flags = run("pkg-config", "--cflags", "--libs", "stead", env=environment).split()
    run("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic", "-o", program, source, *flags,
        *more, cwd=cwd, env=environment)


def driver_python(folder):
    return [sys.executable, os.path.join(DRIVERS, "driver.py")], python(folder)


def driver_asyncio(folder):
    return [sys.executable, os.path.join(DRIVERS, "driver.py"), "aio"], python(folder)


def driver_javascript(folder):
    environment = javascript(folder)
    program = shutil.copy(os.path.join(DRIVERS, "driver.mjs"), folder)
    return [need("node"), program], environment


def driver_go(folder):
    go, environment = go_environment()
    program = os.path.join(folder, "driver-go")
    run(go, "build", "-o", program, ".", cwd=os.path.join(DRIVERS, "go"), env=environment)
    return [program], {}


def driver_c(folder):
    environment = installed(folder)
    program = os.path.join(folder, "driver-c")
    compile_c(os.path.join(DRIVERS, "driver.c"), program, environment, "-lcjson", "-lcrypto", "-pthread")
    return [program], environment


DRIVERS_BY_NAME = {
    "python": driver_python,
    "asyncio": driver_asyncio,
    "javascript": driver_javascript,
    "go": driver_go,
    "c": driver_c,
}


class Driver:
    """One driver under way, connected to one address; settings are those of drivers/README.md, in lower case."""

    def __init__(self, made, address, **settings):
        command, environment = made
        environment = {**os.environ, **environment, "STEAD_ADDR": address}
        environment.update({"DRIVER_" + name.upper(): str(value) for name, value in settings.items()})
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        )

    def send(self, op, **command):
        self.process.stdin.write(json.dumps({"op": op, **command}) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the driver ended with %s" % self.process.wait(10))
        return json.loads(line)

    def ask(self, op, **command):
        self.send(op, **command)
        return self.receive()

    def close(self):
        """The exit code, once its input has ended."""
        self.process.stdin.close()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.stdout.close()
