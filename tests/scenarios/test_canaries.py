"""Keys and people's data are found nowhere but where they belong: everything that a gateway process has
written or said is searched for canaries that were planted in both.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt

from tests.support.process import PATIENCE, running

KEYS = {
    "PACKAGEX_API_KEY": "canary-packagex-8Zq1",
    "SAMESPACE_API_KEY": "canary-samespace-8Zq2",
    "SMART_SENDER_API_KEY": "canary-smartsender-8Zq3",
}
CALLER = "canary-caller-8Zq4"
TOKEN_KEY = "canary-token-secret-8Zq5-of-32-bytes-at-least"
GUESS = "canary-guess-8Zq6"
# In every field of a contact; the letters stand in nothing else.
NAME, EMAIL, PHONE, NOTE = "Qanaryxa", "qanaryxb@example.com", "+4915112345678", "qanaryxd"
PERSON = ("qanaryx", "15112345678")

PEOPLE = "{ contacts(first: 50, sources: [PACKAGEX]) { nodes { id displayName email phone } } }"
CREATE = (
    "mutation ($input: CreateContactInput!) { createContact(input: $input) "
    "{ outcomes { status code message contact { id } } userErrors { message } } }"
)
UPDATE = (
    "mutation ($input: UpdateContactInput!) { updateContact(input: $input) "
    "{ outcome { status code message } userErrors { message } } }"
)
IMPORT = (
    "mutation ($input: ImportContactsInput!) { importContacts(input: $input) "
    "{ job { id state } userErrors { message } } }"
)
AUDIT = "{ audit(first: 100) { nodes { caller action outcome code targets detail } } }"


class Collector(BaseHTTPRequestHandler):
    """Takes traces."""

    taken: list[bytes]

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collecting() -> Iterator[tuple[str, list[bytes]]]:
    Collector.taken = []
    server = HTTPServer(("127.0.0.1", 0), Collector)
    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(server.serve_forever, 0.05)
        try:
            yield f"http://127.0.0.1:{server.server_port}", Collector.taken
        finally:
            server.shutdown()
            serving.result()
            server.server_close()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


def use(client: httpx.Client) -> dict[str, str]:
    """Use everything once, with people in it; what was said where no person's data may stand."""
    said: dict[str, str] = {}
    contact = {"firstName": NAME, "lastName": NAME, "email": EMAIL, "phone": PHONE, "notes": NOTE}

    def ask(query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        return client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    given = {"contact": contact, "targets": [{"source": source} for source in ("PACKAGEX", "SAMESPACE")]}
    made = ask(CREATE, {"input": given}).json()["data"]["createContact"]
    ids = [each["contact"]["id"] for each in made["outcomes"] if each["contact"]]
    assert len(ids) == 2
    assert NAME in ask(PEOPLE).text
    said["plan"] = json.dumps(ask(PEOPLE, **{"x-explain": "1"}).json()["extensions"])
    for name in ids:
        said[f"update {name}"] = ask(UPDATE, {"input": {"id": name, "contact": contact}}).text
    form = {
        "operations": json.dumps(
            {"query": IMPORT, "variables": {"input": {"file": None, "targets": [{"source": "PACKAGEX"}]}}}
        ),
        "map": json.dumps({"0": ["variables.input.file"]}),
    }
    rows = f"First name,Last name,Email,Phone\n{NAME},{NAME},{EMAIL},{PHONE}\n".encode()
    said["import"] = client.post(
        "/graphql",
        data=form,
        files={"0": (f"{NAME}.csv", rows)},
        headers={"graphql-require-preflight": "1"},
    ).text
    said["search"] = json.dumps(
        ask(f'{{ contacts(search: "{NAME}") {{ totalCount }} }}').json().get("errors", [])
    )
    said["guess"] = client.post(
        "/graphql", json={"query": PEOPLE}, headers={"x-api-key": GUESS, "cookie": f"session={GUESS}"}
    ).text
    forged = jwt.encode({"sub": GUESS, "iss": "https://id.example.com", "exp": 1}, TOKEN_KEY, "HS256")
    said["token"] = client.post(
        "/graphql", json={"query": PEOPLE}, headers={"x-api-key": "", "authorization": f"Bearer {forged}"}
    ).text
    said["query string"] = client.get("/graphql", params={"query": f'{{ nope(name: "{GUESS}") }}'}).text
    said["path"] = client.get("/nothing").text
    said["metrics"] = client.get("/metrics").text
    return said


def test_no_key_and_no_person_stands_where_it_does_not_belong(tmp_path: Path) -> None:
    data, secret = tmp_path / "data", tmp_path / "token-key"
    secret.write_text(TOKEN_KEY)
    with running("sandbox", "--upstreams-only", "--contacts", "8") as upstreams, collecting() as (to, traces):
        urls = dict(upstreams.line(r"^([A-Z_]+_URL)=(\S+)$").groups() for _ in range(3))
        digest = hashlib.sha256(CALLER.encode()).hexdigest()
        settings = {
            **urls,
            **KEYS,
            "GATEWAY_API_KEYS": f"app:{digest}:read,write,import,raw,admin",
            "GATEWAY_DATA_DIR": str(data),
            "GATEWAY_LOG_LEVEL": "debug",
            "OTEL_EXPORTER_OTLP_ENDPOINT": to,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        with running("serve", settings=settings) as serving:
            address = serving.line(r"The gateway answers on (http://\S+)")[1]
            with httpx.Client(base_url=address, headers={"x-api-key": CALLER}, timeout=PATIENCE) as client:
                said = use(client)
                upstreams.stop()
                said["source away"] = json.dumps(
                    client.post("/graphql", json={"query": PEOPLE}, headers={"cache-control": "no-cache"})
                    .json()
                    .get("errors", [])
                )
                limits = Path(f"/proc/{serving.process.pid}/limits")
                if limits.exists():  # no image of the process either, should it crash
                    assert re.search(r"Max core file size\s+0 ", limits.read_text())
                said["audit"] = client.post("/graphql", json={"query": AUDIT}).text
            assert serving.stop() == 0
            said["output"] = serving.output()
    said["traces"] = b" ".join(traces).decode("latin-1")
    assert "createContact" in said["audit"]
    assert "gateway_requests_total" in said["metrics"]
    assert len(traces) > 0
    for where, text in said.items():
        assert not any(canary in text.lower() for canary in PERSON), (where, text)
        assert "8Zq" not in text, where
    kept = dict(files(data))
    assert {"journal.sqlite3", "index.sqlite3"} <= kept.keys()
    for where, content in kept.items():
        # People do stand in the index and in import jobs, and ids look like anything: so keys as a whole.
        assert not any(key.encode() in content for key in (*KEYS.values(), CALLER, TOKEN_KEY, GUESS)), where
