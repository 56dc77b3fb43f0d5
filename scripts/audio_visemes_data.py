"""Speech to learn the mouth from: our own voices, saying sentences whose phonemes are known.

    python scripts/audio_visemes_data.py FOLDER [--minutes 40] [--part kokoro|piper|held-out]

English comes from the lexicon's words in made-up sentences. For the sounds of other languages,
Kokoro, whose phonemes are those of nine languages, says made-up words in their inventories.
Writes one ``.npz`` an utterance: ``audio`` (int16, 24 kHz), ``track`` (of the mouth, 60 Hz, from
``start``) and ``phones``. The voices in :data:`HELD_OUT` are for measuring only.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from visavis import models
from visavis.animation.visemes import plan_speech
from visavis.media.spoken import Phone, SpokenAudio
from visavis.speech.g2p.wordlist import listed
from visavis.speech.kokoro import Kokoro
from visavis.speech.piper import Piper

#: Voices to learn from: each style, and mixtures of them.
KOKORO = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_alpha+jf_nezumi",
          "jf_alpha+jf_gongitsune", "jf_gongitsune+jf_nezumi")  # fmt: skip
#: Never learned from: a man and a woman.
HELD_OUT = ("jm_kumo", "jf_tebukuro")

#: Syllables by language: onsets, nuclei, codas, in Kokoro's symbols. Frequency by repetition.
INVENTORIES: dict[str, tuple[str, str, str]] = {
    "german": (
        "b p d t ɡ k f v z ʃ h m n l ʁ j pf ʦ ʃp ʃt bl bʁ tʁ kl fl kv - -",
        "a aː ɛ eː ɪ iː ɔ oː ʊ uː y yː ø øː œ ə ə aɪ aʊ ɔy",
        "- - - n n t s l ʁ ç χ m ŋ st nt ʦ f p k",
    ),
    "spanish": (
        "b β p d ð t ɡ ɣ k f θ s ʧ x m m n ɲ l ʎ r ɾ pɾ bɾ tɾ pl fl - -",
        "a a a e e e i o o o u ja je wa we wo aj ej",
        "- - - - - s n ɾ l ð",
    ),
    "french": (
        "b p d t ɡ k f v s z ʃ ʒ m n ɲ l ʁ j w ɥ pl bʁ pʁ tʁ kʁ - -",
        "a a e ɛ i i o ɔ u y y ø œ ə ɑ wa ɥi",
        "- - - - - ʁ t k l s m n v",
    ),
    "mandarin": (
        "p pʰ p m f t tʰ n l k kʰ x ʨ ʨʰ ɕ ʈʂ ʂ ɻ ʦ s j w -",
        "a aɪ aʊ ɤ i ja jaʊ je u wa wo weɪ y ye oʊ eɪ ɨ ʊ",
        "- - - - - n ŋ n ŋ",
    ),
    "japanese": (
        "k s t n h m m j ɾ w ɡ z d b p p ɕ ʨ ʦ ʥ ɸ ç - -",
        "a a aː i iː ɯ ɯː e eː o o oː",
        "- - - - - - - ɴ",
    ),
    "italian": (
        "b p d t ɡ k f v s ʣ ʦ ʧ ʤ ʃ m m n ɲ l ʎ r pr br tr sp st - -",
        "a a a e ɛ i o ɔ o u ja je wo",
        "- - - - - - n l r m",
    ),
    "hindi": (
        "b p pʰ d t ʈ ɖ ɡ k kʰ ʧ ʤ m n l r s ʃ ʋ h j ɽ - -",
        "ə ə aː aː ɪ iː ʊ uː eː ɛː oː ɔː",
        "- - - - n m r l t k s",
    ),
    "polish": (
        "b p d t ɡ k f v s z ʂ ʒ ɕ x m n ɲ l w r j ʦ ʧ pʂ ʨ v -",
        "a a ɛ ɛ i ɨ ɔ ɔ u",
        "- - - - - m n ʨ k w j ɕ t",
    ),
}
_STRESSED = frozenset({"german", "spanish", "italian", "polish"})
_LINKS = (", ", " ", " ", " ", " ", " ")
_SMALL = listed("the a of and to in is was that it for on with he she they my our from by at we")


def sentence(rng: np.random.Generator, lexicon: list[str]) -> str:
    """An English one that makes no sense."""
    said = []
    for _ in range(int(rng.integers(4, 14))):
        said.append(str(rng.choice(_SMALL if rng.random() < 0.4 else lexicon)))
    cut = [w + ("," if rng.random() < 0.1 else "") for w in said[:-1]]
    return " ".join([*cut, said[-1]]).capitalize() + str(rng.choice([".", ".", "!", "?"]))


def babble(rng: np.random.Generator, language: str) -> str:
    """Made-up words in the sounds of a language, as Kokoro's symbols."""
    onsets, nuclei, codas = (part.split() for part in INVENTORIES[language])
    out = ""
    for _ in range(int(rng.integers(5, 12))):
        count = int(rng.choice([1, 2, 2, 3, 3, 4]))
        stressed = int(rng.integers(count)) if language in _STRESSED else -1
        for i in range(count):
            parts = [str(rng.choice(p)).replace("-", "") for p in (onsets, nuclei, codas)]
            out += ("ˈ" if i == stressed else "") + "".join(parts)
        out += str(rng.choice(_LINKS))
    return out.strip(" ,") + "."


def merged(spoken: SpokenAudio) -> SpokenAudio:
    """Marks of length and breath belong to the sound before them."""
    phones: list[Phone] = []
    for p in spoken.phones:
        if p.ipa in ("ː", "ʰ") and phones:
            phones[-1] = replace(phones[-1], ipa=phones[-1].ipa + p.ipa, end=p.end)
        else:
            phones.append(p)
    return replace(spoken, phones=tuple(phones))


def save(folder: Path, name: str, spoken: SpokenAudio, kind: str) -> None:
    track = plan_speech(spoken).track
    phones = json.dumps([(p.ipa, p.start, p.end) for p in spoken.phones])
    np.savez(
        folder / f"{name}.npz", audio=spoken.audio, track=track.values.astype(np.float16),
        start=track.start, phones=phones, kind=kind,
    )  # fmt: skip


def speak(
    folder: Path, voice: Kokoro | Piper, name: str, minutes: float, seed: int, foreign: float
) -> None:
    """Say so many minutes with one voice, the share `foreign` of them in other sounds."""
    rng = np.random.default_rng(seed)
    gold = json.loads((models.path("g2p-en") / "us_gold.json").read_text("utf-8"))
    lexicon = sorted(w for w in gold if w.isalpha() and w.islower() and 3 <= len(w) <= 11)
    said, begun, n = 0.0, time.perf_counter(), 0
    while said < 60 * minutes:
        speed = float(rng.uniform(0.8, 1.3))
        if isinstance(voice, Kokoro) and rng.random() < foreign:
            kind = str(rng.choice(list(INVENTORIES)))
            spoken = merged(voice.say_phonemes(babble(rng, kind), speed))
        else:
            kind, text = "english", sentence(rng, lexicon)
            spoken = merged(voice.synthesize(text, speed))
        if spoken.phones:
            save(folder, f"{name}-{seed}-{n:04d}", spoken, kind)
            said += spoken.duration
            n += 1
    took = time.perf_counter() - begun
    print(f"{name}: {said / 60:.1f} min in {took / 60:.1f} min", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=24.0, help="of each engine's speech")
    parser.add_argument("--part", choices=("kokoro", "piper", "held-out"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for part in ("train", "held-out"):
        (args.folder / part).mkdir(parents=True, exist_ok=True)
    if args.part in (None, "piper"):
        joe = Piper("joe", threads=1)
        speak(args.folder / "train", joe, "joe", args.minutes, args.seed, 0.0)
        joe.close()
    if args.part in (None, "held-out"):
        for name in HELD_OUT:
            voice = Kokoro(name, threads=1)
            speak(args.folder / "held-out", voice, name, 2.5, 1000, 0.6)
            voice.close()
    if args.part in (None, "kokoro"):
        for i, name in enumerate(KOKORO):
            voice = Kokoro(name, threads=1)
            speak(
                args.folder / "train", voice, name, args.minutes / len(KOKORO), args.seed + i, 0.6
            )
            voice.close()


if __name__ == "__main__":
    main()
