"""Downloads the packages of vendors.toml by name and version, checks their hashes and unpacks them.

The registries' own clients are used where they exist (`npm pack`, `apt-get download`), otherwise the same file is taken
from the registry's address. A file whose hash is not the one of vendors.toml is refused: other artwork would be other
training data.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quietly(command, folder):
    """Whether the command ran and succeeded; its output is of no interest, the hash decides."""
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _address(package):
    if "url" in package:
        return package["url"]
    name, version = package["npm"], package["version"]
    return f"https://registry.npmjs.org/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"


def _client(package):
    if "npm" in package:
        return ["npm", "pack", "--silent", f"{package['npm']}@{package['version']}"]
    return ["apt-get", "download", f"{package['apt']}={package['version']}"]


def download(package, target):
    """Puts the package's archive at `target` unless it is there already."""
    if target.exists() and sha256(target) == package["sha256"]:
        return
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        _quietly(_client(package), folder)
        found = next(iter(Path(folder).iterdir()), None)
        if found is None or sha256(found) != package["sha256"]:
            found = Path(folder) / "from-address"
            with urllib.request.urlopen(_address(package), timeout=120) as answer, open(found, "wb") as file:
                shutil.copyfileobj(answer, file)
        if sha256(found) != package["sha256"]:
            raise SystemExit(f"{_address(package)}: sha256 is {sha256(found)}, expected {package['sha256']}")
        found.replace(target)


def _unpack_debian(archive, folder):
    """A .deb is an `ar` archive; its `data.tar.*` holds the files."""
    data = archive.read_bytes()
    assert data[:8] == b"!<arch>\n", f"{archive} is no Debian package"
    at = 8
    while at < len(data):
        name, size = data[at : at + 16].decode().strip(), int(data[at + 48 : at + 58])
        at += 60
        if name.startswith("data.tar"):
            inner = folder / name.rstrip("/")
            inner.write_bytes(data[at : at + size])
            if inner.suffix == ".zst":
                subprocess.run(["unzstd", "--quiet", inner, "-o", folder / "data.tar"], check=True)
                inner = folder / "data.tar"
            with tarfile.open(inner) as tar:
                tar.extractall(folder, filter="data")
            return
        at += size + size % 2
    raise SystemExit(f"{archive} has no data")


def unpacked(name, package, cache):
    """The folder with the package's files: for npm what is below `package/`, for Debian the root."""
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{name}-{package['version']}.{'tgz' if 'npm' in package else 'deb'}"
    folder = cache / f"{name}-{package['version']}"
    if folder.exists():
        return folder
    download(package, archive)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        if "apt" in package:
            _unpack_debian(archive, whole)
            whole.rename(folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(whole, filter="data")
            next(iter(whole.iterdir())).rename(folder)
    return folder
