"""The console: HTML pages for a person with a browser."""

from authdeck.web.console import console
from authdeck.web.pages.errors import error_page

__all__ = ("console", "error_page")
