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
