"""A core that needs libc, or that never saw banned.h, is not pure."""

import unittest

from sample import SampleTree

BANNED = "#ifndef B\n#define B\nvoid stead_panic(const char *why);\n#endif\n"


class Purity(SampleTree):
    tool = "ci/checks/purity"

    def setUp(self):
        super().setUp()
        self.write("core/banned.h", BANNED)
        self.write("core/b.c", '#include "core/banned.h"\nint other(int x);\nint other(int x)\n{\n    return x + 1;\n}\n')

    def test_pure(self):
        self.write("core/a.c", '#include <string.h>\n#include "core/banned.h"\nint other(int x);\n'
                   "int f(char *a, char *b, unsigned long n);\nint f(char *a, char *b, unsigned long n)\n{\n"
                   '    if (n > 9)\n        stead_panic("n");\n    memmove(a, b, n);\n    return other(memcmp(a, b, n));\n}\n')
        self.assert_clean()

    def test_libc(self):
        self.write("core/a.c", '#include <time.h>\n#include "core/banned.h"\nlong f(void);\n'
                   "long f(void)\n{\n    return time(0);\n}\n")
        self.assert_fault("core/a.c: impure: needs time()")

    def test_floats_of_libm(self):
        self.write("core/a.c", '#include <math.h>\n#include "core/banned.h"\ndouble f(double x);\n'
                   "double f(double x)\n{\n    return exp(x);\n}\n")
        self.assert_fault("needs exp()")

    def test_banned_header(self):
        self.write("core/a.c", "int f(void);\nint f(void)\n{\n    return 1;\n}\n")
        self.assert_fault("core/a.c: impure: does not include core/banned.h")

    def test_no_core(self):
        (self.root / "core" / "b.c").unlink()
        self.assertEqual(self.run_tool().returncode, 77)


if __name__ == "__main__":
    unittest.main()
