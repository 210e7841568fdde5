"""What mail clients can show, by the tables of caniemail.com, and what no mail of ours may lack. LIMITS is the
folder of the package that has the tables."""

import email.message
import json
import re
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

# What some client leaves out, and what its readers see then.
DEGRADES = {
    "@media": "without it the mail is as wide as its column and light, which every client can show",
    ":last-child": "a paragraph's space below the last one",
    "Class selector": "all that a reader needs is in `style` attributes; classes only adapt to telephones and to the dark",
    "Attribute selector": "Outlook.com marks its dark mode with one; the rules stand in a style element of their own, so that nobody else loses more than them",
    "Chaining selectors": "as classes",
    "Descendant combinator": "as classes",
    "ID selector": "MJML's reset for Outlook, where it works",
    "Type selector": "MJML's resets, each repeated in `style` attributes where it matters",
    "target attribute": "the client decides where links open",
    "<body> element": "becomes a <div> with the same styles",
    "aria-label attribute": "a link is read with its own words",
    "aria-hidden attribute": "the hidden link has no words to read out, and no key leads to it",
    "role attribute": "a table for layout is read as a table; its cells are in the order of reading",
    "border-radius": "square corners",
    "border-spacing": "MJML's column has no space to spare",
    "outline": "an image without one has none",
    "overflow": "nothing is larger than its box",
    "opacity": "of the preheader, which is hidden four times over",
    "display:none": "of the preheader, likewise; of a logo for the dark, which then stands beside the other one; of the hidden link, which holds nothing to see",
    "word-break": "a long word runs over its column, and the mail scrolls",
    "overflow-wrap": "as word-break",
    "word-spacing": "of MJML's preheader and resets, at its initial value",
    "white-space": "a telephone number may be on two lines",
    "text-decoration": "a link is underlined as the client underlines",
}
# A fault each, which has to be reported: otherwise nothing is checked.
PLANTED = {
    '<div style="display:grid">a</div>': "display:grid",
    '<div style="position:fixed">a</div>': "position",
    "<form><input></form>": "<form> element",
    "<bdi>a</bdi>": "<bdi> element",
    '<style>@font-face { font-family: "a"; src: url(a) }</style>': "@font-face",
}
# Gmail cuts at 102 kB.
HTML_BYTES_MAX = 100_000
LINE_OCTETS_MAX = 998
WIDTH_MAX = 640


def unsupported(mails: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """By mail and feature, the clients that do not know it."""
    script = Path(__file__).with_name("limits.mjs")
    done = subprocess.run(["node", script], input=json.dumps(mails), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sees_planted_faults() -> None:
    said = unsupported({planted: f"<!doctype html><html><body>{planted}</body></html>" for planted in PLANTED})
    for planted, feature in PLANTED.items():
        assert feature in said[planted], f"{planted}: {said[planted]}"
        assert feature not in DEGRADES, feature
    for fault in ("<script>a</script>", '<img src="a">', "<form></form>", '<link rel="stylesheet" href="a">', '<table width="700">'):
        assert shown(f'<html lang="en" dir="ltr"><body>{fault}</body></html>'), fault


def limits(mails: dict[str, str]) -> tuple[list[str], list[str]]:
    """What clients do not know and nothing here says why it may be so; and the exceptions that no mail needs."""
    faults, stale = [], set(DEGRADES)
    for name, features in unsupported(mails).items():
        stale -= set(features)
        faults += [
            f"{name}: {feature} is unknown to {', '.join(clients)}"
            for feature, clients in features.items()
            if feature not in DEGRADES
        ]
    return faults, [f"no mail has it any more: {feature}" for feature in sorted(stale)]


class Shown(HTMLParser):
    """What of a mail's HTML no client shows, or none shows well."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        own = {name: value or "" for name, value in attributes}
        if tag in ("script", "form", "input", "button", "iframe", "object", "embed", "video", "audio", "svg", "link"):
            self.faults.append(f"<{tag}>")
        if any(name.startswith("on") for name in own):
            self.faults.append(f"script in <{tag}>")
        if tag == "html" and not (own.get("lang") and own.get("dir") in ("ltr", "rtl")):
            self.faults.append("no lang and dir")
        if tag == "img":
            if "alt" not in own or not own.get("width", "").isdigit():
                self.faults.append(f"an image without alt or width: {own}")
            if not re.match(r"https?://", own.get("src", "")):
                self.faults.append(f"an image that is not asked for by HTTP: {own}")
        if tag in ("table", "td", "img") and own.get("width", "0").rstrip("px").isdigit():
            width = int(own.get("width", "0").rstrip("px"))
            if width > WIDTH_MAX:
                self.faults.append(f"{tag} is {width} px wide")
        if tag == "a" and not re.match(r"https?://|mailto:|tel:|\{\{", own.get("href", "")):
            self.faults.append(f"a link that leads nowhere: {own}")


def shown(html: str) -> list[str]:
    """The faults that one HTML part has for every client."""
    parser = Shown()
    parser.feed(html)
    if "@import" in html:
        parser.faults.append("@import")
    if (size := len(html.encode())) > HTML_BYTES_MAX:
        parser.faults.append(f"{size} bytes")
    return parser.faults


def whole(mail: email.message.EmailMessage) -> list[str]:
    """The faults of a mail as it arrived."""
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    if html is None or text is None:
        return ["a part is missing"]
    markup, words = html.get_content(), text.get_content()
    faults = shown(markup)
    if mail.get_content_type() != "multipart/alternative" or list(mail.iter_parts())[0].get_content_type() != "text/plain":
        faults.append("the plainest part comes first (RFC 2046 section 5.1.4)")
    if longest := [line for line in mail.as_bytes().splitlines() if len(line) > LINE_OCTETS_MAX]:
        faults.append(f"a line of {len(longest[0])} octets")
    body = re.sub(r"<!--.*?-->|<style.*?</style>|<head.*?</head>", "", markup, flags=re.S)
    plain = re.sub(r"<(https?|mailto|tel):[^>]*>", "", words)
    if "<" in plain:
        faults.append("the text part holds markup")
    # Letters, since Japanese has no spaces between words.
    if len("".join(plain.split())) < 0.8 * len("".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())):
        faults.append("the text part says less than the HTML")
    if mail["list-id"] and not re.search(r"<div[^>]*display:none[^>]*>\s*\S", markup):
        faults.append("no preheader")
    return faults
