"""A call whose face the browser draws: the server sends sound and states, no pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import BrowserType, Page

from tests.e2e.browser_call import HARNESS, BrowserCall
from tests.e2e.conftest import CHROMIUM, GL_FLAGS, Server
from tests.e2e.test_conversation import mouths, screenshot
from visavis.evaluation.lipsync import lag

#: Small: here a processor draws, and it has the whole server to run beside.
WINDOW = {"width": 480, "height": 420}


@pytest.fixture
def drawing_page(chromium: BrowserType) -> Iterator[Page]:
    browser = chromium.launch(executable_path=CHROMIUM, args=GL_FLAGS)
    context = browser.new_context(viewport=WINDOW, permissions=["microphone"])
    context.add_init_script(HARNESS)
    yield context.new_page()
    browser.close()


@pytest.fixture
def drawn(server: Server, drawing_page: Page) -> Iterator[BrowserCall]:
    server.wait_sessions(0, limit=15)
    yield BrowserCall(drawing_page, f"{server.url}/?render=browser")
    drawing_page.close()
    server.wait_sessions(0, limit=15)


def test_the_browser_draws_what_is_said(drawn: BrowserCall) -> None:
    drawn.open()
    drawn.keep_pictures(True)
    drawn.join()
    begin = drawn.wait_sound(drawn.now() - 5, 30)
    end = drawn.wait_silence(1.5)
    drawn.page.wait_for_timeout(800)
    drawn.keep_pictures(False)
    screenshot(drawn.page, "drawn-call")
    assert drawn.pictures_received() == 0

    times, opening = mouths(drawn)
    sound = drawn.sound_since(begin - 1)
    talking = (times > begin) & (times < end)
    assert talking.sum() >= 4
    assert np.ptp(opening[talking]) > 0.05
    after = opening[times > end + 0.5]
    assert len(after)
    assert np.median(after) < 0.03
    # Drawn from the state of the sound that is audible. A processor draws few pictures a second,
    # and not evenly, which alone makes the measure coarse; a busy one too few for any.
    if talking.sum() >= 25:
        found = lag(times, opening, sound.samples, 48_000, float(sound.times[0]))
        assert found is not None
        assert abs(found.seconds) < 0.2, found


def test_a_lost_graphics_card_brings_the_servers_pictures(drawn: BrowserCall) -> None:
    drawn.open()
    drawn.join()
    drawn.page.get_by_test_id("face-canvas").wait_for(timeout=20_000)
    drawn.page.evaluate(
        "document.querySelector('[data-testid=face-canvas]')"
        ".getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    drawn.page.get_by_test_id("face-canvas").wait_for(state="detached", timeout=5_000)
    drawn.page.wait_for_function(
        "async () => (await window.__harness.picturesReceived()) > 10", timeout=20_000
    )
    drawn.wait_state("connected")


def test_a_card_lost_in_the_lobby_is_not_missed(server: Server, drawing_page: Page) -> None:
    server.wait_sessions(0, limit=15)
    drawing_page.add_init_script(
        "const make = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  const made = make.call(this, kind, ...rest);"
        "  if (kind === 'webgl2') window.__gl = made;"
        "  return made; };"
    )
    call = BrowserCall(drawing_page, f"{server.url}/?render=browser")
    call.open()
    drawing_page.wait_for_function("() => !!window.__gl")
    drawing_page.wait_for_timeout(1500)
    drawing_page.evaluate("window.__gl.getExtension('WEBGL_lose_context').loseContext()")
    call.join()
    drawing_page.wait_for_function(
        "async () => (await window.__harness.picturesReceived()) > 10", timeout=20_000
    )
    assert drawing_page.get_by_test_id("face-canvas").count() == 0
    drawing_page.close()
    server.wait_sessions(0, limit=15)


def test_without_a_graphics_card_the_server_draws_unasked(
    server: Server, drawing_page: Page
) -> None:
    server.wait_sessions(0, limit=15)
    call = BrowserCall(drawing_page, server.url)
    call.open()
    call.join()
    drawing_page.wait_for_function(
        "async () => (await window.__harness.picturesReceived()) > 10", timeout=20_000
    )
    assert drawing_page.get_by_test_id("face-canvas").count() == 0
    drawing_page.close()
    server.wait_sessions(0, limit=15)
