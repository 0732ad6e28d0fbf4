import json


def handler(event, context):
    return {"ok": True, "you": json.loads(event["body"])}
