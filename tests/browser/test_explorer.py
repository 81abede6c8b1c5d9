"""GraphiQL in a real browser: type a query, run it, see the answer; and nothing leaves our origin."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

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


@dataclass(frozen=True, slots=True)
class Opened:
    """The explorer in a window of its own, and what its content-security policy has refused."""

    page: Page
    refused: list[str]


@contextmanager
def explorer(browser: Browser, address: str) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(20_000)
    found = Opened(page, [])

    def note_refused(directive: str) -> None:
        found.refused.append(directive)

    page.expose_function("refused", note_refused)
    page.add_init_script(TELL)
    yield found
    page.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A window in which nothing is open yet."""
    with explorer(browser, address) as found:
        yield found.page
    assert found.refused == []


@pytest.fixture(scope="module")
def opened(browser: Browser, address: str) -> Iterator[Opened]:
    """The explorer, which takes seconds to open: once for all who only look, or ask in a tab of their own."""
    with explorer(browser, address) as found:
        found.page.goto(f"{address}/graphql")
        yield found


@pytest.fixture
def explored(opened: Opened) -> Iterator[Page]:
    """The explorer as it opens, and as it is left behind."""
    opened.refused.clear()
    yield opened.page
    assert opened.refused == []


@pytest.fixture
def tab(explored: Page) -> Iterator[Page]:
    """The explorer with a tab of the test's own, which is empty."""
    explored.get_by_role("button", name="New tab").click()
    expect(tabs(explored)).to_have_count(len(NAMES) + 1)
    expect(editor(explored)).to_have_text("")  # what is typed before that goes to the tab before
    yield explored
    explored.get_by_role("button", name="Close Tab").last.click()
    expect(tabs(explored)).to_have_count(len(NAMES))


def tabs(page: Page) -> Locator:
    return page.locator(".graphiql-tab-button")


def editor(page: Page) -> Locator:
    return page.locator(".graphiql-query-editor .view-lines").first


def clear(page: Page) -> None:
    editor(page).click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")


def type_query(page: Page, query: str) -> None:
    clear(page)
    page.keyboard.type(query, delay=2)
    page.keyboard.press("Escape")


def insert_query(page: Page, query: str) -> None:
    """As somebody who pastes; the editor looks at every key that is typed."""
    clear(page)
    page.keyboard.insert_text(query)
    expect(editor(page)).to_contain_text(query)


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
    expect(editor(page)).to_contain_text("contacts")
    type_query(page, QUERY)
    run(page)
    expect(page.locator(".result-window .view-lines")).to_contain_text("Smart Sender")
    expect(page.locator(".result-window .view-lines")).to_contain_text("displayName")
    page.screenshot(path=tmp_path / "explorer.png")
    assert complaints == []
    origin = urlsplit(address).netloc
    assert {urlsplit(url).netloc for url in requests if not url.startswith(("data:", "blob:"))} == {origin}


def test_the_example_queries_open_and_work(explored: Page) -> None:
    expect(tabs(explored)).to_have_count(len(NAMES))
    for place, name in enumerate(NAMES):
        tabs(explored).nth(place).click()
        expect(explored.locator(".graphiql-query-editor .view-lines").first).to_contain_text(name)
        run(explored)
        expect(explored.locator(".result-window .view-lines")).to_contain_text('"data"')
        assert '"errors"' not in result(explored)


def test_the_explorer_plug_in_shows_the_schema(explored: Page) -> None:
    explored.get_by_role("button", name="Show GraphiQL Explorer").click()
    expect(explored.locator(".docExplorerWrap")).to_contain_text("contacts")
    explored.get_by_role("button", name="Hide GraphiQL Explorer").click()
    expect(explored.locator(".docExplorerWrap")).to_be_hidden()


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


def test_the_plan_is_shown_under_the_answer(tab: Page) -> None:
    insert_query(tab, QUERY)
    tab.get_by_label("Plan", exact=True).select_option("run")
    run(tab)
    expect(tab.locator(".plan table")).to_contain_text("listContacts")
    rows = tab.locator(".plan tbody tr").all_inner_texts()
    assert {row.split("\t")[1] for row in rows} == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}
    assert all(row.startswith("contacts\t") for row in rows)
    tab.get_by_label("Plan", exact=True).select_option("plan")
    run(tab)
    expect(tab.locator(".plan thead")).to_contain_text("calls at worst")
    expect(tab.locator(".plan tbody")).to_contain_text("in all")
    tab.get_by_label("Plan", exact=True).select_option("off")
    run(tab)
    expect(tab.locator(".plan table")).to_have_count(0)


def test_live_events_appear_as_they_happen(tab: Page, address: str) -> None:
    insert_query(tab, "subscription { events { node { type } } }")
    run(tab)
    create = 'mutation { createGroup(input: { name: "Live" }) { group { id } } }'
    response = tab.locator(".result-window")
    for _ in range(50):  # what happens before the stream is open is none of its
        httpx.post(f"{address}/graphql", json={"query": create}).raise_for_status()
        if "GROUP_CREATED" in response.inner_text():
            break
    expect(response).to_contain_text("GROUP_CREATED")
    tab.get_by_role("button", name="Stop query").click()


def test_a_subscription_that_is_refused_says_why_and_is_not_asked_for_again(tab: Page) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.post_data or ""))
    insert_query(tab, 'subscription { events(after: "bad") { node { type } } }')
    run(tab)
    expect(tab.locator(".result-window")).to_contain_text("CURSOR_INVALID")
    expect(tab.get_by_role("button", name="Execute query")).to_be_visible()
    assert len([each for each in asked if "bad" in each]) == 1


def test_what_is_deferred_is_put_in_its_place(tab: Page) -> None:
    insert_query(tab, "{ __typename ... @defer { sources { source } } }")
    run(tab)
    expect(tab.locator(".result-window")).to_contain_text("SMART_SENDER")
