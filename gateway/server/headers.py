"""The headers of a request, which are looked at many times."""

from collections.abc import Iterable

from starlette import datastructures
from starlette.requests import Request
from starlette.types import Receive, Scope


class Headers(datastructures.Headers):
    """Starlette's, which looks through all of them for each name, with a table beside it.

    Of names that come several times the first one counts, as it does there.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._list = list(raw)
        self._first: dict[str, str] = {}
        for name, value in reversed(self._list):
            self._first[name.decode("latin-1")] = value.decode("latin-1")

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._first

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """A header, or what stands for none."""
        return self._first.get(key.lower(), default)


class HeadedRequest(Request):
    """A request with these headers."""

    _headers: Headers

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._headers = Headers(scope["headers"])

    @property
    def headers(self) -> Headers:
        """Its headers."""
        return self._headers
