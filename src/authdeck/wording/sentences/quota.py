"""What came of asking providers for limits, and what they changed about them."""

SENTENCES: dict[str, str] = {
    "quota_not_offered": "{provider} can't be asked for the limits of this kind of account.",
    "quota_token_expired": "The access token has run out. A query with refresh would renew it first.",
    "quota_needs_project": "The account has no project id: without it the provider can't be asked.",
    "quota_not_told": "The provider answered, but its answer tells of no limit.",
    "quota_told": "The provider told what is left of its limits.",
    "reset_credit_unconfirmed": "Type the file name {file_name} to confirm: using a reset credit can't be taken back.",
    "reset_credit_not_offered": "{provider} has no reset credits.",
    "reset_credit_none": "{file_name} has no reset credit left.",
    "reset_credit_refused": "The provider refused the reset credit (status {answered}).",
    "reset_credit_unknown": "The answer was lost: the reset credit may have been used. Query the quota to see.",
    "plan_changed": "The plan was {before} and is {after}.",
    "limit_gone": "The provider no longer lists the window {window} {scope}.",
    "limit_added": "The provider lists a new window: {window} {scope}.",
    "limit_length": "The window {window} {scope} lasted {before} s and lasts {after} s.",
}
