"""Prepares the data of the default model `mini`: pictograms of many vendors as PNG, their names in all languages.

    python recipes/mini/prepare.py DIR

Run again after an interruption and it goes on where it stopped. The result is the same on every run. A picture that is
there is not drawn again: after a change of the recipe remove its vendor's folder.

    DIR/artwork/VENDOR/1f600.png    RGBA, 128 x 128, transparent
    DIR/heldout/openmoji/1f600.png  for evaluation only
    DIR/names.jsonl                 {"id": "1f600", "names": {"en": ["grinning face", "face", ...], ...}}
    DIR/manifest.json               versions, licences by package, counts, hashes
    DIR/downloads/                  packages, kept between runs
"""

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
import tomllib
from pathlib import Path

import draw
from artwork import HERE, drawings, is_wanted
from packages import sha256, unpacked
from pictograms import Slugs, has_skin_tone, is_single_pictogram, names_by_language


def _make(task):
    drawing, path = task
    picture = drawing.picture()
    if picture is not None:
        draw.save(picture, path)


def _draw_vendor(name, list_of_drawings, folder, pool):
    """Draws what is not there yet and takes away what does not belong."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{drawing.ident}.png" for drawing in list_of_drawings}
    present = set()
    for path in folder.iterdir():
        if path.name in wanted:
            present.add(path.name)
        else:
            path.unlink()
    tasks = [(d, folder / f"{d.ident}.png") for d in list_of_drawings if f"{d.ident}.png" not in present]
    begun = time.monotonic()
    for done, _ in enumerate(pool.imap_unordered(_make, tasks, chunksize=16), 1):
        if done % 100 == 0 or done == len(tasks):
            print(f"\r{name:24} {len(present) + done:5} of {len(wanted)}", end="", file=sys.stderr, flush=True)
    if tasks:
        print(f"  {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _folder_hash(folder):
    """One hash over names and contents of a folder's pictures."""
    total = hashlib.sha256()
    files = sorted(folder.glob("*.png"))
    for path in files:
        total.update(f"{sha256(path)}  {path.name}\n".encode())
    return {"count": len(files), "sha256": total.hexdigest()}


def _write_names(path, languages, idents):
    partial = path.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as file:
        for ident in sorted(idents):
            names = {language: names[ident] for language, names in languages.items() if ident in names}
            file.write(json.dumps({"id": ident, "names": names}, ensure_ascii=False) + "\n")
    partial.replace(path)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="where the data goes")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes that draw (all cores)")
    parser.add_argument("--vendor", action="append", help="draw this vendor only; may be repeated; no manifest")
    return parser.parse_args()


def main():
    arguments = _arguments()
    recipe = tomllib.loads((HERE / "vendors.toml").read_text("utf-8"))
    cache = arguments.dir / "downloads"
    folders = {}
    for name, package in recipe["packages"].items():
        print(f"package {name} {package['version']}", file=sys.stderr)
        folders[name] = unpacked(name, package, cache)

    languages = names_by_language(folders["names"], folders["derived-names"])
    english = languages["en"]
    slugs = Slugs(english, [folders["noto"], folders["fluent-flat"]])
    named = {ident for ident in english if not has_skin_tone(ident)}

    plans = {}
    for name, vendor in recipe["vendors"].items():
        plans[name] = drawings(vendor, folders[vendor["package"]], slugs, named)
    of_emoji = [name for name, vendor in recipe["vendors"].items() if vendor["kind"] in ("iconify", "folder")]
    drawn_as_emoji = {drawing.ident for name in of_emoji for drawing in plans[name]}
    for name in plans:
        plans[name] = [drawing for drawing in plans[name] if is_wanted(drawing.ident, drawn_as_emoji)]
    idents = {drawing.ident for plan in plans.values() for drawing in plan}
    heldout = {
        name: [d for d in drawings(vendor, folders[vendor["package"]], slugs, named) if d.ident in idents]
        for name, vendor in recipe["heldout"].items()
    }

    with multiprocessing.Pool(arguments.jobs) as pool:
        for kind, list_of_plans in (("artwork", plans), ("heldout", heldout)):
            for name, plan in list_of_plans.items():
                if not arguments.vendor or name in arguments.vendor:
                    _draw_vendor(name, plan, arguments.dir / kind / name, pool)
    if arguments.vendor:
        return

    # A drawing may turn out empty: the names are those of the pictures that are there.
    present = {path.stem for name in plans for path in (arguments.dir / "artwork" / name).glob("*.png")}
    _write_names(arguments.dir / "names.jsonl", languages, present)
    folder = arguments.dir / "artwork"
    manifest = {
        "packages": {
            name: {key: value for key, value in package.items() if key != "url"}
            for name, package in recipe["packages"].items()
        },
        "vendors": {
            name: {"package": vendor["package"], "weight": vendor["weight"], **_folder_hash(folder / name)}
            for name, vendor in recipe["vendors"].items()
        },
        "heldout": {
            name: {"package": vendor["package"], **_folder_hash(arguments.dir / "heldout" / name)}
            for name, vendor in recipe["heldout"].items()
        },
        "pictograms": len(present),
        "single_pictograms": sum(map(is_single_pictogram, present)),
        "languages": {language: sum(ident in names for ident in present) for language, names in languages.items()},
        "names_sha256": sha256(arguments.dir / "names.jsonl"),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (arguments.dir / "manifest.json").write_text(text, "utf-8")
    print(f"{len(present)} pictograms, {len(languages)} languages: {arguments.dir}", file=sys.stderr)


if __name__ == "__main__":
    main()
