"""Make the stock replicas out of generated faces.

    python scripts/make_stock.py [NAME ...]

``stock_people.json`` says who there is: a seed and attributes for each. Written to
``src/visavis/replicas/stock/NAME/``: ``portrait.webp`` (1024×1024, on a backdrop),
``cutout.webp`` (the person alone, transparent), ``record.json`` (see
:mod:`visavis.identity.record`) and ``bundle.zip``, the replica.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2

from visavis.identity.attributes import Attributes
from visavis.identity.generate import generate
from visavis.identity.mixture import Mixture
from visavis.identity.record import FaceRecord, cutout, png
from visavis.identity.space import default_space
from visavis.replicas.enrol import enrol

STOCK = Path(__file__).parents[1] / "src/visavis/replicas/stock"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all")
    args = parser.parse_args()
    people = json.loads((Path(__file__).parent / "stock_people.json").read_text())
    space = default_space()
    for name in args.names or people:
        start = time.perf_counter()
        person = people[name]
        face = generate(Mixture(), space, person["seed"], Attributes(**person["attributes"]))
        record = FaceRecord.of(face)
        folder = STOCK / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, image in (("portrait", face.portrait.image), ("cutout", cutout(face))):
            order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
            quality = [cv2.IMWRITE_WEBP_QUALITY, 93]
            cv2.imwrite(str(folder / f"{file}.webp"), cv2.cvtColor(image, order), quality)
        text = record.model_dump_json(indent=1, exclude_none=True)
        (folder / "record.json").write_text(text + "\n")
        replica = enrol(
            png(face.portrait.image),
            name.capitalize(),
            None,
            licence="CC0-1.0",
            provenance=(
                f"{record.what} A mixture of archetypes of at least eight people each; nearest of "
                f"{record.people} people: cosine {record.nearest:.2f}, strangers reach "
                f"{record.limit:.2f}. scripts/make_stock.py"
            ),
        )
        replica.save(folder / "bundle.zip")
        size = (folder / "bundle.zip").stat().st_size / 2**20
        print(f"{name}: {size:.1f} MiB in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
