"""What the gateway and the way to providers say when something is refused or fails.

``:request`` words a code for a client whose request it refuses, where the account's own reason reads otherwise.
"""

SENTENCES: dict[str, str] = {
    "client_key_invalid": "This client key is not known or no longer valid. Create one with: authdeck keys create NAME",
    "client_key_not_allowed": "This client key is limited to other values of: {what}. Ask an admin for a wider key.",
    "client_key_rate_limited": "This client key may send {rate_limit} requests a minute. Try again a little later.",
    "terms_not_acknowledged:request": (
        "The provider {provider} serves only after an admin acknowledged its terms. Read and acknowledge them with: "
        "{command}"
    ),
    "no_account_available": "No account can serve this request now. The console lists the reasons of each account.",
    "attempts_used_up": "{attempts} accounts were tried and none could answer. Others are left: send the request again.",
    "model_not_found": "No account serves the model {model} on this route. GET /v1/models lists what is known.",
    "route_unknown": "The gateway has no route {path}. The documentation lists its routes.",
    "path_refused": "The path {path} is not passed on.",
    "method_not_allowed": "{path} takes {allowed}, not {method}.",
    "websocket_not_enabled": "Websockets are not enabled here. Send the request by POST.",
    "body_not_json": "The request body is not JSON.",
    "body_invalid": "The request body does not fit: {problem}.",
    "body_too_large": "The request body has more than {limit} bytes. Send less, or raise AUTHDECK_GATEWAY__BODY_LIMIT.",
    "body_stalled": "Nothing of the request body came for {seconds} seconds. Send the request again.",
    "body_encoding_unknown": "The content encoding {encoding} is not known. Use gzip, deflate, br, zstd or none.",
    "body_undecodable": "The request body is not valid {encoding}.",
    "credential_unreadable": (
        "The auth file of account {auth_index} can't be opened ({cause}). Restore the master key, or import the file "
        "again."
    ),
    "credential_empty": "Account {auth_index} holds no access token. Sign in again or import its auth file.",
    "refresh_refused:request": "The provider refused to renew this sign-in ({reason}). Sign in again.",
    "refresh_answer_lost": (
        "The answer to a token refresh at {at} was lost, and the provider refused the older token after it. "
        "Sign in again."
    ),
    "refresh_unknown": (
        "It is unknown whether the provider renewed this sign-in at {at}: the answer was lost. Sign in again, or "
        "refresh once more by hand."
    ),
    "refresh_failed": "The token could not be renewed ({reason}). It is tried again by itself.",
    "refresh_running": "The token is being renewed by another process. It is tried again by itself.",
    "refresh_is_elsewhere": (
        "Another program renews this sign-in, and its token has run out. Import the newer auth file, or let authdeck "
        "renew it."
    ),
    "refresh_not_possible": "This sign-in has nothing to renew. Import a new auth file or sign in again.",
    "header_not_sendable": "A header of this account or request holds characters that can't be sent.",
    "request_timed_out": "The request took longer than {seconds} seconds in all and was given up.",
    "upstream_needs_https": "Credentials go to {host} over https only. Use https, or have an admin approve plain http.",
    "upstream_address_refused": "{host} leads to an address that is never connected to without approval.",
    "upstream_name_unknown": "The name {host} can't be resolved. Check the address and the name server.",
    "upstream_unreachable": "{host} can't be reached. Check the network and the proxy.",
    "upstream_tls_failed": "No safe connection to {host} could be made. Check its certificate.",
    "upstream_reset": "{host} closed the connection before its answer was complete.",
    "upstream_malformed": "{host} answered with something that is not HTTP.",
    "upstream_too_long": "{host} answered with more than is read here.",
    "upstream_redirected": "The provider redirected the request. Redirects are not followed with a credential.",
    "upstream_connect_timeout": "{host} did not take the connection in time.",
    "upstream_timeout": "{host} did not answer in time.",
    "proxy_invalid": "The account's proxy address can't be used. Use socks5, socks4, http or https.",
    "proxy_unreachable": "The account's proxy can't be reached. Check its address.",
    "proxy_refused": "The account's proxy refused the connection. Check its user and password.",
}
