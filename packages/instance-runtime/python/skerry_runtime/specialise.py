"""Turns the process into an instance of one revision: environment, working directory, code."""

import functools
import importlib.util
import json
import os
import sys
import time

from .user_error import hide_secrets

# Names that the surroundings may set and user code sees; everything else of the blank's environment
# is removed.
_KEPT = ("PATH", "HOME", "TMPDIR", "TZ")
_DEFAULTS = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TZ": "UTC",
    "LANG": "C.UTF-8",
}
_WEB_NAMES = ("app", "application")
# Flags of code: coroutine, and async generator.
_CO_ASYNC = 0x80 | 0x200
# Where the build lays what the code depends on.
_PACKAGES = "python_packages"


class HandlerMissing(Exception):
    """The code exports nothing that takes requests; the message says what it does export."""


class LoadedCode:
    """What specialising gives. `shape` is event, event-async, wsgi or asgi."""

    def __init__(self, shape, call, module, code_us, init_us):
        self.shape = shape
        self.call = call
        self.module = module
        self.code_us = code_us
        self.init_us = init_us

    @property
    def handler_kind(self):
        """How the gateway sends requests."""
        return "event" if self.shape.startswith("event") else "fetch"

    @property
    def is_async(self):
        """True when it runs on the loop."""
        return self.shape in ("event-async", "asgi")


def scrub_env():
    """Leaves a blank's environment with what any function may see."""
    for name in list(os.environ):
        if name not in _KEPT:
            del os.environ[name]
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def load_code(head):
    """Loads the code of a specialise. Raises HandlerMissing, or what the code raised."""
    started = time.monotonic()
    directory = head["codeDirectory"]
    _fill_env(head)
    hide_secrets(head)
    with open(os.path.join(directory, "artefact.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    entry = manifest.get("entry")
    if not entry:
        raise HandlerMissing("The artefact names no file to load.")
    os.chdir(directory)
    path = os.path.join(directory, entry)
    name = _prepare_path(directory, path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise HandlerMissing(f"{entry} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    code = spec.loader.get_code(name)
    compiled = time.monotonic()
    sys.modules[name] = module
    exec(code, module.__dict__)
    shape, call = find_handler(module, head["handler"])
    ready = time.monotonic()
    return LoadedCode(shape, call, module, _us(compiled - started), _us(ready - compiled))


def find_handler(module, handler_name):
    """A web application exported as `app` or `application` wins; then the function that the
    configuration names. Raises HandlerMissing.
    """
    for name in _WEB_NAMES:
        application = getattr(module, name, None)
        if callable(application) and not isinstance(application, type):
            return "asgi" if _is_asgi(application) else "wsgi", application
    handler = getattr(module, handler_name, None)
    if callable(handler):
        return "event-async" if _is_async(handler) else "event", handler
    raise HandlerMissing(_missing_message(module, handler_name))


def _prepare_path(directory, path):
    """Makes the user's modules importable; returns the entry's own module name."""
    folder = os.path.dirname(path)
    stem = os.path.splitext(os.path.basename(path))[0]
    runtime_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [place for place in sys.path if place != runtime_folder]
    sys.argv[:] = [path]
    sys.path.insert(0, directory)
    packages = os.path.join(directory, _PACKAGES)
    if os.path.isdir(packages):
        _add_packages(packages)
    layers = os.environ.get("SKERRY_LAYERS")
    if layers:
        _add_packages(os.path.join(layers, "python"))
    if folder != directory and os.path.exists(os.path.join(folder, "__init__.py")):
        return os.path.relpath(os.path.join(folder, stem), directory).replace(os.sep, ".")
    if folder != directory:
        sys.path.insert(0, folder)
    return f"{stem}_" if stem in sys.modules else stem


def _add_packages(packages):
    """After the standard library, before what the machine has installed."""
    system = ("dist-packages", "site-packages")
    at = next((n for n, place in enumerate(sys.path) if place.endswith(system)), len(sys.path))
    sys.path.insert(at, packages)


def _fill_env(head):
    os.environ.update(head["env"])
    names = head["names"]
    os.environ["SKERRY_APP"] = names["app"]
    os.environ["SKERRY_FUNCTION"] = names["fn"]
    os.environ["SKERRY_REVISION"] = names["revision"]
    os.environ["SKERRY_INSTANCE_ID"] = head["instanceId"]
    os.environ["SKERRY_MEMORY_MB"] = str(head["memoryMb"])
    time.tzset()


def _is_async(function):
    """A coroutine function, or an object that is called as one."""
    return _makes_coroutines(function) or _makes_coroutines(getattr(function, "__call__", None))


def _makes_coroutines(function):
    """As `inspect.iscoroutinefunction`, which takes 4 ms to load."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if any(hasattr(function, mark) for mark in ("_is_coroutine_mark", "_is_coroutine")):
        return True
    code = getattr(function, "__code__", None)
    return getattr(code, "co_flags", 0) & _CO_ASYNC != 0


def _is_asgi(application):
    """ASGI 3 takes scope, receive, send; WSGI takes environ, start_response."""
    if _is_async(application):
        return True
    import inspect

    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD]
    return len(needed) == 3


def _missing_message(module, handler_name):
    names = [
        f"{name} ({type(value).__name__})"
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, type(sys))
    ]
    found = f"the module exports {', '.join(names)}" if names else "the module exports nothing"
    return (
        f"Expected a function exported as `{handler_name}`, "
        f"or a web application exported as `app` or `application`; {found}."
    )


def _us(seconds):
    return round(seconds * 1e6)
