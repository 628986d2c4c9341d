"""`make screenshots`: takes a picture of every page into docs/img and writes the gallery, docs/pages.md."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import tests.conftest  # noqa: F401  the settings of tests, before anything of the site is imported
from tests.chromium import FLAGS, find
from tests.showcase.pictures import SCHEMES, SIZES, Camera
from tests.showcase.scene import Person, Scene, showcase
from tests.showcase.shown import Shown, pages_of
from tests.site_process import ROOT

FOLDER = ROOT / "docs" / "img" / "pages"
GALLERY = ROOT / "docs" / "pages.md"
HEAD = """# The pages

Every page, wide and narrow, light and dark, as `make screenshots` takes them of a site of its own. All models in them are
the rehearsal's: scripts, no AI.
"""


def main() -> None:
    """Take all pictures, drop those of pages that are no more, and write the gallery."""
    path = find()
    if path is None:
        sys.exit("No Chromium or Chrome is installed; `make test` can fetch one.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        showcase(Path(folder)) as scene,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        scene.people["nobody"] = Person(scene.site, "nobody")
        shown = pages_of(scene)
        _take(browser, scene, shown)
        browser.close()
    GALLERY.write_text(gallery(shown))
    size = sum(file.stat().st_size for file in FOLDER.iterdir())
    print(f"{len(shown)} pages in {FOLDER.relative_to(ROOT)}: {size / 1e6:.1f} MB")


def _take(browser: Browser, scene: Scene, shown: Sequence[Shown]) -> None:
    pages: dict[str, Page] = {}
    blank = browser.new_page()
    files = set[Path]()
    for each in shown:
        if each.who not in pages:
            pages[each.who] = _page_of(browser, scene.people[each.who])
        files.update(Camera(pages[each.who], blank, FOLDER).take(each))
        print(each.title, flush=True)
    for file in set(FOLDER.glob("*.webp")) - files:
        file.unlink()


def _page_of(browser: Browser, person: Person) -> Page:
    base = str(person.http.base_url)
    context = browser.new_context(base_url=base)
    context.add_cookies(
        [{"name": each.name, "value": str(each.value), "url": base} for each in person.http.cookies.jar]
    )
    return context.new_page()


def gallery(shown: Sequence[Shown]) -> str:
    """Give the page that shows all pictures."""
    return "\n".join([HEAD, *(_entry(each) for each in shown)])


def _entry(shown: Shown) -> str:
    cells = [
        f'<img src="img/pages/{shown.name}-{size}-{scheme}.webp" width="{width // 4}" alt="{shown.title}, {size}, {scheme}">'
        for size, width, _ in SIZES
        for scheme in SCHEMES
    ]
    return f"## {shown.title}\n\n{' '.join(cells)}\n"


if __name__ == "__main__":
    main()
