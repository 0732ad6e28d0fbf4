"""What may stand in a response's head. RFC 9110 sections 5.1, 5.5 and 7.6.1."""

import json
import re

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_BAD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search

# Headers that speak of one connection: the platform has its own and drops those of functions.
CONNECTION_HEADERS = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)


def header_fault(name, value):
    """Why a header cannot be sent; None when it can."""
    if not _TOKEN(name):
        return f"{json.dumps(name[:100])} is no header name"
    if _BAD_VALUE(value):
        return f"the value of the header {name} has a character that is not allowed"
    return None


def expected_bytes(flat):
    """What content-length promises, when a head has one that can be read."""
    for at in range(0, len(flat), 2):
        if flat[at] == "content-length" and flat[at + 1].isdecimal() and len(flat[at + 1]) < 16:
            return int(flat[at + 1])
    return None
