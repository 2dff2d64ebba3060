"""Each rule of ci/tidy has a sample that breaks it and one that just does not."""

import unittest

from sample import OPENING, SampleTree


def function(lines, name="work"):
    """A function of so many lines, signature and braces included."""
    return f"void {name}(void)\n{{\n" + "    step();\n" * (lines - 3) + "}\n"


class Tidy(SampleTree):
    tool = "ci/tidy"

    def judge(self, path, good, bad, *said):
        self.write(path, good)
        self.assert_clean()
        self.write(path, bad)
        self.assert_fault(*said)

    def test_function_length(self):
        self.judge("core/a.c", OPENING + function(70), OPENING + function(71),
                   "core/a.c:3: function-length: work() has 71 lines")

    def test_function_length_counts_the_signature(self):
        head = "static void long_one(int first,\n                     int second)\n{\n"
        self.judge("core/a.c", OPENING + head + "    step();\n" * 66 + "}\n", OPENING + head + "    step();\n" * 67 + "}\n",
                   "core/a.c:3: function-length: long_one() has 71 lines")

    def test_braces_in_strings_and_comments_are_no_code(self):
        body = '    say("\\"}\\n{");\n    /*\n}\n{\n */\n'
        self.write("core/a.c", OPENING + "void a(void)\n{\n" + body + "    step();\n" * 63 + "}\n")
        self.assert_fault("a() has 71 lines")

    def test_tables_are_no_functions(self):
        self.write("core/a.c", OPENING + "static const int table[] = {\n" + "    1,\n" * 200 + "};\n" + function(10))
        done = self.run_tool()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("1 functions in C, lines: median 10, p90 10, longest 10", done.stdout)

    def test_median_and_p90(self):
        self.write("core/a.c", OPENING + "".join(function(4 + i, f"work_{i}") for i in range(11)))
        self.assertIn("11 functions in C, lines: median 9, p90 13, longest 14", self.run_tool().stdout)

    def test_file_length(self):
        self.judge("core/a.c", OPENING + "int x;\n" * 398, OPENING + "int x;\n" * 399, "file-length: 401 lines")

    def test_opening(self):
        self.judge("core/a.c", OPENING, "/* The allocator. */\nint x;\n", "core/a.c:1: opening")
        guard = "#ifndef STEAD_CORE_A_H\n#define STEAD_CORE_A_H\n#endif\n"
        self.write("core/a.c", OPENING)
        self.judge("core/a.h", "/* What rows are. */\n" + guard, guard, "core/a.h:1: opening")
        self.write("core/a.h", "/* What rows are. */\n" + guard)
        self.judge("core/a.c", "// One row a line,\n// the newest first.\n", "#include <stdint.h>\n" + OPENING, "opening")

    def test_line_length(self):
        self.judge("core/a.c", OPENING + "/" * 120 + "\n", OPENING + "/" * 121 + "\n", "core/a.c:3: line-length: 121")

    def test_rows_of_tables_may_be_long(self):
        row = "/" * 200 + "\n"
        table = OPENING + "/* clang-format off */\n" + row + "/* clang-format on */\n"
        self.judge("core/a.c", table, table + row, "core/a.c:6: line-length: 200")

    def test_guard(self):
        guard = OPENING + "#ifndef {0}\n#define {0}\n#endif\n"
        self.judge("core/key.h", guard.format("STEAD_CORE_KEY_H"), guard.format("STEAD_KEY_H"),
                   "guard: the include guard must be STEAD_CORE_KEY_H")
        self.write("core/key.h", guard.format("STEAD_CORE_KEY_H"))
        self.write("adapters/config/config_keys.h", guard.format("STEAD_ADAPTERS_CONFIG_KEYS_H"))
        self.write("sdk/c/stead/plugin.h", guard.format("STEAD_PLUGIN_H"))
        self.judge("adapters/ring/ring.h", guard.format("STEAD_ADAPTERS_RING_H"), OPENING, "STEAD_ADAPTERS_RING_H")

    def test_tab(self):
        self.judge("ci/a.py", "if a:\n    b\n", "if a:\n\tb\n", "ci/a.py:2: tab")
        self.write("ci/a.py", "")
        self.write("Makefile", "all:\n\ttrue\n")
        self.assert_clean()

    def test_trailing_blank(self):
        self.judge("docs/a.md", "text\n", "text \n", "docs/a.md:1: trailing-blank")

    def test_reminders(self):
        self.judge("ci/a.sh", "mktemp dir.XXXXXX\n", "# TO" + "DO later\n", "reminder")
        self.write("ci/a.sh", "# FIX" + "ME\n")
        self.assert_fault("reminder")

    def test_internal_words(self):
        self.judge("docs/a.md", "The seed of a run; open an issue.\n", "See is" + "sue 12.\n", "internal")
        for text in ("/wo" + "rk/main", "the se" + "ed's proto", "see DESI" + "GN.md"):
            self.write("docs/a.md", text + "\n")
            self.assert_fault("internal")

    def test_samples_and_binaries_are_not_judged(self):
        self.write("tests/fuzz/corpus/json/one.json", "\t\n")
        self.write("tests/unit/core/golden/a.txt", "a \n")
        (self.root / "picture").write_bytes(b"\x89PNG\t \n")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
