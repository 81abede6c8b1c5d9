"""The head of an answer and its body as one write to the system, and one packet on the way.

uvicorn writes the head as soon as it is told, and uvloop sends at once what is written.
"""

from typing import Any, Final

HEAD: Final = b"HTTP/1.1 "
INTERIM: Final = ord("1")  # begins the status of a head that another one follows
BODY_FOLLOWS: Final = b"\r\ncontent-length: "  # uvicorn writes names in lower case
COPIED: Final = 64 * 1024  # bytes of a body that are put behind their head; more are handed over beside it


class Corked:
    """A transport that holds the head of an answer of a known length back until its body is written.

    Whoever ends an answer has to `flush`, as one to HEAD has no body; `close` does.
    """

    __slots__ = ("_head", "bare")

    def __init__(self, bare: Any) -> None:
        self.bare = bare
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    def write(self, data: bytes) -> None:
        """Write something, behind what was held back."""
        head = self._head
        if head:
            self._head = b""
            if len(data) <= COPIED:
                self.bare.write(head + data)
            else:
                self.bare.writelines((head, data))
        elif data[: len(HEAD)] == HEAD and data[len(HEAD)] != INTERIM and BODY_FOLLOWS in data:
            self._head = data
        else:
            self.bare.write(data)

    def flush(self) -> None:
        """Write what was held back."""
        head, self._head = self._head, b""
        if head:
            self.bare.write(head)

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        closing: bool = self.bare.is_closing()
        return closing

    def close(self) -> None:
        """Close it, once all is written."""
        self.flush()
        self.bare.close()
