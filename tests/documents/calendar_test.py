"""The demo's calendars, read by a parser that is not ours (icalendar) and taken up by a calendar program (khal): what it
lists, and that a changed file moves an entry rather than doubling it.

PARTNERCAST names the program.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

from icalendar import Calendar

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from program import PATIENCE_S, Program

PARTNERS = ["northlight", "dune-gate", "hoshikawa"]
SEQUENCE_MAX = 2**31
RULES = """version = 1
[[blackout]]
name = "Fair, with; marks"
from = 2027-02-09
to = 2027-02-10

[[blackout]]
name = "Long fair"
from = 2027-04-13
to = 2027-05-25
"""
TITLE = r"Fold; Forward, \n \"so\" END:VEVENT"
KHAL = """[calendars]
[[fed]]
path = {folder}/fed
type = calendar
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = {zone}
default_timezone = {zone}
[default]
default_calendar = fed
[sqlite]
path = {folder}/khal.db
"""


def fetch(url: str, method: str = "GET", **headers: str):
    """Status, headers and body, as a calendar program gets them: without cookies."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        reply = urllib.request.urlopen(request, timeout=PATIENCE_S)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        return reply.status, reply.headers, reply.read()


class Feed:
    """A calendar at an address, and its entries by what names them."""

    def __init__(self, url: str) -> None:
        self.url = url
        status, headers, self.bytes = fetch(f"{url}.ics")
        assert status == 200 and headers["Content-Type"] == "text/calendar; charset=utf-8", f"{url}: {status} {headers}"
        assert "private" in headers["Cache-Control"] and "max-age=" in headers["Cache-Control"], headers
        assert "Set-Cookie" not in headers and headers["Last-Modified"], headers
        self.tag = headers["ETag"]
        assert all(len(line) <= 75 for line in self.bytes.split(b"\r\n")), "a long line (RFC 5545 section 3.1)"
        assert b"\n" not in self.bytes.replace(b"\r\n", b""), "a line ends otherwise than all others"
        calendar = Calendar.from_ical(self.bytes)
        for component in calendar.walk():
            assert not component.errors, f"{url}: {component.errors}"
        assert calendar["METHOD"] == "PUBLISH" and calendar["NAME"] == calendar["X-WR-CALNAME"], calendar
        assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=6), calendar["REFRESH-INTERVAL"]
        events = calendar.walk("VEVENT")
        self.entries = {str(event["UID"]): event for event in events}
        assert len(self.entries) == len(events) > 5, f"{len(self.entries)} names for {len(events)} entries"
        for uid, event in self.entries.items():
            self.check(uid, event)

    def check(self, uid: str, event) -> None:
        start, end, changed = event["DTSTART"].dt, event["DTEND"].dt, event["DTSTAMP"].dt
        assert all(at.utcoffset() == timedelta(0) for at in (start, end, changed)) and end > start, uid
        assert changed == event["LAST-MODIFIED"].dt and 0 < event["SEQUENCE"] < SEQUENCE_MAX, uid
        assert event["STATUS"] in ("CONFIRMED", "CANCELLED"), uid
        assert event["TRANSP"] == ("OPAQUE" if uid.startswith("webinars/") else "TRANSPARENT"), uid
        assert re.fullmatch(r"(newsletters/[a-z-]+/\d{8}T\d{4}/[A-Za-z_/-]+|webinars/[a-z0-9-]+)@[a-z-]+", uid), uid

    def of(self, date: str):
        """The entry of the newsletter that is promised for this date."""
        [found] = [event for uid, event in self.entries.items() if f"/{date}T" in uid]
        return found


def asked_again(feed: Feed) -> None:
    """Nothing is sent to whoever has it; HEAD says the same as GET; packed it is the same."""
    status, headers, body = fetch(f"{feed.url}.ics", If_None_Match=f'"other", {feed.tag}')
    assert (status, body) == (304, b"") and headers["ETag"] == feed.tag, f"{status} {headers}"
    status, headers, body = fetch(f"{feed.url}.ics", "HEAD")
    assert (status, body) == (200, b"") and headers["ETag"] == feed.tag, f"{status} {headers}"
    status, headers, body = fetch(f"{feed.url}.ics", Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip") and len(body) < len(feed.bytes), headers


def same_as_json(feed: Feed) -> None:
    status, headers, body = fetch(f"{feed.url}.json")
    assert status == 200 and headers["Content-Type"] == "application/json", f"{status} {headers}"
    told = {entry["uid"]: (entry["starts"], entry["ends"], entry["sequence"]) for entry in json.loads(body)["entries"]}
    of = "%Y-%m-%dT%H:%M:%SZ"
    ours = {
        uid: (event["DTSTART"].dt.strftime(of), event["DTEND"].dt.strftime(of), event["SEQUENCE"])
        for uid, event in feed.entries.items()
    }
    assert told == ours, sorted(set(told.items()) ^ set(ours.items()))


def looked_at(url: str) -> Feed:
    """The feed at this address, every form of it compared; looked at anew where it changed meanwhile, as the demo's own issue
    goes its way."""
    end = time.monotonic() + PATIENCE_S
    while True:
        feed = Feed(url)
        try:
            asked_again(feed)
            same_as_json(feed)
            return feed
        except AssertionError:
            status, _, _ = fetch(f"{url}.ics", If_None_Match=feed.tag)
            if status == 304 or time.monotonic() > end:
                raise


class Khal:
    """The program with a calendar of its own, for somebody whose clocks go by `zone`."""

    def __init__(self, folder: Path, zone: str) -> None:
        self.folder = folder
        (folder / "fed").mkdir(parents=True)
        self.config = folder / "config"
        self.config.write_text(KHAL.format(folder=folder, zone=zone))

    def run(self, *arguments: str) -> str:
        command = ["khal", "--config", self.config, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def take_up(self, feed: Feed) -> None:
        file = self.folder / "feed.ics"
        file.write_bytes(feed.bytes)
        self.run("import", "--batch", "-a", "fed", str(file))
        stored = len(list((self.folder / "fed").iterdir()))
        assert stored == len(feed.entries), f"{stored} entries are stored of {len(feed.entries)}"

    def lists(self, date: str) -> list[str]:
        form = "{start}|{title}|{status}"
        text = self.run("list", "--format", form, "--day-format", "", date, "1d")
        return [line.strip() for line in text.splitlines() if "|" in line]


def changed(feed: Feed) -> Feed:
    """The feed when it is another one."""
    end = time.monotonic() + PATIENCE_S
    while True:
        status, _, _ = fetch(f"{feed.url}.ics", If_None_Match=feed.tag)
        if status == 200:
            again = Feed(feed.url)
            if again.of("20270209")["DTSTART"].dt != feed.of("20270209")["DTSTART"].dt:
                return again
        assert time.monotonic() < end, "the calendar does not change"
        time.sleep(0.1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        demo = Program.demo(folder / "demo")
        try:
            links = [re.search(r"/calendars/[\w-]+", demo.ask(f"/console/partners/{slug}").text)[0] for slug in PARTNERS]
            links.append(re.search(r"/calendars/[\w-]+", demo.ask("/console/promises").text)[0])
            feeds = [looked_at(demo.url + link) for link in links]
            before = feeds[0]
            webinars = [uid for uid in before.entries if uid.startswith("webinars/")]
            assert webinars, "no webinar is ahead"
            path = f"/p/{PARTNERS[0]}/{webinars[0].split('@')[0]}/calendar.ics"
            [alone] = Calendar.from_ical(demo.get(path)).walk("VEVENT")
            assert alone.to_ical() == before.entries[webinars[0]].to_ical(), "a webinar is another one by itself"

            there, away = Khal(folder / "there", "America/Chicago"), Khal(folder / "away", "Europe/Oslo")
            for khal, hour in ((there, "09:00"), (away, "16:00")):
                khal.take_up(before)
                [line] = khal.lists("2027-02-09")
                assert line.startswith(f"2027-02-09 {hour}|Fold Forward") and line.endswith("|CONFIRMED"), line

            newsletter = folder / "demo/content/newsletters/fold-forward.md"
            text = newsletter.read_text()
            newsletter.write_text(re.sub(r"(?m)^title: .*$", lambda _: f'title: "{TITLE}"'.replace(r"\n", r"\\n"), text, count=1))
            (folder / "demo/content/rules/calendar.toml").write_text(RULES)
            after = changed(before)
            assert set(after.entries) == set(before.entries), "other entries"
            title = "Fold; Forward, \\n \"so\" END:VEVENT"
            for date in ("20270209", "20270413", "20270511", "20270608"):
                assert after.of(date)["SEQUENCE"] > before.of(date)["SEQUENCE"], date
                assert str(after.of(date)["SUMMARY"]).startswith(title), after.of(date)["SUMMARY"]
            assert (after.of("20270209")["STATUS"], after.of("20270413")["STATUS"]) == ("CONFIRMED", "CANCELLED")
            there.take_up(after)
            assert there.lists("2027-02-09") == [], "it is there twice"
            for date, state in (("2027-02-11", "CONFIRMED"), ("2027-04-13", "CANCELLED"), ("2027-05-26", "CONFIRMED")):
                [line] = there.lists(date)
                assert line.startswith(f"{date} 09:00|{title}") and state in line, line
        finally:
            demo.stop()
    print(f"{sum(len(feed.entries) for feed in feeds)} entries in {len(feeds)} calendars")


if __name__ == "__main__":
    sys.exit(main())
