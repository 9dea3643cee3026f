"""What composa adds to notebooks: %composa, %%composa and the picture of the racks.

%load_ext composa
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from composa.errors import MissingExtra

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Add %composa and %%composa to IPython; `%load_ext composa` calls this.

    Args:
        ipython: The shell.

    Raises:
        MissingExtra: IPython is not installed.

    Example:
        >>> %load_ext composa
        >>> %composa compose train --gpu 4
    """
    try:
        from composa.notebook import magics, magics_completion
    except ImportError as e:
        raise MissingExtra.of("cannot load the magics", "IPython", "notebook") from e
    shell: Any = ipython  # which does not type its hooks
    made = magics.ComposaMagics(shell)
    shell.register_magics(made)
    magics_completion.add(shell, made.site)
