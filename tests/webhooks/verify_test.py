"""Webhooks of a real `partnercast serve`, verified by the official libraries of PyPI and npm and by Node's own crypto.

PARTNERCAST names the program; STANDARDWEBHOOKS and SVIX the packages of npm; those of PyPI are on PYTHONPATH.
"""

import base64
import http.server
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

PATIENCE_S = 60
CAME: "queue.Queue[tuple[dict[str, str], str]]" = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Repeats challenges, and keeps what comes."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        CAME.put(({name.lower(): value for name, value in self.headers.items()}, body))
        challenge = json.loads(body)["data"].get("challenge", "")
        self.send_response(200)
        self.send_header("content-length", str(len(challenge)))
        self.end_headers()
        self.wfile.write(challenge.encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/in"
    program = os.environ["PARTNERCAST"]
    environment = os.environ | {
        "PARTNERCAST_SERVER__LISTEN": "127.0.0.1:0",
        "PARTNERCAST_EGRESS__ALLOW": '["127.0.0.1"]',
        "PARTNERCAST_EGRESS__HTTP": "true",
    }
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "init", folder], check=True, capture_output=True)
        config = ["--config", str(Path(folder) / "partnercast.toml")]

        def webhook(*arguments: str) -> str:
            command = [program, "webhook", *config, *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
            return done.stdout

        added = webhook("add", "CRM", url, "--email", "ops@crm.example", "--pair").split()
        endpoint = next(word for word in added if word.startswith("whe_"))
        old = secrets(added)
        webhook("verify", endpoint)
        judge(*CAME.get(timeout=PATIENCE_S), [old])
        new = secrets(webhook("rotate", endpoint).split())
        message = webhook("test", endpoint).split()[0]
        serve = subprocess.Popen([program, "serve", *config], env=environment, stderr=subprocess.DEVNULL)
        try:
            headers, body = CAME.get(timeout=PATIENCE_S)
        finally:
            serve.terminate()
            assert serve.wait(timeout=PATIENCE_S) == 0
        assert headers["webhook-id"] == message, headers
        assert json.loads(body)["type"] == "endpoint.test", body
        judge(headers, body, [old, new])
        shown = webhook("show", endpoint, message)
        assert "delivered  200" in shown and body in shown, shown
    print("verified by 2 libraries of PyPI, 2 of npm, and Node")


def secrets(words: list[str]) -> tuple[str, str]:
    """The shared secret and the public key among what was printed."""
    return next(w for w in words if w.startswith("whsec_")), next(w for w in words if w.startswith("whpk_"))


def judge(headers: dict[str, str], body: str, known: list[tuple[str, str]]) -> None:
    """Has everybody verify a request with each of the secrets, and refuse what was changed or signed by another."""
    stranger = "whsec_" + base64.b64encode(bytes(32)).decode()
    for library in (StandardWebhook, SvixWebhook):
        for shared, _ in known:
            library(shared).verify(body, headers)
            refused(library(shared), body.replace("{", "{ ", 1), headers)
            refused(library(shared), body, headers | {"webhook-id": "whm_other"})
            refused(library(shared), body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)})
        refused(library(stranger), body, headers)
    asked = {"headers": headers, "body": body, "known": known, "stranger": stranger}
    node = ["node", str(Path(__file__).with_name("verify.mjs"))]
    done = subprocess.run(node, input=json.dumps(asked), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr


def refused(verifier: StandardWebhook | SvixWebhook, body: str, headers: dict[str, str]) -> None:
    try:
        verifier.verify(body, headers)
    except Exception as error:  # each library has its own
        assert "erif" in type(error).__name__, error
    else:
        raise AssertionError(f"accepted: {body} {headers}")


if __name__ == "__main__":
    sys.exit(main())
