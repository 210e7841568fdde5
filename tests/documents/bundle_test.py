"""The demo's bundles, opened by Python's zipfile and by unzip, and every file in them by a reader of its kind that is
not ours: pypdf, icalendar, a validator of HTML, tables of what mail clients can show.

PARTNERCAST names the program, VNU and LIMITS the folders of the validator and of the tables.
"""

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from icalendar import Calendar
from pypdf import PdfReader

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("peers", "html")]
import mails
import validator
from program import Program

PARTNERS = {"northlight": "en", "dune-gate": "ar", "hoshikawa": "ja"}
ASSETS = ["kits/proof-of-recovery", "blog/restores-not-backups", "webinars/live-restore-in-20-minutes"]
NAME_BYTES_MAX = 100


class Bundle:
    """An archive, opened and looked through; its HTML is kept for the validator, which is slow to start."""

    def __init__(self, demo: Program, path: str, folder: Path) -> None:
        self.bytes = demo.get(path)
        assert self.bytes == demo.get(path), f"{path}: other bytes the second time"
        self.path = path
        self.archive = zipfile.ZipFile(io.BytesIO(self.bytes))
        assert self.archive.testzip() is None, f"{path}: a damaged file"
        self.pages: dict[str, str] = {}
        self.mails: dict[str, str] = {}
        self.kinds: set[str] = set()
        file = folder / "bundle.zip"
        file.write_bytes(self.bytes)
        done = subprocess.run(["unzip", "-tqq", file], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr
        self.names()
        readme = self.archive.read("README.md").decode()
        listed = re.findall(r"^- `([^`]+)` \u2013 \S", readme, re.M)
        files = set(self.archive.namelist()) - {"README.md"}
        assert set(listed) == files and len(listed) == len(files), f"{path}: {files ^ set(listed)} in files or README alone"
        for name in self.archive.namelist():
            self.file(name, self.archive.read(name))

    def names(self) -> None:
        """Names that every system can unpack, into a folder and nowhere else, whoever made it and when."""
        names = self.archive.namelist()
        assert names == sorted(names) and len({name.lower() for name in names}) == len(names), names
        for info in self.archive.infolist():
            name = PurePosixPath(info.filename)
            assert not name.is_absolute() and ".." not in name.parts and "\\" not in info.filename, name
            assert re.fullmatch(r"[A-Za-z0-9._/-]+", info.filename) or info.flag_bits & 0x800, f"{name} is not marked UTF-8"
            assert len(info.filename.encode()) <= NAME_BYTES_MAX and not info.is_dir(), name
            assert info.date_time == (1980, 1, 1, 0, 0, 0) and info.external_attr >> 16 & 0o777 == 0o644, info

    def file(self, name: str, data: bytes) -> None:
        """Is what its name says."""
        where = f"{self.path} {name}"
        kind = name.rsplit(".", 1)[-1]
        self.kinds.add("mail" if name.endswith("mail.html") else kind)
        assert data, f"{where} is empty"
        if kind == "pdf":
            assert data.startswith(b"%PDF-1.") and len(PdfReader(io.BytesIO(data), strict=True).pages) >= 1, where
        elif kind == "png":
            assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82"), where
        elif kind == "ics":
            [event] = Calendar.from_ical(data).walk("VEVENT")
            assert event["SUMMARY"] and event["UID"] and event.start.tzinfo and event.end > event.start, where
            assert all(len(line) <= 75 for line in data.split(b"\r\n")), f"{where} has a long line (RFC 5545 section 3.1)"
        elif kind == "html":
            html = data.decode()
            assert re.search(r'<html lang="[a-zA-Z-]+" dir="(ltr|rtl)"', html), where
            (self.mails if name.endswith("mail.html") else self.pages)[where] = html
        else:
            assert kind in ("txt", "md"), f"{where}: what is this?"
            text = data.decode()
            assert "\0" not in text and "\ufeff" not in text and "\ue000" not in text, where
            assert kind == "md" or not re.search(r"</?(p|a|div|strong|em)\b", text), f"{where} holds markup"


def main() -> None:
    validator.sees_planted_faults()
    pages: dict[str, str] = {}
    letters: dict[str, str] = {}
    kinds: set[str] = set()
    langs = set()
    with tempfile.TemporaryDirectory() as folder:
        demo = Program.demo(Path(folder) / "demo")
        try:
            for partner in PARTNERS:
                for asset in ASSETS:
                    bundle = Bundle(demo, f"/console/bundles/{partner}/{asset}", Path(folder))
                    pages |= bundle.pages
                    letters |= bundle.mails
                    kinds |= bundle.kinds
                langs |= {re.search(r'lang="([a-z]+)', html)[1] for name, html in pages.items() if f"/{partner}/" in name}
        finally:
            demo.stop()
    assert kinds == {"pdf", "png", "ics", "html", "mail", "txt", "md"}, kinds
    assert langs >= set(PARTNERS.values()), langs
    faults = validator.checked(pages) + validator.checked(letters, validator.FOR_MAIL_CLIENTS)
    unknown, _ = mails.limits(letters)
    faults += unknown + [f"{name}: {fault}" for name, html in letters.items() for fault in mails.shown(html)]
    for fault in faults:
        print(fault[:600])
    assert not faults, f"{len(faults)} faults"
    print(f"{len(pages)} pages and {len(letters)} mails in bundles")


if __name__ == "__main__":
    sys.exit(main())
