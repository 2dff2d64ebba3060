"""Real chaos: brokers, instances, functions that testify and clients, all of which are hurt by a seeded schedule.

`driver.py` beside this package is the program; docs/internals/chaos.md says how a run works.
"""
