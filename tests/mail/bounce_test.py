#!/usr/bin/env python3
"""Bounces through real mail servers, and what they change.

A private Postfix is the relay. It takes an issue for everybody, and sends what it cannot deliver back to the signed
return path of each mail: into a mailbox that `partnercast serve` reads over IMAP from a private Dovecot, into a Maildir,
and by LMTP. The last two are chosen by sending further mail with the return path of a real delivery to an address that
does not exist, as a receiving server does that notices late.
"""

import email.message
import email.policy
import imaplib
import json
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import postfix_test
from postfix_test import PATIENCE_S, READERS, Postfix, Program, find, free_port

DOMAIN = "bounces.brackenfold.example"
# The mail servers of this partner do not know this reader.
GONE = "bronte.hale@wattlebird.example"
PASSWORD = "secret:p@ss/word"


class BouncingPostfix(Postfix):
    """Knows one reader not, and routes what comes back."""

    def __init__(self, folder, lmtp_port):
        super().__init__(folder)
        self.routes = folder / "etc/routes"
        self.lmtp_port = lmtp_port
        main = self.config / "main.cf"
        main.write_text(main.read_text().replace(
            "virtual_mailbox_maps = static:everybody/",
            f"virtual_mailbox_maps = regexp:{self.config}/mailboxes",
        ) + f"""
# What cannot be delivered is noticed after it was accepted, as at most relays.
smtpd_reject_unlisted_recipient = no
transport_maps = regexp:{self.routes}
bounce_queue_lifetime = 1h
recipient_delimiter = +
""")
        (self.config / "mailboxes").write_text(f"/^(b|unsubscribe)\\+.*@{re.escape(DOMAIN)}$/ bounces/\n/@/ everybody/\n")
        master = self.config / "master.cf"
        master.write_text(master.read_text() + "lmtp unix - - n - - lmtp\n")
        self.bounces = folder / "mail" / "bounces"
        self.route("virtual:")

    def route(self, bounces):
        """Where mail to the return paths goes from now on."""
        self.routes.write_text(
            f"/@{re.escape(DOMAIN)}$/ {bounces}\n"
            f"/^{re.escape(GONE)}$/ error:5.1.1 550 5.1.1 User unknown\n"
            "/@gone\\.example$/ error:5.1.1 550 5.1.1 User unknown\n"
        )

    def reroute(self, bounces):
        self.route(bounces)
        self.command("reload")

    def send(self, sender, recipient, message):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as smtp:
            smtp.sendmail(sender, [recipient], message)


class Dovecot:
    """IMAP over TLS on one Maildir, signed by an authority of our own."""

    def __init__(self, folder, maildir):
        self.folder = folder
        self.port = free_port()
        self.starttls_port = free_port()
        self.make_certificates()
        user = pwd.getpwnam("postfix")
        (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = yes
mail_location = maildir:{maildir}
mail_uid = {user.pw_uid}
mail_gid = {user.pw_gid}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user.pw_uid} gid={user.pw_gid} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.starttls_port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
""")
        (folder / "home").mkdir()
        os.chown(folder / "home", user.pw_uid, user.pw_gid)

    def make_certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=test authority", "-keyout", "ca-key.pem", "-out", "ca.pem")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", "cert.pem")

    def start(self):
        command = [find("dovecot"), "-F", "-c", str(self.folder / "dovecot.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect().logout()
                return
            except (OSError, imaplib.IMAP4.error) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Dovecot does not start: {error}\n{self.log()}") from error
                time.sleep(0.2)

    def connect(self):
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        imap = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=trust, timeout=20)
        try:
            imap.login("bounces", PASSWORD)
        except imaplib.IMAP4.error:
            imap.shutdown()
            raise
        return imap

    def count(self, folder):
        imap = self.connect()
        try:
            status, answer = imap.select(folder, readonly=True)
            return int(answer[0]) if status == "OK" else 0
        finally:
            imap.logout()

    def log(self):
        path = self.folder / "dovecot.log"
        return path.read_text() if path.exists() else ""

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class BouncesComeBack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise SystemExit("Postfix and Dovecot start as root only; run this as root")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="partnercast-bounce."))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("postfix", "dovecot", "program"):
            (cls.folder / name).mkdir()
        cls.lmtp_port = free_port()
        cls.postfix = BouncingPostfix(cls.folder / "postfix", cls.lmtp_port)
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()
        cls.dovecot = Dovecot(cls.folder / "dovecot", cls.postfix.bounces)
        cls.addClassCleanup(cls.dovecot.stop)
        cls.dovecot.start()
        cls.maildir = cls.folder / "program" / "maildir"
        for name in ("new", "cur", "tmp"):
            (cls.maildir / name).mkdir(parents=True)
        password = urllib.parse.quote(PASSWORD, safe="")
        cls.imaps = f"imaps://bounces:{password}@localhost:{cls.dovecot.port}/INBOX"
        cls.starttls = f"imap+starttls://bounces:{password}@localhost:{cls.dovecot.starttls_port}/INBOX"
        cls.program = Program(
            cls.folder / "program", cls.postfix.port,
            mail=f'return_path_domain = "{DOMAIN}"',
            more=f"""
[bounces]
imap = "{cls.imaps}"
ca_file = "{cls.dovecot.folder}/ca.pem"
maildir = "maildir"
lmtp = "127.0.0.1:{cls.lmtp_port}"
poll_s = 1
""",
        )
        cls.addClassCleanup(cls.program.stop)
        cls.wait(lambda: len(cls.postfix.messages()) >= READERS - 1, "the issue")
        cls.mails = [
            email.message_from_bytes(raw, policy=email.policy.default) for raw in cls.postfix.messages()
        ]

    @classmethod
    def wait(cls, come, what):
        deadline = time.monotonic() + PATIENCE_S
        while not come():
            if cls.program.process.poll() is not None or time.monotonic() > deadline:
                # Not SystemExit, which would leave the servers running.
                raise RuntimeError(
                    f"waited for {what}\n-- program\n{cls.program.log()[-6000:]}\n"
                    f"-- Postfix\n{cls.postfix.log()[-6000:]}\n-- Dovecot\n{cls.dovecot.log()[-3000:]}"
                )
            time.sleep(0.3)

    @classmethod
    def rows(cls, statement, *values):
        with sqlite3.connect(f"file:{cls.folder}/program/test.sqlite?mode=ro", uri=True, timeout=20) as db:
            return db.execute(statement, values).fetchall()

    def reports(self, source):
        return self.rows("SELECT kind, class, changed, effect, base_key FROM mail_report WHERE source = ? ORDER BY at_ms", source)

    def return_path(self, at):
        return self.mails[at]["Return-Path"].strip("<>")

    def reader(self, at):
        return self.mails[at]["X-Original-To"].lower()

    def stopped(self, address):
        return self.rows("SELECT scope, reason, source FROM suppression WHERE email_key = ?", address)

    def test_1_the_return_path_is_signed_and_ours(self):
        paths = {self.return_path(at) for at in range(len(self.mails))}
        self.assertEqual(len(self.mails), len(paths), "each mail has its own")
        for path in paths:
            self.assertRegex(path, rf"^b\+[a-z2-7]{{52}}@{re.escape(DOMAIN)}$")
        for mail in self.mails:
            self.assertRegex(mail["List-Unsubscribe"], rf"<mailto:unsubscribe\+[a-z2-7]{{52}}@{re.escape(DOMAIN)}\?")

    def test_2_a_bounce_fetched_by_imap_stops_the_address(self):
        self.wait(lambda: self.stopped(GONE), "the bounce to be fetched by IMAP")
        self.assertEqual([("all", "bad-address", "bounce")], self.stopped(GONE))
        self.wait(lambda: self.dovecot.count("INBOX") == 0, "the bounce to be put away")
        self.assertEqual(1, self.dovecot.count("Processed"))
        state, = self.rows("SELECT state FROM delivery WHERE email = ?", GONE)
        self.assertEqual(("accepted",), state, "the relay did accept it")

    def doctor(self, before="", after=""):
        """What `partnercast doctor` finds with an edit of the configuration: check -> (status, words)."""
        text = (self.folder / "program/partnercast.toml").read_text()
        self.assertIn(before, text)
        file = self.folder / "program/doctor.toml"
        # Nobody answers questions about DNS there.
        file.write_text(text.replace(before, after) + f'[dns]\nserver = "127.0.0.1:{free_port()}"\n')
        said = subprocess.run([postfix_test.PROGRAM, "doctor", "--json", "--config", str(file)],
                              capture_output=True, text=True, timeout=120)
        findings = json.loads(said.stdout)["findings"]
        self.assertNotIn(PASSWORD, said.stdout)
        return {f["check"]: (f["status"], f["found"] + " -> " + f.get("fix", "")) for f in findings}

    def test_2_doctor_looks_and_leaves_everything_as_it_is(self):
        def folders():
            imap = self.dovecot.connect()
            try:
                names = sorted(line.split()[-1].decode() for line in imap.list()[1])
                return [imap.status(name, "(MESSAGES UNSEEN UIDNEXT)") for name in names]
            finally:
                imap.logout()

        before = folders()
        found = self.doctor()
        for check in ("return-path", "bounce-imap", "bounce-maildir", "bounce-lmtp", "bounce-last"):
            self.assertEqual("pass", found[check][0], found[check])
        self.assertEqual("warn", found["bounce-imap-certificate"][0], "it holds for two days")
        self.assertEqual("pass", self.doctor(self.imaps, self.starttls)["bounce-imap"][0])
        wrong = urllib.parse.quote(PASSWORD, safe="")
        for edit, words in (
            ((wrong, "wrong"), ("AUTHENTICATIONFAILED", "percent-encoded")),
            ((f'ca_file = "{self.dovecot.folder}/ca.pem"', ""), ("UnknownIssuer", "bounces.ca_file")),
            (("/INBOX", "/Nowhere"), ("Nowhere", "name a folder that is there")),
            (("@localhost:", "@127.0.0.1:"), ("TLS", "the name that the server's certificate is for")),
            ((f":{self.dovecot.port}/", f":{self.dovecot.starttls_port}/"), ("TLS", "imap+starttls://")),
        ):
            status, said = self.doctor(*edit)["bounce-imap"]
            self.assertEqual("fail", status, said)
            for word in words:
                self.assertIn(word, said)
        self.assertEqual(before, folders())

    def test_3_a_bounce_in_a_maildir_stops_the_address(self):
        reader = self.reader(0)
        bounced = self.bounce_of(0)
        (self.maildir / "tmp/1.bounce").write_bytes(bounced)
        os.rename(self.maildir / "tmp/1.bounce", self.maildir / "new/1.bounce")
        self.wait(lambda: self.stopped(reader), "the bounce to be read from the Maildir")
        self.wait(lambda: (self.maildir / "cur/1.bounce:2,S").exists(), "the bounce to be put away")
        self.assertEqual(reader, self.reports("maildir")[0][4])

    def bounce_of(self, at):
        """The message that Postfix sends to the return path of a mail, kept from the mailbox that IMAP shows."""
        hold = f"{self.postfix.folder}/mail/held"
        mailboxes = self.postfix.config / "mailboxes"
        before = mailboxes.read_text()
        mailboxes.write_text("/./ held/\n")
        self.postfix.command("reload")
        self.postfix.send(self.return_path(at), "nobody@gone.example", "Subject: late\r\n\r\nx\r\n")
        found = pathlib.Path(hold) / "new"
        self.wait(lambda: found.exists() and any(found.iterdir()), "a bounce")
        raw = next(found.iterdir()).read_bytes()
        shutil.rmtree(hold)
        mailboxes.write_text(before)
        self.postfix.command("reload")
        return raw

    def test_4_lmtp_records_before_postfix_may_forget(self):
        reader = self.reader(1)
        self.postfix.reroute(f"lmtp:inet:127.0.0.1:{self.lmtp_port}")
        self.postfix.send(self.return_path(1), "nobody@gone.example", "Subject: late\r\n\r\nx\r\n")
        self.wait(lambda: self.stopped(reader), "the bounce to be handed over by LMTP")
        self.assertEqual([("all", "bad-address", "bounce")], self.stopped(reader))
        self.wait(lambda: "relay=127.0.0.1[127.0.0.1]:" in self.postfix.log() and "2.0.0 recorded" in self.postfix.log(),
                  "Postfix to hear that it was recorded")

    def test_5_forged_reports_change_nothing(self):
        reader = self.reader(2)
        path = self.return_path(2)
        bent = f"b+{'a' * 52}@{DOMAIN}"
        report = self.rows("SELECT excerpt FROM mail_report WHERE source = 'lmtp'")[0][0]
        self.assertNotIn(self.return_path(1).split("@")[0][2:], report, "no key is stored")
        for to in (bent, f"b+@{DOMAIN}", f"b+{path[2:28]}{self.return_path(3)[28:54]}@{DOMAIN}"):
            self.postfix.send("", to, self.dsn(to, reader))
        self.wait(lambda: len(self.rows("SELECT 1 FROM mail_report WHERE delivery_id IS NULL")) >= 3, "the forged reports")
        self.assertEqual([], self.stopped(reader))

    @staticmethod
    def dsn(to, reader):
        return (
            f"From: MAILER-DAEMON@forger.example\r\nTo: {to}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
            f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; forger.example\r\n\r\n"
            f"Final-Recipient: rfc822; {reader}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
        )

    def test_6_a_loop_of_auto_replies_dies_at_one(self):
        before = len(self.postfix.messages())
        away = email.message.EmailMessage()
        away["From"] = self.reader(3)
        away["To"] = self.return_path(3)
        away["Subject"] = "Out of office"
        away["Auto-Submitted"] = "auto-replied"
        away.set_content("Away.")
        self.postfix.send(self.reader(3), self.return_path(3), away.as_bytes())
        self.wait(lambda: self.rows("SELECT 1 FROM mail_report WHERE kind = 'auto-reply'"), "the auto-reply")
        # Something that surely comes later passes the same way; had we answered, that would have been seen by then.
        self.postfix.send("", self.return_path(3), self.dsn(self.return_path(3), self.reader(3)).replace("failed", "delayed"))
        self.wait(lambda: self.rows("SELECT 1 FROM mail_report WHERE class = 'delayed'"), "a later report")
        self.assertEqual([], self.stopped(self.reader(3)))
        self.assertEqual(before, len(self.postfix.messages()), "nobody was answered")
        self.assertEqual(READERS, self.rows("SELECT COUNT(*) FROM delivery")[0][0])

    def test_7_a_mail_to_the_listed_address_unsubscribes(self):
        reader = self.reader(4)
        address = re.search(r"<mailto:([^?>]+)", self.mails[4]["List-Unsubscribe"]).group(1)
        self.postfix.send(reader, address.upper(), "Subject: unsubscribe\r\n\r\n")
        self.wait(lambda: self.stopped(reader), "the unsubscribe by mail")
        self.assertEqual([("fold-forward", "unsubscribed", "unsubscribe")], self.stopped(reader))

    def test_8_starttls_a_restart_and_a_server_that_is_away(self):
        """What comes while nothing runs is fetched later; recorded messages are marked as seen when so configured."""
        self.assertEqual(0, self.program.stop(), self.program.log())
        self.postfix.reroute("virtual:")
        reader = self.reader(5)
        self.postfix.send(self.return_path(5), "nobody@gone.example", "Subject: late\r\n\r\nx\r\n")
        self.wait_for_file()
        file = self.folder / "program/partnercast.toml"
        text = file.read_text().replace(self.imaps, self.starttls).replace("[bounces]", '[bounces]\nimap_done = "seen"')
        file.write_text(text)
        self.program.start()
        self.wait(lambda: self.stopped(reader), "the bounce to be fetched over STARTTLS")
        imap = self.dovecot.connect()
        imap.select("INBOX", readonly=True)
        self.wait(lambda: imap.noop() and imap.search(None, "UNSEEN")[1] == [b""], "the bounce to be marked as seen")
        imap.logout()
        self.assertNotIn("cannot be fetched", self.program.log())
        self.assertEqual(0, self.program.stop(), self.program.log())
        file.write_text(file.read_text().replace('imap_done = "seen"', 'imap_done = "delete"'))
        self.program.start()
        self.wait(lambda: self.dovecot.count("INBOX") == 0, "what was seen to be deleted")
        self.assertEqual(1, len(self.rows("SELECT 1 FROM mail_report WHERE base_key = ?", reader)), "a copy is no report")
        self.dovecot.stop()
        self.wait(lambda: "cannot be fetched" in self.program.log(), "a warning that IMAP is away")
        with postfix_test.urllib.request.urlopen(self.program.url + "/readyz", timeout=10) as answer:
            self.assertEqual(200, answer.status, "readiness does not depend on it")
        self.dovecot.start()

    def wait_for_file(self):
        deadline = time.monotonic() + PATIENCE_S
        while not any((self.postfix.bounces / "new").iterdir()):
            self.assertLess(time.monotonic(), deadline, self.postfix.log()[-3000:])
            time.sleep(0.2)

    def test_9_it_stops_when_asked(self):
        self.assertEqual(0, self.program.stop(), self.program.log())


if __name__ == "__main__":
    if not os.access(postfix_test.PROGRAM, os.X_OK):
        sys.exit(f"{postfix_test.PROGRAM} is missing; build it with `cargo build`, or name it in PARTNERCAST")
    unittest.main(verbosity=2, failfast=True)
