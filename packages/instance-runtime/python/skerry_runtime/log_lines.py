"""Carries log entries and raw output to stdout in order, from any thread.

An entry is RS, JSON, LF; everything else is raw output. Each entry is written at once, so that what
a handler said before it hung or died is not lost. When the reader is slow, entries are held up to a
bound, then dropped and counted; nothing here waits, except `drain`, which the end of the process
calls.
"""

import json
import os
import select
import threading
import time

BACKLOG_BYTES_MAX = 256 << 10
LINE_BYTES_MAX = 16 << 10
# Longer than a busy agent leaves output unread; less than an exit's cause is waited for.
DRAIN_SECONDS_MAX = 5
_STDOUT = 1
# A pipe that is ready for writing takes this much without blocking (POSIX: PIPE_BUF).
_ATOMIC_BYTES = 4096

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class LogLines:
    """The one writer of descriptor 1."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held = bytearray()
        self._dropped = 0
        self._at_line_start = True
        self._draining = False
        self._poller = _stdout_poller()

    def line(self, level, message, request_id=None):
        """One entry; several lines of text stay one entry. Never raises, never waits."""
        entry = {"t": round(time.time() * 1000, 3), "l": level, "m": cut_to_limit(message)}
        if request_id is not None:
            entry["r"] = request_id
        with self._lock:
            if len(self._held) > BACKLOG_BYTES_MAX:
                self._dropped += 1
                return
            self._report_dropped()
            self._append(entry)
            self._flush()

    def raw(self, chunk):
        """Output that user code wrote by itself."""
        with self._lock:
            if len(self._held) > BACKLOG_BYTES_MAX:
                self._dropped += 1
                return
            self._held += chunk
            if len(chunk) > 0:
                self._at_line_start = chunk[-1] == 10
            self._flush()

    def drain(self):
        """Sends everything, waiting seconds for a slow reader."""
        end = time.monotonic() + DRAIN_SECONDS_MAX
        with self._lock:
            self._report_dropped()
            self._flush()
            while self._held and time.monotonic() < end:
                self._poller.poll(10)
                self._flush()

    def _report_dropped(self):
        if self._dropped == 0:
            return
        text = f"… {self._dropped} lines dropped: the log could not take them in time"
        self._dropped = 0
        self._append({"t": round(time.time() * 1000, 3), "l": "warn", "m": text})

    def _append(self, entry):
        lead = "\x1e" if self._at_line_start else "\n\x1e"
        self._at_line_start = True
        self._held += f"{lead}{_encode(entry)}\n".encode("utf-8", "replace")

    def _flush(self):
        held = self._held
        try:
            while held and self._poller.poll(0):
                written = os.write(_STDOUT, held[:_ATOMIC_BYTES])
                del held[:written]
        except OSError:
            # The reader is gone: nobody will miss it.
            held.clear()
        if held and not self._draining:
            self._draining = True
            threading.Thread(target=self._drain_later, name="skerry-log", daemon=True).start()

    def _drain_later(self):
        """Runs on its own thread for as long as the reader is behind."""
        # A poller serves one thread at a time.
        poller = _stdout_poller()
        while True:
            poller.poll(1000)
            with self._lock:
                self._flush()
                if not self._held:
                    self._report_dropped()
                    self._flush()
                if not self._held:
                    self._draining = False
                    return


def _stdout_poller():
    poller = select.poll()
    poller.register(_STDOUT, select.POLLOUT)
    return poller


def cut_to_limit(message):
    """Cuts to the limit of one entry at a whole character, and says how much is missing."""
    if len(message) * 4 <= LINE_BYTES_MAX:
        return message
    whole = message.encode("utf-8", "replace")
    if len(whole) <= LINE_BYTES_MAX:
        return message
    kept = whole[:LINE_BYTES_MAX].decode("utf-8", "ignore")
    missing = len(whole) - len(kept.encode())
    return f"{kept}… [cut: {missing} bytes more]"
