"""Names that Lambda and SCF have for what a handler's context says, so that handlers written for
either find it there: attributes as in Lambda, and items, because SCF's context is a dict.
"""


class ForeignNames:
    """What a Context is beside itself."""

    __slots__ = ()

    @property
    def aws_request_id(self):
        return self.request_id

    @property
    def function_name(self):
        return self.function

    @property
    def function_version(self):
        return self.env.get("SKERRY_VERSION")

    @property
    def memory_limit_in_mb(self):
        return self.memory_mb

    @property
    def invoked_function_arn(self):
        """There is none. Programs are told the same."""
        return f"{self.app}/{self.function}"

    def get_remaining_time_in_millis(self):
        return round(self.remaining_ms())

    def __getitem__(self, name):
        """Raises KeyError for what SCF's context has and this one has not."""
        if name == "namespace":
            return self.app
        if name == "time_limit_in_ms":
            # Its own limit, which does not shrink.
            return self.timeout_ms
        if name in _ITEMS:
            return getattr(self, name)
        raise KeyError(name)

    def __iter__(self):
        """Without it, Python would ask for the items 0, 1 and so on."""
        return iter(self.keys())

    def keys(self):
        """As a dict's; `dict(context)` is what can be written as JSON."""
        return _ITEMS + _OTHER_ITEMS

    def __contains__(self, name):
        return name in self.keys()

    def get(self, name, default=None):
        """As a dict's."""
        return self[name] if name in self else default


# Attributes as well.
_ITEMS = ("request_id", "function_name", "function_version", "memory_limit_in_mb")
_OTHER_ITEMS = ("namespace", "time_limit_in_ms")
