"""Sentences about accounts: errors of reading and editing them, and what imports, terms and upstreams report."""

SENTENCES: dict[str, str] = {
    "hold_not_found": "The account never had a hold {code} of {owner}.",
    "account_not_found": "No account is called {name}. Give its auth_index, file name or an alias.",
    "account_in_trash": "The account {name} is in the trash. Restore it first.",
    "alias_ambiguous": "{name} names several accounts. Give the auth_index of the one you mean: {candidates}.",
    "revision_not_found": "The account {auth_index} has no revision {number}.",
    "version_stale": "The account was edited since you read it; its version is {current} now. Read it again and repeat the change.",
    "version_required": "Say which version you read: send If-Match with the account's version, or * for whichever.",
    "field_unknown": "There is no field {field} to edit. These can be edited: {known}.",
    "field_invalid": "{field} can't be set to that.",
    "field_invalid:not_text": "{field} takes a text.",
    "field_invalid:too_long": "{field} takes at most {limit} characters.",
    "field_invalid:control_character": "{field} holds a control character. Remove it.",
    "field_invalid:not_integer": "{field} takes a whole number from {low} to {high}.",
    "field_invalid:not_boolean": "{field} takes true or false.",
    "field_invalid:prefix": "A prefix takes 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit.",
    "field_invalid:not_text_list": "{field} takes a list of texts, or one text with commas between.",
    "field_invalid:not_alias_list": "{field} takes a list of objects with model and alias, both not empty.",
    "field_invalid:not_error_rules": (
        "{field} takes a list of objects with status (100 to 599), action (stop, stop-and-cooldown, continue or "
        "continue-and-cooldown), and lists of texts as match and match-regexr."
    ),
    "field_invalid:too_many_rules": "{field} takes at most {limit} rules, phrases or patterns, of 500 characters each.",
    "field_invalid:pattern_refused": (
        "The pattern {pattern} can't be used. Patterns are RE2's: without look-around and back-references, so that none "
        "can hold up requests."
    ),
    "field_invalid:alias_twice": "Two aliases are the same. Each alias may stand once.",
    "field_invalid:alias_same": "An alias must differ from its model's name.",
    "field_invalid:proxy_url": "A proxy is an http, https, socks5 or socks5h URL with a host, or the word direct.",
    "field_invalid:not_header_map": "{field} takes an object of header names and text values.",
    "field_invalid:header_forbidden": "The header {header} can't be set here: it carries the credential or frames the request.",
    "field_invalid:header_value": "The value of the header {header} can't begin with $ or hold a line break.",
    "field_invalid:refresh_by": "{field} is authdeck or other.",
    "sort_unknown": "There is no order {sort}. Use one of {known}, with - before it to turn it round.",
    "cursor_invalid": "The cursor is not one that a list gave out. Begin again without it.",
    "choice_unknown": "There is no choice {choice}. Use one of {known}.",
    "same_as_row": "The same account as {file_name} of this import.",
    "terms_not_needed": "{provider} needs no acknowledgement. These do: {known}.",
    "port_taken": "Something else listens on {bind}. Stop it, or give another address with AUTHDECK_BIND.",
    "bind_refused": "The address {bind} can't be bound: {problem}. Give another with AUTHDECK_BIND.",
    "home_in_use": "Another authdeck process has the home {home}. Stop it, or give another home with AUTHDECK_HOME.",
    "home_unusable": "The home {home} can't be used: {problem}. Give another with AUTHDECK_HOME.",
    "setting_invalid": "The setting {setting} is wrong: {problem}.",
    "bind_needs_tls": "Binding to {bind} would show keys to the network. Set AUTHDECK_TLS_CERTIFICATE and AUTHDECK_TLS_KEY, or AUTHDECK_BEHIND_TLS=1 behind a TLS proxy.",
    "url_invalid": "That is not an http or https address without user and password.",
    "upstream_not_found": "{origin} is not approved, so there is nothing to withdraw.",
    "upstream_approved": "Credentials may be sent to {origin} now: an admin imported this file.",
    "upstream_not_approved": "Credentials may not be sent to {origin} until an admin approves it.",
}
