"""`partnercast demo` or `preview` as a process of its own on a free port, and a browser's part of HTTP: pages, forms."""

import os
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

PATIENCE_S = 60
# Without a name of a browser we would rightly be taken for a machine.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@dataclass
class Reply:
    """What came, whatever its status; `path` is where redirects ended, empty outside of the program."""

    status: int
    path: str
    kind: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Inside(urllib.request.HTTPRedirectHandler):
    """Follows no link that leads elsewhere."""

    def redirect_request(self, request, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).netloc != urllib.parse.urlsplit(request.full_url).netloc:
            return None
        return super().redirect_request(request, fp, code, msg, headers, newurl)


def asked(url: str, /, **form: str) -> tuple[int, str]:
    """Status and text of one request, with a form as a page of the program's own sends it; 0 where nobody answers."""
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(url, data, {"Sec-Fetch-Site": "same-origin"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Program:
    """The program named by PARTNERCAST, started with `arguments`; it listens once it has said where."""

    def __init__(self, *arguments: str | Path, **environment: str) -> None:
        command = [os.environ["PARTNERCAST"], *arguments, "--port", "0", "--no-browser"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
        )
        self.opener = urllib.request.build_opener(Inside, urllib.request.HTTPCookieProcessor)
        # Sent with everything.
        self.headers = {"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin"}
        said: list[str] = []
        timer = threading.Timer(PATIENCE_S, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+|http://localhost:\d+", line):
                self.url = found[0]
                break
        else:
            raise AssertionError(f"it does not start: {''.join(said)}")
        timer.cancel()
        # Nobody may stop it by not reading what it says.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    @classmethod
    def demo(cls, folder: Path, **environment: str) -> "Program":
        return cls("demo", "--fresh", "--dir", folder, **environment)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Reply:
        """The answer to a GET, or to a POST of `data` from a page of ours."""
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path), data, self.headers | headers)
        try:
            reply = self.opener.open(request, timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            where = urllib.parse.urlsplit(reply.url)
            path = where._replace(scheme="", netloc="", fragment="").geturl() if reply.url.startswith(self.url) else ""
            return Reply(reply.status, path, reply.headers.get("content-type", ""), reply.read())

    def get(self, path: str) -> bytes:
        reply = self.ask(path)
        assert reply.status == 200, f"{path}: {reply.status}"
        return reply.body

    def refused(self, path: str) -> int:
        status = self.ask(path).status
        assert status >= 400, f"{path} is there for everybody"
        return status

    def send(self, form: "Form", **values: str) -> Reply:
        """Sends a form with what it holds and `values`."""
        data = urllib.parse.urlencode(form.values | values).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask(form.action, data, **kind)


@dataclass
class Form:
    """A form of a page that is sent by POST, with the values it comes with, the last choice of each list, and its boxes to tick."""

    action: str
    values: dict[str, str]
    choices: dict[str, str]
    boxes: list[str]


class Forms(HTMLParser):
    """Every form of a page that is sent by POST."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.path, self.all, self.open, self.select = reply.path, [], None, ""
        self.feed(reply.text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        own = {name: value or "" for name, value in attributes}
        if tag == "form" and own.get("method", "").lower() == "post":
            self.open = Form(urllib.parse.urljoin(self.path, own.get("action", self.path)), {}, {}, [])
            self.all.append(self.open)
        if self.open is None:
            return
        name = own.get("name", "")
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select:
            self.open.choices[self.select] = own.get("value", "")
            if self.select not in self.open.values or "selected" in own:
                self.open.values[self.select] = own.get("value", "")
        elif tag in ("input", "textarea") and name:
            if own.get("type") in ("checkbox", "radio") and "checked" not in own:
                self.open.boxes.append(name)
            else:
                self.open.values[name] = own.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = ""


def form(reply: Reply, action: str) -> Form:
    """The form of the page whose address holds `action`."""
    for one in Forms(reply).all:
        if action in one.action:
            return one
    raise AssertionError(f"{reply.path} ({reply.status}) has no form for {action}")
