"""Draws a pictogram as a square RGBA picture with the same margins for every vendor."""

import io
from functools import cache
from pathlib import Path

import resvg_py
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

SIDE = 128
# The longest side of the drawing itself.
CONTENT = 116
# Drawings are made at twice the size, then reduced.
SOURCE = 2 * SIDE
# Small squares and dots are small on purpose: a drawing grows by no more than this.
MOST_GROWTH = 1.5
# Share of the view box that a contour is wide.
CONTOUR = 0.028
# Bitmaps of Noto Color Emoji come in this size only.
BITMAP_SIZE = 109


def normalise(picture):
    """`picture` cut to its content and centred in a square of `SIDE`; None when it is empty."""
    box = picture.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0).getbbox()
    if box is None:
        return None
    whole = max(picture.size)
    content = picture.crop(box)
    scale = min(CONTENT / max(content.size), MOST_GROWTH * SIDE / whole)
    size = [max(1, round(side * scale)) for side in content.size]
    # Reducing premultiplied colours keeps the colour of hidden pixels out of the edges.
    reduced = content.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGBA", (SIDE, SIDE))
    square.paste(reduced, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square


def svg(text):
    """The picture of an SVG document."""
    data = resvg_py.svg_to_bytes(svg_string=text, width=SOURCE, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def iconify(body, left, top, width, height, style):
    """The picture of an Iconify body; `style` "outlined" puts a black contour around its shapes."""
    margin = 0.0
    if style == "outlined":
        stroke = CONTOUR * max(width, height)
        margin = stroke
        body = (
            f'<g stroke="#000" stroke-width="{stroke:.3f}" stroke-linejoin="round" paint-order="stroke">{body}</g>'
        )
    box = f"{left - margin} {top - margin} {width + 2 * margin} {height + 2 * margin}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}"'
    return svg(f'{head} width="{SOURCE}" height="{SOURCE * height / width:.0f}" color="#000">{body}</svg>')


def file(path):
    """The picture of a file: SVG, or anything that Pillow reads."""
    if path.suffix == ".svg":
        return svg(path.read_text("utf-8"))
    return Image.open(path).convert("RGBA")


@cache
def _font(path, size):
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.RAQM)


@cache
def code_points(path):
    """All code points that a font draws."""
    return frozenset(TTFont(path, lazy=True).getBestCmap())


def _text(ident):
    return "".join(chr(int(part, 16)) for part in ident.split("-"))


def bitmap(path, ident):
    """The picture of one glyph of a bitmap font; None where the font has no single glyph for the sequence."""
    font = _font(str(path), BITMAP_SIZE)
    text = _text(ident)
    left, top, right, bottom = font.getbbox(text)
    if right - left > 1.4 * BITMAP_SIZE:
        return None
    picture = Image.new("RGBA", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), text, font=font, embedded_color=True)
    return picture


def outline(path, ident):
    """The picture of one glyph of a font of outlines, in black."""
    font = _font(str(path), 200)
    text = _text(ident)
    left, top, right, bottom = font.getbbox(text)
    if right <= left or bottom <= top:
        return None
    side = max(right - left, bottom - top, 200)
    picture = Image.new("RGBA", (side, side))
    ImageDraw.Draw(picture).text((-left, -top), text, font=font, fill=(0, 0, 0, 255))
    return picture


def save(picture, path):
    """Writes `path` whole or not at all."""
    path = Path(path)
    partial = path.with_suffix(".partial")
    picture.save(partial, format="PNG", compress_level=6)
    partial.replace(path)
