"""A small world to test Stead from outside: a broker, one or more `stead serve`, and clients that are not ours.

Everything lives in one temporary folder and on free ports of 127.0.0.1. Processes are ended by their ids, and the
kernel ends them if the test is killed. `main()` runs a test file and prints the end of every log if anything failed.
"""
from .case import WorldCase, main
from .calls import Answer, event_of, request_id_of
from .process import free_port, wait_for
from .world import PLUGINS, ROOT, World, read_folder

__all__ = [
    "Answer",
    "PLUGINS",
    "ROOT",
    "World",
    "WorldCase",
    "event_of",
    "free_port",
    "main",
    "read_folder",
    "request_id_of",
    "wait_for",
]
