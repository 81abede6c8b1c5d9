"""The page in examples/people, served and opened as its README says."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import CHROMIUM
from tests.support.process import running

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
README = (EXAMPLES / "README.md").read_text()
STARTING, SERVING, WRITING = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PEOPLE = 40
HOSTILE = "<img src=x onerror='globalThis.hacked = 1'>"
EVENT = {"type": "CONTACT_CREATED", "contactId": "one", "occurredAt": "2026-11-26T12:00:00Z"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium"),
]


class Quiet(SimpleHTTPRequestHandler):
    """`python -m http.server`, without its log."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page and its gateway are, and the switches of PackageX."""

    site: str
    gateway: str
    packagex: str

    def write(self, query: str, **variables: Any) -> Any:
        """Send an operation with the key of the README."""
        headers = {"authorization": "Bearer example-key"}
        sent = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.gateway}/graphql", json=sent, headers=headers, timeout=20).json()
        assert "errors" not in answer
        return answer["data"]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = re.findall(r"--directory (\S+)", SERVING)[0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=ROOT / folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site = f"http://127.0.0.1:{server.server_port}"
    try:
        with running("sandbox", "--contacts", str(PEOPLE), settings=settings(site)) as found:
            packagex = found.line(r"PACKAGEX_URL=(http://[^/]+)")[1]
            yield Place(site, found.line(r"The gateway answers on (http://\S+)")[1], packagex)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings(site: str) -> dict[str, str]:
    """What a shell makes of the line that starts the gateway."""
    line = STARTING.replace("http://127.0.0.1:8080", site).replace("make run", "env")
    told = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    found = dict(each.split("=", 1) for each in told.splitlines() if each.startswith("GATEWAY_"))
    return {name: found[name] for name in ("GATEWAY_API_KEYS", "GATEWAY_CORS_ORIGINS")}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_page()
    found.set_default_timeout(20_000)
    complaints: list[str] = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    yield found
    found.close()
    assert complaints == []


def connect(page: Page, place: Place, key: str = "example-key") -> None:
    page.goto(place.site)
    page.get_by_label("Gateway").fill(f"{place.gateway}/graphql")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Connect").click()


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("button", name="Search").click()


def rows(page: Page) -> Any:
    return page.locator("#people tr")


def sources(page: Page) -> Any:
    return page.get_by_role("list", name="Sources").get_by_role("listitem")


def answering(*streams: str) -> Callable[[Route], None]:
    """Stands in for the network: each subscription gets the next of these answers; all else goes through."""
    left = list(streams)

    def answer(route: Route) -> None:
        if route.request.headers.get("accept") != "text/event-stream":
            route.continue_()
            return
        body = left.pop(0)
        stream = not body.startswith("{")
        headers = {
            "access-control-allow-origin": "*",
            "content-type": "text/event-stream" if stream else "application/json",
        }
        route.fulfill(status=200 if stream else 400, headers=headers, body=body)

    return answer


def next_event(cursor: str, node: Any) -> str:
    answer = {"data": {"events": {"cursor": cursor, "node": node}}}
    return f"event: next\r\ndata: {json.dumps(answer)}\r\n\r\n"


def test_people_of_all_sources_are_listed_page_by_page(page: Page, place: Place) -> None:
    connect(page, place)
    expect(rows(page)).to_have_count(15)
    expect(sources(page)).to_have_text(["SAMESPACE: OK", "PACKAGEX: OK", "SMART_SENDER: OK"])
    more = page.get_by_role("button", name="More")
    shown = 15
    while more.is_visible():
        more.click()
        expect(rows(page).nth(shown)).to_be_attached()
        expect(more.and_(page.locator(":enabled")).or_(page.locator("#more[hidden]"))).to_be_attached()
        shown = rows(page).count()
    ids = rows(page).evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert len(set(ids)) == len(ids) > PEOPLE
    texts = rows(page).locator("td:last-child").all_inner_texts()
    assert set(texts) == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}


def test_a_search_begins_a_new_list(page: Page, place: Place) -> None:
    place.write(
        "mutation ($name: String) { createContact(input: { targets: [{ source: PACKAGEX }],"
        ' contact: { name: $name, email: "zyx@example.com" } }) { userErrors { code } } }',
        name="Zyxwv Quux",
    )
    connect(page, place)
    expect(rows(page)).to_have_count(15)
    search(page, "zyxwv")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Zyxwv Quux")
    search(page, "")
    expect(rows(page)).to_have_count(15)


def test_names_of_others_are_texts_and_nothing_else(page: Page, place: Place) -> None:
    place.write(
        "mutation ($name: String) { createContact(input: { targets: [{ source: PACKAGEX }],"
        ' contact: { name: $name, email: "hostile@example.com" } }) { userErrors { code } } }',
        name=HOSTILE,
    )
    connect(page, place)
    search(page, "hostile@example.com")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator("td").first).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.evaluate("globalThis.hacked") is None


def test_a_source_that_fails_is_told_and_the_list_goes_on(page: Page, place: Place) -> None:
    httpx.put(f"{place.packagex}/_emulator/faults/*", json={"status": 401})
    try:
        connect(page, place)
        search(page, "a search that nobody has made yet")
        expect(sources(page)).to_have_text(["SAMESPACE: OK", "PACKAGEX: UNAVAILABLE", "SMART_SENDER: OK"])
        expect(page.get_by_role("list", name="Warnings")).to_contain_text(
            "PACKAGEX refused the gateway's key"
        )
    finally:
        httpx.delete(f"{place.packagex}/_emulator/faults")


def test_a_key_that_is_not_known_is_said(page: Page, place: Place) -> None:
    connect(page, place, "no-key")
    expect(page.get_by_role("alert")).to_contain_text("key")
    expect(rows(page)).to_have_count(0)


def test_live_events_are_shown_as_texts_and_continued_after_the_last_one(page: Page, place: Place) -> None:
    page.clock.install()
    hostile = {**EVENT, "contactId": HOSTILE}
    first = ": alive\r\n\r\n" + next_event("1", EVENT) + next_event("2", hostile) + "event: complete\r\n\r\n"
    broken = next_event("3", EVENT) + "event: next\r\ndata: {"
    refused = json.dumps({"errors": [{"message": "Enough.", "extensions": {"code": "FORBIDDEN"}}]})
    page.route("**/graphql", answering(first, broken, refused))
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    with page.expect_request(lambda request: "subscription" in (request.post_data or "")):
        connect(page, place)
    expect(events).to_have_count(2)
    expect(events.first).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    for cursor in ("2", "3"):
        with page.expect_request(lambda request: "subscription" in (request.post_data or "")) as again:
            page.clock.run_for(2000)
        assert again.value.post_data_json["variables"] == {"after": cursor}
    expect(page.get_by_role("status")).to_have_text("Enough.")
    expect(events).to_have_count(3)


def test_what_is_written_is_seen_live(page: Page, place: Place) -> None:
    connect(page, place)
    expect(page.get_by_role("status")).to_have_text("Listening …")
    query = json.loads(re.findall(r"-d '(.*?)'", WRITING)[0])["query"]
    assert place.write(query)["createContact"]["userErrors"] == []
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    expect(events.first).to_contain_text("CONTACT_CREATED")
