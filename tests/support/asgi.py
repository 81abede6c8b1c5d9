"""Requests as an ASGI server hands them on, for what no client of HTTP does."""

from typing import Any

import httpx


def scope_of(request: httpx.Request) -> dict[str, Any]:
    """The scope of a request."""
    return {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
