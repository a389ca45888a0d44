"""What each vendor draws: `drawings` lists a vendor's pictograms with all that is needed to draw them elsewhere."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import draw
from pictograms import has_skin_tone, identity, is_single_pictogram

HERE = Path(__file__).parent
# Part of a package's words that it writes in front of a country's.
SKIN_WORDS = ("skin-tone", "-light", "-medium", "-medium-light", "-medium-dark", "-dark")


@dataclass(frozen=True)
class Drawing:
    """One pictogram of one vendor, before it is drawn."""

    ident: str
    kind: str
    source: tuple

    def picture(self):
        maker = {"iconify": draw.iconify, "file": draw.file, "bitmaps": draw.bitmap, "outlines": draw.outline}
        picture = maker[self.kind](*self.source)
        return None if picture is None else draw.normalise(picture)


def _table(name):
    if name is None:
        return {}
    with open(HERE / "tables" / name, encoding="utf-8") as file:
        return dict(csv.reader(file, delimiter="\t"))


def _bodies(folder):
    """`{name: (body, left, top, width, height)}` of an Iconify package, aliases without a turn included."""
    data = json.loads((folder / "icons.json").read_text("utf-8"))
    standard = {key: data.get(key, default) for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))}
    icons = {}
    for name, icon in data["icons"].items():
        whole = {**standard, **icon}
        icons[name] = (whole["body"], whole["left"], whole["top"], whole["width"], whole["height"])
    for name, alias in data.get("aliases", {}).items():
        if set(alias) == {"parent"} and alias["parent"] in icons:
            icons.setdefault(name, icons[alias["parent"]])
    return icons


def _without_suffix(name, suffix, siblings):
    """The word that `name` stands for, or None when another vendor of the same package has it."""
    if suffix is None:
        return name
    if name.endswith(suffix):
        return name[: -len(suffix)]
    # Streamline numbers a word's drawings only where there are several.
    return name if suffix == "-1" and not name.endswith("-2") and name + "-1" not in siblings else None


def _iconify(vendor, folder, slugs):
    table, suffix, style = _table(vendor.get("table")), vendor.get("suffix"), vendor.get("style")
    chars = folder / "chars.json"
    by_chars = {}
    if vendor["kind"] == "iconify" and chars.exists():
        for code_points, name in json.loads(chars.read_text()).items():
            by_chars.setdefault(name, identity(code_points))
    bodies = _bodies(folder)
    for name in sorted(bodies):
        word = _without_suffix(name, suffix, bodies)
        if word is None:
            continue
        if vendor["kind"] == "icons":
            ident = slugs.icon(word)
        elif word.endswith(SKIN_WORDS) and word not in by_chars:
            ident = None
        else:
            # A vendor whose table has every name is taken at its word.
            ident = table.get(word) or by_chars.get(word) or slugs.pictogram(word)
        if ident:
            yield Drawing(ident, "iconify", (*bodies[name], style))


def _folder(vendor, folder):
    for path in sorted(folder.glob(vendor["files"])):
        yield Drawing(identity(path.stem), "file", (path,))


def _font(vendor, folder, named):
    path = folder / vendor["files"]
    drawn = draw.code_points(str(path))
    for ident in sorted(named):
        codes = [int(part, 16) for part in ident.split("-")]
        if all(code in drawn for code in codes) and (len(codes) == 1 or vendor["kind"] == "bitmaps"):
            yield Drawing(ident, vendor["kind"], (path, ident))


def drawings(vendor, folder, slugs, named):
    """A vendor's drawings of the pictograms in `named`, one each, in the order of identities."""
    kind = vendor["kind"]
    if kind in ("iconify", "icons"):
        found = _iconify(vendor, folder, slugs)
    elif kind == "folder":
        found = _folder(vendor, folder)
    else:
        found = _font(vendor, folder, named)
    kept = {}
    for drawing in found:
        if drawing.ident in named and not has_skin_tone(drawing.ident):
            kept.setdefault(drawing.ident, drawing)
    return [kept[ident] for ident in sorted(kept)]


def is_wanted(ident, drawn_as_emoji):
    """Fonts of symbols also draw letters and brackets; those count only where a vendor of emoji draws them."""
    return is_single_pictogram(ident) or ident in drawn_as_emoji
