"""The HTML around GraphiQL and what it may load."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from string import Template

ASSETS = Path(__file__).parent / "assets"
"""What `make explorer` builds; served under `/graphiql/assets`."""

PAGE = Template("""\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Contacts gateway</title>
    <link rel="icon" href="$icon">
    <link rel="stylesheet" nonce="$nonce" href="/graphiql/assets/explorer.css">
  </head>
  <body>
    <div id="explorer" data-endpoint="/graphql">Loading the explorer …</div>
    <noscript>The explorer needs JavaScript. Queries are also answered to POST /graphql.</noscript>
    <script type="application/json" id="examples">$examples</script>
    <script type="module" nonce="$nonce" src="/graphiql/assets/explorer.js"></script>
  </body>
</html>
""")

MISSING_PAGE = Template("""\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Contacts gateway</title>
    <link rel="icon" href="$icon">
    <style nonce="$nonce">
      :root { color-scheme: light dark; }
      body { max-width: 36rem; margin: 20vh auto 0; padding: 0 1.5rem; font: 1rem/1.6 system-ui, sans-serif; }
      h1 { font-size: 1.25rem; }
      code { white-space: nowrap; }
      pre { padding: .75rem 1rem; border: 1px solid #8886; border-radius: .5rem; }
    </style>
  </head>
  <body>
    <h1>The explorer is not built yet</h1>
    <p>Build it once in the repository, then reload this page:</p>
    <pre>make explorer</pre>
    <p>Everything else works without it: queries are answered to <code>POST /graphql</code>.</p>
  </body>
</html>
""")

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='%23d60590'%3E"
    "%3Ccircle cx='8' cy='5' r='3.5'/%3E%3Cpath d='M1 15a7 5.5 0 0 1 14 0z'/%3E%3C/svg%3E"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A query that opens in a tab of its own; `variables` is JSON, or empty."""

    name: str
    query: str
    variables: str


def assets_built() -> bool:
    """Say whether `make explorer` was run."""
    return (ASSETS / "explorer.js").is_file()


def page(*, nonce: str, examples: Sequence[Example]) -> str:
    """Return the explorer; `nonce` must be the one in its content-security policy."""
    listed = json.dumps([asdict(example) for example in examples])
    return PAGE.substitute(
        icon=ICON,
        nonce=escape(nonce),
        examples=listed.replace("<", "\\u003c"),  # so that no query can end the script element
    )


def missing_page(*, nonce: str) -> str:
    """Return the page for a gateway whose explorer was not built; `nonce` as in `page`."""
    return MISSING_PAGE.substitute(icon=ICON, nonce=escape(nonce))


def content_security_policy(*, nonce: str) -> str:
    """Return what either page may load: our own assets, and no other host."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "worker-src 'self'",
            "connect-src 'self'",
            f"style-src-elem 'nonce-{nonce}'",
            "style-src-attr 'unsafe-inline'",  # Monaco places every line with a style attribute
            "font-src data:",  # explorer.css carries its fonts and pictures
            "img-src data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types explorer dompurify",  # main.jsx makes the first, Monaco the other
        )
    )
