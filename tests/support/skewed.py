"""Run a module with its clock set wrong: `python -m tests.support.skewed SECONDS MODULE ARGUMENTS`."""

import datetime
import runpy
import sys

import time_machine

if __name__ == "__main__":
    seconds, module = float(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    wrong = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    with time_machine.travel(wrong, tick=True):
        runpy.run_module(module, run_name="__main__")
