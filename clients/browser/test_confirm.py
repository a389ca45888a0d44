"""From the link of a mail to a key that works, as a new customer does it."""

import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import Browser

PROGRAM = os.environ.get("POLYSIGHT_BIN") or Path(__file__).parents[2] / "target/debug/polysight"


@pytest.fixture
def sign_up(tmp_path):
    """A server with sign-up: its address, and where its log is."""
    log = tmp_path / "log"
    command = [PROGRAM, "serve", "--json", "--addr", "127.0.0.1:0", "--data-folder", tmp_path / "data", "--accounts",
               "--sign-up", "--free-credit=1", "--public-url=http://public.example"]
    with log.open("wb") as errors:
        server = subprocess.Popen(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, stdout=subprocess.PIPE, stderr=errors)
    yield json.loads(server.stdout.readline())["urls"][0], log
    server.terminate()
    server.wait(30)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return reply.status


def test_a_link_becomes_a_key_when_its_owner_asks(sign_up, screenshots):
    url, log = sign_up
    assert post(f"{url}/v1/accounts", {"email": "ann@example.com"}) == 202
    deadline = time.monotonic() + 20
    while not (links := re.findall(r"http://public\.example(/confirm#\w+)", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    browser = Browser(url)
    try:
        browser.open(links[0])
        assert not browser.find("key").is_displayed(), "whoever only opens the link uses nothing up"
        browser.find("open").click()
        browser.wait(lambda: browser.find("key").is_displayed())
        assert "$1.00" in browser.text("told")
        assert "#" not in browser.driver.current_url, "the used link is not left in the history"
        browser.screenshot(screenshots / "confirm.png")
        assert browser.overflow() <= 0
        key = browser.text("key")
        request = urllib.request.Request(f"{url}/v1/key", headers={"authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request) as reply:
            assert json.load(reply)["data"]["role"] == "manager"
        assert browser.complaints() == []
        # Once more, with the same link.
        browser.open("/docs")
        browser.open(links[0])
        browser.find("open").click()
        browser.wait(lambda: "not valid any more" in browser.text("told"))
        assert browser.complaints(expected_status=400) == []
    finally:
        browser.driver.quit()
