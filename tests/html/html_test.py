"""Every page and every mail of the program, read by a validator of HTML and by tables of what mail clients can show.

PARTNERCAST names the program, VNU and LIMITS the folders of the validator and of the tables.
"""

import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "peers"))
import mails
import validator
from pages import Walk


def main() -> None:
    validator.sees_planted_faults()
    mails.sees_planted_faults()
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder) / "demo").all()
    pages = {f"{page.template} {page.lang} {page.path} ({no})": page.html for no, page in enumerate(walk.pages)}
    html = {subject: mail.get_body(("html",)).get_content() for subject, mail in walk.mails.items()} | walk.renditions
    faults = validator.checked(pages | walk.styles)
    faults += validator.checked(html, validator.FOR_MAIL_CLIENTS)
    unknown, stale = mails.limits(html)
    faults += unknown + stale
    faults += [f"{name}: {fault}" for name, text in html.items() for fault in mails.shown(text)]
    faults += [f"{subject}: {fault}" for subject, mail in walk.mails.items() for fault in mails.whole(mail)]
    for fault in faults:
        print(fault[:600])
    assert not faults, f"{len(faults)} faults"
    print(f"{len(pages)} pages, {len(html)} mails")


if __name__ == "__main__":
    sys.exit(main())
