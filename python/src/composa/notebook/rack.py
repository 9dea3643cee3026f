"""The rack picture in a notebook: devices by slot, kind and use, following what happens."""

from __future__ import annotations

import functools
import importlib.resources
import threading
import weakref
from typing import TYPE_CHECKING, Any

from composa import _limits
from composa._words import abridge
from composa.errors import Invalid, MissingExtra
from composa.notebook import _twins
from composa.notebook._kept import Kept
from composa.notebook._watching import News, Watcher

if TYPE_CHECKING:
    from composa._sync.fabric import Fabric
    from composa._sync.site import Site

__all__ = ["RackPicture", "draw"]


def draw(site: Site, *fabrics: str | Fabric, live: bool = True) -> RackPicture:
    """Draw racks.

    Args:
        site: The site.
        fabrics: Names or objects of those that are drawn; none: all.
        live: Follow what happens, until the picture or the site is closed, the picture is collected before it
            was ever shown, or eight newer ones follow. False: as it is now.

    Raises:
        NotFound: There is no such fabric.
        Invalid: The site was closed, or live is neither True nor False.
        Error: What the server answered, or why there was no answer.

    Example:
        >>> site.draw("rack1")
        rack1 (emulated)
          cpu    ●○○○  3 of 4 free
          gpu    ●●●●○○○○  4 of 8 free
    """
    if not isinstance(live, bool):
        raise Invalid(f"cannot draw racks with live={abridge(live)}", next="live is True or False")
    names = tuple(dict.fromkeys(f if isinstance(f, str) else f.name for f in fabrics))
    return RackPicture(site, names, live)


class RackPicture:
    """Racks, drawn. A notebook shows it live; print() and pages that keep outputs show it as it was last.

    It follows in a thread of its own with a connection of its own. While the server is gone it says since
    when there is no news, and goes on when it is back.
    """

    def __init__(self, site: Site, fabrics: tuple[str, ...] = (), live: bool = True) -> None:
        """Read the racks of a site; see draw."""
        self._kept = Kept()
        self._watcher = Watcher(site._connection.server, fabrics, live, self._kept.read, self._kept.heard)
        self._widget: Any = None
        site._pictures.add(self._watcher)
        self._watcher.begin()
        # Who throws away a picture that is no widget, or ends the process, ends its thread.
        self._ender = weakref.finalize(self, self._watcher.stop)
        if live:
            _following.add(self._watcher)

    @property
    def widget(self) -> Any:
        """The picture as a widget, an anywidget.AnyWidget, made when first asked for.

        Raises:
            MissingExtra: anywidget is not installed.
        """
        if self._widget is None:
            self._widget = _widget_class()()
            shown = weakref.WeakMethod(self._widget.set_trait_values)
            self._kept.tell(lambda values: (tell := shown()) and tell(values))
            # It follows as long as the widget is there, whether or not a variable has the picture.
            self._ender.detach()
            weakref.finalize(self._widget, self._watcher.stop)
        return self._widget

    def close(self) -> None:
        """Stop following, and return when the thread has ended. What was drawn stays."""
        self._watcher.end()

    def __repr__(self) -> str:
        return _twins.text(self._kept.documents, self._kept.news)

    def _repr_html_(self) -> str:
        return _twins.html(self._kept.documents, self._kept.news)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Show it as a widget where there are widgets, beside it as HTML and as text."""
        said = {"text/plain": repr(self), "text/html": self._repr_html_()}
        try:
            widget = self.widget
        except MissingExtra as e:
            return {**said, "text/html": _twins.html(self._kept.documents, _unmoved(self._kept.news, e))}
        return {
            **said,
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": widget.model_id,
            },
        }


class _Following:
    """The pictures of this process that follow, oldest first; at most so many."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._those: list[Watcher] = []

    def add(self, watcher: Watcher) -> None:
        with self._guard:
            self._those = [w for w in self._those if w.thread.is_alive()] + [watcher]
            old, self._those = self._those[: -_limits.live_pictures], self._those[-_limits.live_pictures :]
        for w in old:
            w.end(f"{_limits.live_pictures} newer pictures follow; draw it again")


_following = _Following()


def _unmoved(news: News, lacking: MissingExtra) -> News:
    """Tell of a picture that follows that where it is shown it does not move, and what it lacks for that."""
    if news["state"] not in ("live", "silent"):
        return news
    reasons = (news["reason"], str(lacking))
    return {**news, "state": "still", "reason": "; ".join(filter(None, reasons))}


@functools.cache
def _widget_class() -> type[Any]:
    """Make the class of the widget, where anywidget is installed.

    Raises:
        MissingExtra: It is not.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise MissingExtra.of("cannot make the rack picture a widget", "anywidget", "notebook") from None

    class RackWidget(anywidget.AnyWidget):
        """What the page draws: documents of a number, changes since them, and how fresh they are."""

        _esm = importlib.resources.files("composa.notebook").joinpath("static/rack.js").read_text("utf-8")
        documents = traitlets.Dict().tag(sync=True)
        changes = traitlets.Dict().tag(sync=True)
        news = traitlets.Dict().tag(sync=True)

        def set_trait_values(self, values: dict[str, Any]) -> None:
            """Take new values of traits, and send them in one message."""
            with self.hold_sync():
                for name, value in values.items():
                    self.set_trait(name, value)

    return RackWidget
