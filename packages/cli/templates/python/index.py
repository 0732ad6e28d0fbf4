def handler(event, context):
    """Answers each call of the function's URL, and each `skerry invoke`."""
    name = (event.get("query") or {}).get("name", "world")
    print(f"greeting {name}")
    return {"message": f"Hello, {name}!", "requestId": context.request_id}
