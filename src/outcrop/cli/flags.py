"""Flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HomeFlag = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Home folder of the server.  [OUTCROP_HOME; default ~/.outcrop]",
        show_default=False,
    ),
]
