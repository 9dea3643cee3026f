"""What a rack picture shows now, and the little that is sent of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from composa import _limits
from composa.notebook import _documents
from composa.notebook._documents import Changes, Documents
from composa.notebook._watching import News


class Kept:
    """The newest documents and news of a picture, and whoever is told when they change.

    Views get documents of a number, and all changes since those: a view that comes late needs no history, and
    a change of one device sends little. When the changes are many, all documents are sent anew.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._number = 0
        self._base = _documents.nothing()
        self._told: Callable[[dict[str, Any]], None] | None = None
        self.documents = _documents.nothing()
        self.news: News = {"state": "silent", "since": "", "reason": ""}

    def tell(self, told: Callable[[dict[str, Any]], None] | None) -> None:
        """Have what changes told from now on, after all of it once: by the names documents, changes, news."""
        with self._guard:
            self._told = told
            if told is not None:
                told({"documents": self._numbered(), "changes": self._changes(), "news": self.news})

    def read(self, now: Documents) -> None:
        """Take a reading."""
        with self._guard:
            if now == self.documents:
                return
            self.documents = now
            changes = _documents.differences(self._base, now)
            if self._many(changes):
                self._number, self._base = self._number + 1, now
                self._tell({"documents": self._numbered(), "changes": self._changes()})
            else:
                self._tell({"changes": self._changes()})

    def heard(self, news: News) -> None:
        """Take news; while it is live their moment alone is nothing to tell."""
        with self._guard:
            was, self.news = self.news, news
            if was != news and not was["state"] == news["state"] == "live":
                self._tell({"news": news})

    def _tell(self, what: dict[str, Any]) -> None:
        if self._told is not None:
            self._told(what)

    def _numbered(self) -> dict[str, Any]:
        return {"number": self._number, **self._base}

    def _changes(self) -> dict[str, Any]:
        return {"of": self._number, **_documents.differences(self._base, self.documents)}

    def _many(self, changes: Changes) -> bool:
        return sum(map(len, changes.values())) > max(_limits.least_changes, len(self._base["devices"]) // 4)
