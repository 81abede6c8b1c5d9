"""Measures what hostile requests of allowed size cost until they are refused, or answered.

Prints, for each: bytes sent, CPU milliseconds of the whole process (median over the rounds, one empty request
subtracted), bytes of the answer, and what came of it. All in one process, emulators included, so that what is
answered costs more here than in a gateway alone.
"""

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

from tests.support import world as worlds

ROUNDS: Final = 7
FULL: Final = 64 * 1024  # bytes of a document
TOKENS: Final = 2_000
TARGET: Final = 10.0  # milliseconds

Sent = tuple[str, dict[str, Any] | bytes]


def main() -> None:
    """Send everything and print the table."""
    asyncio.run(_run())


async def _run() -> None:
    world = worlds.build(GATEWAY_HEADER_BYTES="1000000")
    gc.freeze()  # as a gateway does that serves
    empty = statistics.median([(await _measured(world, {"query": "{ __typename }"}))[0] for _ in range(50)])
    print(f"An empty request takes {empty:.2f} ms, which is subtracted.\n")
    print(f"| {'request':<56} | bytes | CPU ms | answer | came of it |")
    print(f"|{'-' * 58}|---:|---:|---:|---|")
    for name, body in hostile():
        found = [await _measured(world, body, place) for place in range(ROUNDS)]
        milliseconds = statistics.median(spent for spent, *_ in found) - empty
        _, sent, answered, what = found[0]
        mark = " (!)" if milliseconds > TARGET else ""
        print(f"| {name:<56} | {sent} | {milliseconds:.1f}{mark} | {answered} | {what} |", flush=True)
    await worlds.close(world)


async def _measured(
    world: worlds.World, body: dict[str, Any] | bytes, place: int = 0
) -> tuple[float, int, int, str]:
    """One request: milliseconds, bytes sent, bytes of the answer, and its first code."""
    if isinstance(body, dict):  # another text each time, so that nothing is kept from before
        body = json.dumps({**body, "query": body["query"] + " " * place}).encode()
    started = time.process_time()
    response = await world.client.post("/graphql", content=body, headers={"content-type": "application/json"})
    spent = (time.process_time() - started) * 1000
    answer = response.json()
    errors = answer.get("errors") or []
    said = errors[0]["extensions"] if errors else {}
    what = " ".join(str(said[key]) for key in ("code", "exceeded") if key in said) or "answered"
    return spent, len(body), len(response.content), f"{response.status_code} {what}"


def hostile() -> Iterator[Sent]:
    """What is sent, by name."""
    yield from _shapes()
    yield from _fragments()
    yield from _texts()
    yield from _values()
    yield from _echoes()


def _filled(unit: str, tokens: int, *, head: str = "{", tail: str = "}") -> str:
    """As many of `unit` as tokens and bytes allow; `{n}` in it counts."""
    parts, size = [], len(head) + len(tail)
    for n in range((TOKENS - 10) // tokens):
        part = unit.replace("#n", str(n))
        size += len(part) + 1
        if size > FULL:
            break
        parts.append(part)
    return head + " ".join(parts) + tail


def _shapes() -> Iterator[Sent]:
    yield "nesting, 660 fields deep", {"query": "{node" * 660 + "{id}" + "}" * 660}
    yield "inline fragments, 500 deep", {"query": "{" + "...{" * 500 + "__typename" + "}" * 501}
    yield "lists in an argument, 900 deep", {"query": "{node(id:" + "[" * 900 + "1" + "]" * 900 + "){id}}"}
    yield (
        "objects in an argument, 450 deep",
        {"query": "{node(id:" + "{a:" * 450 + "1" + "}" * 450 + "){id}}"},
    )
    yield (
        "list types of a variable, 900 deep",
        {"query": "query($a:" + "[" * 900 + "Int" + "]" * 900 + "){a}"},
    )
    yield (
        "aliases of a field below contacts(first: 100)",
        {"query": _filled("a#n:properties{value}", 6, head="{contacts(first:100){nodes{", tail="}}}")},
    )
    yield (
        "100 aliases of a field below contacts(first: 100)",
        {
            "query": "{contacts(first:100){nodes{"
            + " ".join(f"a{n}:properties{{value}}" for n in range(99))
            + "}}}"
        },
    )
    yield (
        "groups and members in one another, 120 aliases",
        {
            "query": "{contacts{nodes{groups{nodes{members{nodes{"
            + " ".join(f"b{n}:id" for n in range(380))
            + "}}}}}}}"
        },
    )
    yield (
        "members of groups of members, first: 100",
        {"query": "{groups(first:100){nodes{members(first:100){nodes{groups(first:100){nodes{id}}}}}}}"},
    )
    yield (
        "aliased searches",
        {"query": _filled('a#n:contacts(search:"an",sources:[SMART_SENDER]){totalCount}', 17)},
    )
    yield (
        "50 aliased searches",
        {
            "query": "{"
            + " ".join(
                f'a{n}:contacts(search:"a{n}",sources:[SMART_SENDER]){{totalCount}}' for n in range(50)
            )
            + "}"
        },
    )
    yield "__typename again and again", {"query": _filled("__typename", 1)}
    yield "999 times the same field", {"query": "{sources{" + "name " * 990 + "}}"}
    yield (
        "different fields, most of them unknown",
        {"query": _filled("f#n", 1)},
    )
    yield (
        "fields that overlap, 60 in one another",
        {"query": "{" + " ".join("contacts{nodes{id displayName}}" for _ in range(60)) + "}"},
    )
    yield (
        "fields that overlap with other arguments",
        {"query": _filled("contacts(first:#n){nodes{id}}", 11)},
    )
    yield (
        "overlapping inline fragments",
        {"query": "{" + "...{sources{...{name}}}" * 150 + "}"},
    )
    yield (
        "circular introspection, 8 deep",
        {"query": "{__schema{types{" + "fields{type{" * 8 + "name" + "}}" * 8 + "}}}"},
    )
    yield (
        "introspection as GraphiQL asks, 3 times",
        {
            "query": "{"
            + " ".join(f"a{n}:__schema{{types{{fields{{args{{type{{name}}}}}}}}}}" for n in range(45))
            + "}"
        },
    )
    yield "directives in one place", {"query": "{__typename" + "@skip(if:false)" * 320 + "}"}
    yield "directives in many places", {"query": _filled("a#n:__typename@skip(if:false)", 9)}
    yield "unknown directives", {"query": "{__typename" + "@aa" * 900 + "}"}
    yield "operations", {"query": " ".join(f"query q{n}{{id}}" for n in range(390))}
    yield "variables", {"query": "query(" + " ".join(f"$a{n}:Int" for n in range(490)) + "){__typename}"}
    yield (
        "variables with unknown types",
        {"query": "query(" + " ".join(f"$a{n}:Contactt{n}" for n in range(490)) + "){__typename}"},
    )
    yield (
        "variables with default values",
        {"query": "query(" + " ".join(f"$a{n}:[Int]=[1]" for n in range(190)) + "){__typename}"},
    )
    yield (
        "arguments that are not known",
        {"query": "{contacts(" + " ".join(f"firstt{n}:1" for n in range(600)) + "){nodes{id}}}"},
    )
    yield (
        "fields of an input that are not known",
        {"query": "{contacts(filter:{" + " ".join(f"emaill{n}:1" for n in range(600)) + "}){nodes{id}}}"},
    )


def _fragments() -> Iterator[Sent]:
    spreads = " ".join(
        f"fragment f{n} on Query{{a:node(id:1){{...f{n + 1}}}b:node(id:1){{...f{n + 1}}}}}" for n in range(60)
    )
    yield (
        "fragments that double, 60 times",
        {"query": f"{{...f0}} {spreads} fragment f60 on Query{{__typename}}"},
    )
    flat = " ".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(150))
    yield (
        "fragments that double without fields",
        {"query": f"{{...f0}} {flat} fragment f150 on Query{{__typename}}"},
    )
    every = " ".join(
        f"fragment f{n} on Query{{{' '.join(f'...f{m}' for m in range(n + 1, 24))} __typename}}"
        for n in range(24)
    )
    yield "every fragment spreads all later ones", {"query": f"{{...f0}} {every}"}
    yield "a fragment within itself", {"query": "{...f} fragment f on Query{...f}"}
    ring = " ".join(f"fragment f{n} on Query{{...f{(n + 1) % 240}}}" for n in range(240))
    yield "a ring of 240 fragments", {"query": f"{{...f0}} {ring}"}
    knot = " ".join(f"fragment f{n} on Query{{{' '.join(f'...f{m}' for m in range(25))}}}" for n in range(25))
    yield "25 fragments, each with all", {"query": f"{{...f0}} {knot}"}
    chain = " ".join(f"fragment f{n} on Query{{...f{n + 1}}}" for n in range(240))
    yield "a chain of 240 fragments", {"query": f"{{...f0}} {chain} fragment f240 on Query{{__typename}}"}
    yield (
        "fragments that nobody uses",
        {"query": "{__typename} " + " ".join(f"fragment f{n} on Query{{__typename}}" for n in range(275))},
    )
    many = " ".join(f"fragment f{n} on Contact{{id displayName email phone}}" for n in range(60))
    yield (
        "60 fragments spread side by side twice",
        {"query": "{contacts{nodes{" + " ".join(f"...f{n}" for n in range(60)) * 2 + f"}}}}}} {many}"},
    )
    yield (
        "spreads of fragments that are not there",
        {"query": "{" + " ".join(f"...f{n}" for n in range(900)) + "}"},
    )


def _texts() -> Iterator[Sent]:
    yield "a comment of 64 KB", {"query": "{__typename}#" + "x" * (FULL - 20)}
    yield "comments without end", {"query": "{__typename}" + "#\n" * 30_000}
    yield "a text of 64 KB as an id", {"query": '{node(id:"' + "x" * (FULL - 30) + '"){id}}'}
    yield "escapes, 64 KB", {"query": '{node(id:"' + "\\u0041" * 10_000 + '"){id}}'}
    yield "a block text of 64 KB", {"query": '{node(id:"""' + " \\n" * 21_000 + '"""){id}}'}
    yield "lines of a block text", {"query": '{node(id:"""' + " x\n" * 21_000 + '"""){id}}'}
    yield "quotes without end", {"query": '{a(b:"' * 9_000}
    yield "quotes of block texts without end", {"query": '"""' * 20_000}
    yield "quotes with backslashes", {"query": '"' + "\\" * 60_000}
    yield "spaces, 64 KB", {"query": "{__typename" + " " * (FULL - 20) + "}"}
    yield "commas, 64 KB", {"query": "{__typename" + "," * (FULL - 20) + "}"}
    yield "braces, 64 KB", {"query": "{" * FULL}
    yield "signs of four bytes", {"query": '{node(id:"' + "\U0001f642" * 16_000 + '"){id}}'}
    yield "signs of four bytes, too many", {"query": '{node(id:"' + "\U0001f642" * 250_000 + '"){id}}'}
    yield "names of signs that are none", {"query": "{" + "é" * 30_000 + "}"}
    yield "a document of 1 MB", {"query": "{" + "a " * 500_000 + "}"}
    yield "dots", {"query": "." * 60_000}


def _values() -> Iterator[Sent]:
    yield "a number of 5000 digits", {"query": "{contacts(first:" + "9" * 5_000 + "){nodes{id}}}"}
    yield "a number of 60000 digits", {"query": "{contacts(first:" + "9" * 60_000 + "){nodes{id}}}"}
    yield (
        "60000 digits for a list's length",
        {"query": "{properties(source:SAMESPACE,first:-" + "9" * 60_000 + "){nodes{id}}}"},
    )
    yield "a float of 60000 digits", {"query": "{contacts(first:1." + "9" * 60_000 + "){nodes{id}}}"}
    yield "a large exponent", {"query": "{contacts(first:1e999999999){nodes{id}}}"}
    jsonq = 'query($v:JSON){contacts(filter:{properties:[{key:"a",equals:$v}]}){nodes{id}}}'
    yield "a number of 60000 digits for JSON", {"query": jsonq.replace("$v:JSON", "$v:JSON=" + "9" * 60_000)}
    yield (
        "a number of 1000000 digits in variables",
        (
            b'{"query":"query($n:Int){contacts(first:$n){nodes{id}}}","variables":{"n":'
            + b"9" * 1_000_000
            + b"}}"
        ),
    )
    yield (
        "a float of 1000000 digits in variables",
        (
            b'{"query":"query($n:Int){contacts(first:$n){nodes{id}}}","variables":{"n":1.'
            + b"9" * 1_000_000
            + b"}}"
        ),
    )
    yield "variables, lists 60 deep", {"query": jsonq, "variables": {"v": _nested(60)}}
    yield "variables, lists 500 deep", {"query": jsonq, "variables": {"v": _nested(500)}}
    yield "variables, 10000 values", {"query": jsonq, "variables": {"v": [[1] * 900] * 10}}
    yield "variables, 1 MB of numbers", {"query": jsonq, "variables": {"v": [1] * 330_000}}
    yield "variables, 1 MB of lists", {"query": jsonq, "variables": {"v": [[]] * 250_000}}
    yield "variables, 1 MB of keys", {"query": jsonq, "variables": {f"k{n}": 1 for n in range(80_000)}}
    yield (
        "variables that nobody declared",
        {"query": "{__typename}", "variables": {f"k{n}": 1 for n in range(9_000)}},
    )
    ids = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
    yield "1000 ids", {"query": ids, "variables": {"ids": [f"x{n}" for n in range(1_000)]}}
    yield "1000 values of the wrong type", {"query": ids, "variables": {"ids": [{}] * 1_000}}
    yield (
        "9000 values of the wrong type",
        {"query": "query($a:[[ID!]!]){__typename}", "variables": {"a": [[{}] * 900] * 9}},
    )
    yield "a wide list in an argument", {"query": "{nodes(ids:[" + "1 " * 1_900 + "]){id}}"}
    yield "999 ids in an argument", {"query": "{nodes(ids:[" + "1 " * 999 + "]){id}}"}
    yield (
        "lists of lists in an argument",
        {"query": "{nodes(ids:[" + "[" * 20 + "1 " * 900 + "]" * 20 + "]){id}}"},
    )
    yield (
        "JSON, 1 MB of brackets",
        b'{"query":"{__typename}","variables":{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}}",
    )
    yield (
        "JSON, 1 MB of members beside",
        json.dumps({"query": "{__typename}", **{f"k{n}": 1 for n in range(80_000)}}).encode(),
    )
    yield "extensions, 1 MB", {"query": "{__typename}", "extensions": {"x": [[]] * 250_000}}


def _echoes() -> Iterator[Sent]:
    name = "x" * 60_000
    yield "an unknown field of 60 KB", {"query": "{" + name + "}"}
    yield "an unknown argument of 60 KB", {"query": "{contacts(" + name + ":1){nodes{id}}}"}
    yield "an unknown type of 60 KB", {"query": "{...on " + name + "{id}}"}
    yield "an unknown enum value of 60 KB", {"query": "{contacts(sources:[" + name + "]){nodes{id}}}"}
    yield "an unknown variable of 60 KB", {"query": "{node(id:$" + name + "){id}}"}
    yield "an unknown operation of 60 KB", {"query": "{__typename}", "operationName": name}
    yield (
        "an alias of 60 KB that clashes",
        {"query": "{" + f"{name[:25_000]}:node(id:1){{id}} {name[:25_000]}:contacts{{nodes{{id}}}}" + "}"},
    )
    yield (
        "10 unknown fields of 6 KB",
        {"query": "{" + " ".join(f"f{n}" + "x" * 6_000 for n in range(10)) + "}"},
    )
    yield (
        "a variable's value of 1 MB",
        {
            "query": "query($s:[Source!]){contacts(sources:$s){nodes{id}}}",
            "variables": {"s": ["x" * 1_000_000]},
        },
    )
    yield (
        "an id of 1 MB in variables",
        {"query": "query($i:ID!){node(id:$i){id}}", "variables": {"i": "x" * 1_000_000}},
    )
    yield (
        "an alias of 30 KB, echoed in each path",
        {"query": "{contacts(first:100){nodes{" + "x" * 30_000 + ":raw}}}"},
    )
    yield (
        "an alias of 30 KB for a hundred nodes",
        {"query": "{contacts(first:100){nodes{" + "x" * 30_000 + ":id}}}"},
    )
    yield (
        "50 bad cursors",
        {
            "query": "{"
            + " ".join(f'a{n}:contacts(after:"{"x" * 1_000}"){{nodes{{id}}}}' for n in range(50))
            + "}"
        },
    )


def _nested(deep: int) -> Any:
    value: Any = 1
    for _ in range(deep):
        value = [value]
    return value


if __name__ == "__main__":
    main()
