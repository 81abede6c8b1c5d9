"""GraphiQL in a real browser: type a query, run it, see the answer; and nothing leaves our origin."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from gateway.server.explorer.page import assets_built
from tests.browser.conftest import CHROMIUM
from tests.support.process import sandbox

TELL = "addEventListener('securitypolicyviolation', (event) => refused(event.effectiveDirective))"
NAMES = (
    *("query People", "query OnePerson", "query Find", "query Groups", "query Chats", "query Sources"),
    *("mutation Create", "query Events"),
)
QUERY = "query Mine { contacts(first: 2) { nodes { source displayName } } sources { name status } }"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        (CHROMIUM is None or not assets_built()) and not os.environ.get("CI"),
        reason="needs Chromium and `make explorer`",
    ),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_page(viewport={"width": 1400, "height": 900})
    found.set_default_timeout(20_000)
    refused: list[str] = []

    def note_refused(directive: str) -> None:
        refused.append(directive)

    found.expose_function("refused", note_refused)
    found.add_init_script(TELL)
    yield found
    found.close()
    assert refused == []  # by the content-security policy


def type_query(page: Page, query: str) -> None:
    page.locator(".graphiql-query-editor .view-lines").first.click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    page.keyboard.type(query, delay=2)
    page.keyboard.press("Escape")


def run(page: Page) -> None:
    page.get_by_role("button", name="Execute query").click()


def result(page: Page) -> str:
    return page.locator(".result-window .view-lines").inner_text()


def test_a_query_is_typed_run_and_answered_without_leaving_the_origin(
    page: Page, address: str, tmp_path: Path
) -> None:
    requests: list[str] = []
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        requests.append(request.url)

    def note_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("request", note_request)
    page.on("console", note_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/")
    expect(page.locator(".graphiql-query-editor .view-lines").first).to_contain_text("contacts")
    type_query(page, QUERY)
    run(page)
    expect(page.locator(".result-window .view-lines")).to_contain_text("Smart Sender")
    expect(page.locator(".result-window .view-lines")).to_contain_text("displayName")
    page.screenshot(path=tmp_path / "explorer.png")
    assert complaints == []
    origin = urlsplit(address).netloc
    assert {urlsplit(url).netloc for url in requests if not url.startswith(("data:", "blob:"))} == {origin}


def test_the_example_queries_open_and_work(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    tabs = page.locator(".graphiql-tab-button")
    expect(tabs).to_have_count(len(NAMES))
    for place in range(len(NAMES)):
        tabs.nth(place).click()
        expect(page.locator(".graphiql-query-editor .view-lines").first).to_contain_text(NAMES[place])
        run(page)
        expect(page.locator(".result-window .view-lines")).to_contain_text('"data"')
        assert '"errors"' not in result(page)


def test_the_explorer_plug_in_shows_the_schema(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    page.get_by_role("button", name="Show GraphiQL Explorer").click()
    expect(page.locator(".docExplorerWrap")).to_contain_text("contacts")


def test_what_opens_over_the_editor_keeps_to_the_policy(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    type_query(page, "{ nope }")
    expect(page.locator(".squiggly-error").first).to_be_visible()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    shown = page.locator(".monaco-hover:visible")
    for _ in range(20):  # a busy editor takes the keys before it knows what to show
        page.keyboard.press("ControlOrMeta+K")  # what hovering shows, without a mouse
        page.keyboard.press("ControlOrMeta+I")
        with suppress(AssertionError):
            expect(shown).to_be_visible(timeout=2_000)
            break
    expect(shown).to_contain_text("Cannot query field")  # "no", as long as the last letters are not looked at
    type_query(page, "{ con")
    page.keyboard.press("ControlOrMeta+Space")
    expect(page.locator(".suggest-widget .monaco-list-row").first).to_contain_text("contact")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.locator(".graphiql-plugin a", has_text="Query").first.click()
    expect(page.locator(".graphiql-markdown-description p").first).to_contain_text("Everything")
    page.get_by_role("button", name="Open settings dialog").click()
    page.get_by_role("dialog").get_by_role("button", name="Dark").click()
    page.keyboard.press("Escape")
    page.locator(".graphiql-query-editor .view-lines").first.click()
    page.keyboard.press("F1")
    expect(page.locator(".quick-input-widget .monaco-list-row").first).to_be_visible()


def test_the_plan_is_shown_under_the_answer(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    type_query(page, QUERY)
    page.get_by_label("Plan", exact=True).select_option("run")
    run(page)
    expect(page.locator(".plan table")).to_contain_text("listContacts")
    rows = page.locator(".plan tbody tr").all_inner_texts()
    assert {row.split("\t")[1] for row in rows} == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}
    assert all(row.startswith("contacts\t") for row in rows)
    page.get_by_label("Plan", exact=True).select_option("plan")
    run(page)
    expect(page.locator(".plan thead")).to_contain_text("calls at worst")
    expect(page.locator(".plan tbody")).to_contain_text("in all")
    page.get_by_label("Plan", exact=True).select_option("off")
    run(page)
    expect(page.locator(".plan table")).to_have_count(0)


def test_live_events_appear_as_they_happen(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    type_query(page, "subscription { events { node { type } } }")
    run(page)
    create = 'mutation { createGroup(input: { name: "Live" }) { group { id } } }'
    response = page.locator(".result-window")
    for _ in range(50):  # what happens before the stream is open is none of its
        httpx.post(f"{address}/graphql", json={"query": create}).raise_for_status()
        if "GROUP_CREATED" in response.inner_text():
            break
    expect(response).to_contain_text("GROUP_CREATED")


def test_what_is_deferred_is_put_in_its_place(page: Page, address: str) -> None:
    page.goto(f"{address}/graphql")
    type_query(page, "{ __typename ... @defer { sources { source } } }")
    run(page)
    expect(page.locator(".result-window")).to_contain_text("SMART_SENDER")
