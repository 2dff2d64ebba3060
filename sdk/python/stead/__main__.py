"""python3 -m stead main.py: serves the function that main.py declares, with the file's folder first on the path.

Stead starts functions as `python3 -I -S .../stead/__main__.py .../main.py`: isolated and without `site`, which halves the
start-up time. Installed packages are still found: their folders are added at the end of the path, those of the function's
requirements.txt (the folder PACKAGES) before the machine's.
"""
import sys


def _set_path(folder, own):
    package_parent = __file__.rsplit("/", 2)[0]
    sys.path[:] = [p for p in sys.path if p not in (folder, package_parent, "")]
    sys.path[:0] = [folder, package_parent]
    sys.path += own
    version = "%d.%d" % sys.version_info[:2]
    for packages in (
        "%s/lib/python%s/site-packages" % (sys.prefix, version),
        "/usr/local/lib/python%s/dist-packages" % version,
        "/usr/lib/python3/dist-packages",
    ):
        if packages not in sys.path:
            sys.path.append(packages)


if len(sys.argv) not in (2, 3):
    sys.stderr.write("usage: python3 -m stead main.py [PACKAGES]\n")
    raise SystemExit(64)
_path = sys.argv[1]
if "/" not in _path:
    _path = "./" + _path
_set_path(_path.rsplit("/", 1)[0], sys.argv[2:])

from stead._serve import run_file  # noqa: E402

run_file(_path)
