"""Real Chromium for tests of the page: started once, wiped between tests. Knows the page's own selectors."""

import contextlib
import json
import shutil
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

# Told by the browser itself: what the policy stopped, and what broke.
_WATCH = """
window.seen = {violations: [], errors: []};
addEventListener('securitypolicyviolation', (e) => seen.violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));
addEventListener('error', (e) => seen.errors.push(String(e.message)));
addEventListener('unhandledrejection', (e) => seen.errors.push(String(e.reason)));
window.alert = () => seen.errors.push('alert');
"""


class Page:
    """The page in the browser, with what a person does there."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        self.downloads = Path(tempfile.mkdtemp(prefix="zhinao-page-"))
        for flag in (
            "--headless=new",
            "--no-sandbox",  # CI is root
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--force-prefers-reduced-motion",
            "--lang=en-US",
            "--window-size=1280,800",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.downloads, ignore_errors=True)

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def js(self, code, *given):
        return self.driver.execute_script(code, *given)

    # Opening and waiting

    def open(self, url, until=".model"):
        """A fresh visitor: nothing kept from before."""
        self.url = url
        self.driver.get("about:blank")
        self.command("Storage.clearDataForOrigin", origin=url, storageTypes="all")
        self.driver.get_log("performance")
        self.visit(until)

    @contextlib.contextmanager
    def another_window(self, before=""):
        """A second window of the same browser, in front, on the same address; gives the handles of both. `before`: a script
        that runs there before the page's."""
        first, address = self.driver.current_window_handle, self.driver.current_url
        self.driver.switch_to.new_window("tab")
        second = self.driver.current_window_handle
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_WATCH + before)
        self.driver.get(address)
        self.wait_for("#message")
        self.wait(lambda: self.text(".model"))
        try:
            yield first, second
            if second in self.driver.window_handles:
                self.window(second)
                assert self.troubles() == []
        finally:
            if second in self.driver.window_handles:
                self.window(second)
                self.driver.close()
            self.window(first)

    def window(self, handle):
        self.driver.switch_to.window(handle)

    def visit(self, until=".model"):
        self.driver.get(self.url)
        self.wait_for("#message")
        self.wait(lambda: self.has(until) and self.text(until))

    def wait(self, condition, seconds=30):
        """Until the condition is true (a busy machine is slow); elements that were just replaced are looked up again."""
        end = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
            except (StaleElementReferenceException, ElementClickInterceptedException, IndexError):
                pass
            assert time.monotonic() < end, f"it did not happen in time; the page shows: {self.text('body')[-600:]}"
            time.sleep(0.02)

    def wait_for(self, selector):
        return self.wait(lambda: self.shown(selector))[0]

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector):
        return [element for element in self.all(selector) if _is_shown(element)]

    def has(self, selector):
        return bool(self.shown(selector))

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    # What a person does

    def click(self, selector):
        """Once; an element that is drawn anew in this moment is looked up again."""
        self.wait(lambda: [element.click() or element for element in self.shown(selector)[:1]])

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def chord(self, *keys):
        webdriver.ActionChains(self.driver).key_down(keys[0]).send_keys(*keys[1:]).key_up(keys[0]).perform()

    def type(self, text):
        self.wait_for("#message").send_keys(text)

    def send(self, text):
        """Type, send with Enter, and wait for the end of the answer."""
        self.begin(text)
        self.wait_done()

    def begin(self, text):
        self.type(text)
        self.press(Keys.ENTER)

    def wait_done(self):
        self.wait(lambda: self.has(".message.assistant .end > *") and not self.all(".message.is-running"))

    def menu(self, selector, label):
        """Open a menu and choose the entry that begins with `label`."""
        self.js("document.querySelector(arguments[0]).click()", selector)
        self.wait(lambda: [e for e in self.shown(".menu button") if e.text.startswith(label)])[0].click()

    def download(self, ending):
        """The text of the file that was just downloaded; it is removed."""
        file = self.wait(lambda: list(self.downloads.glob(f"*.{ending}")))[0]
        text = file.read_text(encoding="utf-8")
        file.unlink()
        return file.name, text

    # What the browser saw

    @property
    def answers(self):
        return self.texts(".message.assistant .markdown")

    def kept(self):
        """The texts of all messages in the browser's database."""
        return self.js(
            "return new Promise(done => { const asked = indexedDB.open('zhinao'); asked.onsuccess = () =>"
            " asked.result.transaction('conversations').objectStore('conversations').getAll().onsuccess = found => {"
            " asked.result.close(); done(found.target.result.flatMap(c => c.messages.map(m => m.content))); } })"
        )

    def requested(self):
        """Addresses that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def troubles(self):
        return self.js("return [...seen.violations, ...seen.errors]")


def _is_shown(element) -> bool:
    """The page draws anew at any time; an element that has gone meanwhile is not shown."""
    try:
        return element.is_displayed()
    except StaleElementReferenceException:
        return False
