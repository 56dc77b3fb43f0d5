"""English text to phonemes: reading numbers aloud, a lexicon, and a small network for the rest.

from visavis.speech.g2p import English
said = English.load().pronounce("Take 5 ml.")
said.phonemes           # misaki's American symbols, one character each
said.words[1].text      # "5"
"""

from __future__ import annotations

from visavis.speech.g2p.english import English, Pronunciation, SaidWord
from visavis.speech.g2p.normalise import ReadWord, read_aloud

__all__ = ["English", "Pronunciation", "ReadWord", "SaidWord", "read_aloud"]
