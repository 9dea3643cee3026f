"""What all objects of a site are: copies of a moment that know their age and are renewed in place."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeVar, cast

from pydantic import BaseModel, PrivateAttr

from composa._wirebase import Wire
from composa.errors import Invalid

M = TypeVar("M", bound="Moment")

# _with_looks are the fields in which something stands that has looks of its own.
_with_looks = ("explanation", "devices", "wish")


class _Left:
    """Stands for the site of something that was pickled, and says so when the site is needed."""

    def __init__(self, thing: str) -> None:
        self._thing = thing

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Invalid(
            f"cannot call the server for {self._thing}: it was pickled, and its connection does not go along",
            next="connect() here, and read it from that site",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _Left, (self._thing,)


class Moment(Wire):
    """A copy of something as it was when it was read.

    Its attributes do not change by themselves: `refresh()` of those that have one reads them anew, and so do
    the verbs. Two copies are equal when they are of the same thing, whenever they were read.
    """

    _site: Any = PrivateAttr(default=None)
    _read_at: datetime = PrivateAttr(default_factory=lambda: datetime.now(timezone.utc))

    @classmethod
    def _of(cls: type[M], site: Any, document: Wire, read_at: datetime | None = None) -> M:
        """Make one of a document that was read, now unless said."""
        made = cast("M", cls.model_construct(document.model_fields_set, **_shown(document)))
        made._site = site
        if read_at is not None:
            made._read_at = read_at
        return made

    def _renew(self, document: Wire) -> None:
        """Take what was read now in place of what is there, unless another thread read newer meanwhile."""
        fields = type(self).model_fields
        was, now = (getattr(d, "revision", None) for d in (self, document))
        if was is not None and now is not None and now < was:
            return
        self.__dict__.update({k: v for k, v in _shown(document).items() if k in fields})
        self.__pydantic_fields_set__ = document.model_fields_set
        self._read_at = datetime.now(timezone.utc)

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep what was read as it was: setting it here would change nothing on the server."""
        if not name.startswith("_"):
            raise AttributeError(
                f"cannot set {name} of {type(self).__name__}: it tells what was read, and the verbs change it"
            )
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """List what is composa's own, for completion; what pydantic has beside works all the same."""
        fields = type(self).model_fields
        return [n for n in super().__dir__() if n.startswith("_") or n in fields or not hasattr(BaseModel, n)]

    @property
    def read_at(self) -> datetime:
        """When it was read, by the clock of this computer."""
        return self._read_at

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return max(0.0, (datetime.now(timezone.utc) - self._read_at).total_seconds())

    def __getstate__(self) -> dict[Any, Any]:
        """Leave the site out of a pickle: its connection, and its token, stay where they are."""
        state = super().__getstate__()
        private = state.get("__pydantic_private__") or {}
        if private.get("_site") is not None:
            left = _Left(
                f"{type(self).__name__.lower()} {getattr(self, 'name', None) or getattr(self, 'id', '')}"
            )
            state = {**state, "__pydantic_private__": {**private, "_site": left}}
        return state

    def _same(self) -> tuple[Any, ...]:
        """What is equal in two copies of the same thing."""
        return type(self).__name__, getattr(self, "id", None) or getattr(self, "name", None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self._same() == other._same()

    def __hash__(self) -> int:
        return hash(self._same())


def _shown(document: Wire) -> dict[str, Any]:
    """Return the fields of a document; what of them has looks shows itself as all objects do."""
    from composa import _told

    fields = document.__dict__
    looking = {name: _told.shown(fields[name]) for name in _with_looks if fields.get(name) is not None}
    return {**fields, **looking} if looking else fields
