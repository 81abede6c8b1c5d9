"""DateTime, JSON and Upload. Upstream times are RFC 3339 texts already when they reach a resolver."""

from datetime import UTC, datetime
from typing import Any

from ariadne import ScalarType
from graphql import GraphQLError

from gateway.model.importing import Upload

date_time = ScalarType("DateTime")
json = ScalarType("JSON")
upload = ScalarType("Upload")


@date_time.serializer
def serialize_date_time(value: str) -> str:
    """A time of an answer, brought to UTC."""
    if value.endswith("Z"):
        return value
    return _utc(datetime.fromisoformat(value))


@date_time.value_parser
def parse_date_time(value: Any) -> str:
    """A time of an argument: RFC 3339, or a day."""
    if not isinstance(value, str):
        raise GraphQLError("A DateTime is a text such as 2025-03-04T09:15:27Z.")
    try:
        return _utc(datetime.fromisoformat(value))
    except ValueError as error:
        raise GraphQLError("This is no DateTime. Write it like 2025-03-04T09:15:27Z.") from error


@json.value_parser
def parse_json(value: Any) -> Any:
    """A JSON value of an argument. A file that came along is none."""
    if _holds_file(value):
        raise GraphQLError("A file cannot stand here.")
    return value


def _holds_file(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_file(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, Upload)


@upload.value_parser
def parse_upload(value: Any) -> Upload:
    """A file that came along with the request."""
    if not isinstance(value, Upload):
        raise GraphQLError("An Upload is a file that is sent along: GraphQL multipart request.")
    return value


@upload.literal_parser
def parse_upload_literal(*_: Any) -> Upload:
    """A file cannot stand in a document."""
    raise GraphQLError("An Upload cannot be written into the document: put it into a variable.")


def _utc(moment: datetime) -> str:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    text = zoned.astimezone(UTC).isoformat(timespec="milliseconds" if zoned.microsecond else "seconds")
    return text.replace("+00:00", "Z")


BINDABLES = (date_time, json, upload)
