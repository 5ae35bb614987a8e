"""Sign-in on the page, with a real browser and provider: who gets in, what each role may do, and how it ends."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import openid
import pytest
from harness import free_port
from openid import COOKIE_SECRET, SECRET, Provider
from page_services import TOKEN, PageServices
from playwright._impl._api_structures import Cookie, SetCookieParam
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

if openid.missing():
    pytest.skip(openid.missing(), allow_module_level=True)

SECONDS = 45  # that a token is valid


@pytest.fixture(scope="module")
def closed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PageServices, Provider]]:
    """The page and its backend with sign-in, and their provider."""
    port = free_port()
    provider = Provider(page=f"http://127.0.0.1:{port}", seconds=SECONDS)
    services = PageServices.start(root, tmp_path_factory.mktemp("closed") / "token", port=port, provider=provider)
    yield services, provider
    services.stop()
    provider.stop()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Makes pages of browser profiles of their own; what the provider's form wants from elsewhere does not come."""
    contexts: list[BrowserContext] = []

    def make() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1360, "height": 1400}))
        contexts[-1].route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.abort())
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[[], Page]) -> Page:
    return new_page()


def sign_in(page: Page, closed: tuple[PageServices, Provider], name: str, *groups: str, link: str = "") -> None:
    services, provider = closed
    provider.give(name, *groups)
    page.goto(services.url + link)
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    expect(page).to_have_url(re.compile(re.escape(services.url)))


def test_nothing_is_shown_to_who_is_not_signed_in(page: Page, closed: tuple[PageServices, Provider]) -> None:
    for path in ("", "/predict", "/models"):
        page.goto(closed[0].url + path)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        expect(page.get_by_text("Models")).to_have_count(0)
        expect(page.locator("[data-testid=stMetric], [data-testid=stDataFrame]")).to_have_count(0)


def test_who_followed_a_link_is_led_there_after_the_sign_in(page: Page, closed: tuple[PageServices, Provider]) -> None:
    link = "/models?show=versions"
    sign_in(page, closed, "lisa", "viewers", link=link)
    expect(page).to_have_url(closed[0].url + link)
    expect(page.get_by_text("Promoting and rolling back needs the role decider.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(closed[0].url + "/")


def test_a_viewer_reads_and_is_told_what_a_role_is_missing_for(
    page: Page, closed: tuple[PageServices, Provider]
) -> None:
    sign_in(page, closed, "vera", "viewers")
    expect(page.get_by_text("vera@example.org, viewer")).to_be_visible()
    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_text("This needs the role analyst; yours is viewer.")).to_be_visible()
    expect(page.get_by_test_id("stFileUploader")).to_have_count(0)
    page.goto(closed[0].url + "/models?show=versions")
    expect(page.get_by_text("Promoting and rolling back needs the role decider.")).to_be_visible()


def test_an_analyst_uploads_a_table_and_its_result_is_theirs_alone(
    page: Page, closed: tuple[PageServices, Provider], new_page: Callable[[], Page], tmp_path: Path
) -> None:
    table = tmp_path / "reports.csv"
    table.write_text("DATE OCC,TIME OCC,AREA\n2023-01-15,1430,1\n")
    sign_in(page, closed, "anna", "analysts", link="/batch")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(table)
    button = page.get_by_role("button", name="Download the result")
    expect(button).to_be_visible()
    with page.expect_download() as download:
        button.click()
    assert "2023-01-15,1430,1" in Path(download.value.path()).read_text()
    assert "/media/" in download.value.url
    assert page.request.get(download.value.url).status == 200
    assert new_page().request.get(download.value.url).status == 403


def test_a_decider_promotes_without_a_token_and_under_their_own_name(
    page: Page, closed: tuple[PageServices, Provider]
) -> None:
    sign_in(page, closed, "dana", "deciders")
    expect(page.get_by_text("dana@example.org, decider")).to_be_visible()
    page.goto(closed[0].url + "/models?show=versions")
    expect(page.get_by_role("button", name="Make it champion", exact=True)).to_be_visible()
    expect(page.get_by_label("Token")).to_have_count(0)
    expect(page.get_by_label("Who decides")).to_have_count(0)


def test_who_has_no_role_is_told_so_and_can_sign_out(page: Page, closed: tuple[PageServices, Provider]) -> None:
    sign_in(page, closed, "norma", "gardeners")
    expect(page.get_by_text("your account has no role here")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_signing_out_ends_it_in_this_browser(page: Page, closed: tuple[PageServices, Provider]) -> None:
    sign_in(page, closed, "oskar", "viewers")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(closed[0].url + "/predict")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_sessions_cookie_is_signed_unreadable_by_scripts_and_of_the_page_alone(
    page: Page, closed: tuple[PageServices, Provider], new_page: Callable[[], Page]
) -> None:
    sign_in(page, closed, "carl", "viewers")
    expect(page.get_by_text("carl@example.org, viewer")).to_be_visible()
    own = [cookie for cookie in page.context.cookies() if cookie["name"].startswith(USER_COOKIE_NAME)]
    assert own
    for cookie in own:
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["domain"]) == (True, "Lax", "127.0.0.1")
    assert USER_COOKIE_NAME not in page.evaluate("document.cookie")

    def opened_with(cookies: list[Cookie]) -> Page:
        other = new_page()
        other.context.add_cookies([cast("SetCookieParam", cookie) for cookie in cookies])
        other.goto(closed[0].url)
        return other

    expect(opened_with(own).get_by_text("carl@example.org, viewer")).to_be_visible()  # as SECURITY.md warns
    forged = []
    for cookie in own:
        value = decode_signed_value(COOKIE_SECRET, cookie["name"], cookie["value"])
        assert value
        signed = create_signed_value("another secret, as after a change of it", cookie["name"], value).decode()
        forged.append(cookie | {"value": signed})
    expect(opened_with(forged).get_by_role("button", name="Sign in")).to_be_visible()


def test_a_role_that_was_taken_away_is_gone_within_a_minute(page: Page, closed: tuple[PageServices, Provider]) -> None:
    sign_in(page, closed, "lou", "analysts")
    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_test_id("stFileUploader")).to_be_visible()
    closed[1].give("lou")
    until = time.monotonic() + 60
    told = page.get_by_text("your account has no role here")
    while not told.is_visible():
        assert time.monotonic() < until
        page.reload()
        with suppress(TimeoutError):
            told.wait_for(timeout=8_000)  # milliseconds, in which the page is drawn


def test_secrets_are_in_no_output_metric_or_environment(page: Page, closed: tuple[PageServices, Provider]) -> None:
    services, provider = closed
    sign_in(page, closed, "sara", "viewers")
    expect(page.get_by_text("sara@example.org, viewer")).to_be_visible()
    headers = provider.sign_in("sara")
    services.backend.http.get("/models", headers=headers)
    wrong = page.request.get(f"{services.url}/oauth2callback?state=forged&code=forged")
    assert wrong.status == 200  # of the start
    services.output.seek(0)
    cookies = {cookie["value"] for cookie in page.context.cookies() if cookie["name"].startswith("_streamlit_user")}
    told = {
        "the page's log": services.output.read().decode(),
        "the backend's log": str(services.backend.log()),
        "the backend's metrics": services.backend.http.get("/metrics").text,
        "the page's metrics": page.request.get(f"{services.url}/_stcore/metrics").text(),
        "the page's environment": Path(f"/proc/{services.page.pid}/environ").read_text(),
    }
    for secret in (SECRET, COOKIE_SECRET, TOKEN, *headers.values(), *cookies):
        for where, text in told.items():
            assert secret.removeprefix("Bearer ")[-40:] not in text, where


def test_an_expired_session_asks_to_sign_in_again(page: Page, closed: tuple[PageServices, Provider]) -> None:
    sign_in(page, closed, "eva", "viewers")
    expect(page.get_by_text("eva@example.org, viewer")).to_be_visible()
    page.wait_for_timeout((SECONDS + 33) * 1_000)  # and the clocks' leeway
    page.reload()
    expect(page.get_by_text("the session has expired: sign in again")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()  # the provider still knows the browser
    expect(page.get_by_text("eva@example.org, viewer")).to_be_visible()


def test_while_the_provider_is_down_sessions_go_on_and_others_are_told_why_they_cant_sign_in(
    page: Page, closed: tuple[PageServices, Provider], new_page: Callable[[], Page]
) -> None:
    sign_in(page, closed, "ida", "viewers")
    expect(page.get_by_text("ida@example.org, viewer")).to_be_visible()
    closed[1].stop()
    try:
        page.reload()
        expect(page.get_by_text("ida@example.org, viewer")).to_be_visible()
        other = new_page()
        other.goto(closed[0].url)
        expect(other.get_by_text("Nobody can sign in now")).to_be_visible()
        closed[1].start()
        other.wait_for_timeout(5_000)
        other.get_by_role("button", name="Try again").click()
        expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    finally:
        if closed[1].process and closed[1].process.poll() is not None:
            closed[1].start()
