"""Links that lead nowhere are found; links in code blocks and to other hosts are left alone."""

import unittest

from sample import SampleTree


class Links(SampleTree):
    tool = "ci/checks/links"

    def setUp(self):
        super().setUp()
        self.write("docs/b.md", "# Big *House*: part 1\n## Same\n## Same\n")

    def test_good(self):
        self.write("docs/a.md", "[b](b.md) [h](b.md#big-house-part-1) [s](b.md#same-1) [up](../docs/) [web](https://x.y/z)\n"
                   "`[no](no.md)`\n```\n[no](no.md)\n```\n")
        self.assert_clean()

    def test_bad(self):
        for target in ("c.md", "b.md#other", "#here", "../../outside.md", "b.md#same-2"):
            with self.subTest(target=target):
                self.write("docs/a.md", f"text\n\n[x]({target})\n")
                self.assert_fault(f"docs/a.md:3: link: {target}")


if __name__ == "__main__":
    unittest.main()
