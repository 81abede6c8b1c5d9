"""Starts every emulator on loopback, and the gateway in front of them. Needs no key and no network."""

import socket
from collections.abc import Mapping
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.types import ASGIApp

from gateway import config
from gateway.app import create_app, guard
from gateway.model.source import Source
from gateway.server import running
from gateway.telemetry import logs
from gateway.upstreams.emulation import Switchboard, over_sockets
from gateway.upstreams.packagex.emulator import Emulator as PackageX
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator as Samespace
from gateway.upstreams.smartsender.emulator import Emulator as SmartSender

LOOPBACK: Final = "127.0.0.1"
SANDBOX_KEY: Final = "sandbox-key"
EXAMPLE: Final = (
    "{ contacts(first: 6) { nodes { source displayName email phone } sources { source status } } }"
)

# Source → variables of its address and key, and the path below which it answers.
PLACES: Final[Mapping[Source, tuple[str, str, str]]] = {
    Source.SAMESPACE: ("SAMESPACE_URL", "SAMESPACE_API_KEY", ""),
    Source.PACKAGEX: ("PACKAGEX_URL", "PACKAGEX_API_KEY", "/v1"),
    Source.SMART_SENDER: ("SMART_SENDER_URL", "SMART_SENDER_TOKEN", "/v1"),
}


class Emulator(Protocol):
    """What every emulator offers."""

    app: Starlette

    @property
    def switches(self) -> Switchboard:
        """Its switches and counters."""
        ...


def emulators(people: Population) -> dict[Source, Emulator]:
    """One emulator for each source, all with the same people."""
    return {
        Source.SAMESPACE: Samespace(people),
        Source.PACKAGEX: PackageX(people),
        Source.SMART_SENDER: SmartSender(people),
    }


def run(
    environment: Mapping[str, str], *, contacts: int, seed: int, upstreams_only: bool, port: int | None
) -> bool:
    """Run the sandbox until a signal. Returns whether everything could be started."""
    settings = {"GATEWAY_DATA_DIR": config.MEMORY, **environment}
    apps: list[tuple[ASGIApp, socket.socket]] = []
    for source, emulator in emulators(Population(size=contacts, seed=seed)).items():
        listening = running.listen(LOOPBACK, 0)
        url, key, path = PLACES[source]
        settings[url] = running.address(listening) + path
        settings[key] = SANDBOX_KEY
        apps.append((over_sockets(emulator.app), listening))
        print(f"{url}={settings[url]}", flush=True)
    if upstreams_only:
        return running.run(apps, ready=lambda: None, grace=running.EMULATOR_SECONDS)
    if port is not None:
        settings["GATEWAY_PORT"] = str(port)
    chosen = config.read({**settings, "GATEWAY_WORKERS": "1"})  # it is one process, with the emulators in it
    logs.configure(chosen.log_level, chosen.log_format)
    listening = running.listen(chosen.host, chosen.port)
    app = create_app(chosen)
    apps.append((app, listening))
    return running.run(
        apps,
        ready=lambda: print(_welcome(running.address(listening)), flush=True),
        grace=chosen.grace_seconds,
        hang_up=lambda: logs.toggle(chosen.log_level),
        guard=guard(chosen, app),
    )


def _welcome(address: str) -> str:
    explorer = f"Open {address}/graphql in a browser to explore, or try:"
    curl = f"curl -s {address}/graphql -H 'content-type: application/json' -d '{{\"query\": \"{EXAMPLE}\"}}'"
    return f"\nThe gateway answers on {address}\n{explorer}\n\n  {curl}\n"
