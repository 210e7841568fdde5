"""The real servers of the networks, and what stands between them and us: a proxy that can swallow an answer.

ATPROTO names the folder of Bluesky's server with its packages, SNAC the program of a server of the Mastodon API.
"""

import http.client
import http.server
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 60
HERE = Path(__file__).parent
NOBODY = 65534


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: str, condition: Callable[[], object], patience_s: float = PATIENCE_S) -> object:
    """Waits until `condition` holds, and returns what it gives."""
    end = time.monotonic() + patience_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def ask(url: str, body: dict | None = None, token: str = "") -> dict:
    """JSON for JSON; an answer that is none, or no good one, is an error."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=PATIENCE_S) as reply:
        return json.loads(reply.read() or b"{}")


class Bluesky:
    """A personal data server with one account, which has one app password."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.plc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        node = os.environ | {"NODE_PATH": str(Path(os.environ["ATPROTO"]) / "node_modules"), "LOG_ENABLED": "false"}
        self.node = node | {"PLC_PORT": str(self.plc_port)}
        self.rotation_key = secrets.token_hex(32)
        self.plc = subprocess.Popen(["node", HERE / "plc.cjs"], env=self.node, cwd=folder)
        self.pds: subprocess.Popen | None = None
        self.start()
        account = {"handle": "northlight.test", "email": "kara@northlight.example", "password": "main-password"}
        made = ask(f"{self.url}/xrpc/com.atproto.server.createAccount", account)
        self.did, self.main = made["did"], made["accessJwt"]
        self.app_password = self.new_app_password("first")

    def start(self, **environment: str) -> None:
        """Starts it with new keys for sessions, so that earlier ones are worth nothing."""
        own = {
            "PDS_PORT": str(self.port),
            "PDS_HOSTNAME": "localhost",
            "PDS_DEV_MODE": "true",
            "PDS_DATA_DIRECTORY": "data",
            "PDS_BLOBSTORE_DISK_LOCATION": "data/blobs",
            "PDS_BLOBSTORE_DISK_TMP_LOCATION": "data/tmp",
            "PDS_DID_PLC_URL": f"http://127.0.0.1:{self.plc_port}",
            "PDS_SERVICE_HANDLE_DOMAINS": ".test",
            "PDS_INVITE_REQUIRED": "false",
            "PDS_DISABLE_SSRF_PROTECTION": "true",
            "PDS_JWT_SECRET": secrets.token_hex(16),
            "PDS_ADMIN_PASSWORD": "admin",
            "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": self.rotation_key,
            "PDS_BSKY_APP_VIEW_URL": "http://127.0.0.1:9",
            "PDS_BSKY_APP_VIEW_DID": "did:example:none",
        }
        (self.folder / "data").mkdir(exist_ok=True)
        self.pds = subprocess.Popen(["node", HERE / "pds.cjs"], env=self.node | own | environment, cwd=self.folder)
        until("the server of Bluesky", lambda: listens(self.port) and listens(self.plc_port))

    def restart(self, **environment: str) -> None:
        self.pds.kill()
        self.pds.wait()
        self.start(**environment)

    def sign_in_main(self) -> str:
        said = ask(
            f"{self.url}/xrpc/com.atproto.server.createSession", {"identifier": self.did, "password": "main-password"}
        )
        return said["accessJwt"]

    def new_app_password(self, name: str) -> str:
        made = ask(f"{self.url}/xrpc/com.atproto.server.createAppPassword", {"name": name}, self.sign_in_main())
        return made["password"]

    def revoke_app_password(self, name: str) -> None:
        ask(f"{self.url}/xrpc/com.atproto.server.revokeAppPassword", {"name": name}, self.sign_in_main())

    def posts(self) -> list[dict]:
        path = f"com.atproto.repo.listRecords?repo={self.did}&collection=app.bsky.feed.post&limit=100"
        return ask(f"{self.url}/xrpc/{path}")["records"]

    def stop(self) -> None:
        for process in (self.pds, self.plc):
            process.kill()
            process.wait()


class Snac:
    """A server of the Mastodon API with one account, which has a token."""

    def __init__(self, folder: Path) -> None:
        self.program = shutil.which(os.environ["SNAC"]) or os.environ["SNAC"]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        data = folder / "snac"
        host = f"127.0.0.1:{self.port}"
        self.talk(f"127.0.0.1\n{self.port}\n{host}\n\n\n", "init", data)
        config = data / "server.json"
        config.write_text(config.read_text().replace('"protocol": "https"', '"protocol": "http"'))
        said = self.talk("n\n\nPartner\n\n\n", "adduser", data, "northlight")
        self.password = re.search(r"password is (\S+)", said)[1]
        as_nobody = []
        if os.getuid() == 0:
            # It does not run as root, and must reach its folder.
            for path in [data, *data.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
            as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.process = subprocess.Popen(
            [*as_nobody, self.program, "httpd", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until("snac", lambda: listens(self.port))
        form = urllib.parse.urlencode({"login": "northlight", "passwd": self.password}).encode()
        with urllib.request.urlopen(f"{self.url}/oauth/x-snac-get-token", form, timeout=PATIENCE_S) as reply:
            self.token = reply.read().decode().split()[-1]
        self.id = ask(f"{self.url}/api/v1/accounts/verify_credentials", token=self.token)["id"]

    def talk(self, words: str, *arguments: str | Path) -> str:
        done = subprocess.run([self.program, *arguments], input=words, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def posts(self) -> list[dict]:
        return ask(f"{self.url}/api/v1/accounts/{self.id}/statuses?limit=40", token=self.token)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Proxy:
    """Stands before a server. Armed with a path it hands the next such request over, takes the answer, and keeps it."""

    def __init__(self, upstream: int) -> None:
        proxy = self
        self.path, self.swallowed, self.released = "", threading.Event(), threading.Event()
        self.seen: list[str] = []

        class Between(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def hand_over(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                proxy.seen.append(f"{self.command} {self.path}")
                there = http.client.HTTPConnection("127.0.0.1", upstream, timeout=PATIENCE_S)
                there.request(self.command, self.path, body or None, dict(self.headers))
                answer = there.getresponse()
                said = answer.read()
                if proxy.path and self.path.startswith(proxy.path) and self.command == "POST":
                    proxy.swallowed.set()
                    proxy.released.wait(PATIENCE_S)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                try:
                    self.wfile.write(said)
                except OSError:
                    pass  # whoever asked was killed

            do_GET = do_POST = hand_over

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def arm(self, path: str) -> None:
        self.path = path
        self.swallowed.clear()
        self.released.clear()

    def disarm(self) -> None:
        self.path = ""
        self.released.set()
