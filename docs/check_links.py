"""Check that every link inside the built pages leads somewhere.

python docs/check_links.py docs/_build/html

Addresses of other sites are left alone: this needs no network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the anchors it offers."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append((self.getpos()[0], value))
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


def dead_links(root):
    """(page, line, link) of every link that leads nowhere, and how many there are."""
    # Under _static there are templates of the theme, no pages.
    paths = [p for p in sorted(root.rglob("*.html")) if "_static" not in p.parts]
    pages = {path: Page(path) for path in paths}
    dead, n_links = [], 0
    for path, page in pages.items():
        for line, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            n_links += 1
            target = path
            if parts.path:
                base = root if parts.path.startswith("/") else path.parent
                target = (base / unquote(parts.path).lstrip("/")).resolve()
            if target.is_dir():
                target /= "index.html"
            # After ":~:" a link points at words, not at an anchor.
            anchor = unquote(parts.fragment.partition(":~:")[0])
            known = pages[target].anchors if target in pages else {""}
            if not target.is_file() or (target in pages and anchor not in known):
                dead.append((path.relative_to(root), line, link))
    return dead, len(pages), n_links


def main(root):
    """Print dead links; exit with 1 if there are any."""
    dead, n_pages, n_links = dead_links(Path(root).resolve())
    for page, line, link in dead:
        print(f"{page}:{line}: {link} leads nowhere")
    print(f"{n_pages} pages, {n_links} links inside, {len(dead)} dead")
    if dead or not n_pages:
        raise SystemExit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
