"""What was taken away and put back: client keys, channels, rules, views, holds, approvals."""

SENTENCES: dict[str, str] = {
    "client_key_revoked_for_good": "{name} was revoked more than a day ago. Make another key.",
    "hold_not_released": "Nobody released the hold {code} of {owner} within the last day.",
    "view_name_taken": "There is another view {name} by now. Rename or remove it first.",
    "channel_removed": "Its channel was removed before it was sent.",
    "did_restore_key": "The key {name} works again.",
    "did_put_channel_back": "The channel {name} is back, with its rules and its log.",
    "did_put_rule_back": "The rule {name} is back.",
    "did_put_view_back": "The view {name} is back.",
    "did_put_hold_back": "{file_name} is held as it was.",
    "act.client_key:key:restored": "let the client key {it} work again",
    "act.notification:channel:restored": "put the notification channel {it} back",
    "act.notification:rule:restored": "put the notification rule {it} back",
    "act.view:view:saved": "saved the view {it}",
    "act.view:view:removed": "removed the view {it}",
    "act.view:view:restored": "put the view {it} back",
    "act.account:hold:put_back": "put a hold of {it} back",
    "acts_of.view": "Views",
}
