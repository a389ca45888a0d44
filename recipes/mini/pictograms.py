"""Which pictograms there are, what they are called in every language, and which drawing is which of them.

A pictogram's identity is its code points in lower-case hexadecimal, joined by `-`, without U+FE0F, which only asks for
the coloured form: `1f600`, `1f1eb-1f1f7`. Skin tones are left out: five copies of a drawing teach nothing new.
"""

import json
import re
import unicodedata

FIRST_PICTOGRAM = 0x2600
FEWEST_NAMES = 1500
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
# CLDR writes three arrows where a language inherits the name of another.
INHERITED = "\u2191\u2191\u2191"
# Icon sets draw something else under these words, or anything at all: the computer's mouse, the baseball bat, a window of
# a program, a generic person.
AMBIGUOUS_ICONS = set(
    """bat basket bubbles camping cancer child clamp coat coin cricket crane date dizzy family fly foot goggles hole hook
    houses jar joker kiss knot label leg link man metro minus mirror mouse mouth om orange package person pick plus purse
    radio-button ram ring rock rosette salt seal seat tennis turkey wedding wheel window wireless woman wood""".split()
)


def identity(code_points):
    """The identity of a pictogram from code points in hexadecimal, in any case and separator."""
    parts = re.split(r"[-_ ]", code_points.lower().removeprefix("emoji_u"))
    return "-".join(part.lstrip("0") for part in parts if part not in ("fe0f", ""))


def is_single_pictogram(ident):
    """One code point from U+2600 up: what the held-out figures are taken over."""
    return "-" not in ident and int(ident, 16) >= FIRST_PICTOGRAM


def has_skin_tone(ident):
    return not SKIN_TONES.isdisjoint(ident.split("-"))


def slug(name):
    """A name as icon packages write it: `person in tuxedo` -> `person-in-tuxedo`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"['’]", "", plain)).strip("-")


def _annotations(folder, kind, language):
    path = folder / kind / language / "annotations.json"
    return json.loads(path.read_text("utf-8"))[kind].get("annotations", {}) if path.exists() else {}


def names_by_language(annotations, derived):
    """`{language: {identity: [short name, keyword, ...]}}` of all languages with enough names.

    Regional variants (`es-MX`) say little that their language does not and are left out; another script
    (`sr-Latn`) is a language of its own.
    """
    languages = {}
    for folder in sorted((annotations / "annotations").iterdir()):
        language = folder.name
        if re.search(r"-([A-Z]{2}|\d{3}|valencia)$", language):
            continue
        names = {}
        if len(_annotations(annotations, "annotations", language)) < FEWEST_NAMES:
            continue
        for package, kind in ((annotations, "annotations"), (derived, "annotationsDerived")):
            for text, entry in _annotations(package, kind, language).items():
                short = [name for name in entry.get("tts", []) if name != INHERITED]
                if not short:
                    continue
                ident = identity("-".join(f"{ord(c):x}" for c in text))
                keywords = [word for word in entry.get("default", []) if word not in (INHERITED, short[0])]
                names[ident] = [short[0], *keywords]
        languages[language] = names
    return languages


class Slugs:
    """Finds a pictogram by an English name in the form that icon packages use."""

    def __init__(self, english, packages):
        """`packages` are folders of Iconify packages with a `chars.json` to learn names from."""
        self.known = {}
        for folder in packages:
            for code_points, name in json.loads((folder / "chars.json").read_text()).items():
                self.known.setdefault(name, identity(code_points))
        # The icons' names are compared with the short names alone: Unicode's own are too free.
        self.short = {}
        for ident, names in english.items():
            self.known.setdefault(slug(names[0]), ident)
            if is_single_pictogram(ident):
                self.short.setdefault(slug(names[0]), ident)
        for code in range(0x2100, 0x1FB00):
            name = unicodedata.name(chr(code), None)
            if name:
                self.known.setdefault(slug(name), f"{code:x}")

    def pictogram(self, name):
        """The identity that a vendor of pictograms means by `name`."""
        return self.known.get(name)

    def icon(self, name):
        """The identity that a set of general icons means by `name`, if that is beyond doubt."""
        # Of an animal that has a pictogram of its face too, icon sets draw either.
        ambiguous = name in AMBIGUOUS_ICONS or f"{name}-face" in self.short
        return None if ambiguous else self.short.get(name)
