"""Pictures of pages as WebP, wide and narrow, light and dark. One that looks as it did before is left as it is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page

from tests.showcase.shown import Shown

# As (name, width, how much of a page is shown at the most) in CSS pixels, and the quality of WebP from 0 to 100.
SIZES = (("wide", 1280, 1100), ("narrow", 390, 1100))
SCHEMES = ("light", "dark")
QUALITY = 32
# What may differ of a picture's pixels (times and durations, which are others at every making).
SAME_WITHIN = 0.004
READY = "() => !document.querySelector('.htmx-request') && document.fonts.status === 'loaded' && new Promise((done) => requestAnimationFrame(() => done(true)))"
# Gives which part of the pixels of two pictures differs visibly; 1 where their sizes differ.
DIFFERENCE = """async (pictures) => {
  const [one, other] = await Promise.all(pictures.map(async (data) => {
    const image = await createImageBitmap(await (await fetch(`data:image/webp;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, image.width, image.height);
  }));
  if (one.width !== other.width || one.height !== other.height) return 1;
  let differ = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    const far = (channel) => Math.abs(one.data[at + channel] - other.data[at + channel]);
    if (far(0) + far(1) + far(2) > 60) differ += 1;
  }
  return differ / (one.width * one.height);
}"""


@dataclass
class Camera:
    """Takes pictures of pages of one person into a folder; `blank` is a page of no site, in which pictures are compared."""

    page: Page
    blank: Page
    folder: Path

    def take(self, shown: Shown) -> Iterator[Path]:
        """Go to a page, and give the files of its pictures."""
        devtools = self.page.context.new_cdp_session(self.page)
        for scheme in SCHEMES:
            self._go(shown, scheme)
            for size, width, height in SIZES:
                high = self._fit(width, height)
                file = self.folder / f"{shown.name}-{size}-{scheme}.webp"
                self._keep(file, _picture(devtools, width, high))
                yield file
        devtools.detach()

    def _go(self, shown: Shown, scheme: Any) -> None:
        """Load a page, with what it fetches once it is seen, and do there what is to be shown."""
        self.page.set_viewport_size({"width": SIZES[0][1], "height": 5000})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.goto(shown.path)
        self.page.wait_for_function(READY)
        shown.prepare(self.page)
        self.page.wait_for_function(READY)

    def _fit(self, width: int, at_most: int) -> int:
        """Make the window as high as the picture, so that what sticks to its edge covers nothing; give that height."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.wait_for_function(READY)
        high = min(at_most, int(self.page.evaluate("document.documentElement.scrollHeight")))
        self.page.set_viewport_size({"width": width, "height": high})
        self.page.wait_for_function(READY)
        return high

    def _keep(self, file: Path, picture: str) -> None:
        before = base64.b64encode(file.read_bytes()).decode() if file.exists() else ""
        if not before or self.blank.evaluate(DIFFERENCE, [before, picture]) > SAME_WITHIN:
            file.write_bytes(base64.b64decode(picture))


def _picture(devtools: CDPSession, width: int, height: int) -> str:
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    wanted = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
    data: str = devtools.send("Page.captureScreenshot", wanted)["data"]
    return data
