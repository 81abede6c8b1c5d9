"""An issuer of tokens: its key pairs, its JWKS, and tokens of every form, good and bad."""

import base64
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://issuer.example.com/"
AUDIENCE = "contacts-gateway"
ALGORITHM_OF: Mapping[str, str] = {"rsa": "RS256", "ec": "ES256", "next": "RS256", "stranger": "RS256"}


@cache
def pair(name: str) -> Any:
    """A private key by its name, which is its `kid` too; made once, as that takes a while."""
    if ALGORITHM_OF[name] == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def public_pem(name: str) -> bytes:
    """A public key as everybody can have it."""
    found: bytes = pair(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


def public(name: str, **more: Any) -> dict[str, Any]:
    """A public key as a JWK."""
    algorithm: Any = jwt.get_algorithm_by_name(ALGORITHM_OF[name])
    return {**json.loads(algorithm.to_jwk(pair(name).public_key())), "kid": name, "use": "sig", **more}


def keys(*names: str) -> str:
    """A JWKS."""
    return json.dumps({"keys": [public(name) for name in names]})


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says; `more` of None is left out."""
    until = int(time.time()) + 3_600
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "lovelace", "exp": until, "scope": "read"}
    return {name: value for name, value in {**said, **more}.items() if value is not None}


def token(key: str = "rsa", *, header: Mapping[str, Any] | None = None, **more: Any) -> str:
    """A signed token; a `kid` of None is left out."""
    head = {"kid": key, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    body = json.dumps(claims(**more)).encode()
    return jwt.api_jws.encode(body, pair(key), ALGORITHM_OF[key], headers=head)


def unsigned(header: Any, body: Any = None, signature: bytes = b"signature") -> str:
    """Three parts of which the last proves nothing; `bytes` stand there as they are."""
    return ".".join(part(each) for each in (header, claims() if body is None else body, signature))


def part(value: Any) -> str:
    """One part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
