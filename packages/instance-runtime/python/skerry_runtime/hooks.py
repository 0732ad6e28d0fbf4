"""What code does once in the life of an instance: `init(context)` before its first request,
`pre_stop(context)` before it is stopped. A function that needs more than one argument is the code's
own affair, whatever its name.
"""


class InstanceContext:
    """What a hook is told: what is the same for all requests."""

    __slots__ = ("app", "function", "revision", "instance_id", "memory_mb", "env")

    def __init__(self, facts):
        self.app = facts.app
        self.function = facts.function
        self.revision = facts.revision
        self.instance_id = facts.instance_id
        self.memory_mb = facts.memory_mb
        self.env = facts.env


def find_hook(module, name):
    """The function of that name, to be called with the context; None when there is none."""
    hook = getattr(module, name, None)
    code = getattr(hook, "__code__", None)
    if code is None:
        return None
    required = code.co_argcount - len(hook.__defaults__ or ())
    if required > 1 or code.co_kwonlyargcount > len(hook.__kwdefaults__ or ()):
        return None
    takes_context = code.co_argcount > 0 or code.co_flags & 0x04
    return hook if takes_context else lambda _context: hook()
