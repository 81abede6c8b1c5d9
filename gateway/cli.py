"""The command line: parse, call, print."""

import argparse
import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

LARGEST: Final = 10**9  # number that an option takes
YOUNG: Final = 100_000  # objects that are made before cycles are looked for: all that is imported stays


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command in a process of its own; its exit status."""
    gc.set_threshold(YOUNG)
    chosen = parser().parse_args(arguments)
    from gateway.config import BadSetting

    try:
        return int(chosen.run(chosen))
    except BadSetting as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads along has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        hint = ". Choose another port with GATEWAY_PORT." if error.errno == errno.EADDRINUSE else ""
        print(f"gateway: {error.strerror or type(error).__name__}: {_place()}{hint}", file=sys.stderr)
        return 1
    finally:
        gc.freeze()  # what is left goes with the process, and need not be looked through before


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    found = argparse.ArgumentParser(
        prog="gateway", description="One GraphQL schema over Samespace, PackageX and Smart Sender."
    )
    commands = found.add_subparsers(required=True, metavar="command")

    serve = commands.add_parser("serve", help="run the gateway, with settings from the environment")
    serve.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes on the one port (GATEWAY_WORKERS, or 1); several need GATEWAY_STATE_URL",
    )
    serve.set_defaults(run=_serve)

    sandbox = commands.add_parser("sandbox", help="run emulators of the sources and the gateway before them")
    sandbox.add_argument("--contacts", type=_positive, default=240, metavar="N", help="people (240)")
    sandbox.add_argument("--seed", type=int, default=1, metavar="S", help="which people (1)")
    sandbox.add_argument("--upstreams-only", action="store_true", help="the emulators without the gateway")
    sandbox.add_argument("--port", type=int, metavar="P", help="port of the gateway (GATEWAY_PORT, or 8000)")
    sandbox.set_defaults(run=_sandbox)

    schema = commands.add_parser("schema", help="print the schema")
    schema.add_argument(
        "--federation", action="store_true", help="as a subgraph of Apollo Federation, for composition"
    )
    schema.set_defaults(run=_schema)

    importing = commands.add_parser("import", help="import a CSV, XLS or XLSX file of contacts")
    importing.add_argument(
        "file", nargs="?", metavar="FILE", help="the file; its first row holds the headers"
    )
    importing.add_argument(
        "--to", action="append", default=[], metavar="SOURCE", help="samespace or packagex; may be repeated"
    )
    importing.add_argument("--module", metavar="NAME", help="Samespace module (Contacts)")
    importing.add_argument("--dry-run", action="store_true", help="say what would happen; write nothing")
    importing.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="what a column holds; proposed from the headers where none is given",
    )
    importing.add_argument(
        "--overwrite", action="store_true", help="PackageX: delete every contact of the account first"
    )
    importing.add_argument(
        "--confirmation", metavar="TOKEN", help="what the dry run of --overwrite handed out"
    )
    importing.add_argument("--rejects", metavar="FILE", help="write the rows that failed, with the reason")
    importing.add_argument("--account", default="default", metavar="NAME", help="account (default)")
    importing.add_argument("--follow", metavar="JOB", help="follow a job that was begun before, by its id")
    importing.set_defaults(run=_import)

    audit = commands.add_parser("audit", help="check the audit trail, and show its newest records")
    audit.add_argument("--account", metavar="NAME", help="one account (all)")
    audit.add_argument("--last", type=_natural, default=0, metavar="N", help="show so many records (0)")
    audit.add_argument(
        "--expect", metavar="NUMBER:HASH", help="a record that has to be there, as an earlier check told"
    )
    audit.add_argument("--erase", metavar="ID", help="erase what is said of a contact, by its global id")
    audit.set_defaults(run=_audit)

    people = commands.add_parser("people", help="look at people out of all sources")
    reports = people.add_subparsers(required=True, metavar="report")
    duplicates = reports.add_parser("duplicates", help="who is there more than once, and who is held apart")
    duplicates.add_argument("--csv", action="store_true", help="as a CSV file, one line for each record")
    duplicates.add_argument("--account", default="default", metavar="NAME", help="account (default)")
    duplicates.set_defaults(run=_duplicates)

    mcp = commands.add_parser("mcp", help="offer a running gateway to assistants, as an MCP server")
    mcp.add_argument("--http", action="store_true", help="listen on loopback instead of standard input")
    mcp.add_argument("--port", type=_port, default=8010, metavar="P", help="port for --http (8010)")
    mcp.add_argument("--writes", action="store_true", help="offer tools that write, too (GATEWAY_MCP_WRITES)")
    mcp.set_defaults(run=_mcp)

    check = commands.add_parser("check", help="read the settings, call every source once, say what works")
    check.set_defaults(run=_check)
    return found


def _serve(wish: argparse.Namespace) -> int:
    from gateway import config
    from gateway.server import running
    from gateway.telemetry import logs

    settings = {**os.environ, "GATEWAY_WORKERS": str(wish.workers)} if wish.workers else dict(os.environ)
    chosen = config.read(settings)
    logs.configure(chosen.log_level, chosen.log_format)
    for name in config.unknown(settings):
        logs.unknown_setting(name)
    if not chosen.sources_named:
        logs.no_source()
    listening = running.listen(chosen.host, chosen.port)
    place = running.address(listening)
    why = "" if not chosen.open else " (no keys are set, so to this machine only)"
    several = f" with {chosen.workers} workers" if chosen.workers > 1 else ""

    def ready() -> None:
        print(f"The gateway answers on {place}{several}{why}", flush=True)

    if several:
        from gateway import workers

        return workers.run(chosen, settings, listening, ready)
    from gateway.app import create_app, guard

    app = create_app(chosen, reread=lambda: config.read(settings))
    started = running.run(
        [(app, listening)],
        ready=ready,
        grace=chosen.grace_seconds,
        hang_up=lambda: logs.toggle(chosen.log_level),
        guard=guard(chosen, app),
    )
    return 0 if started else 1


def _sandbox(chosen: argparse.Namespace) -> int:
    from gateway import sandbox

    started = sandbox.run(
        os.environ,
        contacts=chosen.contacts,
        seed=chosen.seed,
        upstreams_only=chosen.upstreams_only,
        port=chosen.port,
    )
    return 0 if started else 1


def _schema(chosen: argparse.Namespace) -> int:
    if chosen.federation:
        from gateway.app import federated_sdl

        print(federated_sdl(), end="")
        return 0
    print(_sdl(), end="")
    return 0


def _import(chosen: argparse.Namespace) -> int:
    import asyncio

    from gateway import config, importer

    wish = importer.Wish(
        file=chosen.file,
        to=tuple(chosen.to),
        module=chosen.module,
        dry_run=chosen.dry_run,
        mapping=tuple(chosen.map),
        overwrite=chosen.overwrite,
        confirmation=chosen.confirmation,
        rejects=chosen.rejects,
        account=chosen.account,
        follow=chosen.follow,
    )
    return asyncio.run(importer.run(config.read(os.environ), wish))


def _audit(chosen: argparse.Namespace) -> int:
    import asyncio

    from gateway import auditing, config

    wish = auditing.Wish(account=chosen.account, last=chosen.last, expect=chosen.expect, erase=chosen.erase)
    return asyncio.run(auditing.run(config.read(os.environ), wish))


def _duplicates(chosen: argparse.Namespace) -> int:
    import asyncio

    from gateway import config, duplicates

    wish = duplicates.Wish(account=chosen.account, csv=chosen.csv)
    return asyncio.run(duplicates.run(config.read(os.environ), wish))


def _mcp(chosen: argparse.Namespace) -> int:
    from gateway import config
    from gateway.telemetry import logs

    try:
        from gateway.assistant import operations, serving
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("gateway"):
            raise
        print("gateway: this needs more packages: pip install 'contacts-gateway[mcp]'", file=sys.stderr)
        return 2
    found = config.read_assistant(os.environ)
    logs.configure(found.log_level, found.log_format)
    wish = serving.Wish(
        url=found.url,
        key=found.key,
        documents=found.documents,
        writes=found.writes or chosen.writes,
        result_bytes=found.result_bytes,
        sdl=_sdl,
    )
    try:
        return serving.over_http(wish, chosen.port) if chosen.http else serving.over_stdio(wish)
    except (operations.BadDocument, serving.NotServed) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"gateway: {error.strerror or type(error).__name__}: port {chosen.port}", file=sys.stderr)
        return 1


def _sdl() -> str:
    from gateway.app import sdl

    return sdl()


def _check(_: argparse.Namespace) -> int:
    import asyncio

    from gateway import checkup, config

    for name in config.unknown(os.environ):
        print(f"gateway: {name} looks like a setting and is none.", file=sys.stderr)
    rows = asyncio.run(checkup.run(config.read(os.environ)))
    print(checkup.table(rows))
    return 0 if all(row.works is not False for row in rows) else 1


def _port(text: str) -> int:
    return _number(text, 0, 65_535, "a port, from 0 to 65535")


def _positive(text: str) -> int:
    return _number(text, 1, LARGEST, "a whole number of at least 1")


def _natural(text: str) -> int:
    return _number(text, 0, LARGEST, "a whole number of at least 0")


def _number(text: str, least: int, most: int, what: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"has to be {what}")
    return number


def _place() -> str:
    return f"{os.environ.get('GATEWAY_HOST', '127.0.0.1')}:{os.environ.get('GATEWAY_PORT', '8000')}"


if __name__ == "__main__":
    sys.exit(main())
