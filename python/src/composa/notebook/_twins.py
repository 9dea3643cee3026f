"""The rack picture as text and as HTML without a script: for terminals, for pages that keep outputs."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator

from composa import _html, palette
from composa._wording import clean, natural, plural
from composa.notebook._documents import Document, Documents
from composa.notebook._watching import News

# line is how many devices stand in one line.
_line = 32


def text(documents: Documents, news: News) -> str:
    """Tell the picture as text: a rack a paragraph, a kind a line, a sign a device."""
    lines = [line for name in _racks(documents) for line in _rack(documents, name)]
    return "\n".join(
        [*(lines or ["there is no rack to draw"]), *_machines(documents), _key(), freshness(news)]
    )


def html(documents: Documents, news: News) -> str:
    """Tell the picture as a table in HTML."""
    rows = []
    for name in _racks(documents):
        kinds = list(_kinds(documents, name))
        for i, (kind, devices) in enumerate(kinds):
            head = _html.element(
                "th", _html.text(_title(documents, name)), scope="rowgroup", rowspan=str(len(kinds))
            )
            signs = "".join(_sign_html(d) for d in devices)
            rows.append(
                _html.element(
                    "tr",
                    (head if i == 0 else "")
                    + _html.element("th", _html.text(kind), scope="row")
                    + _html.element("td", signs, class_="w")
                    + _html.element("td", _html.text(_free(devices))),
                )
            )
    heads = "".join(_html.element("th", h, scope="col") for h in ("rack", "kind", "devices", "free"))
    return _html.output(
        _html.element(
            "table",
            _html.caption("racks", freshness(news))
            + _html.element("thead", _html.element("tr", heads))
            + _html.element("tbody", "".join(rows)),
        ),
        _html.lines([*_machines(documents), _key()]),
    )


def freshness(news: News) -> str:
    """Tell how fresh what stands here is. It moves only where a script draws it."""
    since = news["since"]
    at = datetime.datetime.fromisoformat(since).strftime("%H:%M:%SZ") if since else "never"
    said = {
        "live": f"as of {at}, followed in the notebook that drew it",
        "still": f"as of {at}, not followed",
        "silent": f"no news since {at}" if since else "no news yet",
        "closed": f"as of {at}, not followed any more",
    }.get(news["state"], news["state"])
    return clean(f"{said}: {news['reason']}" if news["reason"] else said)


def _racks(documents: Documents) -> list[str]:
    return sorted(documents["fabrics"], key=natural)


def _kinds(documents: Documents, fabric: str) -> Iterator[tuple[str, list[Document]]]:
    """Give the devices of a fabric by kind, in natural order."""

    def rank(d: Document) -> tuple[int, str]:
        return palette.kind_rank(d["kind"]), d["kind"]

    there = [d for d in documents["devices"].values() if d["fabric"] == fabric]
    there.sort(key=lambda d: (rank(d), natural(d["place"])))
    for (_, kind), devices in itertools.groupby(there, key=rank):
        yield kind, list(devices)


def _title(documents: Documents, fabric: str) -> str:
    f = documents["fabrics"][fabric]
    said = [
        word
        for word, so in (("emulated", f.get("emulated")), (f.get("state", ""), f.get("state") != "ok"))
        if so
    ]
    return fabric + (f" ({', '.join(said)})" if said else "")


def _rack(documents: Documents, fabric: str) -> Iterator[str]:
    yield clean(_title(documents, fabric))
    for kind, devices in _kinds(documents, fabric):
        signs = [_mark(d).sign for d in devices]
        for i in range(0, len(signs), _line):
            head, tail = (kind, f"  {_free(devices)}") if i == 0 else ("", "")
            yield f"  {clean(head):6} {''.join(signs[i : i + _line])}{tail}"


def _free(devices: list[Document]) -> str:
    return f"{sum(bool(d.get('free')) for d in devices)} of {len(devices)} free"


def _machines(documents: Documents) -> list[str]:
    """Tell each machine that has devices in the picture: its state, what it has, where."""
    lines = []
    for m in sorted(documents["machines"].values(), key=lambda m: natural(m["name"])):
        held = [d for d in documents["devices"].values() if d.get("machineId") == m["id"]]
        if held:
            places = ", ".join(d["place"] for d in sorted(held, key=lambda d: natural(d["place"]))[:8])
            more = f" and {len(held) - 8} more" if len(held) > 8 else ""
            lines.append(clean(f"{m['name']} ({m['state']}): {plural(len(held), 'device')}, {places}{more}"))
    return lines


# _broken are the words and signs of what is broken, as the legend of the picture has them.
_broken = {"failed": palette.broken.sign, "missing": "?"}


def _mark(d: Document) -> palette.Mark:
    if d["health"] in _broken:
        return palette.broken._replace(sign=_broken[d["health"]])
    return palette.of_use(d["use"])


def _sign_html(d: Document) -> str:
    mark, told = _mark(d), _told(d)
    sign = _html.element("i", mark.sign, role="img", aria_label=told, title=told)
    return _html.element("span", sign, class_=f"u-{mark.word}")


def _told(d: Document) -> str:
    """Tell a device in words: place, kind and model, use, and what is wrong with it."""
    use = {"attached": "attached to", "claimed": "claimed for"}.get(d["use"], "") if d.get("machine") else ""
    said = [
        d["place"],
        f"{d['kind']} {d.get('model', '')}".strip(),
        f"{use} {d['machine']}" if use else d["use"],
    ]
    if d["use"] == "free" and not d.get("free"):
        said[2] = f"not free: {d.get('whyNot') or 'not to be had now'}"
    if d["health"] != "ok":
        said.append(d["health"])
    if d.get("cordon"):
        said.append(f"cordoned: {d['cordon']['reason']}")
    return ", ".join(said)


def _key() -> str:
    uses = ((m.sign, m.word) for m in palette.uses.values())
    return "  ".join(f"{sign} {word}" for sign, word in (*uses, *((s, w) for w, s in _broken.items())))
