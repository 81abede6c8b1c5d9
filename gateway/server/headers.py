"""The headers of a request, which are looked at many times."""

from collections.abc import Iterable
from typing import cast

from starlette import datastructures
from starlette.requests import Request


class Headers(datastructures.Headers):
    """Starlette's, which looks through all of them for each name, with a table beside it.

    Of names that come several times the first one counts, as it does there.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._list = list(raw)
        self._first: dict[str, str] = {}
        for name, value in self._list:
            self._first.setdefault(name.decode("latin-1"), value.decode("latin-1"))

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._first

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """A header, or what stands for none."""
        return self._first.get(key.lower(), default)


class HeadedRequest(Request):
    """A request with these headers."""

    @property
    def headers(self) -> Headers:
        """Its headers."""
        if not hasattr(self, "_headers"):
            self._headers = Headers(self.scope["headers"])
        return cast("Headers", self._headers)
