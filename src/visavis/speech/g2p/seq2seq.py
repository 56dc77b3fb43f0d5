"""Spelling to sound for words no lexicon knows: g2p-en's GRU encoder-decoder, in numpy.

The network (Park & Kim, *g2pE*, 2019; Apache-2.0) was trained on CMUdict. About 1 ms a letter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.speech.g2p.wordlist import listed

Array = NDArray[np.float32]

_GRAPHEMES = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
_PHONEMES = listed(
    "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 "
    "B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG "
    "OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
)
_MAX_PHONES = 40


class SpellingToSound:
    """The network; :meth:`__call__` is thread-safe.

    Args:
        checkpoint: ``checkpoint20.npz`` of g2p-en.
    """

    def __init__(self, checkpoint: Path) -> None:
        with np.load(checkpoint) as weights:
            self._w: dict[str, Array] = {k: weights[k].astype(np.float32) for k in weights}
        self._index = {g: i for i, g in enumerate(_GRAPHEMES)}

    def __call__(self, word: str) -> list[str]:
        """ARPAbet phones with stress digits for a word of letters; empty for an empty word."""
        if not word:
            return []
        w = self._w
        letters = [self._index.get(c, 1) for c in word.lower()] + [2]
        h = np.zeros(256, np.float32)
        for letter in letters:
            h = self._step("enc", w["enc_emb"][letter], h)
        phones: list[str] = []
        last = 2  # <s>
        while len(phones) < _MAX_PHONES:
            h = self._step("dec", w["dec_emb"][last], h)
            last = int(np.argmax(w["fc_w"] @ h + w["fc_b"]))
            if last == 3:
                break
            if last > 3:
                phones.append(_PHONEMES[last])
        return phones

    def _step(self, part: str, x: Array, h: Array) -> Array:
        """One GRU step (Cho et al. 2014, PyTorch's gate order: reset, update, new)."""
        w = self._w
        gi = w[f"{part}_w_ih"] @ x + w[f"{part}_b_ih"]
        gh = w[f"{part}_w_hh"] @ h + w[f"{part}_b_hh"]
        rz = 1.0 / (1.0 + np.exp(-(gi[:512] + gh[:512])))
        r, z = rz[:256], rz[256:]
        n = np.tanh(gi[512:] + r * gh[512:])
        out: Array = ((1.0 - z) * n + z * h).astype(np.float32)
        return out
