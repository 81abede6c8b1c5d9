"""Modules, and definitions of what contacts can hold."""

from enum import StrEnum
from typing import Any, TypedDict

from gateway.model.source import Source


class PropertyType(StrEnum):
    """What kind of value a property takes; OTHER for words the gateway does not know."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    DATE_TIME = "DATE_TIME"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    URL = "URL"
    ENUM = "ENUM"
    REFERENCE = "REFERENCE"
    JSON = "JSON"
    OTHER = "OTHER"


class Module(TypedDict):
    """A Samespace module."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    name: str | None
    createdAt: str | None
    updatedAt: str | None


class PropertyOption(TypedDict):
    """A choice of an enumeration."""

    key: str | None
    label: str | None


class Property(TypedDict):
    """A definition. `_module` and `_reference` are vendor ids of modules, "" and None without one."""

    __typename: str
    id: str
    source: Source
    sourceId: str
    key: str
    label: str | None
    type: str
    sourceType: str | None
    description: str | None
    options: list[PropertyOption]
    optionsType: str | None
    required: bool | None
    builtIn: bool | None
    addToView: bool | None
    displayOrder: int | None
    valueType: str | None
    default: Any
    createdBy: str | None
    _module: str
    _reference: str | None
