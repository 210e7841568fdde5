"""Every page of the program, asked for once: a walk through the demo and the author's preview, with what is found on
the way sent off (forms, offers, a report that a mail came back), so that the pages behind it are there too."""

import email
import email.policy
import http.server
import json
import os
import re
import socketserver
import sqlite3
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from program import PATIENCE_S, Form, Program, Reply, form

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates/pages"
# A partner a language: their pages and their mail.
PARTNERS = {"en": "northlight", "ar": "dune-gate", "ja": "hoshikawa"}
# Templates that are shown in the reader's language.
PUBLIC = ["home", "asset", "talk", "embed", "embedded", "thanks", "problem", "withdrawn", "preferences", "calendar", "share", "lost"]
# Kinds of content that customers may open.
FOLDERS = {"blog", "whitepapers", "webinars", "case-studies", "videos", "datasheets"}
CONSOLE = [
    (r"/console", "overview"),
    (r"/console/content", "content"),
    (r"/console/content/.+", "preview"),
    (r"/console/issues/[^/]+", "issue"),
    (r"/console/issues/.+/people/[^/]+", "person"),
    (r"/console/audience/[^.]+", "audience"),
    (r"/console/promises", "promises"),
    (r"/console/calendar", "calendar"),
    (r"/console/promises/.+", "promise"),
    (r"/console/messages", "messages"),
    (r"/console/sequences", "sequences"),
    (r"/console/sequences/.+", "sequence"),
    (r"/console/dead-letters", "dead_letters"),
    (r"/console/ladder", "ladder"),
    (r"/console/ladder\?.+", "ladder"),
    (r"/console/ladder/[^.]+", "ladder_rows"),
    (r"/console/attribution", "attribution"),
    (r"/console/attribution/deals(\?.*)?", "attribution_deals"),
    (r"/console/conflicts", "conflicts"),
    (r"/console/conflicts/[^/]+", "conflict"),
    (r"/console/leads", "leads"),
    (r"/console/leads/[^/]+", "lead"),
    (r"/console/partners", "partners"),
    (r"/console/partners/[^/]+", "partner"),
    (r"/console/partners/.+/embed", "embeds"),
    (r"/console/suppressions", "suppressions"),
    (r"/console/suppressions/reports/.+", "report"),
    (r"/console/sites", "sites"),
    (r"/console/webhooks", "webhooks"),
    (r"/console/webhooks/[^/]+", "webhook"),
    (r"/console/social(\?.+)?", "social"),
    (r"/console/social/[^/]+", "social_account"),
    (r"/console/revisions/.+", "revisions"),
    (r"/console/diff/.+", "diff"),
]
# How many pages of one template are asked for; they differ in words.
OF_EACH_MAX = 14
SECRET = "a-secret-of-the-test-alone"
PERSON = {
    "name": "Nora Quist",
    "email": "nora.quist@clinic.example",
    "company": "Lakeside Clinic",
    "phone": "+1 555 0134",
    "message": "We had a failed restore last week.",
}
TAKEN_BACK = """---
kind: blog
title: Four hours
summary: How long it takes.
roles: [sales]
publish: 2027-01-05
author: Priya Raman
---
"""


@dataclass
class Page:
    """What a browser gets: the template it was made of, its language, its address and its HTML."""

    template: str
    lang: str
    path: str
    html: str


class Relay(socketserver.StreamRequestHandler):
    """A mail server that takes everything and keeps nothing."""

    def handle(self) -> None:
        self.wfile.write(b"220 relay.example\r\n")
        in_data = False
        for line in self.rfile:
            if in_data:
                in_data = line != b".\r\n"
                if not in_data:
                    self.wfile.write(b"250 taken\r\n")
                continue
            word = line[:4].upper().strip()
            in_data = word == b"DATA"
            self.wfile.write(b"354 go on\r\n" if in_data else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


class Site(http.server.BaseHTTPRequestHandler):
    """A partner's own site, as far as it is asked: an account that may post, and a post that was made."""

    def do_GET(self) -> None:
        account = {"id": 1, "capabilities": {"edit_posts": True, "publish_posts": True}}
        self.say(account if "users/me" in self.path else [])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.say({"id": 7, "link": "https://northlight.example/?p=7"})

    def say(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Applications(Site):
    """A server of the Mastodon API that makes every application known."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.say({"client_id": "app", "client_secret": "hush"})


class Walk:
    """The pages that were seen, and the folder of the demo they come from."""

    def __init__(self, folder: Path) -> None:
        self.pages: list[Page] = []
        self.mails: dict[str, email.message.EmailMessage] = {}
        self.renditions: dict[str, str] = {}
        self.styles: dict[str, str] = {}
        self.folder = folder

    def keep(self, template: str, reply: Reply, status: int = 200) -> Reply:
        assert reply.status == status, f"{template} at {reply.path}: {reply.status} and not {status}"
        assert reply.kind.startswith("text/html"), f"{template} at {reply.path}: {reply.kind}"
        self.pages.append(Page(template, lang_of(reply.text), reply.path, reply.text))
        return reply

    def all(self) -> "Walk":
        here = {
            "PARTNERCAST_BOUNCES__HTTP_SECRET": SECRET,
            "PARTNERCAST_SERVER__TRUSTED_PROXIES": '["127.0.0.1/32"]',
            "PARTNERCAST_EGRESS__ALLOW": '["127.0.0.1"]',
            "PARTNERCAST_EGRESS__HTTP": "true",
        }
        demo = Program.demo(self.folder, **here)
        try:
            self.public(demo)
            # While the first mails are on their way.
            self.preview()
            self.mail(demo)
            self.forms(demo)
            self.came_back(demo)
            self.console(demo)
            self.withdrawn(demo)
            self.keep("public/preferences", self.ask_to_stop(demo))
        finally:
            demo.stop()
        self.nothing_left_out()
        return self

    def mailbox(self) -> list[email.message.EmailMessage]:
        """What has arrived, the oldest first."""
        files = sorted((self.folder / "mailbox/new").iterdir())
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def arrived(self) -> set[str]:
        """The languages in which mail has arrived; the first of each is kept."""
        for mail in self.mailbox():
            self.mails.setdefault(lang_of(mail.get_body(("html",)).get_content()), mail)
        return set(self.mails)

    def public(self, demo: Program) -> None:
        """Every public page of every partner, and pages that are not there."""
        slugs = sorted(path.name for path in (ROOT / "content/roster/brands").iterdir())
        for slug in slugs:
            home = self.keep("public/home", demo.ask(f"/p/{slug}"))
            for style in links(home, r"/.+\.css"):
                self.styles[style.split("?")[0]] = demo.get(style).decode()
            self.keep("public/talk", demo.ask(f"/p/{slug}/talk-to-us"))
            self.keep("public/embed", demo.ask(f"/p/{slug}/forms/talk-to-us/embed"))
            self.keep("public/embedded", demo.ask(f"/p/{slug}/embed"))
            self.keep("public/problem", demo.ask(f"/p/{slug}/blog/not-there"), 404)
            for path in links(home, rf"/p/{slug}/[a-z-]+/[a-z0-9-]+"):
                self.keep("public/asset", demo.ask(path))
                self.keep("public/embedded", demo.ask(f"{path}/embed"))
        for path in ("/p/nobody", "/nothing"):
            self.keep("problem", demo.ask(path), 404)
        for link in ("c/not-a-token/1", "r/not-a-token", "u/not-a-token", "o/not-a-token", "feeds/not-a-token.atom"):
            for lang in PARTNERS:
                self.keep("public/lost", demo.ask(f"/{link}?lang={lang}"), 404)

    def mail(self, demo: Program) -> None:
        """The first mail of each language, from the mailbox, and what its links lead to."""
        until("mail in every language", lambda: self.arrived() >= set(PARTNERS), 2 * PATIENCE_S)
        for lang in PARTNERS:
            html = self.mails[lang].get_body(("html",)).get_content()
            self.keep("public/preferences", demo.ask(found(html, r"/u/[^\"]+")))
            in_browser = found(html, r"/v/[^\"]+")
            self.renditions[in_browser] = demo.get(in_browser).decode()
            self.share(demo, html)
        inbox = self.keep("inbox/list", demo.ask("/inbox"))
        [path] = links(inbox, r"/inbox/.+")[:1]
        for part in ("", "?part=text", "?part=headers", "?part=source"):
            self.keep("inbox/mail", demo.ask(path + part))
        self.keep("story/page", demo.ask("/"))

    def share(self, demo: Program, mail: str) -> None:
        """What one of the partner's people is given to post, from a page that their mail leads to; and that they did."""
        for link in dict.fromkeys(re.findall(r"/c/[A-Za-z0-9_-]+/\d+", mail)):
            reply = demo.ask(link)
            shares = links(reply, r"/p/.+/share") if reply.status == 200 and "html" in reply.kind else []
            if shares:
                kit = self.keep("public/share", demo.ask(shares[0]))
                self.keep("public/share", demo.send(form(kit, "/share")))
                return
        raise AssertionError("no page of the mail can be shared")

    def forms(self, demo: Program) -> None:
        """In each language: a form with faults, then rightly; a hand raised; and the rep's side of it."""
        for number, slug in enumerate(PARTNERS.values()):
            # Each from a network of their own: nobody sends so many forms in a minute.
            demo.headers["X-Forwarded-For"] = f"10.0.{number}.1"
            path = f"/p/{slug}/whitepapers/proof-of-recovery"
            gate = form(demo.ask(path), path)
            self.keep("public/asset", demo.send(gate, email="nora.quist at clinic"), 422)
            thanks = self.keep("public/thanks", demo.send(gate, **filled(gate)))
            hand = form(thanks, "/r/")
            self.keep("public/thanks", demo.send(hand, email="no"), 422)
            self.keep("public/thanks", demo.send(hand, **filled(hand)))
            path = f"/p/{slug}/talk-to-us"
            talk = form(demo.ask(path), path)
            self.keep("public/talk", demo.send(talk, email=""), 422)
            self.keep("public/thanks", demo.send(talk, **filled(talk, email=f"someone.else@{slug}-customer.example")))
        del demo.headers["X-Forwarded-For"]
        offer = self.in_mail("an offer to a rep", r"/o/[^\"]+")
        teaser = self.keep("desk/teaser", demo.ask(offer))
        card = self.keep("desk/card", demo.send(form(teaser, "/open")))
        accepted = self.keep("desk/card", demo.send(form(card, "/accept")))
        self.keep("desk/leads", demo.ask("/desk"))
        contacted = self.keep("desk/card", demo.send(form(accepted, "/contacted")))
        sold = {"value": "12500.50", "currency": "USD"}
        undated = self.keep("desk/card", demo.send(form(contacted, "/sql"), **sold), 422)
        confirmed = self.keep("desk/card", demo.send(form(undated, "/sql"), **sold, close_date="2027-03-31"))
        self.keep("desk/card", demo.send(form(confirmed, "/won"), **sold | {"value": "-1"}), 422)
        self.keep("desk/card", demo.send(form(confirmed, "/won"), **sold))
        self.keep("desk/closed", demo.ask("/desk/closed?q=a"))
        self.desk_of_manager(demo)

    def desk_of_manager(self, demo: Program) -> None:
        """A channel manager has a link mailed to them and looks at how their partners work their leads."""
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        asked = demo.ask("/desk/sign-in", b"email=tom.beckett%40brackenfold.example", **typed)
        self.keep("desk/enter", asked)
        link = self.in_mail("a link to a desk", r"/desk/enter/[^\"]+")
        entering = self.keep("desk/enter", demo.ask(link))
        self.keep("desk/leads", demo.send(form(entering, "/desk/enter")))
        team = self.keep("desk/team", demo.ask("/desk/team"))
        [lead, *_] = links(team, r"/desk/leads/[^/]+")
        giving = self.keep("desk/give", demo.ask(f"{lead}/give"))
        self.keep("desk/give", demo.send(form(giving, "/give"), to="", because="on leave"), 422)
        # The same person filled in forms of several partners: a rule decided who goes on.
        [case, *_] = links(demo.ask("/console/conflicts"), r"/console/conflicts/.+")
        decided = self.keep("desk/conflict", demo.ask(case.replace("/console/", "/desk/")))
        again = self.keep("desk/conflict", demo.send(form(decided, "/again"), because="they asked for somebody near by"))
        self.keep("problem", demo.send(form(again, "/desk/conflicts/"), winner="nobody", because=""), 422)

    def in_mail(self, what: str, pattern: str) -> str:
        """The first such link in mails that are no newsletter; those are kept."""
        links = []

        def look() -> bool:
            for mail in self.mailbox():
                if mail["list-id"] is None:
                    self.mails[str(mail["subject"])] = mail
                links.append(found(mail.get_body(("html",)).get_content(), pattern))
            return any(links)

        until(what, look)
        return next(link for link in links if link)

    def came_back(self, demo: Program) -> None:
        """A report that the mailbox of the Japanese reader is gone."""
        mail = self.mails["ja"]
        report = (
            f"From: mailer-daemon@mx.example\r\nTo: {mail['return-path'].strip('<>')}\r\nSubject: failed\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
            f"Final-Recipient: rfc822; {mail['delivered-to']}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
        )
        reply = demo.ask(
            f"/in/mail?to={urllib.parse.quote(mail['return-path'].strip('<>'))}",
            report.encode(),
            **{"Authorization": f"Bearer {SECRET}", "Content-Type": "message/rfc822"},
        )
        assert reply.status == 200, reply.text
        self.keep("console/report", demo.ask(f"/console/suppressions/reports/{reply.text.split()[0]}"))

    def console(self, demo: Program) -> None:
        """Everything that links of the console lead to."""
        todo, seen, count = ["/console"], set(), {}
        while todo:
            path = todo.pop(0)
            bare = urllib.parse.urlsplit(path).path
            template = next((name for pattern, name in CONSOLE if re.fullmatch(pattern, bare)), None)
            # The most particular pattern comes last.
            for pattern, name in CONSOLE:
                template = name if re.fullmatch(pattern, bare) else template
            if template is None or path in seen or count.get(template, 0) >= OF_EACH_MAX:
                continue
            seen.add(path)
            count[template] = count.get(template, 0) + 1
            page = self.keep(f"console/{template}", demo.ask(path))
            todo += links(page, r"/console/.+")
            for html in links(page, r"/console/renditions/[^/]+"):
                if html not in self.renditions:
                    self.renditions[html] = demo.ask(f"{html}/html").text
        path = "whitepapers/proof-of-recovery"
        for lang in PARTNERS:
            self.keep("console/preview", demo.ask(f"/console/content/{path}?lang={lang}"))
        for slug in PARTNERS.values():
            [calendar] = links(demo.ask(f"/console/partners/{slug}"), r"/calendars/.+")
            self.keep("public/calendar", demo.ask(calendar))
        [calendar, *_] = links(demo.ask("/console/promises"), r"/calendars/.+")
        self.keep("public/calendar_vendor", demo.ask(calendar))
        self.keep("console/calendar", demo.ask("/console/calendar?month=2028-01&partner=northlight"))
        self.keep("problem", demo.ask("/console/issues/none"), 404)
        self.keep("console/returned", demo.ask(self.returned_issue()))
        # Approved as it was once, and not as it is.
        issue = next(page.path for page in self.pages if page.template == "console/issue")
        self.keep("console/stale", demo.send(Form(f"{issue}/approve", {"content_hash": "0" * 64}, {}, [])), 409)
        listed = self.keep("console/suppressions", demo.ask("/console/suppressions"))
        add = form(listed, "/add")
        self.keep("console/suppressions", demo.send(add, address="not an address"))
        self.keep("console/suppressions", demo.send(add, address="gone@clinic.example", because="asked by telephone"))
        self.sites(demo)
        hooks = self.keep("console/webhooks", demo.ask("/console/webhooks"))
        add = form(hooks, "/console/webhooks")
        self.keep("console/webhooks", demo.send(add, name="CRM", url="https://127.1/", contact_email="ops@crm.example"))
        added = demo.send(add, name="CRM", url="https://crm.example/in", contact_email="ops@crm.example")
        [endpoint, *_] = links(self.keep("console/webhooks", added), r"/console/webhooks/whe_[^/?]+")
        hook = self.keep("console/webhook", demo.ask(endpoint))
        self.keep("console/webhook", demo.send(form(hook, "/secret")))
        self.social(demo)
        self.keep("console/sign_in", demo.ask(self.sign_in_link(demo)))
        self.keep("problem", demo.ask("/console/sign-in"))

    def social(self, demo: Program) -> None:
        """An account in which a person posts, with one post, as the console and as the partner's people see it."""
        add = form(self.keep("console/social", demo.ask("/console/social?partner=northlight")), "/console/social")
        self.keep("console/social", demo.send(add, network="bluesky", mode="auto"))
        self.invitation(demo)
        added = self.keep("console/social_account", demo.send(add, network="x", account="@northlight", mode="share_kit"))
        account = urllib.parse.urlsplit(added.path).path.rsplit("/", 1)[1]
        post = "spo_" + "f" * 32
        content = {"text": "Words <b>to share</b>", "link": f"{demo.url}/t/1", "title": "", "summary": "", "locale": "en"}
        with sqlite3.connect(self.folder / "partnercast.sqlite", timeout=PATIENCE_S) as database:
            said = json.dumps(content | {"image": "", "alt": ""})
            row = (post, account, "northlight", "social/x", said, "0" * 64, "kit", 0, 0, 0, 0)
            database.execute(
                "INSERT INTO social_post (id, account_id, partner_slug, asset, content, hash, state, made_ms, ready_ms, due_ms,"
                " ended_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        page = self.keep("console/social_account", demo.ask(f"/console/social/{account}?post={post}"))
        [own] = links(page, r"/post/.+")
        self.keep("desk/post", demo.ask(own))

    def invitation(self, demo: Program) -> None:
        """What whoever is invited to connect an account at its server sees, there and back."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Applications)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        invite = form(demo.ask("/console/social"), "/console/social/invite")
        self.keep("console/social", demo.send(invite, partner="northlight", server="ftp://a"))
        made = demo.send(invite, partner="northlight", server=f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        [link] = re.findall(r'id="invitation"[^>]* value="([^"]+)"', self.keep("console/social", made).text)
        begin = self.keep("desk/connect", demo.ask(urllib.parse.urlsplit(unescape(link)).path)).text
        [there] = re.findall(r'href="([^"]+/oauth/authorize[^"]+)"', begin)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(unescape(there)).query)
        back, [state] = urllib.parse.urlsplit(asked["redirect_uri"][0]).path, asked["state"]
        self.keep("desk/connect", demo.ask(f"{back}?code=abc&state={state}"))
        # Once it was answered, another visit begins.
        self.keep("desk/connect", demo.ask(f"{back}?error=access_denied&state={state}"))

    def returned_issue(self) -> str:
        """An issue of which only the record is left that it was returned to draft."""
        with sqlite3.connect(self.folder / "partnercast.sqlite", timeout=PATIENCE_S) as database:
            row = ("evt_" + "f" * 32, 0, "Ingrid", "return-to-draft", "iss_gone", "fold-forward/2031-01-14 hash")
            database.execute("INSERT INTO audit (id, at_ms, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)", row)
        return "/console/issues/iss_gone"

    def sign_in_link(self, demo: Program) -> str:
        """The administrator's, as the command line prints it."""
        command = [os.environ["PARTNERCAST"], "sign-in", "--config", self.folder / "partnercast.toml"]
        environment = os.environ | {"PARTNERCAST_SERVER__PUBLIC_URL": demo.url}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S, check=True)
        return urllib.parse.urlsplit(done.stdout.strip()).path

    def withdrawn(self, demo: Program) -> None:
        """A text that is written, corrected, taken away and recalled: what colleagues and customers see."""
        reference = "blog/taken-back"
        file = self.folder / f"content/{reference}.md"
        page = f"/p/{PARTNERS['en']}/{reference}"
        for words in ("It takes 4 hours.", "It takes 6 hours."):
            file.write_text(f"{TAKEN_BACK}{words}\n")
            until(words, lambda: words in demo.ask(page).text)
        revisions = self.keep("console/revisions", demo.ask(f"/console/revisions/{reference}.md"))
        [diff] = links(revisions, r"/console/diff/.+")
        self.keep("console/diff", demo.ask(diff))
        recall = form(revisions, "/console/recalls")
        self.keep("console/revisions", demo.send(recall, because="", sure="yes"))
        file.unlink()
        until("the sync", lambda: demo.ask(page).status == 404)
        self.keep("console/revisions", demo.send(recall, because="the figures are wrong", sure="yes"))
        for slug in PARTNERS.values():
            self.keep("public/withdrawn", demo.ask(f"/p/{slug}/{reference}"), 410)
            self.keep("public/embedded", demo.ask(f"/p/{slug}/{reference}/embed"), 410)

    def sites(self, demo: Program) -> None:
        """A site that cannot be connected, and one that is; and what partners paste into theirs."""
        connect = form(self.keep("console/sites", demo.ask("/console/sites")), "/console/sites")
        self.keep("console/sites", demo.send(connect, partner="northlight", url="ftp://a", username="ada", password="no"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        asked = {"partner": "northlight", "username": "ada", "password": "abcd", "since": "2027-01-01", "mode": "draft"}
        site = demo.send(connect, url=url, **asked)
        until("a post", lambda: "stands there" in demo.ask(site.path).text)
        self.keep("console/site", demo.ask(site.path))
        self.keep("console/sites", demo.ask("/console/sites"))
        self.keep("console/sites", demo.send(form(demo.ask(site.path), "/disconnect")))
        server.shutdown()
        for lang, slug in PARTNERS.items():
            pasted = demo.ask(f"/console/partners/{slug}/embed").text
            [whole] = re.findall(r'<textarea id="whole"[^>]*>([^<]*)</textarea>', pasted)
            self.pages.append(Page("public/hosted", lang, f"/console/partners/{slug}/embed", unescape(whole)))

    def ask_to_stop(self, demo: Program) -> Reply:
        """The last thing a reader does."""
        html = self.mails["ar"].get_body(("html",)).get_content()
        page = demo.ask(found(html, r"/u/[^\"]+"))
        return demo.send(form(page, "/u/"), do="stop")

    def preview(self) -> None:
        """The author's pages, and what stands in their panes."""
        relay = socketserver.TCPServer(("127.0.0.1", 0), Relay)
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        config = self.folder / "preview.toml"
        keys = self.folder / "token.keys"
        config.write_text(
            f'[database]\nurl = "sqlite:none.sqlite"\n[secrets]\ntoken_keys_file = "{keys}"\n'
            f'[mail]\nrelay = "smtp://127.0.0.1:{relay.server_address[1]}"\n'
            'return_path_domain = "bounces.brackenfold.example"\n'
        )
        preview = Program("preview", ROOT / "content", "--config", config)
        try:
            every = self.keep("preview/list", preview.ask("/"))
            assets = links(every, r"/assets/.+")
            assert len(assets) > 30, assets
            for path in assets:
                page = self.keep("preview/asset", preview.ask(path))
                for frame in re.findall(r"<iframe[^>]* src=\"([^\"]+)\"", page.text):
                    self.frame(preview, unescape(frame))
            issue = "/newsletters/fold-forward/2027-01-12"
            for slug in PARTNERS.values():
                for role in ("sales", "technical", "executive"):
                    self.frame(preview, f"/frames{issue}?partner={slug}&role={role}")
                self.frame(preview, f"/frames/whitepapers/proof-of-recovery?partner={slug}&channel=mail")
                self.frame(preview, f"/frames/social/restore-question?partner={slug}&dark=1")
            two = "partner=northlight&role=sales&beside=1&partner2=dune-gate&role2=executive&dark=1&width=360"
            self.keep("preview/asset", preview.ask(f"/assets{issue}?{two}"))
            page = self.keep("preview/asset", preview.ask(f"/assets{issue}?partner=northlight"))
            reference = self.keep("preview/reference", preview.ask("/reference"))
            for path in links(reference, r"/reference/.+"):
                self.keep("preview/reference", preview.ask(path))
            self.keep("problem", preview.ask("/assets/blog/not-there"), 404)
            self.keep("preview/sent", preview.send(form(page, "/send/"), to="me@brackenfold.example"))
        finally:
            preview.stop()
            relay.shutdown()

    def frame(self, preview: Program, path: str) -> None:
        reply = preview.ask(path)
        if not reply.kind.startswith("text/html"):
            return
        is_mail = "xmlns:v=" in reply.text
        if is_mail:
            self.renditions[path] = reply.text
        else:
            self.keep("public/asset" if "/brand.css" in reply.text else "preview/text", reply)

    def nothing_left_out(self) -> None:
        """Every template that is a page of its own was seen, the public ones in each language."""
        own = {
            str(path.relative_to(TEMPLATES).with_suffix(""))
            for path in TEMPLATES.rglob("*.html")
            if "{% extends" in path.read_text() or "<!doctype" in path.read_text() and path.parent.name != "frame"
        }
        seen = {page.template for page in self.pages}
        assert own <= seen, f"no page was made of {sorted(own - seen)}"
        folders = {page.path.split("/")[-2] for page in self.pages if page.template == "public/asset"}
        assert folders >= FOLDERS, f"nobody has a page of {FOLDERS - folders}"
        for template in PUBLIC:
            langs = {page.lang for page in self.pages if page.template == f"public/{template}"}
            assert langs >= set(PARTNERS), f"public/{template} was seen in {sorted(langs)} only"


def until(what: str, probe: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Waits until `probe` holds."""
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def lang_of(html: str) -> str:
    """The language of a page as it says, without a region."""
    said = re.search(r"<html\b[^>]*?\blang=\"([^\"-]*)", html)
    return said[1] if said else ""


def found(html: str, pattern: str) -> str:
    """The path of the first link to a page of ours that fits; empty without one."""
    link = re.search(rf"href=\"http://[^/]+({pattern})\"", html)
    return unescape(link[1]) if link else ""


def links(reply: Reply, pattern: str) -> list[str]:
    """The addresses of a page's links that fit, once each."""
    found = (unescape(link).split("#")[0] for link in re.findall(r"href=\"(/[^\"]*)\"", reply.text))
    return list(dict.fromkeys(link for link in found if re.fullmatch(pattern, urllib.parse.urlsplit(link).path)))


def filled(one, **other: str) -> dict[str, str]:
    """Every field filled with something that fits, every box ticked, and nothing typed where people see nothing."""
    fields = {name: PERSON.get(name, value or "Lakeside") for name, value in one.values.items() if name != "website"}
    return fields | one.choices | {name: "yes" for name in one.boxes} | other
