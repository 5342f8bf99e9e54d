"""The `nightmare` command. Heavy imports happen inside the commands, so that `nightmare --help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nightmare.errors import exit_code

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0].split(".")[0])


@app.callback()
def nightmare() -> None:
    """Teach a network what frightens us, cull what it got wrong, and let it dream."""


@app.command()
def results(
    write: Annotated[Path | None, typer.Option(help="Markdown file whose result tables are replaced.")] = None,
) -> None:
    """Print the figures of the last run and where its pictures are."""

    def run() -> None:
        from nightmare.results import places, write_results
        from nightmare.results import results as tables

        if write:
            write_results(write)
        else:
            print(tables(), places(), sep="\n\n")

    sys.exit(exit_code(run))
