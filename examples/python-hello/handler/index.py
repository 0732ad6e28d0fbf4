import logging


def handler(event, context):
    """Answers every call of its URL, and every `skerry invoke`, with a greeting."""
    name = event.get("query", {}).get("name", "world")
    logging.info("greeting %s", name)
    return {"message": f"Hello, {name}!", "requestId": context.request_id}
