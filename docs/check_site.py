"""Check that every link of a built site leads to a file, and to a place on it that is there.

    python docs/check_site.py build/site

Links to other sites are left alone: that needs no network.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The places on a page, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = {"", "top"}
        self.links: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is called, and where it leads."""
        for key, value in attrs:
            if value and key in ("id", "name"):
                self.places.add(value)
            elif value and key in ("href", "src"):
                self.links.add(value)


def broken_links(site: Path) -> list[str]:
    """Return what leads nowhere, each as the page, an arrow and the link."""
    # What the theme brings are no pages.
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages = {path.resolve(): _Page(path) for path in files}
    found = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = pages.get(other)
            lost = there is not None and unquote(parts.fragment) not in there.places
            # What a search shows is made by the page itself.
            if not other.exists() or (lost and path.name != "search.html"):
                found.append(f"{path.relative_to(site.resolve())} -> {link}")
    return found


if __name__ == "__main__":
    lost = broken_links(Path(sys.argv[1]))
    print(*lost, sep="\n", file=sys.stderr)
    sys.exit(bool(lost))
