"""python3 -m unittest, with the SDK on the path; needs no server."""
import unittest

import stead
import stead.testing
from main import greet


class Greet(unittest.TestCase):
    def test_it_greets(self):
        self.assertEqual(stead.testing.run(greet, {"name": "Ada"}).data, {"text": "Hello, Ada"})

    def test_it_wants_a_name(self):
        with self.assertRaises(stead.Reject):
            stead.testing.run(greet, {})


if __name__ == "__main__":
    unittest.main()
