"""A real WordPress as a partner's site: a real `partnercast serve` makes a draft there, corrects it, is killed while one is on
its way and makes it once all the same, withdraws it, and says so when it is refused; and WordPress shows our oEmbed and our loader in
a real browser.

PARTNERCAST names the program; PLAYWRIGHT_CORE and CHROMIUM as for tests/browser.
"""

import datetime
import email
import email.policy
import html
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from program import asked
from wordpress import PATIENCE_S, WordPress, free_port, until

ROOT = Path(__file__).parents[2]
PROGRAM = os.environ["PARTNERCAST"]
FIRST, SECOND = "blog/first-of-the-test", "blog/second-of-the-test"


class Serve:
    """`partnercast serve` on a folder of its own, whose mail stays in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, port = folder, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "partnercast.toml"
        shutil.copytree(ROOT / "content", folder / "content")
        (folder / "token.keys").write_text(os.urandom(32).hex() + "\n")
        (folder / "token.keys").chmod(0o600)
        self.config.write_text(f"""
[server]
listen = "127.0.0.1:{port}"
[database]
url = "sqlite:test.sqlite"
[content]
dir = "content"
import_roster = true
[mail]
relay = "catcher"
mailbox = "mailbox"
[secrets]
token_keys_file = "token.keys"
[console]
open = true
[egress]
allow = ["127.0.0.1"]
http = true
""")
        self.start()

    def start(self) -> None:
        log = (self.folder / "serve.log").open("ab")
        self.process = subprocess.Popen([PROGRAM, "serve", "--config", self.config], stdout=log, stderr=log)
        log.close()
        until("serve", lambda: self.status("/readyz") == 200 or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "serve.log").read_text()[-2000:]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE_S)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)

    def ask(self, path: str, **form: str) -> tuple[int, str]:
        return asked(f"{self.url}{path}", **form)

    def status(self, path: str) -> int:
        return self.ask(path)[0]

    def site(self, *arguments: str) -> str:
        command = [PROGRAM, "site", *arguments, "--config", self.config]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def connect(self, wordpress: WordPress, password: str) -> tuple[int, str]:
        yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=2)
        form = {"partner": "northlight", "url": wordpress.url, "username": "partner", "password": password, "mode": "draft"}
        return self.ask("/console/sites", **form, since=str(yesterday), contact_email="web@northlight.example")

    def write(self, reference: str, title: str, words: str) -> None:
        day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
        (self.folder / f"content/{reference}.md").write_text(f"""---
kind: blog
title: {title}
summary: What it says.
author: Priya Raman
roles: [sales]
publish: {day}
---
{words}

[Talk to us](asset:pages/talk-to-us)
""")

    def mails(self) -> list[email.message.EmailMessage]:
        files = sorted((self.folder / "mailbox/new").glob("*"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def audit(self, action: str) -> list[str]:
        with sqlite3.connect(f"file:{self.folder / 'test.sqlite'}?mode=ro", uri=True) as db:
            return [row[0] for row in db.execute("SELECT detail FROM audit WHERE action = ? ORDER BY id", [action])]


def test(wordpress: WordPress, serve: Serve) -> None:
    serve.write(FIRST, "First of the test", "It takes 4 hours.")
    until("the article", lambda: serve.status(f"/p/northlight/{FIRST}") == 200)
    status, page = serve.connect(wordpress, "not the password")
    assert "refuses the name or the password" in page and "there are no sites" in serve.site("list"), page
    status, page = serve.connect(wordpress, wordpress.password())
    assert status == 200 and "Connected" in page, page
    site = re.search(r"sit_[0-9a-f]+", serve.site("list"))[0]

    # A draft, once, with what is known of it.
    until("the draft", lambda: "placed" in serve.site("posts", site))
    [first] = wordpress.posts()
    assert (first["status"], first["title"]) == ("draft", "First of the test"), first
    content = wordpress.content(first["id"])
    assert "It takes 4 hours." in content and f'href="{serve.url}/t/' in content, content
    assert f"post {first['id']}" in serve.site("posts", site)
    print("made:", serve.site("posts", site).splitlines()[-1])

    # A correction changes the same post.
    serve.write(FIRST, "First of the test", "It takes 6 hours.")
    until("the correction", lambda: "It takes 6 hours." in wordpress.content(first["id"]))
    assert [post["id"] for post in wordpress.posts()] == [first["id"]]

    # WordPress shows a page of ours by its address alone: a quotation, and a frame in a sandbox.
    address = f"{serve.url}/p/northlight/{FIRST}"
    pasted = wordpress.php(
        "", "echo wp_insert_post(['post_title' => 'Pasted', 'post_status' => 'publish', 'post_author' => 1,"
        f" 'post_content' => \"Look:\\n\\n{address}\\n\\nThere.\"]);")
    shown = wordpress.get(f"/?p={pasted}")
    frame = re.search(r"<iframe[^>]*>", shown)
    assert frame and 'sandbox="allow-scripts"' in frame[0] and f"{address}/embed#?secret=" in frame[0], shown
    assert 'class="wp-embedded-content"' in shown and "<blockquote" in shown and "First of the test" in shown, shown
    print("oEmbed:", frame[0])

    # The same in a browser, and with the loader that a person pastes as HTML.
    code = html.unescape(serve.ask("/console/partners/northlight/embed")[1])
    script = re.search(r"<script async [^>]*integrity=[^>]*></script>", code)[0]
    place = f'<div data-partnercast="northlight/{FIRST}" style="min-height:640px"><a href="{address}">First of the test</a></div>'
    with_loader = wordpress.php(
        "", "wp_set_current_user(1); kses_remove_filters(); echo wp_insert_post(['post_title' => 'Loaded', 'post_status' => 'publish',"
        f" 'post_author' => 1, 'post_content' => '<!-- wp:html -->{script}{place}<!-- /wp:html -->']);")
    pages = [f"{wordpress.url}/?p={number}" for number in (with_loader, pasted)]
    looked = subprocess.run(["node", Path(__file__).parent / "wordpress_pages.mjs", serve.url, *pages], capture_output=True, text=True, timeout=PATIENCE_S)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    print(looked.stdout.rstrip())

    # Killed while a request is on its way that WordPress carries out: there is one post in the end.
    wordpress.slow.touch()
    serve.write(SECOND, "Second of the test", "It takes 1 hour.")
    until("the second post", lambda: len(wordpress.posts()) == 2)
    serve.kill()
    wordpress.slow.unlink()
    serve.start()
    assert "the process ended while it was on its way" in serve.site("posts", site)
    until("the second post to be known", lambda: serve.site("posts", site).count("  placed") == 2)
    assert len(wordpress.posts()) == 2, wordpress.posts()
    [second] = [post for post in wordpress.posts() if post["title"] == "Second of the test"]
    assert f"post {second['id']}" in serve.site("posts", site)
    print("killed while it was on its way: one post,", second)

    # What somebody at the partner's published is a draft again once it is recalled, and comes back.
    wordpress.php("", f"wp_publish_post({first['id']});")
    assert f"{first['id']}\tpublish" in wordpress.sql(f"SELECT ID, post_status FROM wp_posts WHERE ID = {first['id']}")
    form = {"reference": FIRST, "because": "a wrong number", "to": SECOND, "sure": "yes"}
    assert serve.ask("/console/recalls", **form)[0] == 200
    state = lambda: next(post for post in wordpress.posts() if post["id"] == first["id"])
    until("the withdrawal", lambda: state()["status"] == "draft")
    assert state()["title"] == "This is no longer available" and "6 hours" not in wordpress.content(first["id"])
    until("that it is known", lambda: "  withdrawn" in serve.site("posts", site))
    assert serve.ask("/console/recalls/lift", reference=FIRST)[0] == 200
    until("its return", lambda: "It takes 6 hours." in wordpress.content(first["id"]))
    assert len(wordpress.posts()) == 2

    # A password that is good no more: nothing is lost, somebody hears of it, and it goes on with another one.
    wordpress.revoke()
    serve.write(FIRST, "First of the test", "It takes 7 hours.")
    until("the refusal", lambda: "refused: it refuses the name or the password" in serve.site("list"))
    told = lambda: [mail for mail in serve.mails() if "takes no more posts" in mail["subject"]]
    until("the mails", lambda: len(told()) == 2)
    assert {mail["to"].addresses[0].addr_spec for mail in told()} == {"web@northlight.example", "tom.beckett@brackenfold.example"}
    assert "It takes 6 hours." in wordpress.content(first["id"])
    status, page = serve.connect(wordpress, wordpress.password())
    assert "Connected" in page, page
    until("the rest", lambda: "It takes 7 hours." in wordpress.content(first["id"]))
    assert site in serve.site("list") and len(wordpress.posts()) == 2

    audit = serve.audit("post-to-site")
    assert any(f"make {FIRST}: post {first['id']}" == line for line in audit), audit
    assert f"{SECOND}: the process ended while it was on its way" in audit, audit
    assert any(line.startswith(f"withdraw {FIRST}") for line in audit), audit
    assert len(serve.audit("try-site")) == 1 and len(serve.audit("connect-site")) == 2
    assert not any("password" in line and "refuses" not in line for line in audit), audit
    sealed = sqlite3.connect(serve.folder / "test.sqlite").execute("SELECT sealed FROM site").fetchone()[0]
    assert re.fullmatch(r"[0-9a-f]{8}\.[A-Za-z0-9_-]+", sealed), sealed
    print(len(audit), "entries in the audit log")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wordpress = WordPress(Path(folder))
        try:
            (Path(folder) / "partnercast").mkdir()
            serve = Serve(Path(folder) / "partnercast")
            try:
                test(wordpress, serve)
            except BaseException:
                print((serve.folder / "serve.log").read_text()[-6000:])
                raise
            finally:
                serve.stop()
        finally:
            wordpress.stop()


if __name__ == "__main__":
    sys.exit(main())
