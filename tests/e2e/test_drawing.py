"""The browser draws what the processor paints."""

from __future__ import annotations

import base64
import mimetypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import BrowserType, Page, Route

from tests.e2e.conftest import ARTIFACTS, CHROMIUM, GL_FLAGS, ROOT
from tests.rendering.states import face
from visavis.animation import wire
from visavis.animation.face_state import FaceState
from visavis.evaluation.similarity import ssim
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.bundle import Replica
from visavis.replicas.catalog import load_stock

Picture = NDArray[np.uint8]
SIZE = (1280, 720)
SITE = "http://face.test"
FILES = "/api/replica/files/"


@pytest.fixture(scope="module")
def replica() -> Replica:
    return load_stock()


@pytest.fixture(scope="module")
def page(
    chromium: BrowserType, replica: Replica, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page of nothing but the face; its files come from here, not over a network."""
    built = tmp_path_factory.mktemp("drawing")
    vite = ROOT / "web" / "node_modules" / ".bin" / "vite"
    subprocess.run(
        [vite, "build", "test/drawing", "--base", "./", "--outDir", built, "--logLevel", "error"],
        cwd=ROOT / "web",
        check=True,
    )

    def serve(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == FILES + "replica.json":
            route.fulfill(json=replica.manifest.model_dump(mode="json"))
        elif path.startswith(FILES):
            route.fulfill(body=replica.files[path.removeprefix(FILES)])
        else:
            file = built / (path.strip("/") or "index.html")
            kind = mimetypes.guess_type(file)[0]
            route.fulfill(body=file.read_bytes() if file.is_file() else b"", content_type=kind)

    browser = chromium.launch(executable_path=CHROMIUM, args=GL_FLAGS)
    page = browser.new_page()
    page.route(f"{SITE}/**", serve)
    page.goto(SITE)
    page.wait_for_function("() => !!window.draw")
    yield page
    browser.close()
    shutil.rmtree(built)


@pytest.fixture(scope="module")
def draw(page: Page) -> Callable[[FaceState], Picture]:
    page.evaluate("size => resize(...size)", SIZE)

    def drawn(state: FaceState) -> Picture:
        url = page.evaluate("m => draw(m)", base64.b64encode(wire.encode(state)).decode())
        raw = np.frombuffer(base64.b64decode(url.split(",", 1)[1]), np.uint8)
        return np.asarray(cv2.cvtColor(cv2.imdecode(raw, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))

    return drawn


def states() -> list[FaceState]:
    """Fifty: the shapes of speech, expressions, lids, gaze and head alone, then all together."""
    alone = [
        face(),
        face(jawOpen=0.7),
        face(jawOpen=0.25, mouthFunnel=0.8),
        face(mouthPucker=0.9, jawOpen=0.08),
        face(mouthClose=0.5, mouthPress=0.6, mouthRollLower=0.3, mouthRollUpper=0.3),
        face(jawOpen=0.12, mouthLowerDown=0.5, mouthUpperUp=0.3, mouthStretch=0.3),
        face(mouthSmile=0.9),
        face(mouthSmile=0.7, jawOpen=0.35, cheekSquint=0.6),
        face(mouthFrown=0.8, browDown=0.7),
        face(browInnerUp=0.9, eyeWide=0.9, jawOpen=0.3),
        face(eyeBlink=1.0),
        face(eyeBlink=0.5),
        face(eyeBlinkLeft=1.0),
        face(eyeSquint=0.8, mouthSmile=0.4),
        face(tongueOut=0.8, jawOpen=0.4),
        face(yaw=13),
        face(yaw=-13),
        face(pitch=12),
        face(pitch=-12),
        face(roll=12),
    ]
    for pitch, yaw in ((0, 22), (0, -22), (18, 0), (-18, 0), (12, 15)):
        alone.append(face())
        alone[-1].gaze[:] = np.radians([pitch, yaw])
    rng = np.random.default_rng(20040401)
    for _ in range(50 - len(alone)):
        state = face(
            pitch=rng.uniform(-10, 10),
            yaw=rng.uniform(-12, 12),
            roll=rng.uniform(-8, 8),
            jawOpen=rng.beta(1, 3),
            mouthSmile=rng.beta(1, 2),
            mouthFunnel=rng.beta(1, 4),
            mouthPucker=rng.beta(1, 4),
            mouthLowerDown=rng.beta(1, 3),
            mouthUpperUp=rng.beta(1, 4),
            eyeBlink=float(rng.choice([0.0, rng.uniform(), 1.0], p=[0.6, 0.25, 0.15])),
            browInnerUp=rng.beta(1, 2),
            cheekSquint=rng.beta(1, 3),
        )
        state.gaze[:] = np.radians(rng.uniform([-10, -18], [10, 18]))
        state.head[3:6] = rng.uniform(-0.12, 0.12, 3)
        alone.append(state)
    # what the browser gets is what a message can say
    return [wire.decode(wire.encode(s)) for s in alone]


def test_fifty_states_look_the_same(draw: Callable[[FaceState], Picture], replica: Replica) -> None:
    """Mean SSIM over the whole picture, and over the face alone, where all that moves is."""
    painter = PortraitPainter(replica, SIZE)
    whole, features, rows = [], [], []
    for state in states():
        ours, theirs = painter.paint(state).copy(), draw(state)
        alike = ssim(ours, theirs)
        whole.append(float(alike.mean()))
        features.append(float(alike[160:560, 460:820].mean()))
        off = np.abs(ours.astype(int) - theirs).max(2).astype(np.uint8)
        rows.append((features[-1], ours, theirs, off))
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    sheet(rows, ARTIFACTS / "drawing.png")
    print(f"SSIM {np.mean(whole):.4f} (worst {min(whole):.4f}); ", end="")
    print(f"face {np.mean(features):.4f} (worst {min(features):.4f})")
    assert np.mean(whole) >= 0.97
    assert np.mean(features) >= 0.95
    assert min(features) >= 0.90


def sheet(rows: list[tuple[float, Picture, Picture, Picture]], path: Path) -> None:
    """The ten states least alike: painted, drawn, four times the difference."""
    worst = sorted(rows, key=lambda r: r[0])[:10]
    crop = (slice(140, 560), slice(440, 840))
    lines = [
        np.hstack([a[crop], b[crop], cv2.merge([np.minimum(d[crop], 63) * 4] * 3)])
        for _, a, b, d in worst
    ]
    columns = np.hstack([np.vstack(lines[::2]), np.vstack(lines[1::2])])
    cv2.imwrite(str(path), columns[..., ::-1])
