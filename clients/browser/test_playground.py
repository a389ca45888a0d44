"""What a person can do with the playground, and what it must never do."""

import base64
import json
import shutil
import subprocess

import pytest
from conftest import PHONE
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

LABELS = ["a cat", "ein Hund", "赤い自転車", "قلعة"]
#: Everything that a shell, JSON or markup could misread.
AWKWARD = ['a "quoted" cat', "costs $5 `or` $(more)", "back\\slash \\n", "<b>bold</b>", "it's"]


def as_transfer(path):
    """JavaScript that makes `transfer`, a DataTransfer that holds the file."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f"""
        const bytes = Uint8Array.from(atob({json.dumps(content)}), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], {json.dumps(path.name)}));
    """


def pick(browser, path):
    browser.pick(path)


def drop(browser, path):
    browser.run(as_transfer(path) + """
        const place = { bubbles: true, cancelable: true, dataTransfer: transfer };
        document.getElementById('zone').dispatchEvent(new DragEvent('dragover', place));
        document.getElementById('zone').dispatchEvent(new DragEvent('drop', place));""")


def paste(browser, path):
    browser.run(as_transfer(path) + """
        document.body.dispatchEvent(new ClipboardEvent('paste',
            { bubbles: true, cancelable: true, clipboardData: transfer }));""")


@pytest.mark.parametrize("give", [pick, drop, paste])
def test_a_picture_and_labels_give_sorted_bars(browser, api_key, picture, give):
    browser.open_playground(api_key)
    give(browser, picture)
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("labels").send_keys(", ".join(LABELS))
    assert browser.text("label-count") == "4 labels"
    browser.look()
    bars = browser.bars()
    assert sorted(label for label, _value, _share in bars) == sorted(LABELS)
    shares = [share for _label, _value, share in bars]
    assert shares == sorted(shares, reverse=True)
    assert all(value.endswith("%") for _label, value, _share in bars)
    assert browser.text("verdict").startswith(bars[0][0])
    assert browser.complaints() == []


def test_a_question_waits_for_the_picture_that_is_being_read(browser, api_key):
    browser.open_playground(api_key)
    browser.run("document.getElementById('sample').click(); document.getElementById('ask').click()")
    browser.wait_for_bars()
    assert len(browser.bars()) == 5


def test_the_switch_shows_the_other_reading_without_asking_again(browser, api_key, picture):
    browser.open_playground(api_key)
    browser.pick(picture)
    browser.find("labels").send_keys("\n".join(LABELS))
    browser.look()
    total = sum(share for _label, _value, share in browser.bars())
    assert total == pytest.approx(1, abs=0.05), "the bars of one-of-these share the whole"
    browser.requested()
    browser.find("mode-probability").click()
    assert browser.find("mode-probability").get_attribute("aria-pressed") == "true"
    assert "20 to 30%" in browser.text("note")
    assert '"multi_label": true' in browser.text("snippet")
    assert len(browser.bars()) == len(LABELS)
    assert browser.requested() == []


def test_lines_keep_their_commas(browser, api_key):
    browser.open_playground(api_key)
    browser.find("labels").send_keys("two cats, sleeping\na dog,\n\na dog")
    assert browser.text("label-count") == "2 labels"
    assert '["two cats, sleeping", "a dog"]' in browser.text("snippet")


def test_everything_can_be_done_with_tab_enter_and_space(browser, api_key):
    browser.open_playground(api_key)
    browser.run("document.getElementById('file').addEventListener('click', (event) => {"
                " event.preventDefault(); document.title = 'opened'; })")

    def press(*keys):
        ActionChains(browser.driver).send_keys(*keys).perform()

    def focus(name):
        for _step in range(40):
            focused = browser.driver.switch_to.active_element
            if focused.get_attribute("id") == name:
                outlined = focused if name != "file" else browser.find("zone-label")
                assert outlined.value_of_css_property("outline-style") == "solid", f"{name} shows no focus"
                return
            press(Keys.TAB)
        pytest.fail(f"tab does not reach {name}")

    focus("file")
    press(Keys.SPACE)
    assert browser.driver.title == "opened"
    focus("sample")
    press(Keys.ENTER)
    browser.wait(lambda: browser.find("preview").is_displayed())
    assert len(browser.find("labels").get_property("value").splitlines()) == 5
    focus("labels")
    focus("mode-probability")
    press(Keys.SPACE)
    focus("ask")
    press(Keys.ENTER)
    browser.wait_for_bars()
    assert len(browser.bars()) == 5
    assert "probability" in browser.find("bars").get_attribute("class")


def test_controls_have_names_and_the_answer_is_announced(browser, api_key):
    browser.open_playground(api_key)
    controls = browser.driver.find_elements("css selector", "button, input, textarea, select")
    unnamed = [control.get_attribute("id") for control in controls
               if control.is_displayed() and not control.accessible_name]
    assert unnamed == []
    assert browser.find("answer").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(browser, api_key, scheme, screenshots):
    browser.resize(PHONE)
    browser.prefer(color_scheme=scheme)
    browser.open_playground(api_key)
    assert browser.overflow() <= 0
    browser.find("sample").click()
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("labels").send_keys("\n" + "averylongwordwithoutanybreak" * 8)
    browser.look()
    assert browser.overflow() <= 0
    browser.screenshot(screenshots / f"playground-phone-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system(browser, api_key, scheme, screenshots):
    browser.prefer(color_scheme=scheme)
    browser.open_playground(api_key)
    browser.find("sample").click()
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.look()
    browser.screenshot(screenshots / f"playground-desktop-{scheme}.png")
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(","))
    assert (brightness > 382) == (scheme == "light"), ground


def test_reduced_motion_stops_every_animation(browser, api_key):
    browser.prefer(reduced_motion="reduce")
    browser.open_playground(api_key)
    browser.find("sample").click()
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.look()
    assert browser.run("return document.getAnimations().length") == 0


def test_a_text_file_is_refused_in_plain_words(browser, api_key, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("a list of things that are not pictures")
    browser.open_playground(api_key)
    browser.requested()
    browser.pick(notes)
    browser.wait(lambda: browser.find("trouble").is_displayed())
    assert "notes.txt is not a picture" in browser.text("trouble")
    assert browser.requested() == []


def test_a_picture_over_20_mib_is_refused_before_it_is_sent(browser, api_key, picture, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(picture.read_bytes() + bytes(20 * 1024 * 1024))
    browser.open_playground(api_key)
    browser.pick(large)
    browser.wait(lambda: browser.find("trouble").is_displayed())
    assert "20 MiB at most" in browser.text("trouble")


def test_a_broken_picture_shows_what_the_server_says(browser, api_key, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 8)
    browser.open_playground(api_key)
    browser.pick(broken)
    browser.find("labels").send_keys("a cat")
    browser.find("ask").click()
    browser.wait(lambda: browser.find("trouble").is_displayed())
    assert browser.text("trouble-title") == "This picture cannot be decoded."
    assert browser.text("trouble-detail")
    assert browser.complaints(expected_status=422) == []


def test_missing_parts_are_asked_for(browser, api_key, picture):
    browser.open_playground(api_key)
    browser.find("ask").click()
    browser.wait(lambda: browser.text("trouble-title") == "A picture is missing.")
    browser.pick(picture)
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("ask").click()
    browser.wait(lambda: browser.text("trouble-title") == "Labels are missing.")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "labels"


def test_a_401_shows_the_key_field_and_the_key_is_kept_for_this_tab_alone(browser, api_key, picture):
    if not api_key:
        browser.before_each_page("""
            const real = window.fetch;
            window.fetch = async (address, options = {}) => {
                if (new Headers(options.headers).get('authorization') === 'Bearer sk-test') return real(address, options);
                const error = { message: 'no key', type: 'invalid_request_error', param: null, code: null };
                return Response.json({ error }, { status: 401 });
            };""")
    browser.open("/")
    browser.wait(lambda: browser.find("ask").is_displayed())
    browser.pick(picture)
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("labels").send_keys("a cat, a dog")
    browser.find("ask").click()
    browser.wait(lambda: browser.find("trouble").is_displayed())
    assert browser.text("trouble-title") == "This server asks for a key."
    browser.find("key").send_keys("sk-wrong", Keys.ENTER)
    browser.wait(lambda: browser.text("trouble-title") == "The server does not know this key.")
    browser.find("key").send_keys(api_key or "sk-test")
    browser.find("key-use").click()
    browser.wait_for_bars()
    assert len(browser.bars()) == 2
    assert browser.run("return [localStorage.length, document.cookie]") == [0, ""]
    assert "$POLYSIGHT_API_KEY" in browser.text("snippet")
    assert (api_key or "sk-test") not in browser.run("return document.documentElement.outerHTML")
    browser.find("key-forget").click()
    assert browser.run("return sessionStorage.length") == 0
    assert browser.complaints(expected_status=401) == []


def test_labels_are_shown_as_they_were_typed(browser, api_key, picture):
    browser.open_playground(api_key)
    browser.pick(picture)
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("labels").send_keys("\n".join(AWKWARD))
    browser.look()
    assert sorted(label for label, _value, _share in browser.bars()) == sorted(AWKWARD)
    assert browser.driver.find_elements("css selector", "#answer b") == []


@pytest.mark.parametrize("language", ["curl", "python", "openai", "javascript"])
def test_every_program_names_this_server(browser, api_key, server_url, language):
    browser.open_playground(api_key)
    browser.driver.find_element("css selector", f"[data-language={language}]").click()
    expected = f"{server_url}/v1" if language == "openai" else f"{server_url}/v1/classify"
    assert expected in browser.text("snippet")
    if language in ("python", "openai"):
        for mode in ("mode-relative", "mode-probability"):
            browser.find(mode).click()
            compile(browser.text("snippet"), language, "exec")


def test_the_shown_curl_command_gives_the_shown_answer(browser, api_key, picture):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    browser.open_playground(api_key)
    browser.pick(picture)
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.find("labels").send_keys("\n".join(AWKWARD))
    browser.look()
    command = browser.run("return document.getElementById('snippet').textContent")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "POLYSIGHT_API_KEY": api_key or "", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["sh", "-c", command], cwd=picture.parent, env=environment, capture_output=True, check=True)
    predictions = json.loads(done.stdout)["data"][0]["predictions"]
    best_first = sorted(predictions, key=lambda prediction: -prediction["relative"])
    assert sorted(prediction["label"] for prediction in predictions) == sorted(AWKWARD)
    assert best_first[0]["label"] == browser.bars()[0][0]


def test_copy_puts_the_program_into_the_clipboard(browser, api_key):
    browser.open_playground(api_key)
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", {
        "origin": browser.server_url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    button = browser.driver.find_element("css selector", ".code .copy")
    button.click()
    browser.wait(lambda: button.text == "Copied")


def test_no_request_leaves_the_server(browser, api_key, server_url):
    browser.open_playground(api_key)
    browser.find("sample").click()
    browser.wait(lambda: browser.find("preview").is_displayed())
    browser.look()
    browser.open("/docs")
    requested = browser.requested()
    assert f"{server_url}/v1/classify" in requested
    assert [url for url in requested if not url.startswith(f"{server_url}/")] == []
    assert browser.complaints() == []


def test_the_policy_forbids_inline_scripts(browser, api_key):
    browser.open_playground(api_key)
    browser.run("""
        const script = document.createElement('script');
        script.textContent = 'window.intruder = true';
        document.body.append(script);""")
    assert browser.run("return window.intruder") is None
