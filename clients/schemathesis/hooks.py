"""Pictures for fields of the format `image-source`: random base64 is hardly ever a picture."""

import base64
import struct
import zlib

import schemathesis
from hypothesis import strategies


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


side = strategies.integers(min_value=1, max_value=40)
channel = strategies.integers(min_value=0, max_value=255)
picture = strategies.builds(png, side, side, strategies.tuples(channel, channel, channel))
written = strategies.sampled_from(
    [
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: "data:image/png;base64," + base64.b64encode(data).decode(),
    ]
)
schemathesis.openapi.format("image-source", strategies.builds(lambda write, data: write(data), written, picture))


@schemathesis.hook
def before_call(context, case, kwargs):
    """With `modality: image` strings are pictures; the schema cannot say so of a string that an example lends it."""
    body = case.body
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if positive and isinstance(body, dict) and body.get("modality") == "image":
        body["input"] = as_pictures(body.get("input"))


RED = base64.b64encode(png(8, 8, (255, 0, 0))).decode()


def as_pictures(value):
    if isinstance(value, list):
        return [as_pictures(item) for item in value]
    return RED if isinstance(value, str) and not value.startswith(("iVBOR", "data:")) else value
