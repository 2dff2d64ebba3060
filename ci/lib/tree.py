"""The files of this tree, and C text without its comments and strings.

What counts as part of the tree is what git tracks or would track (not ignored), so the checks see a new file before it is
committed and never see build folders. Without git (a source archive) every file outside build/ counts.
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(os.environ.get("STEAD_ROOT") or Path(__file__).resolve().parents[2])

SKIPPED = 77  # exit code that ctest and ci/check read as "skipped"


def files(*suffixes, under=ROOT):
    """Paths relative to `under`, sorted, of the files whose name ends with one of the suffixes (all if none given)."""
    listed = subprocess.run(
        ["git", "-C", str(under), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(under)) for path in under.rglob("*")]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    kept = sorted({name for name in names if name and (not suffixes or name.endswith(suffixes))})
    return [name for name in kept if (under / name).is_file() and not (under / name).is_symlink()]


def read(name, under=ROOT):
    return (under / name).read_text(encoding="utf-8", errors="replace")


_COMMENT_OR_STRING = re.compile(
    r"""//(?:\\\n|[^\n])*            # line comment, continued by a backslash
      | /\*.*?\*/                    # block comment
      | "(?:\\.|[^"\\\n])*"          # string
      | '(?:\\.|[^'\\\n])*'          # character
    """, re.VERBOSE | re.DOTALL)


def bare_c(text):
    """The text with comments blanked and strings emptied; line numbers stay, and #include lines stay whole."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            line_start = text.rfind("\n", 0, match.start()) + 1
            if re.match(r"\s*#\s*include\b", text[line_start:match.start()]):
                return found
            return found[0] * 2
        return " " + "\n" * found.count("\n")

    return _COMMENT_OR_STRING.sub(blank, text)
