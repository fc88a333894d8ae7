"""What came of asking providers for limits, and what they changed about them."""

SENTENCES: dict[str, str] = {
    "quota_not_offered": "{provider} can't be asked for the limits of this kind of account.",
    "quota_token_expired": "The access token has run out. A query with refresh would renew it first.",
    "quota_needs_project": "The account has no project id: without it the provider can't be asked.",
    "quota_not_told": "The provider answered, but its answer tells of no limit.",
    "quota_told": "The provider told what is left of its limits.",
    "plan_changed": "The plan was {before} and is {after}.",
    "limit_gone": "The provider no longer lists the window {window} {scope}.",
    "limit_added": "The provider lists a new window: {window} {scope}.",
    "limit_length": "The window {window} {scope} lasted {before} s and lasts {after} s.",
}
