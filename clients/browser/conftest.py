"""A headless Chromium for each test, and what it saw: its console and every address it asked for."""

import base64
import json
import os
import struct
import zlib
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

DESKTOP = (1280, 900)
PHONE = (360, 780)


def pytest_addoption(parser):
    parser.addoption("--server-url", default=os.environ.get("POLYSIGHT_BASE_URL"))
    parser.addoption("--api-key", default=os.environ.get("POLYSIGHT_API_KEY"))
    parser.addoption("--screenshots", default=os.environ.get("POLYSIGHT_SCREENSHOTS"))


@pytest.fixture
def server_url(request):
    url = request.config.getoption("--server-url")
    if not url:
        pytest.skip("POLYSIGHT_BASE_URL names no server")
    return url.rstrip("/")


@pytest.fixture
def api_key(request):
    return request.config.getoption("--api-key")


@pytest.fixture
def screenshots(request, tmp_path):
    folder = Path(request.config.getoption("--screenshots") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Browser:
    """A Chromium window on one server."""

    def __init__(self, server_url):
        options = webdriver.ChromeOptions()
        options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        # Containers run the tests as root and with a small /dev/shm.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.server_url = server_url
        self.resize(DESKTOP)

    def resize(self, size):
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, **features):
        """`prefer(color_scheme="dark")` is what `prefers-color-scheme: dark` matches."""
        features = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def before_each_page(self, script):
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def open(self, path):
        self.driver.get(self.server_url + path)

    def open_playground(self, api_key=None):
        if api_key:
            self.before_each_page(f"sessionStorage.setItem('polysight-key', {json.dumps(api_key)})")
        self.open("/")
        self.wait(lambda: self.run("return document.getElementById('model').options.length > 0"))

    def find(self, name):
        return self.driver.find_element(By.ID, name)

    def text(self, name):
        return self.find(name).text

    def wait(self, condition, seconds=20):
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _driver: condition())

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def pick(self, path):
        self.find("file").send_keys(str(path))

    def look(self):
        self.find("ask").click()
        self.wait_for_bars()

    def wait_for_bars(self):
        self.wait(lambda: self.find("result").is_displayed())

    def bars(self):
        """`[label, text of the value, share of the track]` of every row, from top to bottom."""
        return self.run("""
            document.getAnimations().forEach((animation) => animation.finish());
            return [...document.querySelectorAll('#bars li')].map((row) => [
                row.querySelector('bdi').textContent,
                row.querySelector('.value').textContent,
                row.querySelector('.fill').getBoundingClientRect().width
                    / row.querySelector('.track').getBoundingClientRect().width,
            ]);""")

    def overflow(self):
        """How many pixels the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def screenshot(self, path):
        metrics = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        width = self.run("return innerWidth")
        self.resize((width, int(metrics["height"])))
        self.run("document.getAnimations().forEach((animation) => animation.finish())")
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"]
        path.write_bytes(base64.b64decode(picture))

    def complaints(self, expected_status=None):
        """Console errors and warnings; a refusal that a test provoked is none."""
        entries = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return [entry["message"] for entry in entries
                if not (expected_status and f"status of {expected_status}" in entry["message"])]

    def requested(self):
        """Every address that the pages asked the network for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]


@pytest.fixture
def browser(server_url):
    window = Browser(server_url)
    yield window
    window.driver.quit()


@pytest.fixture
def picture(tmp_path):
    """A small PNG, half red and half blue."""
    row = b"\0" + b"\xc8\x20\x20" * 16 + b"\x20\x40\xc8" * 16
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(row * 32)), (b"IEND", b"")]
    encoded = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        encoded += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path = tmp_path / "half & half.png"
    path.write_bytes(encoded)
    return path
