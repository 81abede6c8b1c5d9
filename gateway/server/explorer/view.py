"""Serves the explorer from our own origin."""

import secrets

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.server.explorer.examples import EXAMPLES
from gateway.server.explorer.page import (
    ASSETS,
    assets_built,
    content_security_policy,
    missing_page,
    page,
)


def explore(_: Request) -> Response:
    """The page with GraphiQL, or how to build it."""
    nonce = secrets.token_urlsafe(16)
    html = page(nonce=nonce, examples=EXAMPLES) if assets_built() else missing_page(nonce=nonce)
    headers = {
        "content-security-policy": content_security_policy(nonce=nonce),
        "cache-control": "no-store",
        "vary": "Accept",
    }
    return HTMLResponse(html, headers=headers)


def routes() -> list[BaseRoute]:
    """The start page's redirect, and the assets."""
    assets = GZipMiddleware(StaticFiles(directory=ASSETS, check_dir=False))
    return [
        Route("/", lambda _: RedirectResponse("/graphql"), methods=["GET"]),
        Mount("/graphiql/assets", assets),
    ]
