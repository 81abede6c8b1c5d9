"""GraphQL multipart requests: files that come along, streamed to disk (the public request specification)."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from gateway.allowances import Intake
from gateway.model.importing import Upload
from gateway.server.negotiation import content_type
from gateway.server.parameters import Parameters, checked
from gateway.server.problems import NotJson, PayloadTooLarge, TooSlow

FORM: Final = "multipart/form-data"
CHUNK_SECONDS: Final = 15.0  # for so much of a body, or its end: who trickles keeps a place from others
CHUNK_BYTES: Final = 64 * 1024
WHOLE_SECONDS: Final = 600.0
MOST_FILES: Final = 5
MOST_PARTS: Final = 20
MOST_PLACES: Final = 20  # in variables, over all files
DEEPEST: Final = 16  # steps to one of them
LONGEST_HEADER: Final = 8 * 1024
LONGEST_NAME: Final = 255
LONGEST_BOUNDARY: Final = 70  # RFC 2046, 5.1.1
LONGEST_EPILOGUE: Final = 8 * 1024  # behind the form: nobody reads it
SPEC: Final = "See the GraphQL multipart request specification."


def is_form(request: Request) -> bool:
    """Whether a request is a form with files."""
    return request.method == "POST" and content_type(request.headers.get("content-type", ""))[0] == FORM


@asynccontextmanager
async def received(
    request: Request,
    intake: Intake,
    *,
    scratch: Path | None,
    check: Callable[[Parameters], None],
) -> AsyncIterator[Parameters]:
    """The parameters of a multipart request, its files in their places; they lie on disk until this ends.

    `check` is asked about the operation when the first file begins; what it raises ends the request.
    """
    with tempfile.TemporaryDirectory(prefix="upload-", dir=scratch) as folder:
        form = _Form(Path(folder), _boundary(request), intake, check)
        length = request.headers.get("content-length", "")
        if length.isdecimal():
            form.check_size(int(length))
        try:
            await _read(request, form)
            yield form.parameters()
        finally:
            form.close()


async def _read(request: Request, form: "_Form") -> None:
    chunks = request.stream().__aiter__()
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            more = True
            while more:
                async with asyncio.timeout(CHUNK_SECONDS):
                    more = await _fed(chunks, form)
        form.finish()
    except TimeoutError as error:
        raise TooSlow("The body did not arrive in time.") from error
    except ClientDisconnect as error:
        raise NotJson("The body ended early.") from error
    except MultipartParseError as error:
        raise NotJson(f"The body is no multipart form. {SPEC}") from error


async def _fed(chunks: AsyncIterator[bytes], form: "_Form") -> bool:
    """Feed the form with the next piece of a body; False where that has ended."""
    fed = 0
    while fed < CHUNK_BYTES:
        chunk = await anext(chunks, None)
        if chunk is None:
            return False
        form.feed(chunk)
        fed += len(chunk)
    return True


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise NotJson(f"The content type names no boundary of 1 to {LONGEST_BOUNDARY} signs. {SPEC}")
    return bytes(boundary)


class _Form:
    """A form while it arrives: `operations` and `map` are kept as texts, everything else goes to disk."""

    def __init__(
        self,
        folder: Path,
        boundary: bytes,
        intake: Intake,
        check: Callable[[Parameters], None],
    ) -> None:
        self._folder = folder
        self._intake = intake
        self._check = check
        self._of_files = 0  # bytes of all files together
        self._most = 2 * intake.body_bytes + intake.file_bytes
        self._fed = self._behind = 0  # bytes of the whole body, and behind its end
        self._places: dict[str, Any] | None = None
        self._texts: dict[str, bytearray] = {}
        self._files: dict[str, Upload] = {}
        self._parts = 0
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[str, bytes] = {}
        self._name = ""
        self._file: Any = None
        self._filename = ""
        self._size = 0
        self._hash = hashlib.sha256()
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body, whatever of it is read by nobody."""
        self._fed += len(chunk)
        self.check_size(self._fed)
        for start in range(0, len(chunk), LONGEST_EPILOGUE):
            piece = chunk[start : start + LONGEST_EPILOGUE]
            if self._ended:
                self._behind += len(piece)
            if self._behind > LONGEST_EPILOGUE:
                raise PayloadTooLarge("There are too many bytes behind the end of the form.")
            self._parser.write(piece)

    def check_size(self, size: int) -> None:
        """Refuse a body that is larger than all that may be in one."""
        if size > self._most:
            raise PayloadTooLarge(f"The body has {size} bytes or more; at most {self._most} are taken.")

    def finish(self) -> None:
        """The body has come to its end."""
        self._parser.finalize()
        if not self._ended:
            raise NotJson("The body ended early.")

    def close(self) -> None:
        """Close a file that was cut off."""
        if self._file is not None:
            self._file.close()

    def parameters(self) -> Parameters:
        """The parameters, with the files in the places that `map` names."""
        found = self._operations()
        variables = dict(found.variables or {})
        places = self._named_places()
        for name, paths in places.items():
            upload = self._files.get(name)
            if upload is None:
                raise NotJson(f"`map` names a file that did not come along. {SPEC}")
            if not isinstance(paths, list) or not paths:
                raise NotJson(f"`map` has to name places for each file. {SPEC}")
            for path in paths:
                variables = _placed(variables, path, upload)
        return found._replace(variables=variables)

    def _named_places(self) -> dict[str, Any]:
        """What `map` says, read once."""
        if self._places is None:
            places = self._json("map")
            if not isinstance(places, dict):
                raise NotJson(f"`map` is not a JSON object. {SPEC}")
            if sum(len(paths) for paths in places.values() if isinstance(paths, list)) > MOST_PLACES:
                raise PayloadTooLarge(f"`map` names more than {MOST_PLACES} places.")
            self._places = places
        return self._places

    def _operations(self) -> Parameters:
        operations = self._json("operations")
        if isinstance(operations, list):
            raise NotJson("Send one operation for each request: batches are not taken.")
        if not isinstance(operations, dict):
            raise NotJson(f"`operations` is not a JSON object. {SPEC}")
        return checked(operations, self._intake)

    def _json(self, name: str) -> Any:
        text = self._texts.get(name)
        if text is None:
            raise NotJson(f"The form has no part `{name}`. {SPEC}")
        try:
            return orjson.loads(bytes(text))
        except orjson.JSONDecodeError as error:
            raise NotJson(f"The part `{name}` is not JSON.") from error

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise PayloadTooLarge(f"The form has more than {MOST_PARTS} parts.")
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > LONGEST_HEADER:
            raise PayloadTooLarge(f"A header of the form has more than {LONGEST_HEADER} bytes.")

    def _on_header_end(self) -> None:
        if len(self._headers) > MOST_PARTS:
            raise PayloadTooLarge("A part of the form has too many headers.")
        self._headers[bytes(self._header).decode("latin-1").lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise NotJson(f"A part of the form has no name. {SPEC}")
        self._name = name.decode("utf-8", "replace")
        self._size = 0
        if b"filename" in options:
            if len(self._files) >= MOST_FILES:
                raise PayloadTooLarge(f"At most {MOST_FILES} files are taken.")
            if not {"operations", "map"} <= self._texts.keys():
                raise NotJson(f"`operations` and `map` have to come before the files. {SPEC}")
            if self._name in self._files or self._name not in self._named_places():
                raise NotJson(f"The form has a file that `map` does not name, or the same twice. {SPEC}")
            if not self._files:
                self._check(self._operations())
            self._filename = _bare(options[b"filename"].decode("utf-8", "replace"))
            self._file = (self._folder / str(self._parts)).open("wb")
            self._hash = hashlib.sha256()
        elif self._name in {"operations", "map"} and self._name not in self._texts:
            self._texts[self._name] = bytearray()
        else:
            raise NotJson(f"The form has a part that is neither `operations`, `map` nor a file. {SPEC}")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        self._size += len(piece)
        if self._file is None:
            if self._size > self._intake.body_bytes:
                raise PayloadTooLarge(f"`{self._name}` has more than {self._intake.body_bytes} bytes.")
            self._texts[self._name] += piece
        else:
            self._of_files += len(piece)
            if self._of_files > self._intake.file_bytes:
                raise PayloadTooLarge(f"The files have more than {self._intake.file_bytes} bytes.")
            self._file.write(piece)
            self._hash.update(piece)

    def _on_part_end(self) -> None:
        if self._file is None:
            return
        path = Path(self._file.name)
        self._file.close()
        self._file = None
        self._files[self._name] = Upload(path, self._filename, self._size, self._hash.hexdigest())

    def _on_end(self) -> None:
        self._ended = True


def _bare(filename: str) -> str:
    """The name of a file without any path before it, and without what cannot be printed."""
    filename = "".join(sign for sign in filename if sign.isprintable())
    return filename.replace("\\", "/").rpartition("/")[2][:LONGEST_NAME] or "file"


def _placed(variables: Mapping[str, Any], path: Any, upload: Upload) -> dict[str, Any]:
    """Variables with a file at a path such as `variables.input.file`, where null has to stand."""
    steps = path.split(".") if isinstance(path, str) else []
    if not 2 <= len(steps) <= DEEPEST or steps[0] != "variables":
        raise NotJson(f"`map` names a place that is no variable. {SPEC}")
    placed: Any = _with({"variables": variables}, steps, upload)
    found: dict[str, Any] = placed["variables"]
    return found


def _with(held: Any, steps: list[str], upload: Upload) -> Any:
    """A copy of a value in which the file stands at the end of the steps."""
    if not steps:
        if held is not None:
            raise NotJson(f"`map` names a place where something else than null stands. {SPEC}")
        return upload
    step, rest = steps[0], steps[1:]
    if isinstance(held, Mapping):
        return {**held, step: _with(held.get(step), rest, upload)}
    if isinstance(held, list) and step.isdecimal() and int(step) < len(held):
        place = int(step)
        return [*held[:place], _with(held[place], rest, upload), *held[place + 1 :]]
    raise NotJson(f"`map` names a place that is not there. {SPEC}")
