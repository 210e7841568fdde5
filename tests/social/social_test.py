"""Posts of a real `partnercast serve` in accounts at Bluesky's own personal data server and at snac, a server of the Mastodon API.

PARTNERCAST names the program; ATPROTO and SNAC the servers (see peers.py). With TEST_POSTGRES_URL two processes on one PostgreSQL
post as well.
"""

import datetime
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from peers import PATIENCE_S, Bluesky, Proxy, Snac, ask, until

ROOT = Path(__file__).parents[2]
PUT = "/xrpc/com.atproto.repo.putRecord"
STATUSES = "/api/v1/statuses"


class House:
    """An installation of ours."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder, self.content = folder, folder / "content"
        self.program = os.environ["PARTNERCAST"]
        shutil.copytree(ROOT / "content", self.content)
        subprocess.run([self.program, "init", folder], check=True, capture_output=True)
        self.config = ["--config", str(folder / "partnercast.toml")]
        self.environment = os.environ | {
            "PARTNERCAST_SERVER__LISTEN": "127.0.0.1:0",
            "PARTNERCAST_SERVER__PUBLIC_URL": "https://cast.brackenfold.example",
            "PARTNERCAST_CONTENT__DIR": str(self.content),
            "PARTNERCAST_CONTENT__IMPORT_ROSTER": "true",
            "PARTNERCAST_MAIL__RELAY": "catcher",
            "PARTNERCAST_EGRESS__ALLOW": '["127.0.0.1"]',
            "PARTNERCAST_EGRESS__HTTP": "true",
        }
        if database:
            self.environment["PARTNERCAST_DATABASE__URL"] = database
        self.serving: list[subprocess.Popen] = []
        self.log = open(folder / "serve.log", "wb")  # closed with the process

    def serve(self) -> None:
        command = [self.program, "serve", *self.config]
        self.serving.append(subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log))

    def stop(self) -> None:
        for process in self.serving:
            process.terminate()
            assert process.wait(timeout=PATIENCE_S) == 0, (self.folder / "serve.log").read_text()[-3000:]
        self.serving.clear()

    def kill(self) -> None:
        for process in self.serving:
            process.kill()
            process.wait()
        self.serving.clear()

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        command = [self.program, "social", *self.config, *arguments]
        done = subprocess.run(
            command, env=self.environment, input=typed, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert typed == "" or typed not in done.stdout + done.stderr, "a secret is shown"
        return done.returncode, done.stdout + done.stderr

    def social(self, *arguments: str, typed: str = "") -> str:
        code, said = self.run(*arguments, typed=typed)
        assert code == 0, f"{arguments}: {said}"
        return said

    def refused(self, *arguments: str, typed: str = "") -> str:
        code, said = self.run(*arguments, typed=typed)
        assert code != 0, f"{arguments}: {said}"
        return said

    def synced(self) -> None:
        """Content and roster are stored, by a process that has ended."""
        self.serve()
        until("partners", lambda: "partner northlight was not found" not in self.run("list", "--partner", "northlight")[1]
              and self.run("list", "--partner", "northlight")[0] == 0)
        self.stop()

    def publish(self, slug: str, text: str) -> None:
        """A post of yesterday's, which nobody knew before now."""
        day = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).date()
        (self.content / f"social/{slug}.md").write_text(
            f"---\nkind: social\ntitle: 'Social: {slug}'\nsummary: A post of the test.\nroles: [marketing]\n"
            f"topics: [backup]\npublish: {day}\nnetworks: [bluesky, mastodon]\nlink: blog/restores-not-backups\n"
            "image: images/social-restore-question.png\nimage_alt: 'A day in a calendar, with a ring around it'\n"
            f"---\n{text}\n"
        )

    def posts(self, account: str) -> dict[str, tuple[str, str]]:
        """Id and line of each post, by its asset."""
        lines = self.social("posts", account).splitlines()
        split = (re.split(r"  +", line) for line in lines if line.startswith("spo_"))
        return {parts[2]: (parts[0], "  ".join(parts[3:])) for parts in split}

    def stands(self, account: str, slug: str, word: str) -> str:
        """Waits until a post stands so; returns its id."""
        seen: dict[str, tuple[str, str]] = {}

        def looks() -> bool:
            seen.clear()
            seen.update(self.posts(account))
            return seen.get(f"social/{slug}", ("", ""))[1].startswith(word)

        try:
            until(f"{slug} is {word}", looks)
        except AssertionError as error:
            raise AssertionError(f"{error}; {seen}; {(self.folder / 'serve.log').read_text()[-3000:]}") from None
        return seen[f"social/{slug}"][0]

    def verdicts(self, post: str) -> list[str]:
        lines = self.social("posts", post).splitlines()
        return [found[1] for line in lines if (found := re.match(r"\d+  \S+ \S+  (\S+)", line))]

    def mails(self) -> list[str]:
        with sqlite3.connect(f"file:{self.folder}/partnercast.sqlite?mode=ro", uri=True, timeout=PATIENCE_S) as database:
            rows = database.execute("SELECT d.email || ' ' || r.subject FROM delivery d JOIN rendition r ON r.id = d.rendition_id")
            return [row[0] for row in rows]


def of(posts: list[dict], word: str) -> list[dict]:
    return [post for post in posts if word in json.dumps(post, ensure_ascii=False)]


def connected(said: str) -> str:
    return next(word for word in said.split() if word.startswith("soc_"))


def connect(house: House, bluesky: str, password: str, mastodon: str, token: str) -> tuple[str, str]:
    at = ["connect", "northlight", "bluesky", "--account", "northlight.test", "--server", bluesky, "--mode", "auto"]
    one = connected(house.social(*at, typed=password))
    at = ["connect", "northlight", "mastodon", "--server", mastodon, "--mode", "auto"]
    return one, connected(house.social(*at, typed=token))


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # A server that runs as nobody must get through.
        folder.chmod(0o755)
        (folder / "bluesky").mkdir()
        bluesky = Bluesky(folder / "bluesky")
        snac = Snac(folder)
        house = House(folder / "house")
        try:
            walk(house, bluesky, snac)
            if url := os.environ.get("TEST_POSTGRES_URL"):
                two_nodes(folder, url, bluesky, snac)
        finally:
            house.kill()
            bluesky.stop()
            snac.stop()


def walk(house: House, bluesky: Bluesky, snac: Snac) -> None:
    house.synced()
    before_bluesky, before_snac = Proxy(bluesky.port), Proxy(snac.port)
    at = ["connect", "northlight", "bluesky", "--account", "northlight.test", "--server", before_bluesky.url]
    assert "Invalid identifier or password" in house.refused(*at, typed="wrong-pass-word-here")
    said = house.refused("connect", "northlight", "mastodon", "--server", before_snac.url, typed="no-token")
    assert "does not let us in" in said, said
    assert "there are no accounts" in house.social("list"), "what was refused is not stored"
    accounts = connect(house, before_bluesky.url, bluesky.app_password, before_snac.url, snac.token)
    assert "northlight.test" in house.social("test", accounts[0])
    assert "may have 100000 characters, of which an address takes 32" in house.social("test", accounts[1])

    posts_and_reads_back(house, accounts, bluesky, snac)
    unknown_results(house, accounts, (before_bluesky, before_snac), (bluesky, snac))
    too_long(house, accounts, bluesky)
    sessions_and_passwords(house, accounts, before_bluesky, bluesky)
    limited(house, accounts, bluesky)


def posts_and_reads_back(house: House, accounts: tuple[str, str], bluesky: Bluesky, snac: Snac) -> None:
    house.serve()
    house.publish("first", "Größe & 👩‍👩‍👧: see https://a.example/x and #restores. {{ partner.name }} tests.")
    first = [house.stands(account, "first", "posted") for account in accounts]
    [there] = of(bluesky.posts(), "tests.")
    value, card = there["value"], there["value"]["embed"]["external"]
    assert value["text"] == "Größe & 👩‍👩‍👧: see https://a.example/x and #restores. Northlight MSP tests.", value
    text = value["text"].encode()
    parts = [text[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode() for f in value["facets"]]
    assert parts == ["https://a.example/x", "#restores"], parts
    assert card["thumb"]["mimeType"] == "image/png" and "?post=" in card["uri"], card
    blob = f"{bluesky.url}/xrpc/com.atproto.sync.getBlob?did={bluesky.did}&cid={card['thumb']['ref']['$link']}"
    with urllib.request.urlopen(blob, timeout=PATIENCE_S) as reply:
        assert reply.read(8) == b"\x89PNG\r\n\x1a\n"
    assert there["uri"] in house.social("posts", first[0]), "its id there is kept"
    [status] = of(snac.posts(), "tests.")
    assert "Northlight MSP" in status["content"] and "?post=" in status["content"], status
    assert "ring around it" in json.dumps(status["media_attachments"]), "the picture has its text"
    assert status["id"] in house.social("posts", first[1])
    # Nothing is due any more, whatever is looked at again.
    house.stop()
    house.serve()
    house.publish("second", "A second one by {{ partner.name }}.")
    for account in accounts:
        house.stands(account, "second", "posted")
    assert len(of(bluesky.posts(), "tests.")) == 1 and len(of(snac.posts(), "tests.")) == 1
    house.stop()


def unknown_results(house: House, accounts: tuple[str, str], proxies: tuple, peers: tuple) -> None:
    """The process is killed after the request left and arrived, and before it heard of that."""
    for number, (account, proxy, path, peer) in enumerate(zip(accounts, proxies, (PUT, STATUSES), peers)):
        word = f"unknown-{number}"
        proxy.arm(path)
        house.serve()
        house.publish(word, f"Nobody heard of {word}.")
        assert proxy.swallowed.wait(PATIENCE_S), f"nothing was sent: {proxy.seen[-5:]}"
        assert len(of(peer.posts(), word)) == 1, "it arrived"
        house.kill()
        proxy.disarm()
        sent = sum(line.startswith(f"POST {path}") for line in proxy.seen)
        house.serve()
        post = house.stands(account, word, "posted")
        assert house.verdicts(post) == ["uncertain", "found"], house.social("posts", post)
        assert len(of(peer.posts(), word)) == 1, "exactly one post"
        again = sum(line.startswith(f"POST {path}") for line in proxy.seen) - sent
        # Bluesky refuses a second one; a Mastodon server would take it, and is looked through first.
        assert again == (1 if path == PUT else 0), proxy.seen[-9:]
        other = accounts[1 - number]
        house.stands(other, word, "posted")
        house.stop()


def too_long(house: House, accounts: tuple[str, str], bluesky: Bluesky) -> None:
    """What a partner's own words make too long for one network is not cut: its people get it by mail."""
    house.serve()
    proof = '{{ partner.proof | default: "none" }} '
    house.publish("long", proof * 8 + "The end.")
    post = house.stands(accounts[0], "long", "failed")
    assert "and Bluesky takes 300" in house.social("posts", post)
    assert not of(bluesky.posts(), "The end.")
    house.stands(accounts[1], "long", "posted")
    until("the kit by mail", lambda: [m for m in house.mails() if "kara.boyd" in m and "share it yourself" in m])
    house.stop()


def sessions_and_passwords(house: House, accounts: tuple[str, str], proxy: Proxy, bluesky: Bluesky) -> None:
    bluesky.restart()
    house.serve()
    house.publish("after-restart", "Sessions are over, and the password is good.")
    post = house.stands(accounts[0], "after-restart", "posted")
    assert "signed in" in house.social("posts", post)
    house.stop()
    bluesky.revoke_app_password("first")
    bluesky.restart()
    house.serve()
    house.publish("revoked", "The password was taken back.")
    until("it has to be connected again", lambda: "needs reconnect" in house.social("list"))
    post = house.stands(accounts[0], "revoked", "due")
    assert house.verdicts(post) == ["denied"], house.social("posts", post)
    until("the notice", lambda: len([m for m in house.mails() if "has to be connected again" in m]) == 2)
    house.stands(accounts[1], "revoked", "posted")
    house.stop()
    at = ["connect", "northlight", "bluesky", "--account", bluesky.did, "--server", proxy.url, "--mode", "auto"]
    assert accounts[0] in house.social(*at, typed=bluesky.new_app_password("second")), "the same account goes on"
    house.serve()
    house.stands(accounts[0], "revoked", "posted")
    assert len(of(bluesky.posts(), "taken back")) == 1
    house.stop()


def limited(house: House, accounts: tuple[str, str], bluesky: Bluesky) -> None:
    """The server has had enough sign-ins: it says until when, and is left alone until then."""
    bluesky.restart(PDS_RATE_LIMITS_ENABLED="true")
    for _ in range(30):
        ask(
            f"{bluesky.url}/xrpc/com.atproto.server.createSession",
            {"identifier": bluesky.did, "password": "main-password"},
        )
    house.serve()
    house.publish("limited", "Too many sign-ins.")
    post = house.stands(accounts[0], "limited", "due again")
    assert house.verdicts(post) == ["limited"], house.social("posts", post)
    assert not of(bluesky.posts(), "Too many sign-ins")
    house.stands(accounts[1], "limited", "posted")
    house.stop()


def two_nodes(folder: Path, url: str, bluesky: Bluesky, snac: Snac) -> None:
    """Two processes on one PostgreSQL: each post once."""
    bluesky.restart()
    psql = shutil.which("psql") or sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    subprocess.run([psql, url, "-qc", "DROP DATABASE IF EXISTS social", "-c", "CREATE DATABASE social"], check=True)
    database = urllib.parse.urlsplit(url)._replace(path="/social").geturl()
    house = House(folder / "two", database)
    house.synced()
    accounts = connect(house, bluesky.url, bluesky.new_app_password("third"), snac.url, snac.token)
    house.serve()
    house.serve()
    try:
        for number in range(6):
            house.publish(f"shared-{number}", f"Between two nodes, number {number}.")
        for number in range(6):
            for account in accounts:
                house.stands(account, f"shared-{number}", "posted")
        for peer in (bluesky, snac):
            assert len(of(peer.posts(), "Between two nodes")) == 6, peer.posts()
        house.stop()
    finally:
        house.kill()


if __name__ == "__main__":
    sys.exit(main())
