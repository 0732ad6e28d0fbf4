"""What happens when user code fails: a typed answer, its traceback in the log, and the ends of the
process.
"""

import atexit
import os

from .user_error import describe, format_error

CRASH_EXIT_CODE = 1


class Failures:
    """Reports what user code raised. `code_directory` is set when the code is known."""

    def __init__(self, log, exit_with_logs):
        self.code_directory = ""
        # Runs an awaitable that a plain function returned; the engine supplies it.
        self.wait_for = None
        self.log = log
        self._exit_with_logs = exit_with_logs

    def raised(self, call, error):
        """The handler raised before it answered. `SystemExit` ends the process with its code."""
        if isinstance(error, SystemExit):
            self.exit(error)
        self.log.write("error", self.text_of(error), call.id)
        name, message = describe(error)
        call.failed("failed", name, message)

    def bad_response(self, call, fault):
        """The handler gave something that cannot be sent."""
        self.log.write("error", f"The answer cannot be sent: {fault}", call.id)
        call.failed("bad_response", "BadResponse", fault)

    def broke_off(self, call, error):
        """The answer failed in the middle of its body: it must not look whole."""
        if isinstance(error, SystemExit):
            self.exit(error)
        message = describe(error)[1]
        text = f"The answer broke off in the middle of its body: {self.text_of(error)}"
        self.log.write("error", text, call.id)
        call.abandon(message)

    def text_of(self, error):
        """The error as it stands in the log."""
        return format_error(error, self.code_directory)

    def unhandled(self, what, error):
        """Nobody waited for it: a thread or a task of user code. The process goes on."""
        self.log.write("error", f"{what}: {self.text_of(error)}")

    def exit(self, error):
        """`sys.exit` in user code: exit handlers run, every log entry is written."""
        code = error.code
        if code is None:
            code = 0
        elif not isinstance(code, int):
            self.log.write("error", str(code))
            code = 1
        run_exit_handlers = getattr(atexit, "_run_exitfuncs", None)
        if run_exit_handlers is not None:
            run_exit_handlers()
        self._exit_with_logs(code & 0xFF)


def create_exit(out, err, lines):
    """Ends the process at once with every log entry written, whatever user code holds on to."""

    def exit_with_logs(code):
        try:
            out.flush_all()
            err.flush_all()
            lines.drain()
        finally:
            os._exit(code)

    return exit_with_logs
