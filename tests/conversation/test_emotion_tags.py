"""Emotion tags are felt and never spoken, however the text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipecat.frames.frames import (
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.tests.utils import run_test
from tests.speech.test_tts_service import Beeper, text_of

from visavis.animation.emotion import labels
from visavis.conversation.emotion_tags import EmotionTags, TagFilter
from visavis.speech.tts_service import SpokenAudioFrame, VisavisTTSService


def run(text: str, cuts: list[int]) -> tuple[str, list[tuple[str, float]]]:
    filter_, said, felt = TagFilter(), "", []
    at = 0
    for cut in [*sorted(c % (len(text) + 1) for c in cuts), len(text)]:
        for part in filter_.push(text[at:cut]):
            if isinstance(part, str):
                said += part
            else:
                felt.append(part)
        at = max(at, cut)
    return said + filter_.flush(), felt


pieces = st.lists(
    st.one_of(
        st.text(alphabet="ab 3<>.é\n", max_size=12).map(lambda t: ("text", t)),
        st.tuples(st.just("tag"), st.sampled_from(labels()), st.sampled_from([0.0, 0.3, 1.0])),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(pieces, st.lists(st.integers(0, 500), max_size=12))
def test_the_text_stays_and_the_tags_go(parts: list[tuple], cuts: list[int]) -> None:  # type: ignore[type-arg]
    text = plain = ""
    wanted = []
    for kind, *what in parts:
        if kind == "text":
            text += what[0]
            plain += what[0]
        else:
            text += f'<emotion value="{what[0]}" intensity="{what[1]}"/>'
            wanted.append((what[0], what[1]))
    assert run(text, cuts) == (plain, wanted)


@pytest.mark.parametrize(
    ("text", "said", "felt"),
    [
        ("It is 5 < 6.", "It is 5 < 6.", []),
        ("<emotion value='Happy'>Hi</emotion>", "Hi", [("happy", 0.7)]),
        ("<emotion value=hungry/>Hi", "Hi", []),
        ('<emotion value="sad" intensity="9"/>Oh', "Oh", [("sad", 1.0)]),
        ("<EMOTION/>Hi", "Hi", []),
        ("Hi <emotion value=", "Hi ", []),
        ("Hi <em>you</em>", "Hi <em>you</em>", []),
        ("<", "<", []),
    ],
)
def test_odd_tags(text: str, said: str, felt: list[tuple[str, float]]) -> None:
    for cuts in ([], list(range(len(text)))):
        assert run(text, cuts) == (said, felt)


async def test_through_the_pipeline_to_the_sound() -> None:
    voice = Beeper()
    chunks = ["Keep it dry. <emo", 'tion value="happy" inten', 'sity="0.5"/>Well done, ', "you."]
    down, _ = await run_test(
        Pipeline([EmotionTags(), VisavisTTSService(voice)]),
        frames_to_send=[
            LLMFullResponseStartFrame(),
            *[LLMTextFrame(c) for c in chunks],
            LLMFullResponseEndFrame(),
        ],
    )
    frames = list(down)
    assert text_of(frames) == "Keep it dry. Well done, you."
    assert not any("emotion" in s for s in voice.said)
    begun = [f for f in frames if isinstance(f, SpokenAudioFrame) and f.spoken]
    assert [(f.spoken.words[0].text, f.emotion) for f in begun if f.spoken] == [
        ("Keep", None),
        ("Well", ("happy", 0.5)),
    ]
