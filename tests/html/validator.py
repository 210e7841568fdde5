"""The Nu Html Checker, which knows the HTML standard and shares no code with us. VNU is the folder of the package that has it.

A page may have no error and no warning at all. Mail is written for clients that know other rules: what it holds for
them is listed here with the reason, and nothing else is let through.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

OBSOLETE = r"The “(border|cellpadding|cellspacing|align|width|bgcolor|valign)” attribute on the “(table|td)” element is obsolete\."
# A pattern of the checker's words, and for whom we write it all the same.
FOR_MAIL_CLIENTS = {
    OBSOLETE: "Outlook for Windows draws with Word, which knows these and not the CSS in their place",
    r"Attribute “xmlns:[vo]” not allowed here\.": "Word's own elements, in comments that only Outlook reads, need them",
    r"CSS: “mso-[a-z-]+”: Property “mso-[a-z-]+” doesn't exist\.": "for Word alone; others leave out what they do not know",
    r"CSS: “supported-color-schemes”": "the name by which older versions of Apple Mail know `color-scheme`",
    r"Bad value “auto” for attribute “height” on element “img”": "Outlook would stretch an image to its whole height",
    r"Attribute “vertical-align” not allowed on element “td”": "MJML writes it for its buttons, and it has no effect",
    r"The “type” attribute for the “style” element is not needed": "some web mail leaves out a style without it",
}
# One fault each, which the checker has to name: otherwise it checks nothing.
PLANTED = {
    '<p><div>a</div></p>': "No “p” element in scope",
    '<img src="a.png">': "“alt” attribute",
    '<ul><p>a</p></ul>': "not allowed as child",
    '<p id="a">a</p><p id="a">b</p>': "Duplicate ID",
    '<p style="colour: red">a</p>': "Property “colour” doesn't exist",
    '<table><tr><td colspan="0">a</td></tr></table>': "colspan",
}


def check(pages: dict[str, str]) -> dict[str, list[str]]:
    """What the checker says of each page or style sheet (`….css`), by name; only those with faults."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, (name, html) in enumerate(pages.items()):
            kind = "css" if name.endswith(".css") else "html"
            file = Path(folder) / f"{number:05}.{kind}"
            file.write_text(html)
            names[file.name] = name
        command = ["java", "-Xss2m", "-jar", Path(os.environ["VNU"]) / "build/dist/vnu.jar", "--format", "json", "--exit-zero-always", "--no-langdetect"]
        command += ["--skip-info-messages", "--also-check-css", folder]
        done = subprocess.run(command, capture_output=True, timeout=240)
        assert done.returncode == 0, done.stderr.decode()
        faults: dict[str, list[str]] = {}
        for one in json.loads(done.stderr)["messages"]:
            file = one.get("url", "").rsplit("/", 1)[-1]
            assert file in names, f"the checker itself failed: {one}"
            faults.setdefault(names[file], []).append(f"{one['message']} [{one.get('extract', '')}]")
        return faults


def checked(pages: dict[str, str], allowed: dict[str, str] | None = None) -> list[str]:
    """The faults of pages but for those in `allowed`, of which every one has to occur."""
    allowed = allowed or {}
    used, faults = set(), {}
    for name, said in check(pages).items():
        for fault in said:
            reasons = [pattern for pattern in allowed if re.search(pattern, fault)]
            used.update(reasons)
            if not reasons:
                faults.setdefault(fault, name)
    stale = [f"nothing needs the exception any more: {pattern}" for pattern in allowed if pattern not in used]
    return [f"{name}: {fault}" for fault, name in faults.items()] + stale


def sees_planted_faults() -> None:
    """Each fault is seen, also in mail, and a page without one has none."""
    page = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title></head><body>{}</body></html>'
    pages = {planted: page.format(planted) for planted in PLANTED} | {"none": page.format("<p>a</p>")}
    pages["colour.css"] = "a { colour: red }"
    said = check(pages)
    assert "none" not in said, said
    for planted, words in (PLANTED | {"colour.css": "colour"}).items():
        assert any(words in fault for fault in said.get(planted, [])), f"{planted}: {said.get(planted)}"
        assert not any(re.search(pattern, fault) for pattern in FOR_MAIL_CLIENTS for fault in said[planted])
