"""Defines properties and changes their definitions."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.model.event import EventType, Happening
from gateway.model.property import Property, PropertyType
from gateway.model.source import Source
from gateway.model.writing import DONE, UserErrorCode, WriteOutcome
from gateway.ports import Upstream, Written
from gateway.writing import attempts, inputs, outcomes
from gateway.writing.attempts import Attempt
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given

MOST_OPTIONS: Final = 1_000
LONGEST_LABEL: Final = 255
LOOK: Final = "List the properties of the module before you send it again: the gateway never repeats it."
FIELDS: Final = (
    "label",
    "type",
    "description",
    "options",
    "optionsType",
    "optionsSortBy",
    "required",
    "addToView",
    "displayOrder",
    "valueType",
)
# The source keeps a value for these in any case, so null would say nothing.
NEVER_NULL: Final = ("label", "required", "addToView", "displayOrder")


@dataclass(frozen=True, slots=True)
class PropertyWrites:
    """The writes of definitions."""

    desk: Desk

    async def create(self, given: Given) -> Done:
        """Define a property."""
        wrong = Complaints()
        source = Source(given["source"])
        unable = self.desk.refused(source, "createProperty", None, wrong, "source")
        _check(given, wrong)
        if given["type"] == PropertyType.OTHER:
            wrong.add(UserErrorCode.INVALID, "OTHER is no type that could be defined.", "type")
        if given["type"] == PropertyType.REFERENCE and not given.get("referenceModule"):
            text = "A reference needs the module that it points to."
            wrong.add(UserErrorCode.REQUIRED, text, "referenceModule")
        if given["type"] == PropertyType.ENUM and not given.get("options"):
            wrong.add(UserErrorCode.REQUIRED, "An enumeration needs its choices.", "options")
        if unable is not None or wrong:
            return Done(_payload(None, unable, wrong))
        try:
            module = await self.desk.module(source, given.get("module"), wrong)
            reference = None
            if given.get("referenceModule") is not None:
                reference = await self.desk.module(
                    source, {"id": given["referenceModule"]}, wrong, name="referenceModule"
                )
            definitions = (
                {} if wrong else await self.desk.directory.definitions(source, module or "", self.desk.caller)
            )
        except GatewayError as error:
            return Done(_payload(None, outcomes.failed(source, error), wrong))
        taken = {(each["label"] or "").strip().casefold() for each in definitions.values()}
        if given["label"].strip().casefold() in taken and not self.desk.resumed:
            text = f"There is a property with the label {given['label'].strip()!r} already."
            wrong.add(UserErrorCode.DUPLICATE, text, "label", source=source)
        if wrong:
            return Done(_payload(None, None, wrong))
        upstream = self.desk.upstream(source)
        values = {**_values(given), **({"referenceModule": reference} if reference else {})}
        return await self._made(
            upstream,
            lambda: upstream.create_property(module, values),
            values,
            type_=EventType.PROPERTY_CREATED,
            target=None,
        )

    async def update(self, given: Given) -> Done:
        """Change a definition."""
        wrong = Complaints()
        named = inputs.global_id(given["id"], "Property", self.desk.account, wrong, "id")
        _check(given, wrong)
        if named is None:
            return Done(_payload(None, None, wrong))
        unable = self.desk.refused(named.source, "updateProperty", given["id"], wrong, "id")
        values = _values(given)
        if not values and not wrong:
            wrong.add(UserErrorCode.REQUIRED, "Nothing is to be changed: give at least one field.")
        if unable is not None or wrong:
            return Done(_payload(None, unable, wrong))
        module, vendor_id = named.parts
        try:
            held = await self.desk.directory.definitions(named.source, module, self.desk.caller)
        except GatewayError as error:
            return Done(_payload(None, outcomes.failed(named.source, error, target=given["id"]), wrong))
        if all(each["sourceId"] != vendor_id for each in held.values()):
            wrong.add(UserErrorCode.NOT_FOUND, "There is no such property.", "id", source=named.source)
            return Done(_payload(None, None, wrong))
        upstream = self.desk.upstream(named.source)
        return await self._made(
            upstream,
            lambda: upstream.update_property(module, vendor_id, values),
            values,
            type_=EventType.PROPERTY_UPDATED,
            target=given["id"],
        )

    async def _made(
        self,
        upstream: Upstream,
        write: Callable[[], Awaitable[Property]],
        values: Mapping[str, Any],
        *,
        type_: EventType,
        target: str | None,
    ) -> Done:
        async def work() -> WriteOutcome:
            definition = await write()
            ignored = tuple(name for name, value in values.items() if not _holds(definition, name, value))
            applied = tuple(name for name in values if name not in ignored)
            result = Written(applied=applied, ignored=ignored)
            found = outcomes.written(upstream.source, result, [], target=target, silent=False)
            found["more"] = {"property": definition["id"]}
            return found

        (outcome,) = await attempts.make(
            [
                Attempt(
                    step="define",
                    upstream=upstream,
                    price=1,
                    work=work,
                    failed=lambda error: outcomes.failed(upstream.source, error, target=target, look=LOOK),
                    targets=[target] if target else (),
                )
            ]
        )
        property_id = outcome.get("more", {}).get("property")
        happenings = []
        if outcome["status"] in DONE:
            payload = {"property": property_id, "applied": outcome["applied"]}
            happenings.append(Happening(type=type_, source=upstream.source, payload=payload))
        return Done(_payload(property_id, outcome, Complaints()), happenings=happenings)


def _check(given: Given, wrong: Complaints) -> None:
    label = given.get("label")
    if label is not None and not any(sign.isalnum() for sign in label):
        wrong.add(UserErrorCode.REQUIRED, "A label needs letters or digits.", "label")
    if len(label or "") > LONGEST_LABEL:
        wrong.add(UserErrorCode.TOO_LARGE, f"At most {LONGEST_LABEL} signs are taken.", "label")
    for name in NEVER_NULL:
        if name in given and given[name] is None:
            wrong.add(UserErrorCode.INVALID, f"{name} cannot be cleared: leave it out.", name)
    options = given.get("options") or ()
    if len(options) > MOST_OPTIONS:
        wrong.add(UserErrorCode.TOO_LARGE, f"At most {MOST_OPTIONS} choices are taken.", "options")
    seen: set[str] = set()
    for place, option in enumerate(options):
        if not option["key"].strip():
            wrong.add(UserErrorCode.REQUIRED, "A choice needs a key.", "options", place, "key")
        elif option["key"] in seen:
            wrong.add(UserErrorCode.DUPLICATE, "This key is given twice.", "options", place, "key")
        seen.add(option["key"])


def _values(given: Given) -> dict[str, Any]:
    return {name: given[name] for name in FIELDS if name in given}


def _holds(definition: Property, name: str, value: Any) -> bool:
    """Whether a definition shows what was asked; what it does not show is taken as held."""
    shown: Mapping[str, Any] = {**definition}
    if name == "options":
        return [{**each} for each in definition["options"]] == [{**each} for each in value or ()]
    if name == "referenceModule":
        return bool(definition["_reference"] == value)
    return name not in shown or bool(shown[name] == value)


def _payload(property_id: str | None, outcome: WriteOutcome | None, wrong: Complaints) -> dict[str, Any]:
    return {"property": property_id, "outcome": outcome, "userErrors": wrong.found}
