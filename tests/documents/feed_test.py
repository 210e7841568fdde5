"""The demo's feeds, read by a parser that is not ours (feedparser), and as JSON Feed 1.1: names, dates, links, languages, and that
nothing is sent to whoever has it.

PARTNERCAST names the program.
"""

import json
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import feedparser

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from program import BROWSER, PATIENCE_S, Program

PARTNERS = {"northlight": "en", "dune-gate": "ar", "hoshikawa": "ja"}
READER = "feedparser/6.0 +https://github.com/kurtmckee/feedparser/"


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *arguments):
        return None


def fetch(url: str, agent: str = READER, **headers: str):
    """Status, headers and body, as a feed reader gets them: without cookies."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"User-Agent": agent}
    request = urllib.request.Request(url, headers=headers)
    try:
        reply = urllib.request.build_opener(Stay).open(request, timeout=PATIENCE_S)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        return reply.status, reply.headers, reply.read()


def feed(base: str, lang: str) -> int:
    """Atom and JSON at this address say the same, and well; returns how many entries."""
    status, headers, body = fetch(f"{base}.atom")
    assert status == 200 and headers["Content-Type"] == "application/atom+xml; charset=utf-8", f"{base}: {status} {headers}"
    assert "Set-Cookie" not in headers and headers["Last-Modified"], headers
    read = feedparser.parse(body, response_headers={"content-type": headers["Content-Type"]})
    assert not read.bozo and read.version == "atom10", f"{base}: {read.get('bozo_exception')}"
    assert read.feed.title and read.feed.id.startswith("tag:") and read.feed.author, read.feed
    assert read.feed.language.split("-")[0] == lang, read.feed.language
    selves = [link.href for link in read.feed.links if link.rel == "self"]
    assert selves == [f"{base}.atom"], selves
    assert read.entries, f"{base} is empty"
    assert len({entry.id for entry in read.entries}) == len(read.entries), "a name stands twice"
    for entry in read.entries:
        assert re.fullmatch(r"tag:[a-z0-9.-]+,2026:[a-z0-9-]+/[a-z-]+/[a-z0-9-]+", entry.id), entry.id
        assert entry.title and entry.published_parsed <= entry.updated_parsed <= read.feed.updated_parsed, entry.id
        [content] = entry.content
        assert content.type == "text/html" and content.value, entry.id
        for address in re.findall(r'(?:href|src)="([^"]+)"', content.value):
            assert re.match(r"https?://|mailto:|tel:", address), f"{entry.id}: {address} is not whole"
    status, headers, body = fetch(f"{base}.json")
    assert status == 200 and headers["Content-Type"] == "application/feed+json; charset=utf-8", headers
    document = json.loads(body)
    assert document["version"] == "https://jsonfeed.org/version/1.1" and document["feed_url"] == f"{base}.json", document
    said = [(item["id"], item["url"], item["title"]) for item in document["items"]]
    assert said == [(entry.id, entry.link, entry.title) for entry in read.entries], f"{base}: two feeds"
    for item in document["items"]:
        assert item["content_html"] and item["date_published"] and item["date_modified"] and item["language"], item
    status, again, body = fetch(f"{base}.json", If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"") and again["ETag"] == headers["ETag"], f"{status} {again}"
    return len(read.entries)


def followed(base: str) -> None:
    """An entry leads to its page, which names the feed."""
    read = feedparser.parse(fetch(f"{base}.atom")[2])
    status, headers, _ = fetch(read.entries[0].link, BROWSER)
    assert status == 302, status
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(headers["Location"]).query)
    assert query["utm_medium"] == ["feed"] and query["via"], query
    status, _, page = fetch(headers["Location"], BROWSER)
    html = page.decode()
    assert status == 200 and re.search(r'<link rel="alternate" type="application/atom\+xml"[^>]* href="[^"]+/feed\.atom"', html), status


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Program.demo(Path(folder) / "demo")
        try:
            counts = {}
            for partner, lang in PARTNERS.items():
                counts[partner] = feed(f"{demo.url}/p/{partner}/feed", lang)
                html = demo.get(f"/console/partners/{partner}").decode().replace("<wbr>", "")
                inside = re.search(r"(http[^\s<]+/feeds/[^\s<]+)\.atom", html)[1]
                assert feed(inside, lang) >= counts[partner], "the partner's own people read less"
                assert fetch(f"{inside}x.atom")[0] == 404
            followed(f"{demo.url}/p/northlight/feed")
            assert fetch(f"{demo.url}/p/northlight/feed.atom?topic=no-such-topic")[0] == 200
            assert fetch(f"{demo.url}/p/nobody/feed.atom")[0] == 404
        finally:
            demo.stop()
    print(f"{sum(counts.values())} entries in {len(counts)} feeds")


if __name__ == "__main__":
    sys.exit(main())
