"""The documentation as people see it."""

import pytest
from conftest import DESKTOP, PHONE


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_docs_fit_and_raise_no_errors(browser, server_url, screenshots, size, scheme):
    browser.resize(size)
    browser.prefer(color_scheme=scheme)
    browser.open("/docs")
    assert browser.overflow() <= 0
    examples = browser.driver.find_elements("css selector", "pre.copied")
    assert len(examples) >= 8
    assert all(server_url in example.text for example in examples)
    assert browser.complaints() == []
    width = "phone" if size == PHONE else "desktop"
    browser.screenshot(screenshots / f"docs-{width}-{scheme}.png")


def test_every_entry_of_the_contents_leads_to_a_section(browser):
    browser.open("/docs")
    links = browser.driver.find_elements("css selector", ".contents a")
    assert links
    for link in links:
        name = link.get_attribute("href").split("#")[1]
        link.click()
        top = browser.run("return document.getElementById(arguments[0]).getBoundingClientRect().top", name)
        assert 0 <= top < DESKTOP[1], name


@pytest.mark.parametrize("path", ["/llms.txt", "/favicon.svg"])
def test_the_small_files_are_served(browser, path):
    browser.open("/docs")
    status = browser.driver.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then((reply) => done(reply.status))", path)
    assert status == 200
