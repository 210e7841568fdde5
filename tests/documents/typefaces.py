"""Makes the typefaces of brands out of whole fonts: TTF for documents, WOFF2 for pages. Not run by tests/run.

    python3 tests/documents/typefaces.py FOLDER

FOLDER holds the packages @expo-google-fonts/fira-sans 0.4.1, jost 0.4.2, literata 0.4.3 and zilla-slab 0.4.1 of npm, each
unpacked under its name. Needs fonttools and brotli. Kept are Latin letters, figures, usual signs, and what sets them well;
Greek, Cyrillic and the rest come from the typefaces that all documents have, and from the reader's system.
"""

import sys
from pathlib import Path

from fontTools import subset

DOCUMENTS = Path("templates/document/fonts")
PAGES = Path("static/fonts")
CUTS = {"Regular": "400Regular", "Bold": "700Bold", "Italic": "400Regular_Italic"}
FAMILIES = {"FiraSans": "fira-sans", "Inter": "inter", "Jost": "jost", "Literata": "literata", "ZillaSlab": "zilla-slab"}
FEATURES = ["kern", "liga", "ccmp", "locl", "mark", "mkmk", "tnum"]
LETTERS = """20-7e a0-17f 18f 192 1a0-1a1 1af-1b0 1cd-1d4 1e6-1e7 1ea-1eb 1fa-1ff 218-21b 237 259 2bb-2bc 2c6-2c7 2c9 2d8-2dd
300-304 306-30c 312 326-328 331 1e02-1e03 1e0a-1e0b 1e1e-1e1f 1e40-1e41 1e56-1e57 1e60-1e61 1e6a-1e6b 1e80-1e85 1e9e
1ef2-1ef3 2002-200b 2010-2015 2018-201e 2020-2022 2026 202f 2030 2032-2033 2039-203a 2044 20ac 20b9-20ba 2116 2122
2190-2193 2212 2215 2219 2248 2260 2264-2265"""


def substitutions(font, feature: str) -> list[dict[str, str]]:
    """The single substitutions of a feature."""
    records = [record for record in font["GSUB"].table.FeatureList.FeatureRecord if record.FeatureTag == feature]
    lookups = {index for record in records for index in record.Feature.LookupListIndex}
    tables = [table for index in lookups for table in font["GSUB"].table.LookupList.Lookup[index].SubTable]
    tables = [getattr(table, "ExtSubTable", table) for table in tables]
    return [table.mapping for table in tables if hasattr(table, "mapping")]


def stand_on_the_line(font) -> None:
    """Figures as high as capitals without being asked: they stand in tables and addresses here."""
    high = {low: figure for mapping in substitutions(font, "lnum") for low, figure in mapping.items()}
    for table in font["cmap"].tables:
        for figure in range(ord("0"), ord("9") + 1):
            if table.isUnicode() and table.cmap[figure] in high:
                table.cmap[figure] = high[table.cmap[figure]]
    for mapping in substitutions(font, "tnum"):
        for figure, wide in list(mapping.items()):
            if figure in high and wide in high:
                mapping[high[figure]] = high[wide]


def leave_spaces(font) -> None:
    """No kerning with the space: `A weak` read as one word."""
    for lookup in font["GPOS"].table.LookupList.Lookup:
        for table in (getattr(table, "ExtSubTable", table) for table in lookup.SubTable):
            if table.LookupType != 2:
                continue
            if table.Format == 1:
                for first, pairs in zip(table.Coverage.glyphs, table.PairSet):
                    kept = [pair for pair in pairs.PairValueRecord if "space" not in (first, pair.SecondGlyph)]
                    pairs.PairValueRecord, pairs.PairValueCount = kept, len(kept)
            else:
                table.ClassDef1.classDefs.pop("space", None)
                table.ClassDef2.classDefs.pop("space", None)


def main(packages: Path) -> None:
    letters = subset.parse_unicodes(",".join(LETTERS.split()))
    for family, word in FAMILIES.items():
        for cut, name in CUTS.items():
            options = subset.Options(
                layout_features=FEATURES, hinting=False, notdef_outline=True, glyph_names=False,
                name_IDs=[*range(7), 13, 14, 16, 17], name_languages=[0x409],
            )
            options.drop_tables += ["DSIG", "STAT", "meta"]
            whole = DOCUMENTS / f"Inter-{cut}.otf"
            if family != "Inter":
                whole = packages / word / name / f"{family}_{name}.ttf"
            font = subset.load_font(str(whole), options)
            if family == "ZillaSlab":
                stand_on_the_line(font)
                leave_spaces(font)
            subsetter = subset.Subsetter(options)
            subsetter.populate(unicodes=letters)
            subsetter.subset(font)
            if family != "Inter":
                font.save(DOCUMENTS / f"{family}-{cut}.ttf")
            font.flavor = "woff2"
            font.save(PAGES / f"{word}-{cut.lower()}.woff2")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
