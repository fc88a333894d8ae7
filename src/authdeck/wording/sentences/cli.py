"""Sentences of the command line and the management API: what is wrong with a request, and what a check-up finds."""

SENTENCES: dict[str, str] = {
    "upload_too_large": "The request is larger than {limit} bytes. Send fewer or smaller files at once.",
    "if_match_invalid": 'If-Match takes "<version>" as the account\'s ETag says it, or *.',
    "request_invalid": "The request has a mistake at {field}: {problem}.",
    "json_invalid": "That is not valid JSON: {problem}.",
    "multipart_invalid": "The multipart body can't be read: {problem}",
    "file_part_missing": "No file came along. Send at least one multipart part named file, with a file name.",
    "content_type_unknown": "The content type {given} is not understood here. Send one of {known}.",
    "server_unreachable": "The server at {address} does not answer ({problem}). Stop it, or see what it waits for.",
    "checkup_home": "{path} and what lies in it is this user's alone.",
    "checkup_home_exposed": "{path} can be read by other users. Take their rights away: chmod -R go= on the home.",
    "checkup_schema": "The databases have this program's schema.",
    "checkup_key": "The master key is the one that this home was made with. Keep a copy of it elsewhere.",
    "checkup_auth_files": "Every auth file opens ({count}).",
    "checkup_unreadable": "The auth file of {auth_index} does not open ({problem}). Import or sign in again.",
    "checkup_audit": "The audit is whole ({count} entries).",
    "checkup_audit_broken": "The audit chain of {writer} is broken at entry {seq}: an entry was changed or is missing.",
}
