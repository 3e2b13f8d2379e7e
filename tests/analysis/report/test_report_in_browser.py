"""The report as a reader meets it: in a real browser, where there is one."""

import dataclasses
import shutil

import pytest

from analysis.cli.main import main
from analysis.report import study
from bench.contract.cases import ConvCase
from tests.analysis import made_results
from tests.analysis.report import made_measured_networks

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
HOSTILE = '</script><img src=x onerror=alert(1)>$x^2$ & "quoted"'


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield found
        found.close()


def built(folder, rows, **environment):
    """The report on everything in ``folder``; ``rows`` are those of the newest environment."""
    made_results.save(folder, rows, **environment)
    assert (
        main.main(["report", str(folder), "--output", str(folder / "report")], standalone_mode=False) is None
    )
    return folder / "report" / "index.html"


def save_before(folder):
    """Two older releases, for what changed and for a history; a kernel of them has a hostile name."""
    for day, version in enumerate(("2.19.0", "2.20.0"), start=1):
        before = made_results.grid_rows(lambda case: 1.0 / case.in_channels)
        for row in before:
            row["extra_info"]["implementations"] = {"dense forward": HOSTILE if day == 1 else "jit:avx2"}
        made_results.save(
            folder, before, f"{version}.json", when=f"2025-01-0{day}T00:00:00+00:00", tensorflow=version,
            fingerprint=f"old{day}", host=HOSTILE,
        )  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    rows = made_results.grid_rows(lambda case: 2.0 / case.in_channels)
    for row in rows:
        row["extra_info"]["implementations"] = {"dense forward": "ref:any"}
    rows += made_results.ceilings()
    rows += made_results.comparison_rows(ConvCase(batch=3), 0.002, 0.7, name=HOSTILE)
    folder = tmp_path_factory.mktemp("small")
    save_before(folder)
    return built(folder, rows, host=HOSTILE)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Ten thousand rows: five thousand comparisons."""
    rows = []
    for number in range(5000):
        case = dataclasses.replace(
            ConvCase(),
            batch=1 + number % 50,
            in_channels=1 + number // 50,
            direction=("forward", "train")[number % 2],
        )
        rows += made_results.comparison_rows(case, 0.002, 0.3 + number / 2500)
    return built(tmp_path_factory.mktemp("large"), [*rows, *made_results.ceilings()])


@pytest.fixture(scope="module")
def with_networks(tmp_path_factory):
    """Networks with long and hostile names, one of them in two directions."""
    networks = [
        made_measured_networks.deep_network(17),
        made_measured_networks.small_network(direction="inference"),
        made_measured_networks.small_network(name=HOSTILE + "x" * 100, problems=(HOSTILE,)),
    ]
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "build_networks", lambda results: networks)
        return built(tmp_path_factory.mktemp("networks"), rows)


@pytest.fixture
def opened(browser):
    """Opens a page, and fails where it complains or asks anybody for anything."""
    contexts, complaints = [], []

    def go(path, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(".dt-container")
        complaints.extend(url[:80] for url in asked if url != path.as_uri() and not url.startswith("data:"))
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(params=["small", "large"])
def path(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["small", "with_networks"])
def told(request):
    return request.getfixturevalue(request.param)


def table(page):
    return page.locator("#comparisons table")


def column(page, title):
    titles = table(page).locator("thead th").all_inner_texts()
    place = next(place for place, text in enumerate(titles) if text.strip() == title)
    return table(page).locator(f"tbody tr td:nth-child({place + 1})").all_inner_texts()


def test_the_table_sorts_by_number(opened, path):
    page = opened(path)
    ratios = [float(text) for text in column(page, "time ratio")]
    assert ratios == sorted(ratios, reverse=True)
    table(page).locator("thead th", has_text="time ratio").click()
    # A slow machine draws the table a while after the click.
    table(page).locator('thead th[aria-sort="ascending"]', has_text="time ratio").wait_for()
    ratios = [float(text) for text in column(page, "time ratio")]
    assert ratios == sorted(ratios)
    assert ratios[0] < 0.5


def test_the_table_filters(opened, path):
    page = opened(path)
    page.locator("#comparisons input[type=search]").fill("train-8x32x32x64")
    names = column(page, "comparison")
    assert names
    assert all("train-8x32x32x64" in name for name in names)


def test_a_row_opens_onto_the_command_that_repeats_it(opened, path):
    page = opened(path)
    button = table(page).locator("button.more").first
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    shown = table(page).locator("tbody").inner_text()
    assert "pytest bench/bench_layers.py --case " in shown
    button.press("Enter")
    assert "pytest bench" not in table(page).locator("tbody").inner_text()


def test_what_changed_is_filtered_by_the_kernel_and_a_row_says_which_it_was(opened, small):
    page = opened(small)
    changes = page.locator("#changes table")
    page.locator("#changes input[type=search]").fill("ref:any")
    assert "jit:avx2 -> ref:any" in changes.locator("tbody").inner_text()
    changes.locator("button.more").first.press("Enter")
    assert "another kernel: dense forward: jit:avx2 -> ref:any" in changes.locator("tbody").inner_text()
    page.locator("#changes input[type=search]").fill("no such kernel")
    assert "ref:any" not in changes.locator("tbody").inner_text()


def test_a_history_names_a_hostile_kernel_as_text(opened, small):
    page = opened(small)
    assert f"dense forward: {HOSTILE} -> jit:avx2" in page.locator("#history").inner_text()


def test_rows_can_be_copied(opened, small):
    page = opened(small)
    assert page.locator("#comparisons button", has_text="copy").count() == 1
    with page.expect_download() as download:
        page.locator("#comparisons button", has_text="save as CSV").click()
    text = download.value.path().read_text()
    assert text.count("\n") >= 18
    assert "train-8x32x32x64-f64-k3" in text


def test_names_from_files_are_text(opened, small):
    page = opened(small)
    assert page.locator("img[src=x]").count() == 0
    page.locator("#comparisons input[type=search]").fill("quoted")
    assert HOSTILE in table(page).inner_text()


def colour(page, selector):
    return page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).backgroundColor")


def test_the_page_follows_the_reader_into_the_dark(opened, small):
    assert colour(opened(small, color_scheme="light"), "body") == "rgb(255, 255, 255)"
    dark = opened(small, color_scheme="dark")
    assert colour(dark, "body") == "rgb(22, 22, 22)"
    assert dark.locator("html.dark").count() == 1


def test_on_paper_the_page_is_light_and_shows_whole_tables(opened, small):
    page = opened(small, color_scheme="dark")
    page.emulate_media(media="print")
    assert colour(page, "body") == "rgb(255, 255, 255)"
    assert not page.locator("nav[aria-label=Contents]").is_visible()


def test_a_layer_of_a_network_says_why_it_is_changed(opened, with_networks):
    page = opened(with_networks)
    layers = page.locator("#networks table[data-rows]").first
    layers.locator("button.more").first.press("Enter")
    shown = layers.locator("tbody").inner_text()
    assert "alone, the change makes it 2.0x faster" in shown
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_networks(opened, with_networks, scheme):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(opened(with_networks, color_scheme=scheme))
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(path, color_scheme=scheme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [1400, 800, 390])
def test_nothing_but_figures_and_tables_is_wider_than_the_window(opened, told, width):
    page = opened(told, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
