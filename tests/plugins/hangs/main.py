"""Never answers."""
import time

import stead


@stead.function
def hangs(event, ctx):
    while True:
        time.sleep(3600)
