"""Learn the face space from a folder of frontal portraits.

    python scripts/train_face_space.py PORTRAITS --out src/visavis/identity/data/space.npz

1. *Selection*: faces that look straight into the camera, but for those that
   ``face_space_exclusions.json`` names (glasses, beards, harsh light, covered), by the first 12
   hex digits of their files' SHA-256.
2. *Registration*: each is warped to the mean shape by a thin-plate spline through its landmarks;
   brows, eyes, nose and lips are then brought to lie on each other by optical flow against the
   running mean (congealing, Learned-Miller 2006). A face that shows its teeth is used twice, the
   second time with its lips closed.
3. *Bases*: principal components of the shape and, by Laplacian bands, of the texture; every sample
   also as its mirror image. What the fine components leave is kept as mixtures of at least eight
   people each.
4. *Attributes*: what networks and colours say about every sample, and the embeddings against which
   new faces are checked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from visavis.faces import FaceTracker, inter_ocular
from visavis.faces import topology as topo
from visavis.faces.embedding import appearance, similarity
from visavis.faces.measures import head_pose, mouth_opening
from visavis.identity import frame
from visavis.identity.space import Basis, FaceSpace, mix, take_bands, texture_masks
from visavis.identity.traits import TRAITS, smile_of, width_of
from visavis.identity.warping import sample, spline_map
from visavis.replicas.closing import CLOSABLE, close_mouth
from visavis.replicas.photo_checks import turn
from visavis.replicas.portrait import lip_gap

Array = np.ndarray
#: Limits of a frontal face, radians (turn: share of the face's half width), and least size.
MAX_TURN, MAX_PITCH, MAX_ROLL, MIN_EYES = 0.15, 0.22, 0.25, 110.0
#: Above this gap over the mouth's width the lips count as open.
OPEN = 0.04
STABLE = [
    *(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327),
    *(70, 300, 105, 334, 10, 151, 9, 8),
]
#: Share of a skin's unusual colour that is taken for a colour of the light.
CAST = 0.6
#: A forehead is covered where it differs from the skin by this much in L*, a* or b*, over this
#: share of it; light is uneven by this much between the cheeks (L*); burnt skin is above 95.
FOREHEAD = np.array([16.0, 9.0, 12.0])
MAX_COVERED, MAX_UNEVEN, MAX_BURNT = 0.5, 23.0, 0.02
#: Principal components by block, people in an archetype, and the ridge of the trait regression.
COMPONENTS = {"shape": 40, "coarse": 32, "middle": 110}
MEMBERS, RIDGE = 12, 40.0
BOX = (0, 0, frame.WIDTH, frame.HEIGHT)


def steady_landmarks(tracker: FaceTracker, image: Array) -> Array | None:
    """Landmarks (478, 3): the median over five slightly scaled and shifted views."""
    h, w = image.shape[:2]
    views = []
    for s, dx, dy in ((1, 0, 0), (0.9, 13, 7), (1.1, -9, 11), (0.95, -17, -6), (1.05, 5, -13)):
        matrix = np.array([[s, 0, dx], [0, s, dy]], np.float64)
        view = cv2.warpAffine(
            image, matrix, (w, h), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        faces = tracker.detect(view)
        if not faces:
            return None
        big = max(faces, key=lambda f: float(f.box[2] - f.box[0]))
        views.append((big.points - [dx, dy, 0]) / s)
    return np.median(views, axis=0)


def gather(folder: Path, excluded: set[str]) -> list[dict[str, Any]]:
    """The frontal faces, each as photographed and, if its lips are apart, with them closed."""
    tracker = FaceTracker(static=True)
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
            continue
        key = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
        faces = tracker.detect(image)
        if not faces:
            continue
        face = max(faces, key=lambda f: float(f.box[2] - f.box[0]))
        looks = appearance(image, face)
        person = {"key": key, "embedding": looks.embedding, "used": False}
        found.append(person)
        pitch, _, roll = head_pose(face.points)
        size = inter_ocular(face.points[:, :2])
        frontal = abs(turn(face.points)) < MAX_TURN and abs(pitch) < MAX_PITCH
        if key in excluded or not frontal or abs(roll) > MAX_ROLL or size < MIN_EYES:
            continue
        points = steady_landmarks(tracker, image)
        if points is None:
            continue
        person |= {"used": True, "age": looks.age, "masculine": looks.masculine}
        person["looks"] = [(image, points)]
        gap = lip_gap(points)
        if OPEN < gap <= CLOSABLE:
            closed = close_mouth(image, points)
            again = steady_landmarks(tracker, closed)
            if again is not None and lip_gap(again) < OPEN:
                person["looks"].append((closed, again))
        elif gap > CLOSABLE:
            person["used"] = False
    return found


def upright(points: Array) -> Array:
    """Landmarks (478, 3) turned to look straight ahead, eyes level, in frame pixels."""
    p = points - points[[33, 133, 362, 263]].mean(0)
    across = p[263] - p[33]
    across /= np.linalg.norm(across)
    down = p[152] - p[10]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    rotation = np.stack([across, down, np.cross(across, down)])
    q = p @ rotation.T
    q *= frame.EYES_APART / np.linalg.norm(q[[33, 133]].mean(0) - q[[362, 263]].mean(0))
    return q + np.array([*frame.EYES_MIDDLE, 0.0])


def mirrored_numbers(mean: Array) -> Array:
    """Which landmark lies on the other side of the face."""
    flipped = mean * [-1, 1, 1] + [2 * frame.EYES_MIDDLE[0], 0, 0]
    _, other = linear_sum_assignment(cdist(mean, flipped))
    return other


def flow_to(reference: Array, moving: Array) -> Array:
    """Dense flow from reference to moving, on locally normalised lightness."""

    def normalise(lightness: Array) -> Array:
        d = lightness - frame.blur(lightness, 20)
        return np.clip(d / (np.sqrt(frame.blur(d * d, 20)) + 2) * 45 + 128, 0, 255).astype(np.uint8)

    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dis.calc(normalise(frame.blur(reference, 1.2)), normalise(frame.blur(moving, 1.2)), None)
    flow = frame.blur(flow, 5)
    length = np.linalg.norm(flow, axis=2, keepdims=True)
    return flow * np.minimum(1, 7 / (length + 1e-6))


def register(people: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """Shapes and textures of all looks in the canonical frame."""
    owner, shapes, textures, images = [], [], [], []
    for i, person in enumerate(people):
        for image, points in person.pop("looks", []):
            owner.append(i)
            shapes.append(upright(points))
            images.append((image, points))
    solid = np.array(shapes)
    mirror = mirrored_numbers(solid.mean(0))
    mean = solid.mean(0)
    mean = (mean + mean[mirror] * [-1, 1, 1] + [2 * frame.EYES_MIDDLE[0], 0, 0]) / 2
    warped = list(frame.WARPED)
    w, h = frame.WIDTH, frame.HEIGHT
    corners = np.array(
        [[x, y] for x in (0, w / 2, w) for y in (0, h / 2, h) if (x, y) != (w / 2, h / 2)]
    )
    for image, points in images:
        m = similarity(mean[STABLE, :2], points[STABLE, :2])
        out = corners @ m[:, :2].T + m[:, 2]
        where = spline_map(
            np.concatenate([mean[warped, :2], corners]),
            np.concatenate([points[warped, :2], out]),
            BOX,
        )
        textures.append(frame.to_lab(sample(image, where)).astype(np.float16))
    del images
    feature = frame.features(mean, (h, w))
    trust = frame.blur(frame.grow(feature, 14), 7)[..., None]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    aligned = textures
    for _ in range(rounds):
        reference = np.mean([t[..., 0].astype(np.float32) for t in aligned], axis=0)
        reference = (reference + reference[:, ::-1]) / 2
        flows = [flow_to(reference, t[..., 0].astype(np.float32)) * trust for t in textures]
        aligned = [
            cv2.remap(
                t.astype(np.float32),
                np.dstack([x + f[..., 0], y + f[..., 1]]),
                None,
                cv2.INTER_CUBIC,
            ).astype(np.float16)
            for t, f in zip(textures, flows, strict=True)
        ]
    gaps = np.array([mouth_opening(s) for s in solid])
    return {
        "owner": np.array(owner),
        "shapes": solid,
        "mean": mean,
        "mirror": mirror,
        "textures": np.array(aligned),
        "gaps": gaps,
    }


# -- the space -----------------------------------------------------------------------------


def natural_tones(textures: Array, mean: Array) -> Array:
    """Skin tone of every look (n, 3), and textures whose white balance is brought to the usual.

    Portraits differ in the colour of their light by more than skins do: of what a skin is redder
    or yellower than others of its lightness, most is taken away. In place.
    """
    skin = skin_mask(mean)
    tones = np.array([t[skin].astype(np.float32).mean(0) for t in textures])
    for channel in (1, 2):
        line = np.polyfit(tones[:, 0], tones[:, channel], 2)
        excess = tones[:, channel] - np.polyval(line, tones[:, 0])
        for texture, too_much in zip(textures, excess, strict=True):
            texture[..., channel] -= np.float16(CAST * too_much)
        tones[:, channel] -= CAST * excess
    return tones


def skin_mask(mean: Array) -> Array:
    """Cheeks, nose and forehead in the canonical frame."""
    size = (frame.HEIGHT, frame.WIDTH)
    oval = frame.filled(mean, topo.FACE_OVAL, size)
    skin = (frame.grow(oval, -30) * (1 - frame.grow(frame.features(mean, size), 8))) > 0.5
    skin[: int(mean[[105, 334], 1].mean()) - 30] = False
    return skin


def plain(textures: Array, mean: Array) -> Array:
    """Which looks have a bare forehead and even light (n,)."""
    skin = skin_mask(mean)
    oval = frame.filled(mean, topo.FACE_OVAL, skin.shape)
    forehead = frame.grow(oval, -22) > 0.5
    forehead[int(mean[[105, 334], 1].min()) - 16 :] = False
    cheeks = skin.copy()
    cheeks[: int(frame.EYES_MIDDLE[1]) + 10] = False
    left, right = cheeks.copy(), cheeks.copy()
    left[:, frame.WIDTH // 2 :] = False
    right[:, : frame.WIDTH // 2] = False
    good = []
    for t in textures:
        t = t.astype(np.float32)
        unlike = np.abs(t[forehead] - np.median(t[skin], axis=0)) / FOREHEAD
        covered = (unlike.max(1) > 1).mean() > MAX_COVERED
        uneven = abs(t[left, 0].mean() - t[right, 0].mean()) > MAX_UNEVEN
        burnt = (t[skin, 0] > 95).mean() > MAX_BURNT
        good.append(not (covered or uneven or burnt))
    return np.array(good)


def bare_foreheads(textures: Array, mean: Array) -> None:
    """Give foreheads under hair the shading that bare ones have in the mean, in place."""
    size = (frame.HEIGHT, frame.WIDTH)
    rows = np.arange(frame.HEIGHT, dtype=np.float32)[:, None]
    brows = float(mean[[105, 334], 1].min())
    skin = skin_mask(mean)
    oval = frame.filled(mean, topo.FACE_OVAL, size)
    seen = (frame.grow(oval, -14) > 0.5) & (rows < brows - 14)
    medians = np.array([np.median(t[skin].astype(np.float32), axis=0) for t in textures])
    covered = []
    for t, middle in zip(textures, medians, strict=True):
        unlike = (t[seen].astype(np.float32) - middle) / FOREHEAD
        hair = np.maximum(-unlike[:, 0], np.abs(unlike[:, 1:]).max(1)) > 1
        covered.append(float(hair.mean()))
    bare = np.array(covered) < 0.06
    shading = np.mean(
        [t.astype(np.float32) - m for t, m in zip(textures[bare], medians[bare], strict=True)],
        axis=0,
    )
    shading = frame.blur((shading + shading[:, ::-1]) / 2, 3)
    fade = 1 - frame.smoothstep(rows, brows - 34, brows - 8)
    for i, (middle, share) in enumerate(zip(medians, covered, strict=True)):
        w = fade[..., None] * float(frame.smoothstep(np.float32(share), 0.06, 0.2))
        textures[i] = textures[i].astype(np.float32) * (1 - w) + (middle + shading) * w
    print(f"{int(bare.sum())} bare foreheads of {len(bare)}")


def components(x: Array, count: int) -> tuple[Basis, Array]:
    """Principal components and the codes of the rows of ``x`` (which is centred in place)."""
    mean = x.mean(0)
    x -= mean
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
    chosen = np.argsort(-values)[:count]
    codes = vectors[:, chosen] * np.sqrt(len(x))
    rows = codes.T.astype(np.float32) @ x / len(x)
    return Basis.of(mean, rows), codes.astype(np.float32)


def measure(data: dict[str, Any], tones: Array) -> Array:
    """Traits (n, len(TRAITS)) of every look."""
    people, shapes = data["people"], data["shapes"]
    of = [people[i] for i in data["owner"]]
    columns = {
        "age": [p["age"] for p in of],
        "masculine": [p["masculine"] for p in of],
        "lightness": tones[:, 0],
        "smile": [smile_of(s) for s in shapes],
        "width": [width_of(s) for s in shapes],
        "open": (np.array([lip_gap(s) for s in shapes]) > OPEN).astype(float),
    }
    return np.stack([np.asarray(columns[t], np.float32) for t in TRAITS], 1)


def groups(traits: Array, owner: Array, count: int, seed: int) -> list[tuple[Array, Array]]:
    """Members and weights of archetypes that cover the traits evenly, rare ones too."""
    rng = np.random.default_rng(seed)
    light, age = (traits[:, TRAITS.index(t)] for t in ("lightness", "age"))
    masculine, open_ = (traits[:, TRAITS.index(t)] for t in ("masculine", "open"))
    found = []
    for k in range(count):
        same = (masculine > 0.5) == bool(k % 2)
        same &= (open_ > 0.5) == (k // 2 % 3 == 2)
        wanted = rng.uniform(light[same].min() + 2, light[same].max() - 2)
        years = rng.uniform(*np.quantile(age[same], [0.02, 0.98]))
        p = (
            same * np.exp(-(((light - wanted) / 4) ** 2 + ((age - years) / 7) ** 2) / 2)
            + 1e-9 * same
        )
        order = rng.choice(len(traits), (p > 0).sum(), replace=False, p=p / p.sum())
        _, first = np.unique(owner[order], return_index=True)  # nobody twice
        members = order[np.sort(first)[:MEMBERS]]
        weights = np.maximum(rng.dirichlet(np.full(MEMBERS, 1.5)), 0.03)
        found.append((members, (weights / weights.sum()).astype(np.float32)))
    return found


def fit(data: dict[str, Any], options: argparse.Namespace) -> FaceSpace:
    """The space of registered looks."""
    mean, mirror = data["mean"].astype(np.float32), data["mirror"]
    chosen = plain(data["textures"], mean)
    data = data | {k: data[k][chosen] for k in ("owner", "shapes", "textures", "gaps")}
    print(f"{len(set(data['owner']))} people with a bare forehead and even light")
    textures = data["textures"]
    tones = natural_tones(textures, mean)
    bare_foreheads(textures, mean)
    masks = texture_masks(mean)
    looks = len(textures)
    coarse, middle, fine = [], [], []
    for flip in (False, True):
        for t in textures:
            t = t.astype(np.float32)
            c, m, f = take_bands(np.ascontiguousarray(t[:, ::-1]) if flip else t, masks)
            coarse.append(c)
            middle.append(m)
            fine.append(f.astype(np.float16))
    shapes = data["shapes"]
    flipped = shapes[:, mirror] * [-1, 1, 1] + [2 * frame.EYES_MIDDLE[0], 0, 0]
    samples = {
        "shape": np.concatenate([shapes, flipped]).reshape(2 * looks, -1).astype(np.float32),
        "coarse": np.array(coarse),
        "middle": np.array(middle),
    }
    bases, codes = {}, {}
    for block, count in COMPONENTS.items():
        bases[block], codes[block] = components(samples[block], count)
    smooth = np.concatenate([codes[b] for b in COMPONENTS], 1)
    # What the middle components leave; `components` has centred the samples.
    rows = bases["middle"].rows.astype(np.float32) * bases["middle"].scale[:, None]
    left = samples["middle"] - codes["middle"] @ rows

    traits = measure(data, tones)
    both = np.concatenate([traits, traits])
    fine_mean = np.mean(fine, axis=0, dtype=np.float32)
    details, archetypes, people, archetype_traits = [], [], [], []
    owner = np.concatenate([data["owner"], data["owner"]])
    for members, weights in groups(both, owner, options.archetypes, options.seed):
        beyond = np.array([fine[i] for i in members], np.float32) - fine_mean
        details.append(
            np.concatenate([mix(left[members], weights), mix(beyond, weights)]).astype(np.float32)
        )
        archetypes.append(mix(smooth[members], weights))
        people.append(tuple(sorted({int(owner[i]) for i in members})))
        archetype_traits.append(mix(both[members], weights))
    zero = np.zeros(left.shape[1], np.float32)
    bases["detail"] = Basis.of(np.concatenate([zero, fine_mean]), np.array(details), levels=23)
    full = np.concatenate([np.array(archetypes), np.eye(len(archetypes), dtype=np.float32)], 1)

    # Ridge regression of the traits on the smooth part of the codes.
    centre = both.mean(0)
    gram = smooth.T @ smooth + RIDGE * np.eye(smooth.shape[1])
    trait_rows = np.linalg.solve(gram, smooth.T @ (both - centre)).T
    guessed = smooth @ trait_rows.T
    for name, a, b in zip(TRAITS, guessed.T, both.T, strict=True):
        print(f"trait {name}: correlation {np.corrcoef(a, b)[0, 1]:.3f}")
    padded = np.concatenate([trait_rows, np.zeros((len(TRAITS), len(archetypes)))], 1)
    embeddings = np.array([p["embedding"] for p in data["people"]])
    pairs = (embeddings @ embeddings.T)[np.triu_indices(len(embeddings), 1)]
    return FaceSpace(
        canonical=mean,
        bases=bases,
        archetypes=full,
        archetype_people=tuple(people),
        archetype_traits=np.array(archetype_traits),
        trait_rows=padded,
        trait_offset=centre,
        people=embeddings,
        limit=float(np.quantile(pairs, 0.999)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keep the registered textures here")
    parser.add_argument("--rounds", type=int, default=2, help="of congealing")
    parser.add_argument("--archetypes", type=int, default=96)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    named = json.loads((Path(__file__).parent / "face_space_exclusions.json").read_text())
    start = time.perf_counter()
    if options.cache and options.cache.exists():
        data = pickle.loads(options.cache.read_bytes())
    else:
        people = gather(options.portraits, {key for keys in named.values() for key in keys})
        used = sum(p["used"] for p in people)
        print(f"{used} of {len(people)}, {time.perf_counter() - start:.0f} s")
        data = register(people, options.rounds) | {"people": people}
        if options.cache:
            options.cache.write_bytes(pickle.dumps(data, protocol=5))
    print(f"{len(data['owner'])} looks, {time.perf_counter() - start:.0f} s")
    space = fit(data, options)
    space.save(options.out)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out.name}: {size:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
