"""Connections, pools and judges in a real browser: by keyboard, by htmx, and without losing what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accounts import sign_up
from tests.pools.models_server import ModelsServer
from tests.site_process import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def models_server() -> Iterator[ModelsServer]:
    """Give a server that lists two models."""
    server = ModelsServer()
    prices = {"prompt": "3e-6", "completion": "15e-6"}
    server.body = {
        "data": [{"id": "lab/alpha", "context_length": 128_000, "pricing": prices}, {"id": "lab/beta"}]
    }
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, models_server: ModelsServer) -> Iterator[Site]:
    """Give a running site whose operator has listed that server."""
    data_dir = tmp_path_factory.mktemp("pools")
    running = Site(data_dir, FUSION_PRIVATE_UPSTREAMS=models_server.host_port)
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def lab(page: Page, models_server: ModelsServer, request: pytest.FixtureRequest) -> Page:
    """Sign up and make a connection to the server, by keyboard alone."""
    sign_up(page, f"{request.node.name.replace('_', '')[:40]}@example.com")
    page.goto("/connections/new/")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Lab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type(models_server.url)
    page.keyboard.press("Tab")
    page.keyboard.type("sk-lab-12345")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="is made")).to_be_visible()
    return page


def test_a_connection_is_tested_where_it_stands(lab: Page, models_server: ModelsServer) -> None:
    row = lab.get_by_role("listitem").filter(has_text="Lab")
    expect(row).to_contain_text("not tested yet")
    row.get_by_role("button", name="Test Lab").click()
    expect(row).to_contain_text("tested")
    expect(row).not_to_contain_text("not tested yet")
    models_server.status = 401
    try:
        row.get_by_role("button", name="Test Lab").press("Enter")
        expect(row).to_contain_text("not working")
    finally:
        models_server.status = 200
    assert lab.url.endswith("/connections/")


def test_members_are_added_moved_and_removed_by_keyboard(lab: Page) -> None:
    lab.goto("/pools/new/")
    lab.get_by_label("Name").fill("Typed")
    lab.locator("[name='members.0.connection']").select_option(label="Lab")
    lab.locator("[name='members.0.model']").fill("lab/alpha")
    lab.locator("[name='members.1.model']").fill("rehearsal/planner")
    lab.get_by_role("button", name="Add a member").press("Enter")
    expect(lab.locator("[name='members.2.model']")).to_be_focused()
    lab.keyboard.type("third")
    lab.get_by_role("button", name="Move member 3 up").press("Enter")
    expect(lab.locator("[name='members.1.model']")).to_have_value("third")
    expect(lab.get_by_role("button", name="Move member 2 up")).to_be_focused()
    lab.keyboard.press("Enter")
    expect(lab.locator("[name='members.0.model']")).to_have_value("third")
    expect(lab.locator("[name='members.0.model']")).to_be_focused()
    lab.get_by_role("button", name="Remove member 1").press("Enter")
    expect(lab.locator("[name='members.2.model']")).to_have_count(0)
    expect(lab.get_by_label("Name")).to_have_value("Typed")
    expect(lab.locator("[name='members.0.model']")).to_have_value("lab/alpha")
    expect(lab.locator("[name='members.0.connection'] option:checked")).to_have_text("Lab")
    lab.get_by_label("Name").press("Enter")
    lab.wait_for_url("**/pools/")
    expect(lab.get_by_role("link", name="Typed", exact=True)).to_be_visible()


def test_a_model_is_picked_by_keyboard_with_its_connection(lab: Page) -> None:
    lab.goto("/pools/new/")
    lab.locator("[name='members.0.connection']").select_option(label="Lab")
    field = lab.get_by_role("combobox", name="Model").first
    expect(lab.locator("#id_members_0_model_panel")).to_be_hidden()
    field.press("ArrowDown")
    options = lab.locator("#id_members_0_model_list").get_by_role("option")
    expect(options.filter(has_text="lab/alpha")).to_contain_text(
        "128,000 tokens context · $3.00/M in · $15.00/M out"
    )
    expect(options.filter(has_text="lab/beta")).to_contain_text("price unknown")
    expect(options.filter(has_text="rehearsal/judge")).to_contain_text("scripted, no AI")
    lab.keyboard.type("plann")
    expect(options).to_have_count(1)
    expect(field).not_to_have_attribute("aria-activedescendant", "id_members_0_model_0")
    lab.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "id_members_0_model_0")
    # A list that comes late takes nothing from who has begun to choose.
    with lab.expect_response(re.compile("plann")):
        field.evaluate("field => htmx.trigger(field, 'picker:ask')")
    expect(field).not_to_have_class(re.compile("htmx-request"))
    expect(field).to_have_attribute("aria-activedescendant", "id_members_0_model_0")
    lab.keyboard.press("Enter")
    expect(field).to_have_value("rehearsal/planner")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(lab.locator("[name='members.0.connection'] option:checked")).to_contain_text("Rehearsal")
    field.fill("lab/not-listed")
    expect(lab.locator("#id_members_0_model_panel")).to_contain_text("What you typed is taken as it is.")
    lab.keyboard.press("Escape")
    expect(lab.locator("#id_members_0_model_panel")).to_be_hidden()
    expect(field).to_have_value("lab/not-listed")


def test_a_model_is_picked_by_mouse_and_the_list_narrowed(lab: Page) -> None:
    lab.goto("/judges/new/")
    field = lab.get_by_role("combobox", name="Model").first
    field.click()
    panel = lab.locator("#id_model_panel")
    options = lab.locator("#id_model_list").get_by_role("option")
    alpha = options.filter(has_text="lab/alpha")
    expect(alpha).to_have_count(1)
    panel.get_by_label("local").check()
    expect(alpha).to_have_count(0)
    panel.get_by_label("local").uncheck()
    expect(alpha).to_have_count(1)
    with lab.expect_response(re.compile("order=context")):
        panel.get_by_label("Order of models").select_option("context")
    # The list that was asked for has taken the place of the one before.
    expect(field).not_to_have_class(re.compile("htmx-request"))
    expect(options.first).to_contain_text("lab/alpha")
    options.first.click()
    expect(field).to_have_value("lab/alpha")
    expect(lab.locator("#id_model_facts")).to_contain_text("$3.00/M in")
    expect(panel).to_be_hidden()


def test_criteria_are_dragged_and_the_move_is_said(lab: Page) -> None:
    lab.set_viewport_size({"width": 1280, "height": 2600})
    lab.goto("/judges/new/")
    lab.locator("[name='criteria.0.description']").fill("Typed and kept.")
    rows = lab.locator("[data-reorder] > li")
    height = rows.nth(2).bounding_box()["height"]  # type: ignore[index]
    lab.locator("[data-handle]").first.drag_to(rows.nth(2), target_position={"x": 40, "y": height - 8})
    expect(lab.locator("[name='criteria.2.description']")).to_have_value("Typed and kept.")
    expect(lab.locator("[name='criteria.2.name']")).to_have_value("Correct")
    expect(lab.locator("#said")).to_have_text("Moved to place 3 of 4.")


def test_a_set_is_filled_and_asked_in_one_step(page: Page) -> None:
    sign_up(page, "sets@example.com")
    page.goto("/presets/new/")
    page.get_by_role("link", name="Decision").click()
    expect(page.get_by_role("combobox", name="Model").first).to_have_value("rehearsal/planner")
    page.get_by_role("button", name="Make it and ask").click()
    expect(page.get_by_role("radio", name="Decision")).to_be_checked()
    page.goto("/presets/")
    page.get_by_role("link", name="Decision", exact=True).click()
    expect(page.locator("#variables")).to_contain_text("options, values, and the prompt")
    page.get_by_label("Prompt template").fill("For {{whom}}: {{prompt}}")
    expect(page.locator("#variables")).to_contain_text("whom, and the prompt")


def test_a_pools_page_brings_its_record(page: Page) -> None:
    sign_up(page, "record@example.com")
    page.goto("/pools/")
    page.get_by_role("link", name="Rehearsal trio", exact=True).click()
    expect(page.get_by_text("No run of this pool yet")).to_be_visible()
    page.goto("/")
    page.get_by_label("Prompt").fill("Is this migration safe?")
    page.get_by_role("button", name="Ask 3 models").click()
    page.get_by_role("link", name="Ask again").wait_for()
    page.goto("/pools/")
    page.get_by_role("link", name="Rehearsal trio", exact=True).click()
    row = page.get_by_role("row").filter(has_text="rehearsal/planner")
    expect(row).to_contain_text("of 1)")


def test_a_message_stands_beside_its_field(lab: Page, tolerated: list[str]) -> None:
    tolerated.append("status of 422")
    lab.goto("/judges/new/")
    lab.get_by_label("Name").first.fill("Strict")
    lab.locator("[name='criteria.0.weight']").fill("heavy")
    lab.get_by_role("button", name="Make the judge").click()
    weight = lab.locator("[name='criteria.0.weight']")
    expect(weight).to_have_value("heavy")
    expect(weight).to_have_attribute("aria-describedby", "id_criteria_0_weight_error")
    expect(lab.locator("#id_criteria_0_weight_error")).to_have_text("Enter a number.")
    expect(lab.get_by_label("Name").first).to_have_value("Strict")


def test_the_pages_fit_a_narrow_phone(lab: Page) -> None:
    lab.set_viewport_size({"width": 320, "height": 700})
    for path in (
        "/connections/",
        "/connections/new/",
        "/pools/",
        "/pools/new/",
        "/judges/new/",
        "/presets/",
        "/presets/new/",
        "/sets/research/",
        "/import/",
    ):
        lab.goto(path)
        assert lab.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_pool_goes_back_and_a_run_is_asked_again_of_what_it_is_now(page: Page) -> None:
    sign_up(page, "versions@example.com")
    page.goto("/pools/")
    page.get_by_role("link", name="Rehearsal trio", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Duo")
    page.get_by_role("button", name="Remove member 3").press("Enter")
    expect(page.locator("[name='members.2.model']")).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).last.click()
    more = page.get_by_role("button", name="More for Duo")
    history = page.get_by_role("link", name="History of Duo")
    expect(history).to_be_hidden()
    more.press("Enter")
    page.keyboard.press("Escape")
    expect(history).to_be_hidden()
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(history).to_be_focused()
    page.keyboard.press("Enter")
    newest = page.get_by_role("listitem").filter(has_text="Version 2")
    expect(newest).to_contain_text("Member “Scholar”")
    expect(newest.get_by_role("deletion").filter(has_text="Rehearsal trio")).to_be_visible()

    page.goto("/")
    page.get_by_label("Prompt").fill("Is this migration safe?")
    page.get_by_role("button", name="Ask 2 models").click()
    page.get_by_role("link", name="Ask again").wait_for()
    run = page.url
    page.goto("/pools/")
    page.get_by_role("button", name="More for Duo").click()
    page.get_by_role("link", name="History of Duo").click()
    page.get_by_role("button", name="Restore version 1").press("Enter")
    expect(page.get_by_role("heading", level=1, name="Rehearsal trio")).to_be_visible()

    page.goto(run)
    page.get_by_role("link", name="Ask again").click()
    expect(page.get_by_text("Member “Scholar”")).to_be_visible()
    page.get_by_role("button", name="Ask 3 models as they are now").click()
    expect(page.get_by_role("heading", level=1, name="Is this migration safe?")).to_be_visible()
    expect(page.get_by_role("heading", name="Scholar").first).to_be_visible()
    assert page.url != run
