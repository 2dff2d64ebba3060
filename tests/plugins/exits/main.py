"""Exits before it says anything."""
import sys

sys.stderr.write("I can't start: the moon is full\n")
sys.exit(3)
