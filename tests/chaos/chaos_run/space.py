"""A space of our own: process, network and mount namespaces, if this kernel and user may have them.

Inside, nothing of a run can be left behind, no port clashes, and a small tmpfs can be mounted and filled. A shell is
process 1 there: it reaps what is orphaned. Where that is not allowed the run goes on plainly on loopback.
"""
import os
import shutil
import subprocess
import sys

_INSIDE = "STEAD_CHAOS_SPACE"
_SCRIPT = 'ip link set lo up || exit 71; "$@"; exit $?'
_WAYS = (["--pid", "--net", "--mount"], ["--user", "--map-root-user", "--pid", "--net", "--mount"])


def enter():
    """Starts this program again inside a new space, and exits as it did; returns if it is inside or can't be."""
    if _INSIDE in os.environ:
        return
    os.environ[_INSIDE] = ""
    for way in _WAYS if shutil.which("unshare") and shutil.which("ip") else ():
        command = ["unshare", *way, "--fork", "--kill-child", "--mount-proc", "sh", "-c", _SCRIPT, "space"]
        if subprocess.run(command + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            continue
        os.environ[_INSIDE] = " ".join(word[2:] for word in way if word != "--map-root-user")
        os.execvp(command[0], command + [sys.executable, *sys.argv])


def kinds():
    """The namespaces that this run has to itself; "" if none."""
    return os.environ.get(_INSIDE, "")


def mount_small(folder, mebibytes):
    """Mounts a tmpfs of that size; "" or why that is not possible."""
    if "mount" not in kinds():
        return "no mount namespace of its own"
    options = "size=%dm" % mebibytes
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "chaos", folder], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def netem_refusal():
    """Why `tc netem` can't be used on this loopback; "" if it can."""
    if "net" not in kinds():
        return "no network namespace of its own"
    if shutil.which("tc") is None:
        return "tc is not installed"
    done = subprocess.run(
        ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return "the kernel has no netem (%s)" % done.stderr.strip().splitlines()[0]
    netem_clear()
    return ""


def netem(words):
    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", "netem", *words], check=True)


def netem_clear():
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], stderr=subprocess.DEVNULL, check=False)
