"""Makes a forked process what its launcher would have been: its environment, folder, descriptors and signals."""

import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from deployments.flow_request import DESCRIPTORS
from deployments.forking import Fork

NAME = "exosend-flow"
"""What the process is called in top and ps; its command line is the preloader's."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15
_libc = ctypes.CDLL(None)


def become(fork: Fork) -> None:
    """Turn this process, just forked, into the one that is asked for."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != fork.parent:
        os._exit(1)  # it died before that
    _libc.prctl(_PR_SET_NAME, NAME.encode(), 0, 0, 0)
    # Signals to the group (Ctrl-C in a terminal) reach the launcher, which passes them on: once is enough.
    os.setpgid(0, 0)
    for descriptor, wanted in zip(fork.descriptors, range(DESCRIPTORS), strict=True):
        os.dup2(descriptor, wanted)
        os.close(descriptor)
    os.environ.clear()
    os.environb.update(fork.request.environment)
    time.tzset()
    os.chdir(fork.request.folder)
    tempfile.tempdir = None
    sys.path[0] = str(Path.cwd())  # where `python -m` puts it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
