"""Wires everything that is process-wide: environment, output, the ends of the process, the link."""

import faulthandler
import os
import sys
import threading

import skerry  # noqa: F401 -- user code imports it, once the runtime's folder is off the path

from .engine import Engine
from .failures import Failures, create_exit
from .link import Link
from .log_lines import LogLines
from .output import Log, redirect_output
from .runtime import Runtime
from .specialise import scrub_env

LINK_FD = 3


def run(arguments):
    """Serves until the link ends; then ends the process."""
    scrub_env()
    lines = LogLines()
    log = Log(lines)
    out, err = redirect_output(log, lines)
    exit_with_logs = create_exit(out, err, lines)
    failures = Failures(log, exit_with_logs)
    _watch_crashes(failures)
    if "--warm=none" not in arguments:
        from .warm_up import warm_up

        warm_up("fetch" if "--warm=fetch" in arguments else "event")
    os.set_blocking(LINK_FD, True)
    os.set_inheritable(LINK_FD, False)
    os.register_at_fork(after_in_child=lambda: os.close(LINK_FD))

    def on_end(why=None):
        if why is not None:
            log.write("error", f"The link ends, because the platform broke its rules: {why}.")
        exit_with_logs(0)

    engine = Engine(LINK_FD, failures, on_end, (out, err))
    runtime = Runtime(log, failures, engine)
    facts = {"role": "instance", "runtimeBuild": f"python{sys.version.split()[0]}"}
    link = Link(send, facts, runtime.accept)
    try:
        engine.serve(link)
    except SystemExit as error:
        failures.exit(error)
    except ConnectionError:
        on_end()


def send(frame):
    """Writes to the link, waiting for the peer, who always reads."""
    try:
        written = os.write(LINK_FD, frame)
        while written < len(frame):
            frame = memoryview(frame)[written:]
            written = os.write(LINK_FD, frame)
    except OSError:
        # The reader finds the end of the link by itself.
        pass


def _watch_crashes(failures):
    """A fatal signal leaves the Python stack on stderr; an error that ends a thread is logged."""
    faulthandler.enable(file=2)

    def on_thread_error(args):
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "a thread"
            failures.unhandled(f"Uncaught exception in {name}", args.exc_value)

    threading.excepthook = on_thread_error
