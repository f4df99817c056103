"""The page in the browser, for the tests of the page (`test_page*.py`). Other environments run tests here without a browser's driver."""

import pytest


@pytest.fixture(scope="module")
def chromium():
    from tests.serve import browser

    page = browser.Page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def served():
    from tests.serve import fake_api

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
