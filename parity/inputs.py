"""Pictures and texts that the goldens are made from.

Everything is drawn by seeded generators or written out here, so the inputs carry no outside licence and come out the
same on every run. Nothing in this file knows a model.
"""

import numpy as np
from PIL import Image

# One text per line of the full-size goldens: 33 of them, so that every batch size from 1 to 33 can be cut from the
# list. They cover the empty text, a text longer than 63 tokens, many scripts, digits, punctuation and emoji.
TEXTS = [
    "a photo of a cat",
    "a photo of a dog",
    "",
    "a red bicycle leaning against a white wall",
    "This is a photo of 2 cats.",
    "ein Foto von einer Katze",
    "une photo d'un chien dans la neige",
    "una foto de un árbol al atardecer",
    "uma fotografia de um gato preto",
    "una strada di montagna con la nebbia",
    "фотография кошки на диване",
    "一张猫的照片",
    "猫の写真",
    "고양이 사진",
    "صورة قطة",
    "תמונה של חתול",
    "बिल्ली की तस्वीर",
    "รูปถ่ายของแมว",
    "ảnh chụp một con mèo",
    "bir kedinin fotoğrafı",
    "zdjęcie kota na dachu",
    "φωτογραφία μιας γάτας",
    "picha ya paka",
    "🐈 🐕 🚲",
    "42",
    "An Aerial View of a City, at Night!",
    "sunset",
    "the sea and the sky and the sea and the sky " * 6,
    "a blurry low quality picture of nothing in particular",
    "two people playing chess in a park",
    "a bowl of soup",
    "musical instrument",
    "a map of the world with every country in a different colour and the names of the capitals written beside them",
]


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Draws the RGB picture `number` as u8 [height, width, 3].

    Each picture has its own colours, a gradient, shapes with hard edges and its own amount of noise: the flat, the
    smooth and the busy all occur, so that the patch responses of different pictures differ.
    """
    rng = np.random.default_rng([20260101, number])
    y, x = np.mgrid[0:height, 0:width]
    y = (y + 0.5) / height
    x = (x + 0.5) / width
    corner, slope = rng.uniform(0, 255, 3), rng.normal(0, 130, (2, 3))
    canvas = corner + x[..., None] * slope[0] + y[..., None] * slope[1]
    for _ in range(int(rng.integers(1, 7))):
        colour = rng.uniform(0, 255, 3)
        cx, cy = rng.uniform(0, 1, 2)
        rx, ry = rng.uniform(0.08, 0.45, 2)
        if rng.integers(2):
            inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        else:
            inside = (abs(x - cx) < rx) & (abs(y - cy) < ry)
        canvas[inside] = colour
    if number % 3 == 1:
        frequency = rng.uniform(5, 60, 2)
        waves = np.sin(x * frequency[0] + y * frequency[1] + rng.uniform(0, 6))
        canvas = canvas + waves[..., None] * rng.uniform(20, 90, 3)
    noise = [0.0, 12.0, 45.0][number % 3]
    canvas = canvas + noise * rng.standard_normal(canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def odd_size(number: int) -> tuple[int, int]:
    """Width and height of the full-size golden picture `number`: odd sizes, wide and tall, shrinking and growing."""
    rng = np.random.default_rng([20260102, number])
    width, height = rng.integers(90, 420, 2)
    return int(width), int(height)


def end_to_end_pictures() -> dict[str, Image.Image]:
    """Small PNG pictures of odd sizes and of the colour modes that a decoder must turn into RGB."""
    alpha = np.linspace(0, 255, 41 * 29).reshape(29, 41).astype(np.uint8)
    rgba = np.dstack([picture(101, 41, 29), alpha])
    return {
        "rgb_61x37.png": Image.fromarray(picture(100, 61, 37)),
        "rgba_41x29.png": Image.fromarray(rgba),
        "grey_30x53.png": Image.fromarray(picture(107, 30, 53)).convert("L"),
        "palette_47x45.png": Image.fromarray(picture(103, 47, 45)).quantize(32, method=Image.Quantize.MEDIANCUT),
        "tall_7x90.png": Image.fromarray(picture(104, 7, 90)),
        "small_5x3.png": Image.fromarray(picture(105, 5, 3)),
        "exact_32x32.png": Image.fromarray(picture(106, 32, 32)),
    }


def token_ids(seed: int, vocabulary: int, positions: int, pad: int) -> np.ndarray:
    """Draws ids i64 [3, positions] for a checkpoint whose vocabulary no tokenizer covers.

    A short text, a middling one and one that fills every position; the end token is 1 and `pad` fills the rest, as
    the tokenizers of both generations lay a text out.
    """
    rng = np.random.default_rng([20260103, seed])
    rows = np.full((3, positions), pad, np.int64)
    for row, length in enumerate([3, positions // 2, positions - 1]):
        rows[row, :length] = rng.integers(3, vocabulary, length)
        rows[row, length] = 1
    rows[2, 0] = vocabulary - 1
    return rows


# The texts of the end-to-end golden: what the ids of one sentence must survive on the way through a command line.
END_TO_END_TEXTS = [
    "a photo of a cat",
    "This is a photo of 2 dogs!",
    "une photo d'un vélo rouge",
    "猫の写真",
    "",
    "the sea and the sky and the sea and the sky " * 6,
]
