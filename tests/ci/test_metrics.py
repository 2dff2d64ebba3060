"""Each metric that is named (adapters/metrics/metrics_families.h) is filled by something: a name that nobody sets would be
exposed as 0, or not at all, and alarms on it would never fire."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def families():
    text = (ROOT / "adapters/metrics/metrics_families.h").read_text()
    return re.findall(r"^ +X\((\w+),", text, re.MULTILINE)


class Metrics(unittest.TestCase):
    def test_each_is_filled(self):
        sources = "".join(path.read_text() for folder in ("adapters", "serve") for path in (ROOT / folder).rglob("*.c"))
        named = families()
        self.assertGreater(len(named), 40)
        self.assertEqual([name for name in named if not re.search(rf"\bMETRIC_{name}\b", sources)], [])

    def test_each_that_pages_name_is_there(self):
        named = {name.lower() for name in families()}
        for page in ("README.md", "docs/operate/running.md", "docs/operate/failures.md"):
            text = (ROOT / page).read_text()
            for name in set(re.findall(r"`(stead_[a-z_]+)[`{]", text)):
                with self.subTest(page=page, metric=name):
                    self.assertIn(name, named)


if __name__ == "__main__":
    unittest.main()
