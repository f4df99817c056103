"""The page in the browser, for the tests of the page (`test_page*.py`)."""

import pytest

from tests.serve import browser, fake_api


@pytest.fixture(scope="module")
def chromium():
    page = browser.Page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def served():
    api = fake_api.FakeApi()
    with fake_api.serving(api.app) as url:
        api.url = url
        yield api


@pytest.fixture
def api(served):
    served.reset()
    yield served
    served.release()


@pytest.fixture
def page(chromium, api):
    """The page as a first visitor sees it. Whatever a test does, nothing may break and the policy may stop nothing."""
    chromium.open(api.url)
    yield chromium
    assert chromium.troubles() == []
