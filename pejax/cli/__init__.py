"""The command line: `pejax --help`. Each command is thin over the library."""

from ._app import app as app
