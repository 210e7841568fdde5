"""/metrics of a real `partnercast serve`, read by Prometheus's own Python parser; PARTNERCAST names the program.

The parser refuses what Prometheus would: wrong types, units, suffixes, escapes, order, a missing end.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def main() -> None:
    program = os.environ["PARTNERCAST"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "init", folder], check=True, capture_output=True)
        environment = os.environ | {
            "PARTNERCAST_SERVER__LISTEN": "127.0.0.1:0",
            "PARTNERCAST_SERVER__METRICS_LISTEN": "127.0.0.1:0",
            "PARTNERCAST_LOG__FORMAT": "json",
        }
        log = Path(folder) / "log"
        with log.open("wb") as out:
            config = Path(folder) / "partnercast.toml"
            serve = subprocess.Popen([program, "serve", "--config", config], stderr=out, env=environment)
        try:
            page, metrics = addresses(log, serve)
            urllib.request.urlopen(f"http://{page}/healthz").read()
            reply = urllib.request.urlopen(f"http://{metrics}/metrics")
            kind = reply.headers["content-type"]
            assert kind.startswith("application/openmetrics-text; version=1.0.0"), kind
            families = {family.name: family for family in text_string_to_metric_families(reply.read().decode())}
            try:
                urllib.request.urlopen(f"http://{page}/metrics")
                raise AssertionError("the public listener serves metrics")
            except urllib.error.HTTPError as error:
                assert error.code == 404, error
        finally:
            serve.terminate()
            assert serve.wait(timeout=60) == 0
    requests = {(s.labels["route"], s.labels["status"]): s.value for s in families["partnercast_http_requests"].samples}
    assert requests[("health", "200")] == 1, requests
    assert families["partnercast_database_up"].samples[0].value == 1
    assert families["partnercast_http_request_seconds"].unit == "seconds"
    assert families["partnercast_queue_depth"].type == "gauge"
    print(f"{len(families)} families")


def addresses(log: Path, serve: subprocess.Popen) -> tuple[str, str]:
    """Where it listens, from its log."""
    for _ in range(600):
        text = log.read_text()
        metrics = re.search(r'"message":"metrics","address":"([^"]+)"', text)
        page = re.search(r'"message":"partnercast runs","address":"([^"]+)"', text)
        if metrics and page:
            return page[1], metrics[1]
        assert serve.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(f"it does not start: {log.read_text()}")


if __name__ == "__main__":
    sys.exit(main())
