"""A turn that is just ending is not ended a second time (and so not answered twice)."""

from __future__ import annotations

import asyncio

from visavis.conversation.listening import _EndOnce


async def test_two_triggers_at_once_end_the_turn_once() -> None:
    strategy = _EndOnce()
    ended = 0

    async def slowly(**_: object) -> None:
        nonlocal ended
        ended += 1
        await asyncio.sleep(0.02)

    strategy.trigger_user_turn_stopped = slowly  # type: ignore[method-assign]
    await asyncio.gather(
        strategy._trigger_user_turn_stopped(), strategy._trigger_user_turn_stopped()
    )
    assert ended == 1
    await strategy._trigger_user_turn_stopped()  # the next turn ends as ever
    assert ended == 2
