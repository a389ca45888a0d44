"""Checks that `hub` and huggingface_hub find each other's downloads in the cache, in both directions.

    python parity/hub_layout.py

Needs cargo and the packages of requirements.txt (huggingface_hub comes with transformers). A small server on the
loopback plays the hub with one tiny model; nothing is downloaded from elsewhere. The answers have the headers of the
real hub, and huggingface_hub downloads from the same server, so that the server itself is checked too.
"""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL = "org/tiny-siglip"
COMMIT = hashlib.sha1(b"a commit").hexdigest()
FILES = {
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "README.md": b"# tiny\n",
    "config.json": b'{"model_type": "siglip"}',
    "preprocessor_config.json": b'{"resample": 3}',
    "spiece.model": b"pieces" * 1000,
    "tokenizer_config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 4000,
}
WANTED = sorted(set(FILES) - {".gitattributes", "README.md"})
LARGE = {"model.safetensors", "spiece.model"}


def etag(name: str) -> str:
    """SHA-256 for files in large storage, git's blob hash for the others."""
    contents = FILES[name]
    if name in LARGE:
        return hashlib.sha256(contents).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{MODEL}/tree/"):
            reply = [{"type": "file", "oid": etag(name), "size": len(FILES[name]), "path": name} for name in FILES]
            return self.answer(200, {"Content-Type": "application/json"}, json.dumps(reply).encode())
        if path.startswith(f"/api/models/{MODEL}"):
            siblings = [{"rfilename": name} for name in FILES]
            reply = {"id": MODEL, "modelId": MODEL, "sha": COMMIT, "private": False, "siblings": siblings}
            return self.answer(200, {"Content-Type": "application/json"}, json.dumps(reply).encode())
        name = path.rsplit("/", 1)[-1]
        if name not in FILES:
            return self.answer(404, {"X-Error-Code": "EntryNotFound"}, b"")
        headers = {"ETag": f'"{etag(name)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if name in LARGE and path.startswith(f"/{MODEL}/resolve/"):
            linked = {"X-Linked-Etag": f'"{etag(name)}"', "X-Linked-Size": str(len(FILES[name]))}
            location = f"http://localhost:{self.server.server_port}/storage/{name}"
            return self.answer(302, {**headers, **linked, "Location": location}, b"")
        body, status = FILES[name], 200
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        return self.answer(status, headers, body)

    do_HEAD = do_GET


def ours(action: str, endpoint: str, cache: Path) -> Path:
    """Runs the example of the crate and gives the folder that it prints."""
    command = ["cargo", "run", "--quiet", "-p", "hub", "--example", "pull", "--", action, endpoint, str(cache), MODEL]
    run = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Path(run.stdout.strip())


def theirs(endpoint: str, cache: Path, offline: bool) -> Path:
    """Runs huggingface_hub in a process of its own: it reads its variables when it is imported."""
    script = (
        "import sys, huggingface_hub as h\n"
        f"print(h.snapshot_download({MODEL!r}, cache_dir=sys.argv[1], local_files_only={offline}))"
    )
    variables = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": str(int(offline)), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", script, str(cache)]
    run = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    return Path(run.stdout.strip())


def tree(cache: Path) -> dict[str, str]:
    """The wanted part of a cache: links with their targets, files with their hashes."""
    found = {}
    blobs = {etag(name) for name in WANTED}
    for path in sorted(cache.glob("models--*/**/*")):
        if path.is_symlink() and path.name in WANTED:
            found[str(path.relative_to(cache))] = f"-> {os.readlink(path)}"
        elif path.is_file() and not path.is_symlink() and (path.name in blobs or path.parent.name == "refs"):
            found[str(path.relative_to(cache))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "ours", Path(folder) / "theirs"
        pulled = ours("pull", endpoint, first)
        assert sorted(path.name for path in pulled.iterdir()) == WANTED
        assert theirs(endpoint, first, offline=True) == pulled, "huggingface_hub does not find our download"
        downloaded = theirs(endpoint, second, offline=False)
        assert ours("find", endpoint, second) == downloaded, "we do not find the download of huggingface_hub"
        assert tree(first) == tree(second), "the layouts differ"
        assert len(tree(first)) == 2 * len(WANTED) + 1
        # A download of theirs that lacks the weights is completed by ours.
        blob = second / f"models--{MODEL.replace('/', '--')}/blobs/{etag('model.safetensors')}"
        blob.rename(f"{blob}.incomplete")
        with open(f"{blob}.incomplete", "r+b") as part:
            part.truncate(1000)
        assert ours("pull", endpoint, second) == downloaded
        assert tree(first) == tree(second), "the completed layouts differ"
    print("both find what the other downloaded")


if __name__ == "__main__":
    main()
