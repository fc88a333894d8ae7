"""Sentences of the vault and the gate: keys, sessions, operators, client keys, and what the gate refuses."""

SENTENCES: dict[str, str] = {
    "sealed_damaged": (
        "The stored secret of {table} {row} was changed after it was sealed and can't be opened. "
        "Restore an earlier revision or a backup, or import the auth file again."
    ),
    "sealed_misplaced": (
        "The stored secret of {table} {row} was sealed for another row. Restore the database from a backup."
    ),
    "sealed_term_unknown": (
        "The stored secret of {table} {row} was sealed under key term {term}, which this installation does not have. "
        "Restore the database together with its key terms."
    ),
    "sealed_format_unknown": (
        "A stored secret has format {format}, which this version does not know. Run the version that wrote it."
    ),
    "sealed_too_short": (
        "A stored secret has {length} bytes, fewer than the {shortest} of any sealed one. Restore it from a backup."
    ),
    "key_terms_missing": "The database has no usable key terms. Restore it from a backup.",
    "installation_missing": (
        "The database holds data but not the row that says which master key they belong to. Restore it from a backup."
    ),
    "master_key_missing": (
        "This database needs its master key, and none was given. "
        "Set AUTHDECK_MASTER_KEY or AUTHDECK_MASTER_KEY_FILE, or put the key file back at {path}."
    ),
    "master_key_wrong": "This master key is not the one that this database was made with. Give the right one.",
    "master_key_mistyped": "The master key's checksum is wrong: a character was lost or changed. Copy it again, whole.",
    "master_key_other_kind": "This is an {kind}, not a master key. A master key begins with authdeck-master_.",
    "master_key_passphrase": (
        "A master key is 256 random bits in the form {prefix}…; passphrases are not accepted. "
        "authdeck makes one, in master.key, when it first starts on an empty SQLite home."
    ),
    "master_key_unreadable": "The master key file {path} can't be read: {problem}.",
    "master_key_file_open": "Others can read the master key file {path}. Close it with: chmod 600 {path}",
    "master_key_exists": "There is a master key at {path} already; it is never replaced.",
    "sign_in_needed": "Sign in, or present an admin key as Authorization: Bearer.",
    "session_ended": "The session has ended. Sign in again.",
    "key_unknown": "This key is not known, or it has expired or was revoked.",
    "too_many_attempts": "Too many wrong keys at the moment. Try again in a few seconds; a right key always works.",
    "sign_in_link_unknown": (
        "This sign-in link was used, is too old (10 minutes), or never existed. Make another: authdeck sign-in-link"
    ),
    "session_needs_operator": "{actor} can't sign in to the console. Use an operator's admin key or a sign-in link.",
    "role_too_low": "This needs the role {needs}; yours is {role}. An admin can change that.",
    "csrf_token": "This form is no longer valid, or this console did not send it. Reload the page and send it again.",
    "csrf_origin": (
        "The request came from another site ({origin}) and was not carried out. "
        "Behind a proxy, set AUTHDECK_PUBLIC_URL to the address in the browser."
    ),
    "host_not_ours": (
        "{host} is not a name of this server. Use its own address, "
        "or add the name to AUTHDECK_ALLOWED_HOSTS or AUTHDECK_PUBLIC_URL."
    ),
    "client_left": "The client left before its request was complete.",
    "route_not_found": "There is nothing at {path}. Check the address.",
    "internal": "Something went wrong inside authdeck. The server's log tells more under {error_id}.",
    "operator_name_invalid": (
        "{name} can't be an operator's name: use 1 to 64 letters, digits, and . _ @ - after the first."
    ),
    "operator_exists": "There is an operator {name} already.",
    "operator_not_found": "There is no active operator {name}.",
    "operator_last_admin": "{name} is the last active admin. Make another operator an admin first.",
    "role_unknown": "{role} is no role. The roles are: {known}.",
    "admin_key_not_found": "There is no admin key {id}.",
    "preset_key_weak": "AUTHDECK_ADMIN_KEY needs at least {shortest} printable characters. Use a longer one.",
    "client_key_not_found": "There is no client key {id}.",
    "client_key_name_invalid": "A client key needs a name of 1 to {longest} printable characters.",
    "client_key_expired_already": "A client key can't end in the past: {expires_at}.",
    "client_key_rate_invalid": "A rate limit is at least 1 request a minute; {rate_limit} is not.",
    "client_key_scope_invalid": "{field} is not a scope of a client key. Give lists of words for: {known}.",
}
