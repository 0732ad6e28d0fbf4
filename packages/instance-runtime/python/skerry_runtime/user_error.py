"""Anything user code may raise, made fit for replies and logs. Total: a hostile error changes
nothing.

Tracebacks begin at the user's own lines and name files relative to the user's folder; the runtime's
frames are left out.
"""

import os

_RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


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
