"""Writes the goldens of the crate `pixels` from Pillow and transformers.

    python parity/pixels_goldens.py

Versions: pillow==13.0.0, transformers==5.23.0, numpy (see parity/requirements.txt). Everything is
computed from formulas and fixed seeds, so the output depends on the versions alone. It writes to
crates/pixels/tests/goldens: resize.json (hashes), colour.json (hashes of exhaustive tables),
conversions.json with the folder conversions/ (tiny pictures of every format and mode), and
patches.json (bit patterns of normalised samples).
"""

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb, normalize, rescale

GOLDENS = Path(__file__).resolve().parent.parent / "crates" / "pixels" / "tests" / "goldens"
CONVERSIONS = GOLDENS / "conversions"
PROVENANCE = {
    "script": "parity/pixels_goldens.py",
    "pillow": PIL.__version__,
    "transformers": transformers.__version__,
}
assert PIL.__version__ == "13.0.0", PIL.__version__
assert transformers.__version__ == "5.23.0", transformers.__version__


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def noise(height, width, channels=3):
    """Reproducible noise: the top byte of a hash of the coordinates."""
    y, x, c = np.meshgrid(
        np.arange(height, dtype=np.uint64),
        np.arange(width, dtype=np.uint64),
        np.arange(channels, dtype=np.uint64),
        indexing="ij",
    )
    mixed = (x * 73856093) ^ (y * 19349663) ^ (c * 83492791)
    return ((mixed * 2654435761 % 2**32) >> 24).astype(np.uint8)


def smooth(height, width, channels=3):
    """A picture that lossy codecs keep well."""
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    planes = [
        128 + 100 * np.sin(3.0 * x + 2.0 * y + phase) for phase in (0.0, 1.3, 2.9, 4.1)[:channels]
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


# --- resize -----------------------------------------------------------------------------------

SOURCES = [
    (1, 1), (1, 7), (7, 1), (2, 2), (1, 300), (300, 1), (3, 5), (5, 4), (17, 33), (63, 65),
    (64, 64), (100, 75), (129, 31), (31, 129), (255, 257), (301, 199), (199, 401), (640, 97),
    (97, 640), (1000, 13), (13, 1000),
]
TARGETS = [(1, 1), (2, 3), (16, 16), (33, 17), (64, 48), (224, 224), (255, 256), (384, 100)]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def resize_cases():
    for width, height in SOURCES:
        image = Image.fromarray(noise(height, width))
        for to_width, to_height in TARGETS:
            for name, resample in FILTERS.items():
                whole = image.resize((to_width, to_height), resample)
                # One axis at a time gives each order exactly.
                across = image.resize((to_width, height), resample)
                down = image.resize((width, to_height), resample)
                yield {
                    "from": [width, height],
                    "to": [to_width, to_height],
                    "filter": name,
                    "pillow13": sha256(np.asarray(whole)),
                    "horizontal_first": sha256(
                        np.asarray(across.resize((to_width, to_height), resample))
                    ),
                    "vertical_first": sha256(
                        np.asarray(down.resize((to_width, to_height), resample))
                    ),
                }


# --- colour arithmetic, exhaustively ----------------------------------------------------------


def colour_tables():
    """Every pair of a sample and an alpha or a black, as files that hold all 65,536 of them."""
    sample, other = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    stacks = {
        "RGBA": [sample, 255 - sample, sample ^ 0x55, other],
        "LA": [sample, other],
        "CMYK": [sample, 255 - sample, sample ^ 0x55, other],
    }
    for mode, planes in stacks.items():
        pixels = np.stack(planes, axis=-1).astype(np.uint8)
        image = Image.frombytes(mode, (256, 256), pixels.tobytes())
        yield {"mode": mode, "sha256": sha256(convert_to_rgb(image, return_numpy=True))}


# --- tiny pictures of every format and mode ---------------------------------------------------


def palette_image(width=23, height=17):
    image = Image.fromarray(noise(height, width, 1)[:, :, 0] % 19, "P")
    image.putpalette([int(v) for v in noise(1, 19).reshape(-1)])
    return image


def modes():
    """Pictures in Pillow's modes; 23x17 so that no row fills whole bytes or words."""
    width, height = 23, 17
    grey = noise(height, width, 1)[:, :, 0]
    return {
        "l": Image.fromarray(grey, "L"),
        "one": Image.fromarray(grey, "L").convert("1"),
        "la": Image.fromarray(noise(height, width, 2), "LA"),
        "p": palette_image(),
        "rgb": Image.fromarray(noise(height, width), "RGB"),
        "rgba": Image.fromarray(noise(height, width, 4), "RGBA"),
        "cmyk": Image.frombytes("CMYK", (width, height), noise(height, width, 4).tobytes()),
    }


def png_chunk(name, content):
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour, rows, before=b"", after=b""):
    """A PNG from raw rows, for what Pillow does not write."""
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before
        + png_chunk(b"IDAT", data)
        + after
        + png_chunk(b"IEND", b"")
    )


def bmp(width, height, bits, rows, masks=b"", colours=b"", compression=0, flipped=False):
    """A BMP from raw rows, bottom up unless flipped."""
    rows = [row + b"\0" * (-len(row) % 4) for row in rows]
    pixels = b"".join(rows)
    start = 14 + 40 + len(masks) + len(colours)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, -height if flipped else height, 1, bits, compression,
        len(pixels), 2835, 2835, len(colours) // 4, 0,
    )
    return (
        b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + masks + colours
        + pixels
    )


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def orientation_block(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def lossless_files():
    m = modes()
    for name, image in m.items():
        if name != "cmyk":
            yield f"{name}.png", saved(image, "PNG")
        if name not in ("la",):
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
                yield f"{name}_{compression}.tiff", saved(image, "TIFF", compression=compression)
    yield "la_raw.tiff", saved(m["la"], "TIFF")
    yield "one_group4.tiff", saved(m["one"], "TIFF", compression="group4")
    for name in ("l", "one", "p", "rgb", "rgba"):
        yield f"{name}.bmp", saved(m[name], "BMP")
    for name in ("l", "one", "p", "rgb"):
        yield f"{name}.gif", saved(m[name], "GIF")
    yield "p_interlaced.gif", saved(m["p"], "GIF", interlace=True)
    for name in ("l", "rgb", "rgba"):
        yield f"{name}.webp", saved(m[name], "WEBP", lossless=True, exact=True)
    yield "p_transparent_index.png", saved(m["p"], "PNG", transparency=3)
    yield "p_transparent_table.png", saved(
        m["p"], "PNG", transparency=bytes(range(0, 190, 10))
    )
    yield "p_transparent.gif", saved(m["p"], "GIF", transparency=5)
    for bits in (1, 2, 4):
        small = Image.fromarray(np.asarray(m["p"]) % (1 << bits), "P")
        small.putpalette([int(v) for v in noise(1, 1 << bits).reshape(-1)])
        yield f"p{bits}.png", saved(small, "PNG", bits=bits)
        rows = [
            np.packbits(
                ((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(-1)
            ).tobytes()
            for row in np.asarray(small)
        ]
        yield f"l{bits}.png", png(23, 17, bits, 0, rows)
        if bits != 2:
            colours = b"".join(bytes([*map(int, c[::-1]), 0]) for c in noise(1, 1 << bits)[0])
            yield f"p{bits}.bmp", bmp(23, 17, bits, rows, colours=colours)
    colour_key = struct.pack(">HHH", *map(int, np.asarray(m["rgb"])[4, 5]))
    rgb_rows = [row.tobytes() for row in np.asarray(m["rgb"])]
    yield "rgb_key.png", png(23, 17, 8, 2, rgb_rows, before=png_chunk(b"tRNS", colour_key))
    grey_key = struct.pack(">H", int(np.asarray(m["l"])[4, 5]))
    grey_rows = [row.tobytes() for row in np.asarray(m["l"])]
    yield "l_key.png", png(23, 17, 8, 0, grey_rows, before=png_chunk(b"tRNS", grey_key))
    for name, colour, channels in (("rgb16", 2, 3), ("la16", 4, 2), ("rgba16", 6, 4)):
        rows = [row.tobytes() for row in noise(17, 23, channels * 2)]
        yield f"{name}.png", png(23, 17, 16, colour, rows)
    rows32 = [row.tobytes() for row in noise(17, 23, 4).reshape(17, -1)]
    yield "rgbx.bmp", bmp(23, 17, 32, rows32)
    yield "rgb_top_down.bmp", bmp(23, 17, 24, [r.tobytes() for r in noise(17, 23)], flipped=True)
    # A first frame inside and one beyond the canvas, with and without transparency.
    for name, options in (("plain", {}), ("transparent", {"transparency": 5})):
        whole = saved(m["p"], "GIF", **options)
        frame = whole.index(b",\0\0\0\0" + struct.pack("<HH", 23, 17))
        canvas = whole[:6] + struct.pack("<HH", 31, 29) + whole[10:]
        yield (
            f"frame_inside_{name}.gif",
            canvas[: frame + 1] + struct.pack("<HH", 3, 5) + canvas[frame + 5 :],
        )
        canvas = whole[:6] + struct.pack("<HH", 9, 30) + whole[10:]
        yield (
            f"frame_beyond_{name}.gif",
            canvas[: frame + 1] + struct.pack("<HH", 2, 1) + canvas[frame + 5 :],
        )
    # Animations: the second frame must not show.
    second = Image.fromarray(255 - np.asarray(m["rgb"]), "RGB")
    yield "animated.png", saved(m["rgb"], "PNG", save_all=True, append_images=[second])
    yield "animated.gif", saved(m["p"], "GIF", save_all=True, append_images=[second.convert("P")])
    yield "animated.webp", saved(
        m["rgb"], "WEBP", save_all=True, append_images=[second], lossless=True, exact=True
    )
    yield "animated_alpha.webp", saved(
        m["rgba"], "WEBP", save_all=True, append_images=[second.convert("RGBA")], lossless=True,
        exact=True,
    )
    yield "two_pages.tiff", saved(m["rgb"], "TIFF", save_all=True, append_images=[second])
    for value in range(1, 9):
        block = orientation_block(value)
        yield f"orientation_{value}.png", saved(m["rgb"], "PNG", exif=block)
        yield f"orientation_{value}.webp", saved(m["rgb"], "WEBP", lossless=True, exif=block)
        yield f"orientation_{value}.tiff", saved(m["rgb"], "TIFF", exif=block)
    late = png_chunk(b"eXIf", orientation_block(6).tobytes().removeprefix(b"Exif\0\0"))
    yield "orientation_6_after_pixels.png", png(23, 17, 8, 2, rgb_rows, after=late)


def lossy_files():
    rgb = Image.fromarray(smooth(45, 61), "RGB")
    rgba = Image.fromarray(smooth(45, 61, 4), "RGBA")
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        yield f"rgb_{name}.jpeg", saved(rgb, "JPEG", quality=90, subsampling=subsampling)
        yield (
            f"rgb_{name}_progressive.jpeg",
            saved(rgb, "JPEG", quality=90, subsampling=subsampling, progressive=True),
        )
    yield "rgb_restart.jpeg", saved(rgb, "JPEG", quality=90, restart_marker_blocks=3)
    yield "rgb_stored_as_rgb.jpeg", saved(rgb, "JPEG", quality=90, keep_rgb=True)
    yield "l.jpeg", saved(rgb.convert("L"), "JPEG", quality=90)
    yield "l_progressive.jpeg", saved(rgb.convert("L"), "JPEG", quality=90, progressive=True)
    cmyk = Image.frombytes("CMYK", (61, 45), smooth(45, 61, 4).tobytes())
    yield "cmyk.jpeg", saved(cmyk, "JPEG", quality=90)
    yield "ycck.jpeg", as_ycck(saved(cmyk, "JPEG", quality=90))
    for value in range(1, 9):
        yield f"orientation_{value}.jpeg", saved(
            rgb, "JPEG", quality=90, subsampling=0, exif=orientation_block(value)
        )
    # Stretching 5 and 6 bits to 8: Pillow cuts off, the codec rounds.
    pixels555 = (noise(17, 23, 2).reshape(17, -1)).copy()
    pixels555[:, 1::2] &= 0x7F
    yield "rgb555.bmp", bmp(23, 17, 16, [row.tobytes() for row in pixels555])
    rows565 = [row.tobytes() for row in noise(17, 23, 2).reshape(17, -1)]
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    yield "rgb565.bmp", bmp(23, 17, 16, rows565, masks=masks, compression=3)
    yield "rgb_lossy.webp", saved(rgb, "WEBP", quality=90)
    yield "rgba_lossy.webp", saved(rgba, "WEBP", quality=90)


def as_ycck(jpeg):
    """Says in the Adobe segment that the components are YCCK: any four planes will do."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + b"\x02" + jpeg[at + 1 :]


def conversions():
    CONVERSIONS.mkdir(parents=True, exist_ok=True)
    for old in CONVERSIONS.iterdir():
        old.unlink()
    cases = []
    for exact, pictures in ((True, lossless_files()), (False, lossy_files())):
        for name, content in pictures:
            image = Image.open(io.BytesIO(content))
            rgb = convert_to_rgb(ImageOps.exif_transpose(image), return_numpy=True)
            (CONVERSIONS / name).write_bytes(content)
            case = {"name": name, "width": rgb.shape[1], "height": rgb.shape[0]}
            if exact:
                case["sha256"] = sha256(rgb)
            else:
                (CONVERSIONS / f"{name}.rgb").write_bytes(rgb.tobytes())
            cases.append(case)
    return cases


# --- normalised samples -----------------------------------------------------------------------


def patch_levels():
    levels = np.tile(np.arange(256, dtype=np.uint8), (3, 1, 1))
    cases = []
    for mean, std in (
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    ):
        values = normalize(rescale(levels, 1 / 255), mean, std, input_data_format="channels_first")
        cases.append({"mean": mean, "std": std, "sha256": sha256(values.astype("<f4"))})
    return cases


def write(name, cases):
    """One case a line."""
    lines = ",\n".join(json.dumps(case) for case in cases)
    path = GOLDENS / name
    path.write_text(f'{{"provenance": {json.dumps(PROVENANCE)}, "cases": [\n{lines}\n]}}\n')


def main():
    GOLDENS.mkdir(parents=True, exist_ok=True)
    write("resize.json", resize_cases())
    write("colour.json", colour_tables())
    write("conversions.json", conversions())
    write("patches.json", patch_levels())


if __name__ == "__main__":
    main()
