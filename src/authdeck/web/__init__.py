"""The console: HTML pages for a person with a browser."""

from authdeck.web.console import console

__all__ = ("console",)
