"""The pictures of the model's goldens, in the forms that clients send them in."""

import base64

from serving import GOLDENS

PICTURE = "rgb_61x37.png"
NAMES = [
    "rgb_61x37.png",
    "rgba_41x29.png",
    "grey_30x53.png",
    "palette_47x45.png",
    "tall_7x90.png",
    "small_5x3.png",
    "exact_32x32.png",
]


def path(name: str) -> str:
    return str(GOLDENS / "pictures" / name)


def data(name: str) -> bytes:
    return (GOLDENS / "pictures" / name).read_bytes()


def base64_of(name: str) -> str:
    return base64.b64encode(data(name)).decode()


def uri(name: str) -> str:
    return f"data:image/png;base64,{base64_of(name)}"


def part(name: str) -> dict:
    """As a part of a message in OpenAI's dialect."""
    return {"type": "image_url", "image_url": {"url": uri(name)}}


def messages(name: str, question: str = "What is in the picture?") -> list:
    return [{"role": "user", "content": [{"type": "text", "text": question}, part(name)]}]
