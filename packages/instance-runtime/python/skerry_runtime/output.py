"""Makes `print`, `logging` and `warnings` write log entries with the request they belong to.

`sys.stdout` becomes entries of level info, `sys.stderr` of level error; an entry is what was
written up to a line's end. Bytes written to `sys.stdout.buffer` pass as they are. Which request it
is comes from the context of the caller (contextvars): `async` code and what it starts has it, a
thread that user code starts by itself has not.
"""

import contextvars
import io
import sys
import warnings

CURRENT_CALL = contextvars.ContextVar("skerry_call", default=None)

_HELD_CHARACTERS_MAX = 16 << 10


class Log:
    """Writes one entry; the request is the caller's own when none is named."""

    def __init__(self, lines):
        self._lines = lines

    def write(self, level, message, request_id=None):
        """Never raises and never waits."""
        if request_id is None:
            call = CURRENT_CALL.get()
            if call is not None:
                request_id = call.id
        self._lines.line(level, message, request_id)


class EntryStream(io.TextIOBase):
    """A text stream whose lines are log entries. Text without a line's end waits for it."""

    def __init__(self, log, level, raw):
        super().__init__()
        self._log = log
        self._level = level
        self._raw = raw
        self._fd = 1 if level == "info" else 2
        # What each request wrote since its last line's end; None is outside of requests.
        self._held = {}

    encoding = "utf-8"
    errors = "replace"

    @property
    def buffer(self):
        """For bytes; they pass as raw output."""
        return self._raw

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        call = CURRENT_CALL.get()
        owner = None if call is None else call.id
        whole = self._held.pop(owner, "") + text
        if whole.endswith("\n"):
            self._log.write(self._level, whole[:-1], owner)
        elif len(whole) > _HELD_CHARACTERS_MAX:
            self._log.write(self._level, whole, owner)
        elif whole:
            self._held[owner] = whole
        return len(text)

    def flush_owner(self, owner):
        """Text of a request that never ended its line becomes an entry."""
        text = self._held.pop(owner, "") if self._held else ""
        if text:
            self._log.write(self._level, text, owner)

    def flush_all(self):
        """The process ends: nothing is held back."""
        for owner in list(self._held):
            self.flush_owner(owner)


class RawStream(io.RawIOBase):
    """Bytes that user code writes by itself, in order with the entries."""

    def __init__(self, lines):
        super().__init__()
        self._lines = lines

    def writable(self):
        return True

    def fileno(self):
        return 1

    def write(self, chunk):
        taken = bytes(chunk)
        self._lines.raw(taken)
        return len(taken)


def redirect_output(log, lines):
    """Takes stdout, stderr and warnings over. Returns the two streams."""
    raw = RawStream(lines)
    out, err = EntryStream(log, "info", raw), EntryStream(log, "error", raw)
    sys.stdout = sys.__stdout__ = out
    sys.stderr = sys.__stderr__ = err

    def show_warning(message, category, filename, lineno, file=None, line=None):
        text = warnings.formatwarning(message, category, filename, lineno, line)
        if file is None:
            log.write("warn", text.rstrip("\n"))
        else:
            file.write(text)

    warnings.showwarning = show_warning
    return out, err


def redirect_logging(log):
    """One handler at the root, and level INFO; user code may set both as it likes."""
    import logging

    class EntryHandler(logging.Handler):
        """A record becomes an entry: its message and, when it has one, its traceback."""

        def emit(self, record):
            try:
                log.write(_level_of(record.levelno), self.format(record))
            except Exception:  # A record that cannot be shown must not end the caller.
                self.handleError(record)

    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(EntryHandler())
        root.setLevel(logging.INFO)


def _level_of(number):
    if number >= 40:
        return "error"
    if number >= 30:
        return "warn"
    return "info" if number >= 20 else "debug"
