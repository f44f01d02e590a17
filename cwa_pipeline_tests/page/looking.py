"""How the tests open the integration page and read what it shows."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

PHONE, LAPTOP, WIDE = (390, 844), (1280, 800), (1920, 1080)
READY = "html[data-ready]"
PATIENCE = 30_000  # milliseconds, for a busy machine

expect.set_options(timeout=PATIENCE)


class Visitor:
    """Opens pages, each in a fresh context, and collects their complaints."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def __call__(
        self,
        where: Path | str,
        fragment: str = "",
        *,
        size: tuple[int, int] = LAPTOP,
        scheme: str = "light",
        at: datetime | None = None,
        before: str = "",
        ready: str = READY,
    ) -> Page:
        """Open a file or an address and wait until it is ready; `at` sets its clock, and `before` is a script to run first."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            timezone_id="America/New_York",
            locale="en-US",
            permissions=["clipboard-write"],
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        address = where.as_uri() if isinstance(where, Path) else where
        self._listen(page, address)
        if at is not None:
            page.clock.install(time=at)
        if before:
            page.add_init_script(before)
        page.goto(address + fragment)
        page.wait_for_selector(ready, state="attached")
        return page

    def leave(self) -> None:
        """Close every context."""
        for context in self._contexts:
            context.close()

    def _listen(self, page: Page, address: str) -> None:
        def on_console(message: ConsoleMessage) -> None:
            self.complaints.append(f"console {message.type}: {message.text}")

        def note(what: str, elsewhere: Callable[[str], bool] = lambda _: True) -> Callable[[object], None]:
            def on(thing: object) -> None:
                told = str(getattr(thing, "url", None) or getattr(thing, "message", None) or thing)
                if elsewhere(told):
                    self.complaints.append(f"{what}: {told[:300]}")
                if what == "dialog":
                    thing.dismiss()  # type: ignore[attr-defined]

            return on

        own = ("data:", "blob:", address.split("#", maxsplit=1)[0])
        page.on("console", on_console)
        page.on("pageerror", note("page error"))
        page.on("dialog", note("dialog"))
        page.on("request", note("request", lambda url: not url.startswith(own)))


def section(page: Page, issue: str) -> Locator:
    """The section of a kind of issue."""
    return page.locator(f"#kind-{issue}")


def row(page: Page, key: str) -> Locator:
    """The row of an issue, or of a computer (`computer-31`)."""
    return page.locator(f'tr.row[data-id="{key}"]')


def detail(page: Page, key: str) -> Locator:
    """What stands below a row when it is open."""
    return page.locator(f'tr.row[data-id="{key}"] + tr.detail')


def opened(page: Page, key: str) -> Locator:
    """Open a row by its button; what stands below it then."""
    row(page, key).locator(".opener").click()
    return detail(page, key)


def shown_keys(page: Page) -> set[str]:
    """The issues whose rows are there."""
    return set(page.locator(".block tr.row").evaluate_all("rows => rows.map(row => row.dataset.id)"))


def cells(page: Page, key: str) -> dict[str, str]:
    """A row's cells by the heading of their column."""
    pairs = (
        row(page, key).locator("td[data-label]").evaluate_all("all => all.map(td => [td.dataset.label, td.innerText])")
    )
    return {heading: " ".join(text.split()) for heading, text in pairs}


def column(table: Locator, heading: str) -> list[str]:
    """One column of a table, from top to bottom."""
    texts = table.locator(f'td[data-label="{heading}"]').evaluate_all("all => all.map(td => td.innerText)")
    return [" ".join(text.split()) for text in texts]


def search(page: Page, field: str, value: str) -> None:
    """Fill in one of the tools and wait until the address names it, which is when the list has followed."""
    control = page.locator(f"#{field}")
    if control.evaluate("one => one.tagName") == "SELECT":
        control.select_option(value)
    else:
        control.fill(value)
    page.wait_for_url(lambda url: f"{field}=" in url)


def show_snoozed(page: Page) -> None:
    """Have the snoozed issues shown too."""
    page.get_by_label("Snoozed").check()
    page.wait_for_url(lambda url: "snoozed=" in url)


def pasted(page: Page) -> str:
    """The clipboard's text, pasted as a person would."""
    page.locator("#q").fill("")
    page.locator("#q").focus()
    page.keyboard.press("Control+V")
    return page.locator("#q").input_value()


def expect_pasted(page: Page, wanted: str) -> None:
    """Expect the text in the clipboard. The browser may put it there a moment after the click."""
    for _ in range(50):
        if pasted(page) == wanted:
            return
        page.wait_for_timeout(100)
    assert pasted(page) == wanted


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def red(page: Page, selector: str) -> bool:
    """Whether the text of an element is red rather than anything else."""
    colour = page.locator(selector).evaluate("one => getComputedStyle(one).color")
    r, g, b = (int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")[:3])
    return r > 1.5 * g and r > 1.5 * b
