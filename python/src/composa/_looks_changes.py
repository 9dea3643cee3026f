"""How what is done looks: plans as differences, operations, and why things are as they are."""

from __future__ import annotations

import datetime
from typing import Any

from composa import _html
from composa import _wording as w
from composa._look import Line, Look, Row
from composa._steps import current, elapsed, machines_of, stood

_disturbs = {
    "host": "a running host gains or loses devices",
    "power": "a host is switched off or on",
    "data": "a drive that may hold data changes hands",
    "p2p": "peer-to-peer traffic is interrupted",
}


def plan(p: Any, now: datetime.datetime) -> Look:
    """Tell what a plan would do, step by step, what that disturbs, and until when it can be carried out."""
    title = f"{p.verb} {p.machine}" + (f" on {w.marked(p.fabric, p.emulated)}" if p.fabric else "")
    steps = [_planned(s) for s in p.steps] or [Line("nothing to do")]
    after = []
    if p.devices:
        after.append(f"then {p.machine} has {w.devices(p.devices)}: {w.places(p.devices)}")
    after += [f"disturbs: {disturbance(p.verb, d)}" for d in p.disturbs]
    after += p.explanation.lines if p.explanation else [f"because {why}" for why in p.why or ()]
    if p.needs_owner:
        after.append(
            f"left alone, may hold data: {', '.join(p.needs_owner)}; its owner must say what becomes of it"
        )
    if p.typical:
        after.append(f"takes about {w.seconds(p.typical)}")
    after.append(_validity(p, now))
    return Look(title, (), [*steps, *map(Line, after)])


def _validity(p: Any, now: datetime.datetime) -> str:
    if p.operation:
        return f"was carried out as operation {p.operation}"
    left = (p.expires_at - now).total_seconds()
    if left <= 0:
        return f"expired at {w.moment(p.expires_at)}: make the plan again"
    until = f"{w.moment(p.expires_at)} (in {w.seconds(left)})"
    return f"nothing is changed yet: carry_out() does exactly this, until {until}"


def disturbance(verb: str, what: str) -> str:
    """Say what a disturbance is."""
    if verb == "free" and what == "power":
        return "a host is switched off"
    return _disturbs.get(what, what)


def _planned(s: Any) -> Line:
    words = s.text + (f"  (disturbs: {', '.join(s.disturbs)})" if s.disturbs else "")
    if s.act == "power":
        return Line(words, "power", "~")
    moves = s.act in ("make", "reshape", "remove")
    plus, minus = "+" * bool(moves and s.attach), "-" * bool(moves and s.detach)
    if plus or minus:
        return Line(words, "detach" if minus else "attach", plus + minus)
    return Line(words, "other", "·")


def operation(op: Any, now: datetime.datetime) -> Look:
    """Tell how an operation stands, with its steps and its result."""
    took = elapsed(op, now)
    rows = [
        Row("id", op.id),
        Row("verb", op.verb),
        Row("machine", machines_of(op)),
        Row("project", op.project),
        Row("by", op.principal),
        Row("message", op.message),
        Row("phase", op.phase, _html.condition),
        Row("direction", op.direction),
        Row("behind", op.behind),
        Row("reason", op.reason),
        Row("fabric", w.marked(op.fabric, op.emulated)),
        Row("created", w.moment(op.created_at)),
        Row("started", w.moment(op.started_at)),
        Row("ended", w.moment(op.ended_at)),
        Row("took", w.seconds(took) if op.started_at else ""),
        Row("typical", f"{w.seconds(op.typical)} the last times" if op.typical else ""),
        Row("deadline", w.moment(op.deadline)),
        *(Row(f"step {i}", stood(s, running=True)) for i, s in enumerate(current(op), 1) if _begun(s)),
    ]
    lines = []
    if op.result is not None:
        rows.append(Row("result", f"{op.result.code or ''} {op.result.text}".strip()))
        rows += [Row("where", where) for where in op.result.where or ()]
        if op.phase == "held":
            lines = [Line(ways(op))]
    return Look(f"operation {op.id}", rows, lines)


def _begun(s: Any) -> bool:
    return not (s.state == "failed" and not s.attempt)


def ways(op: Any) -> str:
    """Say what a person can do about an operation that is held, with the calls that do it."""
    told = (op.result.ways if op.result else None) or ["retry", "undo", "resolve"]
    calls = [way if " " in way else f'site.operation("{op.id}").{way}()' for way in told]
    return "a person must decide: " + ", ".join(calls)


def explanation(x: Any, now: datetime.datetime) -> Look:
    """Tell why these devices, or why none: the server's own lines."""
    title = f"chosen: {x.fabric}" if x.fabric else x.text
    return Look(title, (), [Line(line) for line in x.lines or [x.text]])


def nearest(n: Any, now: datetime.datetime) -> Look:
    """Tell what could be had in place of what was refused."""
    offer = getattr(n, "offer", n)
    relaxed = [
        f"{_of(r)}: {r.to} instead of {r.from_}" if r.to else f"{_of(r)}: {r.from_} is not asked any more"
        for r in offer.relaxed
    ]
    call = [Line(f"compose(…, {w.wish(offer)})", code=True)]
    if offer is not n:
        call.append(Line("nearest.compose() takes it"))
    return Look(offer.text, (), [*map(Line, relaxed), *call])


def _of(r: Any) -> str:
    return f"{r.entry} {r.what}" if r.entry else r.what


def error(e: Any, now: datetime.datetime) -> Look:
    """Tell what could not be done, why, and what to do: what each condition removed, and what would fit."""
    lines = []
    if e.next:
        lines.append(e.next)
    account = getattr(e, "explanation", None)
    lines += account.lines if account else []
    lines += [m.text for m in getattr(e, "moved", ())]
    lines += [f"{p.location}: {p.message}" for p in getattr(e, "errors", ())]
    if getattr(e, "nearest", None):
        lines.append("error.nearest.compose() takes what fits now")
    about = [f"code {e.code}"] + [
        f"{name} {value}"
        for name, value in (("operation", e.operation), ("request", e.request), ("key", e.key))
        if value
    ]
    return Look(e.detail, (), [*map(Line, lines), Line(", ".join(about))])
