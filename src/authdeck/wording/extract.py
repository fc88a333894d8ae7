"""Bring the catalogues up to date with templates and sentences: ``python -m authdeck.wording.extract [--check]``."""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from authdeck.wording.catalogue import DOMAIN, LOCALES, path_of
from authdeck.wording.sentences import SENTENCES

TEMPLATES: Final = Path(__file__).parents[1] / "web" / "templates"
_OPTIONS: Final = {
    "trimmed": "true",
    "extensions": "jinja2.ext.i18n,jinja2.ext.do,jinja2.ext.loopcontrols",
    "silent": "false",
}
_KEYWORDS: Final = ("_", "gettext", "ngettext")


def messages() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Every message and where it is used: those of the templates, then the sentences."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        for _, _, found, _ in babel_extract(BytesIO(path.read_bytes()), _KEYWORDS, [], _OPTIONS):
            texts = tuple(str(text) for text in (found if isinstance(found, tuple | list) else (found,)) if text)
            yield (texts if len(texts) > 1 else texts[0]), f"web/templates/{path.relative_to(TEMPLATES)}"
    for code, text in SENTENCES.items():
        yield text, f"sentences:{code}"


def template() -> Catalog:
    catalogue = Catalog(project="authdeck", domain=DOMAIN)
    for message, place in messages():
        catalogue.add(message, locations=[(place, 0)])
    return catalogue


def updated(locale: str, source: Catalog) -> Catalog:
    """The catalogue of ``locale`` with new messages empty and unused ones gone."""
    path = path_of(locale)
    babel = locale.replace("-", "_")
    catalogue = (
        read_po(BytesIO(path.read_bytes()), locale=babel) if path.exists() else Catalog(locale=babel, domain=DOMAIN)
    )
    catalogue.update(source, no_fuzzy_matching=True, update_header_comment=False)
    catalogue.project, catalogue.version, catalogue.copyright_holder = "authdeck", "0", "The authdeck authors"
    catalogue.fuzzy = False
    catalogue.last_translator = catalogue.language_team = catalogue.msgid_bugs_address = "authdeck"
    catalogue.header_comment = "# authdeck's words in another language. Written by python -m authdeck.wording.extract."
    return catalogue


def missing(locale: str) -> list[str]:
    """Messages without a translation."""
    return [str(entry.id) for entry in updated(locale, template()) if entry.id and not _is_done(entry.string)]


def _is_done(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


def _write(path: Path, catalogue: Catalog) -> None:
    """Without the time of writing: the file changes when words do."""
    buffer = BytesIO()
    write_po(buffer, catalogue, ignore_obsolete=True, width=120, sort_output=True, include_lineno=False)
    lines = buffer.getvalue().splitlines(keepends=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line for line in lines if not line.startswith(b'"POT-Creation-Date')))


def main(arguments: list[str]) -> int:
    source = template()
    for locale in LOCALES[1:]:
        if "--check" not in arguments:
            _write(path_of(locale), updated(locale, source))
        lacking = missing(locale)
        sys.stdout.write(f"{locale}: {len(lacking)} without translation\n" + "".join(f"  {text}\n" for text in lacking))
        if lacking:
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
