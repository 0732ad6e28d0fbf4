"""A page as any WSGI framework makes one; Flask's or Django's application goes here as it is."""

from html import escape
from urllib.parse import parse_qs


def app(environ, start_response):
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<h1>Hello, {escape(name)}!</h1>\n".encode()]
