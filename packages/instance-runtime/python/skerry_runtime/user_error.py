"""Anything user code may raise, made fit for replies and logs. Total: a hostile error changes
nothing.

Tracebacks begin at the user's own lines and name files relative to the user's folder; the runtime's
frames are left out.
"""

import json
import os

_RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


_MASK = "[secret]"
_CHARS_MIN = 6
_LINE_CHARS_MIN = 16
_hidden = []


def hide_secrets(head):
    """From now on no failure is told with a value of the head's secrets, as it is or as JSON."""
    forms = set()
    for name in head.get("secrets", ()):
        value = head["env"].get(name, "")
        lines = [line for line in value.splitlines() if len(line) >= _LINE_CHARS_MIN]
        for text in (value, value.strip(), *lines):
            forms.update((text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]))
            forms.add(repr(text)[1:-1])
    _hidden[:] = sorted((form for form in forms if len(form) >= _CHARS_MIN), key=len, reverse=True)


def describe(error):
    """Name and message for a reply."""
    try:
        name = str(type(error).__name__)
    except Exception:
        name = "Exception"
    try:
        return name, str(error)
    except Exception:
        return name, "an error whose message cannot be shown"


def without_secrets(text):
    """What callers are told of a failure."""
    for form in _hidden:
        text = text.replace(form, _MASK)
    return text


def format_error(error, code_folder=""):
    """The text for the log: `Name: message`, the frames, and the causes before it."""
    import traceback

    try:
        lines = traceback.format_exception(type(error), error, _user_frames(error.__traceback__))
        text = "".join(lines).rstrip("\n")
    except Exception:
        return ": ".join(describe(error))
    if code_folder:
        text = text.replace(f'File "{code_folder.rstrip(os.sep)}{os.sep}', 'File "')
    return text


def _user_frames(trace):
    """Skips the frames that lead from the runtime into the user's code."""
    first = trace
    while trace is not None:
        if not _is_hidden(trace.tb_frame.f_code.co_filename):
            return trace
        trace = trace.tb_next
    return first


def _is_hidden(filename):
    return filename.startswith((_RUNTIME_FOLDER, "<frozen importlib"))
