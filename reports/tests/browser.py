"""Opens pages in Chromium as a reader does, from the file, and says what is wrong with them.

Arguments: a folder for screenshots, then the pages; with --once before them, in one size and one theme. Prints a line for each problem, and nothing where there is none.
"""

import os
import shutil
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# Which texts of one drawing lie on each other, and which hang out of it.
TEXTS = """() => [...document.querySelectorAll('svg.chart')].flatMap((svg) => {
  const found = [], edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]);
  texts.forEach(([name, a], i) => {
    if (a.left < edge.left - 1 || a.right > edge.right + 1 || a.bottom > edge.bottom + 1)
      found.push(`"${name}" hangs out of its drawing`);
    for (const [other, b] of texts.slice(i + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        found.push(`"${name}" and "${other}" lie on each other`);
  });
  return found;
})"""


def chromium() -> str:
    given = os.environ.get("LIFEBOAT_CHROMIUM")
    names = ["chromium", "chromium-browser", "google-chrome"]
    found = given or next(filter(None, map(shutil.which, names)), None)
    if not found:
        sys.exit("there is no Chromium: ci/test.sh installs it, or set LIFEBOAT_CHROMIUM to its path")
    return found


def look(page, path: Path, shots: Path, width: int, scheme: str) -> list[str]:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("request", lambda r: r.url == path.as_uri() or problems.append(f"request: {r.url}"))
    page.goto(path.as_uri())
    page.screenshot(path=shots / f"{path.stem}-{width}-{scheme}.png", full_page=True)
    problems += page.evaluate(TEXTS)
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        problems.append(f"the page is {wide} px wider than its window")
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    for violation in Axe().run(page).response["violations"]:
        nodes = ", ".join(node["html"][:120] for node in violation["nodes"][:3])
        problems.append(f"axe: {violation['id']}: {violation['help']}: {nodes}")
    return [f"{path.name}, {width} px, {scheme}: {problem}" for problem in problems]


def main() -> None:
    once = "--once" in sys.argv
    shots, *pages = [Path(name) for name in sys.argv[1:] if name != "--once"]
    looks = [(1280, "light"), (360, "dark"), (360, "light"), (1280, "dark")][: 1 if once else 4]
    with sync_playwright() as playwright:
        # Where the tests run as root, Chromium has no sandbox of its own; what it opens is ours.
        browser = playwright.chromium.launch(executable_path=chromium(), timeout=120_000)
        for path in pages:
            for width, scheme in looks:
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                context.set_default_timeout(120_000)
                for problem in look(context.new_page(), path, shots, width, scheme):
                    print(problem)
                context.close()
            # The others differ in what they say, not in how it is shown.
            looks = looks[:2]
        browser.close()


main()
