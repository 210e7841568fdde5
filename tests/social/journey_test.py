"""A partner's way into the programme, as it would go: connect Bluesky, approve three posts, place the embed, subscribe to the feed.
Then the vendor publishes a kit, and it arrives in all four by itself: in the account, in the partner's site, in the feed, and, for a
network where a person posts, in the mail.

PARTNERCAST names the program; ATPROTO Bluesky's server (see peers.py). The embed's frames in a browser are tests/browser/embed.mjs'.
"""

import datetime
import email
import email.policy
import html
import json
import re
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from peers import PATIENCE_S, Bluesky, free_port, until
from program import asked
from social_test import House, connected, of

KARA = "kara.boyd@northlight.example"
KIT, ARTICLE, POST = "kits/four-places", "blog/four-places", "social/four-places"
SHARE = "A post for LinkedIn to share"


class Installation(House):
    """One whose pages can be asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment |= {
            "PARTNERCAST_SERVER__LISTEN": f"127.0.0.1:{port}",
            "PARTNERCAST_SERVER__PUBLIC_URL": self.url,
            "PARTNERCAST_CONSOLE__OPEN": "true",
        }

    def ask(self, path: str, **form: str) -> tuple[int, str]:
        return asked(f"{self.url}{path}", **form)

    def page(self, path: str) -> str:
        status, body = self.ask(path)
        assert status == 200, f"{path}: {status} {body[:400]}"
        return body

    def letters(self, subject: str, to: str = KARA) -> list[email.message.EmailMessage]:
        """What arrived, the oldest first."""
        files = sorted((self.folder / "mailbox/new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        mine = [mail for mail in mails if to in str(mail["to"])]
        return [mail for mail in mine if re.search(subject, str(mail["subject"]))]

    def write(self, reference: str, front: str, words: str = "") -> None:
        day = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).date()
        file = self.content / f"{reference}.md"
        file.write_text(f"---\n{front.format(day=day)}\n---\n{words}\n")


def links(mail: email.message.EmailMessage) -> list[str]:
    shown = mail.get_body(("html",)).get_content()
    return [html.unescape(found) for found in re.findall(r'href="([^"]+)"', shown)]


def walk(house: Installation, bluesky: Bluesky) -> None:
    # Connect: Bluesky by an app password, LinkedIn where a person posts.
    house.synced()
    at = ["connect", "northlight", "bluesky", "--account", "northlight.test", "--server", bluesky.url, "--mode", "approve"]
    account = connected(house.social(*at, typed=bluesky.app_password))
    house.social("connect", "northlight", "linkedin", "--account", "Northlight MSP", "--mode", "share_kit", "--no-secret")
    house.serve()
    until("serve", lambda: house.ask("/readyz")[0] == 200)

    # Approve three posts, each by the link in its mail.
    for number, slug in enumerate(["one", "two", "three"], 1):
        house.publish(slug, f"Post number {slug}. {{{{ partner.name }}}} tests.")
        [mail] = until(f"the mail about {slug}", lambda: [
            mail for mail in house.letters("waits for you") if f"Post number {slug}" in mail.get_body(("plain",)).get_content()
        ])
        link = next(link for link in links(mail) if "/post/" in link).removeprefix(house.url)
        page = house.page(link)
        assert f"Post number {slug}. Northlight MSP tests." in html.unescape(page), page
        assert len(bluesky.posts()) == number - 1, "looking posts nothing"
        hash_ = re.search(r'name="hash" value="([0-9a-f]{64})"', page)[1]
        assert house.ask(f"{link}/approve", hash=hash_)[0] == 200
        house.stands(account, slug, "posted")
        assert len(of(bluesky.posts(), f"Post number {slug}.")) == 1
    print("approved and posted:", len(bluesky.posts()))

    # Place the embed, and subscribe to the feed: both as the console tells the partner.
    code = html.unescape(house.page("/console/partners/northlight/embed"))
    assert f"{house.url}/embed/v1" in code and 'data-partnercast="northlight"' in code, code
    loader = re.search(rf'src="({re.escape(house.url)}/embed/v1\.[^"]+\.js)"', code)[1].removeprefix(house.url)
    assert "data-partnercast" in house.page(loader)
    feed, place = "/p/northlight/feed.json", "/p/northlight/embed"
    entries = lambda: [item["title"] for item in json.loads(house.page(feed))["items"]]
    assert "Four places" not in house.page(place) and "Four places" not in entries()

    # From now on by itself; then a kit is published.
    status, page = house.ask(f"/console/social/{account}/mode", mode="auto")
    assert status == 200, page
    mails = len(house.letters(SHARE))
    common = "summary: What arrives where.\nroles: [marketing]\ntopics: [backup]\npublish: {day}"
    house.write(ARTICLE, f"kind: blog\ntitle: Four places\n{common}\nauthor: Priya Raman",
                "It arrives by itself.\n\n[Talk to us](asset:pages/talk-to-us)")
    house.write(POST, f"kind: social\ntitle: 'Social: four places'\n{common}\nnetworks: [bluesky, linkedin]\nlink: {ARTICLE}",
                "One kit, four places. {{ partner.name }} has it.")
    house.write(KIT, "kind: kit\ntitle: 'Kit: four places'\nsummary: One kit in four places.\nroles: [marketing]\n"
                "topics: [backup]\noutcome: It stands in four places\ntheme: Four places\nplaybook: playbooks/proof-of-recovery\n"
                "checklist:\n  - Look at all four\nstart: {day}\nend: 2099-01-01\ntactics:\n"
                f"  - asset: {ARTICLE}\n    use: Let the feed do it.\n    day: 0\n    form: read\n"
                f"  - asset: {POST}\n    use: It is posted by itself.\n    day: 0\n    form: read",
                "What it is for, in a sentence.")
    house.stands(account, "four-places", "posted")
    [there] = of(bluesky.posts(), "One kit, four places.")
    until("the embed", lambda: "Four places" in house.page(place))
    until("the feed", lambda: "Four places" in entries())
    until("the mail", lambda: len(house.letters(SHARE)) == mails + 1)
    mail = house.letters(SHARE)[-1]
    assert "One kit, four places." in mail.get_body(("plain",)).get_content()

    # One identity: whatever the place, its links are the partner's own and lead to the same article.
    card = there["value"]["embed"]["external"]["uri"]
    [item] = [item for item in json.loads(house.page(feed))["items"] if item["title"] == "Four places"]
    kit = next(link for link in links(mail) if "/post/" in link).removeprefix(house.url)
    shared = html.unescape(re.search(r'<input id="link"[^>]* value="([^"]+)"', house.page(kit))[1])
    ends = []
    for link in (card, item["url"], shared):
        assert link.startswith(f"{house.url}/t/"), link
        with urllib.request.urlopen(link, timeout=PATIENCE_S) as reply:
            ends.append(urllib.parse.urlsplit(reply.url).path)
    assert ends == [f"/p/northlight/{ARTICLE}"] * 3, ends
    assert len({card, item["url"], shared}) == 3, "each place is counted by itself"
    print("four places:", card, place, item["url"], shared)
    assert len(of(bluesky.posts(), "One kit, four places.")) == 1


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "bluesky").mkdir()
        bluesky = Bluesky(folder / "bluesky")
        house = Installation(folder / "house")
        try:
            walk(house, bluesky)
        except BaseException:
            print((house.folder / "serve.log").read_text()[-4000:])
            raise
        finally:
            house.kill()
            bluesky.stop()


if __name__ == "__main__":
    sys.exit(main())
