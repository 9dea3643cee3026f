"""The same in async programs: calls side by side, blocks, and tasks that are cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import composa
from composa import aio
from tests.processes import Demo


@pytest_asyncio.fixture
async def site(demo: Demo) -> AsyncIterator[aio.Site]:
    async with await aio.connect(demo.url, token=demo.token, progress="none") as it:
        yield it


async def running(site: aio.Site, name: str) -> None:
    """Wait until a step of the machine's operation runs."""
    async for event in site.events(after="0", follow=True, type="step"):
        if event.body and name in str(event.body.get("text")):
            return


async def test_the_whole_life_of_a_machine(site: aio.Site, name: str) -> None:
    async with await site.compose(name, gpu=1) as m:
        assert await m.plug(ssd=1) is m
        assert (await site.machine(name)) == m
        assert m in await site.machines()
        plan = await m.plan("reshape", gpu=2)
        assert (await plan.carry_out()).state == "ready"
        assert len((await m.refresh()).devices) == 4
        assert await site.explain(m) is not None
        assert [e.type async for e in site.events(subject=m)][-1] == "machine.ready"
    assert m.state == "freed"


async def test_several_at_once(site: aio.Site, name: str) -> None:
    names = [f"{name[:50]}-{i}" for i in range(3)]
    machines = await asyncio.gather(
        *(site.compose(n, gpu=1, fabric=f"rack{i + 1}") for i, n in enumerate(names))
    )
    assert [m.fabric for m in machines] == ["rack1", "rack2", "rack3"]
    await asyncio.gather(*(m.free(grace=0) for m in machines))


async def test_a_cancelled_task_puts_back_what_it_made(site: aio.Site, name: str) -> None:
    task = asyncio.create_task(site.compose(name, gpu=2))
    await running(site, name)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert name not in [m.name for m in await site.machines()]
    assert (await site.operations())[0].phase in ("cancelled", "done")


async def test_a_cancelled_task_lets_giving_back_go_on(site: aio.Site, name: str) -> None:
    m = await site.compose(name, gpu=2)
    last = [e.id async for e in site.events(subject=m)][-1]
    task = asyncio.create_task(m.free(grace=0))
    async for _ in site.events(after=last, follow=True, subject=m):
        break  # it is being freed
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    m = await site.machine(m.id)
    assert (await m.wait()).state == "freed"


async def test_a_cancelled_task_that_only_watches_cancels_nothing(site: aio.Site, name: str) -> None:
    m = await site.compose(name, gpu=2, wait=False)
    assert m.operation is not None
    task = asyncio.create_task(m.wait())
    await running(site, name)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):  # it may have been ready first
        await task
    assert (await (await site.operation(m.operation)).wait()).phase == "done"
    await m.free(grace=0)


async def test_a_task_cancelled_before_the_answer_puts_back_what_was_begun(site: aio.Site, name: str) -> None:
    answer = site._connection.answer
    asked: list[str] = []

    async def lost(tries: Any) -> Any:
        answered = await answer(tries)
        asked.append(tries.call.method)
        if len(asked) == 1:
            assert tries.sent
            raise asyncio.CancelledError
        return answered

    site._connection.answer = lost  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await site.compose(name, gpu=1)
    assert asked[:3] == ["PUT", "PUT", "POST"]
    assert name not in [m.name for m in await site.machines()]


async def test_a_refusal_and_its_counter_offer(site: aio.Site, name: str) -> None:
    with pytest.raises(composa.Refused) as e:
        await site.compose(name, gpu=100)
    assert e.value.nearest is not None
    async with await e.value.nearest.compose() as m:
        assert m.state == "ready"


async def test_a_closed_site_says_so(demo: Demo) -> None:
    site = await aio.connect(demo.url, token=demo.token, progress="none")
    await site.close()
    with pytest.raises(composa.Invalid, match="closed"):
        await site.machines()
