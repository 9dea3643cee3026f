# Made from _aio/site.py by generate.py: change it there.
"""Site: everything that one server serves; where machines are composed, and all else begins."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composa import _limits, _servers, _wants, _wire, _words
from composa._sync import pausing
from composa._sync.composing import Composing
from composa._sync.connection import Connection
from composa._pictures import Pictures
from composa._told import Whoami
from composa._wants import Named
from composa._words import abridge
from composa.errors import Invalid
from composa.looks import Looks

if TYPE_CHECKING:
    from composa.notebook.rack import RackPicture

__all__ = ["Site", "Whoami", "connect"]


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    context: str | None = None,
    project: str | None = None,
    ca: str | None = None,
    progress: str = "auto",
    timeout: float | None = _limits.timeout,
) -> Site:
    """Connect to a Composa server. It is asked once, so that a wrong address or token fails here.

    Which server: url, else context, else COMPOSA_URL and COMPOSA_TOKEN (or COMPOSA_TOKEN_FILE) of the
    environment, else COMPOSA_CONTEXT, else the current context, which `composa demo` and
    `composa context use` choose. A token goes only to the URL that it was saved with or stands beside.

    Args:
        url: Where the server is, such as "http://127.0.0.1:7080".
        token: The token for it; None: the one beside the same URL in the environment, or saved with it.
        context: Name of a saved context.
        project: The project to use where none is named; None: as COMPOSA_PROJECT or the context says, else
            the only one that you are in.
        ca: Path of a PEM file with the authorities to trust, in place of the system's.
        progress: How operations are shown: "auto" (a bar in a notebook and on a terminal, lines elsewhere),
            "plain" (lines) or "none".
        timeout: Seconds without a byte from the server after which a call counts as lost; None: never.

    Returns:
        The site. Close it with close(), or use it as a block.

    Raises:
        Invalid: No server is named, or what is named cannot be used.
        NotFound: There is no context of that name, or you are in no project of that name.
        NotAllowed: The token is not known, or has ended.
        Unreachable: There is no answer, or something else answers there.
        Refused: The server is of a version that this module cannot work with (code unsupported).

    Example:
        >>> site = composa.connect()
        >>> site = composa.connect("https://composa.example", token=token)
    """
    if progress not in ("auto", "plain", "none"):
        raise Invalid(
            f"cannot show progress as {abridge(progress)}", next='write progress="auto", "plain" or "none"'
        )
    if timeout is not None and not (_words.number(timeout) or 0) > 0:
        raise Invalid(
            f"cannot connect: timeout={abridge(timeout)} is not a number of seconds above 0",
            next="write timeout=30, for example, or timeout=None for never",
        )
    server = _servers.choose(url, token, context, ca, project)
    connection = Connection(server, timeout=_words.number(timeout))
    try:
        said = connection.site()
        _servers.check_project(server, said.principal, said.projects)
        return Site(connection, said, progress)
    except BaseException:
        connection.close()
        raise


class Site(Looks, Composing):
    """Everything that one server serves, as one principal sees it. It may be used from several threads.

    Attributes:
        url: The server's URL.
        version: The server's version.
        principal: Who one is there.
        projects: Names of the projects that one is in.
        project: The one that is used where none is named; "" where it must be named each time.
        limits: Every limit of the server by name.
        features: Names of what the server has.
        emulated: Some fabric is pretend hardware.
    """

    def __init__(self, connection: Connection, said: _wire.Site, progress: str = "auto") -> None:
        """Make the site of an open connection. Use connect()."""
        self._connection = connection
        self._shown = progress
        self._pictures = Pictures()
        self._read(said)

    def _read(self, said: _wire.Site) -> None:
        self.url: str = self._connection.server.url
        self.version: str = said.version
        self.principal: str = said.principal
        self.projects: list[str] = said.projects
        self.project: str = self._connection.server.project or (
            said.projects[0] if len(said.projects) == 1 else ""
        )
        self.limits: Mapping[str, int] = said.limits
        self.features: Sequence[str] = said.features
        self.emulated: bool = bool(said.emulated)

    def close(self) -> None:
        """Close the connections; pictures of the racks follow no more. What is under way goes on.

        Later calls are Invalid, and what other threads wait for or follow ends so at once.
        """
        self._connection.close()
        pausing.aside(self._pictures.end)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Site:
        return self  # copies of what was read of it share it

    def whoami(self) -> Whoami:
        """Ask the server who one is there.

        Returns:
            Principal, projects, server and version.

        Raises:
            NotAllowed: The token has ended.

        Example:
            >>> site.whoami().principal
            'ada'
        """
        self._read(self._connection.site())
        return Whoami(self.principal, self.projects, self.project, self.url, self.version, self.emulated)

    def draw(self, *fabrics: str | Named, live: bool = True) -> RackPicture:
        """Draw the racks: each device in its slot, by kind and use. A notebook shows it as it changes.

        Without anywidget, which is in composa[notebook], a notebook shows it as it is at that moment.

        Args:
            *fabrics: Only these; none: all.
            live: Follow what happens, until the picture or the site is closed or eight newer pictures follow;
                False: as it is now.

        Returns:
            The picture, which a notebook shows; close() ends the following.

        Raises:
            NotFound: There is no such fabric.
            Invalid: This site was closed, or live is neither True nor False.
            Error: As of any call.

        Example:
            >>> site.draw("rack1")
        """
        from composa.notebook import rack

        site: Any = self  # what is used of it is the same in both faces
        names = [_wants.named("cannot draw racks", "fabric", f) for f in fabrics]
        return pausing.aside(lambda: rack.draw(site, *names, live=live))
