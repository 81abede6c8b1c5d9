"""Which column of a file holds which field: proposed from the headers, or checked as given. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.imports.reader import MOST_COLUMNS
from gateway.model.text import folded
from gateway.model.writing import UserErrorCode
from gateway.ports import Definitions, Upstream
from gateway.writing.inputs import Complaints

METADATA: Final = "metadata."
OWN_PROPERTIES: Final = "properties."
# Fields that every source may know, and what people call them; compared without case, accents and signs.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "firstName": (
        "first name", "first", "given name", "forename", "vorname", "prenom", "nombre", "nome", "voornaam",
        "fname", "имя",
    ),
    "lastName": (
        "last name", "last", "surname", "family name", "nachname", "familienname", "nom de famille",
        "apellido", "apellidos", "cognome", "achternaam", "lname", "фамилия",
    ),
    "name": (
        "name", "full name", "contact", "contact name", "display name", "nom", "nombre completo", "naam",
    ),
    "email": (
        "email", "e mail", "mail", "email address", "e mail address", "email 1", "primary email", "correo",
        "correo electronico", "courriel", "emailadresse", "e mail adresse", "почта",
    ),
    "phone": (
        "phone", "phone number", "telephone", "tel", "mobile", "mobile phone", "cell", "cell phone", "handy",
        "telefon", "telefono", "telefoon", "mobil", "whatsapp", "phone 1", "primary phone", "телефон",
    ),
    "company": (
        "company", "company name", "organisation", "organization", "firma", "empresa", "societe", "employer",
    ),
    "notes": ("notes", "note", "comment", "comments", "remarks", "notizen", "notas", "description"),
    "address": (
        "address", "postal address", "street address", "full address", "adresse", "direccion", "indirizzo",
    ),
    "addressLine2": (
        "address line2", "address line 2", "address 2", "unit", "apartment", "suite", "floor",
    ),
    "type": ("type", "contact type"),
    "groups": ("groups", "group", "gruppen", "grupos", "groupes"),
}  # fmt: skip
SIGNS: Final = re.compile(r"[\W_]+")

Target = tuple[Upstream, Definitions]


def bare(text: str) -> str:
    """A header without case, accents and signs: "E-Mail_Address" becomes "e mail address"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return SIGNS.sub(" ", folded(spaced)).strip()


_FIELDS: Final = {bare(name): field for field, names in SYNONYMS.items() for name in (field, *names)}


def proposed(columns: Sequence[str], targets: Sequence[Target]) -> list[str | None]:
    """A field for each column, as far as its header tells and a target takes it; each field once."""
    own = {
        bare(name): field
        for upstream, definitions in targets
        for field, label in upstream.import_fields(definitions).items()
        for name in (field, label)
    }
    found: list[str | None] = []
    for column in columns:
        field = _FIELDS.get(bare(column)) or own.get(bare(column))
        if column.casefold().startswith(METADATA):
            field = METADATA + column[len(METADATA) :].strip()
        fits = field is not None and field not in found and _takes(field, targets)
        found.append(field if fits else None)
    return found


def given(
    mapping: Sequence[Mapping[str, Any]], columns: Sequence[str], targets: Sequence[Target], wrong: Complaints
) -> list[str | None]:
    """The field of each column, as a caller has said; complaints about what is not there."""
    found: dict[str, str] = {}
    if len(mapping) > MOST_COLUMNS:
        text = f"The mapping has {len(mapping)} entries; at most {MOST_COLUMNS} are taken."
        wrong.add(UserErrorCode.TOO_LARGE, text, "mapping")
        return [None] * len(columns)
    for place, each in enumerate(mapping):
        column, field = each["column"], each["field"].strip().removeprefix(OWN_PROPERTIES)
        if column not in columns:
            text = f"The file has no column {column!r}. It has: {', '.join(columns[:20])}."
            wrong.add(UserErrorCode.NOT_FOUND, text, "mapping", place, "column")
        if column in found:
            text = f"The column {column!r} is mapped twice."
            wrong.add(UserErrorCode.DUPLICATE, text, "mapping", place, "column")
        if field in found.values():
            text = f"Two columns are mapped to {field!r}."
            wrong.add(UserErrorCode.DUPLICATE, text, "mapping", place, "field")
        if not _takes(field, targets):
            text = f"None of the targets has a field {field!r}."
            wrong.add(UserErrorCode.NOT_FOUND, text, "mapping", place, "field")
        found[column] = field
    if not mapping:
        wrong.add(
            UserErrorCode.REQUIRED, "The mapping is empty: leave it out to have one proposed.", "mapping"
        )
    return [found.get(column) for column in columns]


def _takes(field: str, targets: Sequence[Target]) -> bool:
    return any(upstream.takes_field(field, definitions) for upstream, definitions in targets)
