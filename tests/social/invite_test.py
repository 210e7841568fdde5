"""A partner's own people connect their account at a server of the Mastodon API by its real sign-in: snac's. Nobody hands us a token;
then a post goes there.

PARTNERCAST names the program; SNAC the server (see peers.py).
"""

import html
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from journey_test import Installation
from peers import PATIENCE_S, Snac, until
from social_test import of


class Staying(urllib.request.HTTPRedirectHandler):
    """Follows nobody: where one is sent is what is looked at."""

    def redirect_request(self, *_: object) -> None:
        return None


def sign_in(page: str, snac: Snac, password: str) -> str:
    """Signs in at the server's page as its owner would; returns where the server sends the browser."""
    with urllib.request.urlopen(page, timeout=PATIENCE_S) as reply:
        shown = reply.read().decode()
    action = html.unescape(re.search(r'<form[^>]*action="([^"]+)"', shown)[1])
    fields = {}
    for tag in re.findall(r"<input[^>]*>", shown):
        name, value = (re.search(rf'{what}="([^"]*)"', tag) for what in ("name", "value"))
        if name:
            fields[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
    fields |= {"login": "northlight", "passwd": password}
    form = urllib.parse.urlencode(fields).encode()
    try:
        with urllib.request.build_opener(Staying).open(urllib.parse.urljoin(page, action), form, timeout=PATIENCE_S) as reply:
            raise AssertionError(f"it sends nobody anywhere: {reply.status} {reply.read()[:500]!r}")
    except urllib.error.HTTPError as sent:
        assert sent.code in (302, 303), (sent.code, sent.read()[:500])
        return sent.headers["location"]


def value_of(page: str, name: str) -> str:
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


def walk(house: Installation, snac: Snac) -> None:
    house.synced()
    house.serve()
    until("serve", lambda: house.ask("/readyz")[0] == 200)
    status, page = house.ask("/console/social/invite", partner="northlight", server=snac.url, mode="auto")
    assert status == 200, html.unescape(page)[-1600:]
    link = html.unescape(re.search(r'id="invitation"[^>]* value="([^"]+)"', page)[1])
    assert link.startswith(f"{house.url}/connect/"), link
    invitation = house.page(link.removeprefix(house.url))
    there = html.unescape(re.search(r'href="([^"]+/oauth/authorize[^"]+)"', invitation)[1])
    back = sign_in(there, snac, snac.password)
    assert back.startswith(f"{house.url}/connect/back/") and "code=" in back, back
    # A browser that did not begin it gets nowhere.
    stranger = urllib.request.build_opener()
    try:
        stranger.open(back, timeout=PATIENCE_S)
        raise AssertionError("anybody may bring the code")
    except urllib.error.HTTPError as refused:
        assert refused.code == 422, (refused.code, refused.read()[:500])
    last = house.page(back.removeprefix(house.url))
    assert "Northlight MSP" in html.unescape(last), last
    listed = house.social("list")
    assert "there are no accounts" in listed and "soi_" in listed, f"looking connects nothing: {listed}"
    sent = {"code": value_of(last, "code"), "state": value_of(last, "state")}
    action = re.search(r'action="(/connect/back/[^"]+)"', last)[1]
    status, page = house.ask(action, **sent)
    assert status == 200 and "Your account is connected" in page, html.unescape(page)[-1600:]
    said = house.social("list")
    account = re.search(r"soc_[0-9a-f]+", said)[0]
    assert f"@northlight@127.0.0.1:{snac.port}" in said, said
    print("connected:", said.splitlines()[0])
    house.publish("invited", "Nobody handed over a token. {{ partner.name }} tests.")
    house.stands(account, "invited", "posted")
    assert len(of(snac.posts(), "Nobody handed over a token.")) == 1
    # snac takes a code again; the link is good for one account.
    status, page = house.ask(link.removeprefix(house.url))
    assert status == 409 and "has connected an account already" in html.unescape(page), page
    assert house.social("list").count("soc_") == 1, house.social("list")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # A server that runs as nobody must get through.
        folder.chmod(0o755)
        # As a browser does, what asks keeps its cookies.
        urllib.request.install_opener(urllib.request.build_opener(urllib.request.HTTPCookieProcessor))
        snac = Snac(folder)
        house = Installation(folder / "house")
        try:
            walk(house, snac)
            house.stop()
        finally:
            house.kill()
            snac.stop()


if __name__ == "__main__":
    sys.exit(main())
