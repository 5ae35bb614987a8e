"""An idle pod that tests run commands in."""

import signal

signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pause()
