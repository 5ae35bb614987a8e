"""Runs in a pod, for commands that are run in it."""

import signal

signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pause()
