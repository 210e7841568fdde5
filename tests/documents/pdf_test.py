"""The demo's documents, read by pypdf, which shares no code with what wrote them. PARTNERCAST names the program.

Of each kind: text, links, embedded fonts, contents, tags, language and properties; who may have it; the same bytes
each time, alone and in a bundle.
"""

import io
import re
import sys
import tempfile
import zipfile
from pathlib import Path

from pypdf import PdfReader

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from program import Program

# The typefaces of the demo's partners as their files call them; who chose none has two.
FIRA = ("FiraSans",)
ZILLA = ("ZillaSlab",)
USUAL = ("Inter", "LibertinusSerif")


class Document:
    """A PDF and what every one of ours has to have."""

    def __init__(self, pdf: bytes, lang: str, families: tuple[str, ...]) -> None:
        self.reader = PdfReader(io.BytesIO(pdf), strict=True)
        self.root = self.reader.trailer["/Root"].get_object()
        self.text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in self.reader.pages)).replace("\u00ad", "")
        self.roles: dict[str, list] = {}
        self.walk(self.root["/StructTreeRoot"]["/K"], 0)
        self.uris: list[str] = []
        assert self.root["/MarkInfo"]["/Marked"] is True or self.root["/MarkInfo"]["/Marked"].value, "marked"
        assert self.root["/Lang"].split("-")[0] == lang, self.root["/Lang"]
        assert self.root["/ViewerPreferences"]["/DisplayDocTitle"], "readers show the title and not the file's name"
        xmp = self.root["/Metadata"].get_object().get_data().decode()
        assert "<pdfuaid:part>1</pdfuaid:part>" in xmp, "PDF/UA-1"
        info = self.reader.metadata
        assert info.title and info.author and info["/Keywords"], info
        assert "/CreationDate" not in info and "/ModDate" not in info, "no day of the clock"
        self.fonts(set(families))
        self.links()

    def walk(self, node, depth: int) -> None:
        """Every tag, by role; those of a link lead to its annotation."""
        assert depth < 60
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                self.walk(child, depth + 1)
        elif isinstance(node, dict) and "/S" in node:
            self.roles.setdefault(str(node["/S"]), []).append(node)
            if "/K" in node:
                self.walk(node["/K"], depth + 1)

    def fonts(self, families: set[str]) -> None:
        """Every font is embedded and can be searched; the typefaces are those of the brand, and no other."""
        names = set()
        for page in self.reader.pages:
            assert page["/Tabs"] == "/S", "the order of the tags is that of the keyboard"
            for font in page["/Resources"].get_object().get("/Font", {}).values():
                font = font.get_object()
                [inner] = font["/DescendantFonts"]
                descriptor = inner.get_object()["/FontDescriptor"].get_object()
                assert {"/FontFile2", "/FontFile3"} & set(descriptor), f"{font['/BaseFont']} is not embedded"
                assert "/ToUnicode" in font, f"{font['/BaseFont']} cannot be searched"
                names.add(str(font["/BaseFont"]).split("+")[-1])
        assert {name.split("-")[0] for name in names} == families, names

    def links(self) -> None:
        for page in self.reader.pages:
            for annotation in page.get("/Annots", []):
                annotation = annotation.get_object()
                assert annotation["/Subtype"] == "/Link" and annotation["/Contents"], "what a reader says for it"
                if "/A" in annotation:
                    self.uris.append(str(annotation["/A"].get_object()["/URI"]))
                else:
                    target = annotation["/Dest"]
                    assert target[0].get_object()["/Type"] == "/Page", "leads to a page"
        for uri in self.uris:
            assert re.match(r"https?://|mailto:|tel:\+?\d+$", uri), uri

    def outline(self) -> list[str]:
        def flat(items):
            for item in items:
                if isinstance(item, list):
                    yield from flat(item)
                else:
                    assert self.reader.get_destination_page_number(item) is not None, item.title
                    yield item.title

        return list(flat(self.reader.outline))

    def has(self, *words: str) -> None:
        for word in words:
            assert word in self.text, f"{word!r} is not in {self.text}"

    def tagged(self, *roles: str) -> None:
        for role in roles:
            assert self.roles.get(f"/{role}"), f"{role} is not among {sorted(self.roles)}"
        for figure in self.roles.get("/Figure", []):
            assert figure["/Alt"], "an image without words"


def whitepaper(demo: Program) -> None:
    path = "/console/documents/northlight/whitepapers/proof-of-recovery?lang=en"
    pdf = demo.get(path)
    assert pdf == demo.get(path) and len(pdf) <= 300_000, len(pdf)
    paper = Document(pdf, "en", FIRA)
    paper.has("Proof of Recovery: what boards should ask", "Priya Raman", "Northlight MSP", "Brackenfold AS")
    paper.has("We look after systems for 38 clinics", "Luis Ortega", "Page 2 of")
    paper.tagged("H1", "P", "L", "LI", "Table", "TH", "TD", "Figure", "Link", "TOC")
    assert paper.reader.metadata.title == "Proof of Recovery: what boards should ask"
    assert paper.reader.metadata.author.startswith("Priya Raman, Ingrid Solheim"), paper.reader.metadata.author
    outline = paper.outline()
    chapters = re.findall(r"^## (.+)$", Path("content/whitepapers/proof-of-recovery.md").read_text(), re.M)
    assert len(chapters) > 5
    for chapter in (chapter.replace("{{ partner.name }}", "Northlight MSP") for chapter in chapters):
        assert any(title.endswith(chapter) for title in outline), f"{chapter} is not among {outline}"
    assert outline[-1] == "Your next step", outline
    assert any("/p/northlight/talk-to-us" in uri for uri in paper.uris), paper.uris
    assert "mailto:luis.ortega@northlight.example" in paper.uris and "tel:+16125550142" in paper.uris
    assert not any("/p/" in uri and "/p/northlight" not in uri for uri in paper.uris), "all pages are theirs"
    last = paper.reader.pages[-1].extract_text()
    assert "Luis Ortega" in last and "Your next step" in last, last
    assert demo.refused("/p/northlight/whitepapers/proof-of-recovery/document.pdf") == 404, "it has a gate"

    german = Document(demo.get("/console/documents/rheinbogen/whitepapers/first-24-hours?lang=de-DE"), "de", ZILLA)
    german.has("Die ersten 24 Stunden", "Rheinbogen Systemhaus", "Seite 2 von", "Inhalt", "Ihr nächster Schritt")
    assert "Northlight" not in german.text
    usual = Document(demo.get("/console/documents/cascade-point/whitepapers/first-24-hours?lang=en"), "en", USUAL)
    usual.has("Cascade Point IT")


def datasheet(demo: Program) -> None:
    sheet = Document(demo.get("/p/northlight/datasheets/fold-proof/document.pdf"), "en", FIRA)
    assert len(sheet.reader.pages) == 1
    sheet.has("Fold Proof", "Version 4.2", "VMware, Hyper-V, Proxmox VE", "What it does not do", "Luis Ortega")
    sheet.tagged("H1", "P", "Table", "TH", "TD", "Figure", "Link")
    rows = sheet.roles["/TR"]
    assert len(rows) == 9, "a head and eight properties"
    figures = {str(figure["/Alt"]) for figure in sheet.roles["/Figure"]}
    assert figures == {"Northlight MSP", "Brackenfold"}, figures


def kit(demo: Program) -> None:
    path = "/console/documents/northlight/kits/proof-of-recovery?lang=en"
    pdf = demo.get(path)
    kit = Document(pdf, "en", FIRA)
    assert len(kit.reader.pages) == 1
    kit.has("Restores, not backups", "January 12, 2027 – February 5, 2027", "First restore tests booked", "Tom Beckett")
    kit.has("Ring every guest of the live restore", "Invite with your own registration link.")
    days = [kit.text.index(day) for day in ("January 13", "January 14", "January 21", "February 2")]
    assert days == sorted(days), "in the order of the days"
    kit.tagged("Table", "TH", "L", "LI", "Link", "Figure")
    assert demo.refused("/p/northlight/kits/proof-of-recovery/document.pdf") == 404, "kits are not public"

    bundle = zipfile.ZipFile(io.BytesIO(demo.get("/console/bundles/northlight/kits/proof-of-recovery?lang=en")))
    assert bundle.read("proof-of-recovery.pdf") == pdf, "the bundle has the same"
    Document(bundle.read("whitepapers/proof-of-recovery/proof-of-recovery.pdf"), "en", FIRA)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Program.demo(Path(folder) / "demo")
        try:
            for check in (whitepaper, datasheet, kit):
                check(demo)
                print(check.__name__)
        finally:
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
