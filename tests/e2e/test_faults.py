"""What goes wrong in real life: processes die, tabs vanish, seats run out, servers restart."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, BrowserType

from tests.e2e.browser_call import HARNESS, BrowserCall
from tests.e2e.conftest import ARTIFACTS, CHROMIUM, FLAGS, Server, start_server, stop_server

Say = Callable[[str], tuple[NDArray[np.int16], int]]
Hear = Callable[[NDArray[np.int16], int], str]


def test_the_face_says_so_when_the_language_model_dies_and_recovers(
    server: Server, caller: BrowserCall, spoken: Say, hear: Hear
) -> None:
    caller.open()
    caller.join()
    caller.wait_sound(0.0, 45)
    caller.wait_silence(2.5)
    at = caller.now()
    server.language_model().kill()
    caller.page.get_by_test_id("text-input").fill("When can I drive again after the sedation?")
    caller.page.get_by_test_id("text-send").click()
    first = caller.wait_sound(at, 45)
    caller.wait_silence(2.0, 60)
    said = hear(caller.sound_since(first - 0.3).samples, 48_000)
    assert "sorry" in said or "once more" in said, said
    deadline = time.monotonic() + 90
    while not server.status()["ready"] and time.monotonic() < deadline:
        time.sleep(0.5)
    at = caller.now()
    caller.page.get_by_test_id("text-input").fill("When can I drive again after the sedation?")
    caller.page.get_by_test_id("text-send").click()
    first = caller.wait_sound(at, 45)
    caller.wait_silence(2.0, 60)
    said = hear(caller.sound_since(first - 0.3).samples, 48_000)
    assert re.search(r"24|twenty.?four", said), said


def test_a_browser_that_is_killed_frees_its_seat(server: Server, chromium: BrowserType) -> None:
    server.wait_sessions(0, 15)
    before = _browsers()
    doomed = chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    page = doomed.new_context(permissions=["microphone"]).new_page()
    page.add_init_script(HARNESS)
    caller = BrowserCall(page, server.url)
    caller.open()
    caller.join()
    server.wait_sessions(1, 10)
    page.wait_for_timeout(2000)
    for process in _browsers() - before:
        with contextlib.suppress(psutil.Error):
            process.kill()  # no good-bye from the page
    assert server.wait_sessions(0, 10) < 6.0


def _browsers() -> set[psutil.Process]:
    """The browser processes that the tests have started."""
    return {
        p
        for p in psutil.Process(os.getpid()).children(recursive=True)
        if "chrom" in p.name().lower()
    }


def test_one_too_many_is_told_so(
    server: Server, caller: BrowserCall, context: BrowserContext
) -> None:
    caller.open()
    caller.join()
    second = BrowserCall(context.new_page(), server.url)
    second.open()
    second.page.get_by_test_id("join-button").click()
    second.page.get_by_test_id("error").wait_for(timeout=15_000)
    second.page.screenshot(path=ARTIFACTS / "full.png")
    assert "taken" in second.page.get_by_test_id("error").inner_text()
    assert caller.page.evaluate("document.body.dataset.callState") == "connected"


def test_sigterm_lets_the_conversation_end_in_words(
    tmp_path: Path, context: BrowserContext
) -> None:
    own = start_server(tmp_path / "server.log", VISAVIS_SERVER__DRAIN_TIMEOUT="2")
    try:
        language_model = own.language_model()
        caller = BrowserCall(context.new_page(), own.url)
        caller.open()
        caller.join()
        own.process.send_signal(signal.SIGTERM)
        caller.wait_state("ended", 20)
        assert "restarted" in caller.page.get_by_test_id("ended").inner_text()
        own.process.wait(20)
        assert not language_model.is_running()
    finally:
        if own.process.poll() is None:
            stop_server(own)
