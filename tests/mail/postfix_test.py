#!/usr/bin/env python3
"""One issue through a real mail server, read by a parser that is not ours.

A private Postfix (its own configuration, queue and port; nothing of the system's) is the relay of `partnercast serve`
and keeps every mail in a Maildir. The messages are then taken apart with Python's email package, and their signatures
checked by dkimpy, for which tests/run names its folder in PYTHONPATH. The program's own time runs: a copy of the content
promises an issue for the next minute.
"""

import base64
import datetime
import email
import email.policy
import glob
import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import dkim

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PARTNERCAST", str(ROOT / "target/debug/partnercast"))
KEYS = ROOT / "tests/keys"
DOMAIN = "partners.brackenfold.example"
READERS = 33
PATIENCE_S = 150


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find(name):
    for folder in ("/usr/sbin", "/usr/bin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix"):
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    raise SystemExit(f"{name} is missing; tests/run installs it")


class Postfix:
    """A Postfix that takes mail for everybody and delivers it to one Maildir."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.config = folder / "etc"
        self.maildir = folder / "mail" / "everybody"
        daemons = os.path.dirname(find("smtpd"))
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir()
        # Postfix starts as root and works as its own user; that user keeps the mail too.
        user = pwd.getpwnam("postfix")
        for name in ("data", "mail"):
            os.chown(folder / name, user.pw_uid, user.pw_gid)
        for path in (folder, folder.parent):
            path.chmod(0o755)
        (self.config / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = {grp.getgrnam("postdrop").gr_name}
myhostname = relay.test.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:everybody/
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
smtputf8_enable = yes
default_database_type = hash
""")
        services = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
        (self.config / "master.cf").write_text(services.format(port=self.port))

    def command(self, *arguments):
        done = subprocess.run(
            [find("postfix"), "-c", str(self.config), *arguments], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    def start(self):
        code, said = self.command("start")
        if code != 0:
            raise SystemExit(f"Postfix does not start:\n{said}\n{self.log()}")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise SystemExit(f"Postfix does not listen:\n{self.log()}")

    def stop(self):
        self.command("abort")

    def log(self):
        path = self.folder / "postfix.log"
        return path.read_text() if path.exists() else ""

    def messages(self):
        return [pathlib.Path(path).read_bytes() for path in sorted(glob.glob(f"{self.maildir}/new/*"))]


def promised():
    """The next full minute that leaves time to start, as the program's calendar has it."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=75)
    return at.replace(second=0, microsecond=0)


def copy_content(folder, at):
    """The demo's content, with one issue promised for `at` in UTC everywhere."""
    shutil.copytree(ROOT / "content", folder)
    # The calendar's rules of the demo would move some readers' hour on some days of the week.
    for name in ("calendar.toml", "norway.ics", "frequency.toml"):
        (folder / "rules" / name).unlink()
    newsletter = folder / "newsletters/fold-forward.md"
    text = newsletter.read_text()
    text = re.sub(r"(?m)^cadence: .*$", f"cadence: daily at {at:%H:%M}", text)
    text = re.sub(r"(?m)^zone: .*$", "zone: UTC", text)
    newsletter.write_text(text)
    issues = sorted((folder / "newsletters/fold-forward").glob("*.md"))
    text = re.sub(r"(?m)^date: .*$", f"date: {at:%Y-%m-%d}", issues[0].read_text())
    for issue in issues:
        issue.unlink()
    (folder / f"newsletters/fold-forward/{at:%Y-%m-%d}.md").write_text(text)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30).stdout


def published():
    """What DNS would answer for the selectors in use: the public halves as OpenSSL writes them."""
    rsa = openssl("pkey", "-in", str(KEYS / "rsa-2048.pem"), "-pubout", "-outform", "DER")
    # RFC 8463: the 32 bytes at the end, without their wrapping.
    ed25519 = openssl("pkey", "-in", str(KEYS / "ed25519.pem"), "-pubout", "-outform", "DER")[-32:]
    return {
        f"r1._domainkey.{DOMAIN}.".encode(): b"v=DKIM1; k=rsa; p=" + base64.b64encode(rsa),
        f"e1._domainkey.{DOMAIN}.".encode(): b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ed25519),
    }


def verdicts(raw):
    """For each signature of a message its selector and whether dkimpy finds it good."""
    records = published()

    def answer(name, timeout=5):
        return records.get(name)

    found = {}
    for at in range(raw.count(b"\r\nDKIM-Signature:") + raw.startswith(b"DKIM-Signature:")):
        checked = dkim.DKIM(raw)
        try:
            good = checked.verify(idx=at, dnsfunc=answer)
        except dkim.DKIMException:
            good = False
        found[checked.selector.decode()] = good
    return found


class Program:
    """`partnercast serve` with Postfix as its relay; `mail` and `more` are added to the configuration."""

    def __init__(self, folder, relay_port, mail="", more=""):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        at = promised()
        copy_content(folder / "content", at)
        (folder / "token.keys").write_text(os.urandom(32).hex() + "\n")
        (folder / "token.keys").chmod(0o600)
        (folder / "partnercast.toml").write_text(f"""
[server]
listen = "127.0.0.1:{self.port}"
[database]
url = "sqlite:test.sqlite"
[content]
dir = "content"
import_roster = true
[mail]
relay = "smtp://127.0.0.1:{relay_port}"
{mail}
[[mail.dkim]]
domain = "{DOMAIN}"
selector = "r1"
key_file = "{KEYS}/rsa-2048.pem"
[[mail.dkim]]
domain = "{DOMAIN}"
selector = "e1"
key_file = "{KEYS}/ed25519.pem"
[[mail.dkim]]
domain = "{DOMAIN}"
selector = "r2"
key_file = "{KEYS}/rsa-2048-next.pem"
from = "2999-01-01T00:00:00Z"
[secrets]
token_keys_file = "token.keys"
[console]
open = true
{more}
""")
        self.log_path = folder / "program.log"
        self.start()

    def start(self):
        log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--config", str(self.folder / "partnercast.toml")], stdout=log, stderr=log,
            env={**os.environ, "RUST_BACKTRACE": "0", "NO_COLOR": "1"},
        )
        log.close()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """Asks to stop; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return -9


class IssueThroughPostfix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise SystemExit("Postfix starts as root only; run this as root")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="partnercast-mail."))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "postfix").mkdir()
        (cls.folder / "program").mkdir()
        cls.postfix = Postfix(cls.folder / "postfix")
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()
        cls.program = Program(cls.folder / "program", cls.postfix.port)
        cls.addClassCleanup(cls.program.stop)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and len(cls.postfix.messages()) < READERS:
            if cls.program.process.poll() is not None:
                raise SystemExit(f"partnercast ended by itself:\n{cls.program.log()}")
            time.sleep(0.5)
        cls.raw = cls.postfix.messages()
        if len(cls.raw) < READERS:
            raise SystemExit(
                f"{len(cls.raw)} of {READERS} mails arrived in {PATIENCE_S} s\n"
                f"-- program\n{cls.program.log()}\n-- Postfix\n{cls.postfix.log()[-6000:]}"
            )
        cls.mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in cls.raw]

    def each(self):
        for mail in self.mails:
            with self.subTest(to=str(mail["To"])):
                yield mail

    def test_everybody_gets_one_mail_and_no_id_is_used_twice(self):
        self.assertEqual(len(self.mails), READERS)
        self.assertEqual(len({mail["X-Original-To"] for mail in self.mails}), READERS)
        self.assertEqual(len({mail["Message-ID"] for mail in self.mails}), READERS)

    def test_no_header_or_body_is_defective(self):
        for mail in self.each():
            self.assertEqual([], mail.defects)
            for part in mail.walk():
                self.assertEqual([], part.defects)
            for name, value in mail.items():
                self.assertEqual((), tuple(getattr(value, "defects", ())), name)

    def test_headers_that_must_be_there_once(self):
        once = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe",
                "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Reply-To"]
        for mail in self.each():
            for name in once:
                self.assertEqual(1, len(mail.get_all(name, [])), name)
            self.assertEqual(1, len(mail["From"].addresses))
            self.assertEqual(1, len(mail["To"].addresses))
            self.assertEqual(mail["To"].addresses[0].addr_spec.lower(), mail["X-Original-To"].lower())
            self.assertRegex(mail["Message-ID"], r"^<dlv_[0-9a-f]{32}\.g1@[a-z0-9.-]+>$")
            self.assertTrue(mail["Message-ID"].rstrip(">").endswith(mail["From"].addresses[0].domain))
            self.assertIsNotNone(mail["Date"].datetime)

    def test_headers_that_must_not_be_there(self):
        for mail in self.each():
            self.assertIsNone(mail["Precedence"])
            self.assertIsNone(mail["Bcc"])
            self.assertNotRegex(mail["Subject"].lower(), r"^(re|fwd?):")

    def test_an_independent_verifier_finds_both_signatures_good(self):
        for raw in self.raw:
            wire = raw.replace(b"\n", b"\r\n")
            self.assertEqual({"r1": True, "e1": True}, verdicts(wire), "r2 has not begun")

    def test_whoever_changes_the_message_breaks_both_signatures(self):
        wire = self.raw[0].replace(b"\n", b"\r\n")
        both_bad = {"r1": False, "e1": False}
        self.assertEqual(both_bad, verdicts(wire.replace(b"\r\nSubject: ", b"\r\nSubject: Re: ", 1)))
        self.assertEqual(both_bad, verdicts(wire.replace(b"/one-click/", b"/other/", 1)))
        self.assertEqual(both_bad, verdicts(wire + b"more\r\n"))
        for second in (b"From: boss@bank.example", b"Subject: pay now"):
            self.assertEqual(both_bad, verdicts(second + b"\r\n" + wire), second)
            self.assertEqual(both_bad, verdicts(wire.replace(b"\r\n\r\n", b"\r\n" + second + b"\r\n\r\n", 1)))

    def test_everything_receivers_judge_by_is_signed(self):
        for mail in self.each():
            for signature in mail.get_all("DKIM-Signature"):
                tags = dict(part.strip().split("=", 1) for part in "".join(signature.split()).split(";") if part)
                signed = tags["h"].lower().split(":")
                self.assertEqual("relaxed/relaxed", tags["c"])
                for name in ("from", "subject"):
                    self.assertEqual(2, signed.count(name), "oversigned")
                for name in ("to", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post",
                             "list-id", "feedback-id", "mime-version", "content-type"):
                    self.assertEqual(1, signed.count(name), name)

    def test_return_path_is_on_the_senders_domain(self):
        for mail in self.each():
            path = mail["Return-Path"].strip("<>")
            self.assertTrue(path, "a newsletter has a return path")
            self.assertTrue(path.split("@")[1].endswith(mail["From"].addresses[0].domain), path)

    def test_text_and_html_decode_and_say_the_same_person(self):
        for mail in self.each():
            self.assertEqual("multipart/alternative", mail.get_content_type())
            kinds = [part.get_content_type() for part in mail.iter_parts()]
            self.assertEqual(["text/plain", "text/html"], kinds, "the richest last (RFC 2046 section 5.1.4)")
            for part in mail.iter_parts():
                content = part.get_content()
                self.assertNotIn("\ufffd", content)
                self.assertNotRegex(content, "[\ue000-\uf8ff]", "a slot was not filled")
                self.assertNotIn("{{", content)
                self.assertNotIn(":::", content)
                self.assertGreater(len(content), 500)
            self.assertLess(len(mail.get_body(("html",)).get_content()), 100_000)

    def test_no_line_is_too_long_and_no_bare_line_end(self):
        for raw in self.raw:
            # Postfix stores lines with LF alone; a CR left over was bare.
            self.assertNotIn(b"\r", raw)
            self.assertLessEqual(max(len(line) for line in raw.split(b"\n")), 998)

    def test_everybody_can_see_how_to_stop_and_who_wrote(self):
        for mail in self.each():
            html = mail.get_body(("html",)).get_content()
            text = mail.get_body(("plain",)).get_content()
            self.assertIn("/u/", html)
            self.assertIn("/u/", text)
            self.assertIn("Brackenfold", text)

    def test_roles_and_brands_differ(self):
        bodies = {mail["X-Original-To"]: mail.get_body(("html",)).get_content() for mail in self.mails}
        self.assertGreater(len({len(body) for body in bodies.values()}), 8, "variants differ")

    def one_click_url(self, mail):
        found = re.search(r"<(https?://[^>]+)>", mail["List-Unsubscribe"])
        self.assertIsNotNone(found, mail["List-Unsubscribe"])
        return found.group(1)

    def test_one_click_works_by_post_alone(self):
        mail = self.mails[0]
        self.assertEqual("List-Unsubscribe=One-Click", mail["List-Unsubscribe-Post"])
        url = self.one_click_url(mail)
        self.assertTrue(url.startswith(self.program.url), url)

        class NoRedirect(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *arguments):
                return None

        opener = urllib.request.build_opener(NoRedirect)
        with opener.open(url, timeout=10) as answer:
            self.assertEqual(200, answer.status)
        body = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
        for _ in range(2):
            with opener.open(urllib.request.Request(url, data=body, method="POST"), timeout=10) as answer:
                self.assertIn(answer.status, (200, 202, 204), "RFC 8058 section 3.2: no redirect")
                self.assertIsNone(answer.headers["Set-Cookie"])
        broken = url[:-1] + ("A" if url[-1] != "A" else "B")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            opener.open(urllib.request.Request(broken, data=body, method="POST"), timeout=10)
        self.assertIn(refused.exception.code, (400, 404))
        refused.exception.close()

    def test_zz_it_stops_when_asked(self):
        """Last by its name: SIGTERM ends the program cleanly."""
        self.assertEqual(0, self.program.stop(), self.program.log())


if __name__ == "__main__":
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is missing; build it with `cargo build`, or name it in PARTNERCAST")
    unittest.main(verbosity=2)
