"""What a blank does before it is spoken to: it loads what answers need.

A blank for web applications loads asyncio too; a blank for events leaves it out, since it takes as
much memory as the rest together.
"""

import gc


def warm_up(kind):
    """Returns when the process is as warm as it gets. `kind` is event or fetch."""
    import logging
    import traceback

    from . import event_call, http_event, user_error

    http_event.parse_event(b'{"a":[1]}')
    http_event.answer_of_invocation({"a": [1]})
    try:
        raise ValueError("warm")
    except ValueError as error:
        user_error.format_error(error)
    loaded = [logging, traceback, event_call]
    if kind == "fetch":
        from . import asgi_call, lifespan, loop_engine, wsgi_call

        loaded += [asgi_call, lifespan, loop_engine, wsgi_call]
    del loaded
    gc.collect()
    gc.freeze()
