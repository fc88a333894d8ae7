"""What storage has to say."""

from typing import Final

SENTENCES: Final[dict[str, str]] = {
    "storage_url_unsupported": (
        "AUTHDECK_DATABASE_URL and AUTHDECK_MONITORING_URL take sqlite:///path/to/file.db or"
        " postgresql://user@host/database, not {kind}."
    ),
    "storage_sqlite_too_old": (
        "This Python has SQLite {found}; authdeck needs {needed} or newer. Run it with a newer Python."
    ),
    "storage_text_refused": "PostgreSQL stores no text with a zero byte in it. Take it out.",
    "storage_full": "The disk of the database is full: nothing was changed. Free some space and try again.",
    "storage_read_only": (
        "The database can't be written to: nothing was changed. Give the account that runs authdeck write access to the"
        " database file and its folder."
    ),
    "storage_failed": (
        "The database file can't be read or written: nothing was changed. Check the disk and the access to the file:"
        " {detail}"
    ),
    "storage_damaged": (
        "The database file is damaged. Stop authdeck and restore a backup: authdeck restore. The file itself stays"
        " where it is."
    ),
    "storage_busy": (
        "Another program has kept the database locked for too long: nothing was changed. Close it and try again."
    ),
    "storage_unreachable": (
        "PostgreSQL does not answer: nothing was changed. Check that it runs and that AUTHDECK_DATABASE_URL is right:"
        " {detail}"
    ),
    "provider_gone": (
        "There are accounts of the provider {provider}, which this authdeck does not know. Install again what added it."
    ),
    "schema_behind": "The database has an older schema than this authdeck ({needed}). Run: {command}",
    "schema_newer": (
        "The database was made by a newer authdeck: its schema is {found}, this one knows {known}. Install the newer"
        " release, or restore the copy that was made before the upgrade."
    ),
    "schema_broken": (
        "The upgrade was stopped and undone: table {table} has rows that refer to nothing. Restore a backup made before"
        " they came in."
    ),
}
