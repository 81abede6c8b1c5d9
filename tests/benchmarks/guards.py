"""What guarding costs: CPU of the gateway for each request, with each guard switched on in turn.

All gateways run at the same time and are asked in turns, so that the noise of the machine meets all of them.
"""

import asyncio
import hashlib
import json
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import cycle

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.benchmarks import load
from tests.benchmarks.jobs import JOBS
from tests.benchmarks.servers import cpu_seconds, emulators, gateway
from tests.benchmarks.shapes import CONNECTIONS, read_names

COUNT = 200
ROUNDS = 9
ASKED = (JOBS["J1"], JOBS["J2"])
ISSUER, AUDIENCE = "https://id.example.com/", "contacts"
KEY = "benchmark-key"


def main() -> None:
    """Print a row for each guard."""
    with emulators() as addresses, ExitStack() as stack:
        running = {
            name: (stack.enter_context(gateway({**addresses, **settings})), headers)
            for name, (settings, headers) in guards().items()
        }
        (first, _), _ = running["open mode"]
        names = read_names(first)
        print(f"| {'guard':<54} | {' | '.join(job.title for job in ASKED)} |")
        print("|---|" + "---:|" * len(ASKED))
        found: dict[str, list[str]] = {name: [] for name in running}
        for job in ASKED:
            spent: dict[str, list[float]] = {name: [] for name in running}
            for turn in range(ROUNDS + 1):
                for name, ((port, pid), headers) in running.items():
                    variables = job.variables(names)
                    requests = cycle([load.request(port, job.query, each, headers) for each in variables])
                    before = cpu_seconds(pid)
                    ran = asyncio.run(load.run(port, requests, CONNECTIONS, most=COUNT))
                    if ran.failures:
                        raise RuntimeError(ran.failure)
                    if turn:  # the first one warms up
                        spent[name].append((cpu_seconds(pid) - before) / COUNT * 1000)
            for name, figures in spent.items():
                found[name].append(f"{statistics.median(figures):.2f} ms")
        for name, cells in found.items():
            print(f"| {name:<54} | {' | '.join(cells)} |")


def guards() -> dict[str, tuple[Mapping[str, str], Mapping[str, str]]]:
    """Settings, and the headers of callers, by the name of the row."""
    keys = ";".join(
        f"{name}:{hashlib.sha256(key.encode()).hexdigest()}:read"
        for name, key in (("app", KEY), ("other", "another-key"))
    )
    private = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    issuer = {
        "GATEWAY_JWT_ISSUER": ISSUER,
        "GATEWAY_JWT_AUDIENCE": AUDIENCE,
        "GATEWAY_JWT_KEYS": json.dumps({"keys": [{**public, "kid": "one", "alg": "ES256", "use": "sig"}]}),
    }
    claims = {"sub": "app", "iss": ISSUER, "aud": AUDIENCE, "scope": "read", "exp": time.time() + 3600}
    token = jwt.encode(claims, private, "ES256", headers={"kid": "one"})
    rates = {
        "GATEWAY_CALLER_REQUESTS": "1000000/60",
        "GATEWAY_CALLER_POINTS": "100000000/60",
        "GATEWAY_CALLER_CALLS": "1000000/60",
    }
    by_key = {"x-api-key": KEY}
    limited = keys.replace(":read", ":read:default:SAMESPACE,PACKAGEX,SMART_SENDER:Contacts")
    return {
        "open mode": ({}, {}),
        "keys": ({"GATEWAY_API_KEYS": keys}, by_key),
        "tokens": (issuer, {"authorization": f"Bearer {token}"}),
        "keys, rates of requests, points and calls": ({"GATEWAY_API_KEYS": keys, **rates}, by_key),
        "a key limited to sources and modules": ({"GATEWAY_API_KEYS": limited}, by_key),
    }


if __name__ == "__main__":
    main()
