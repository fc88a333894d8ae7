"""Why an inspection suggests what, what became of it, and what is wrong with what was asked."""

SENTENCES: dict[str, str] = {
    # Why
    "inspected_healthy": "The provider answered, and nothing stands against it.",
    "family_stopped": (
        "Not asked: the provider refused to renew another sign-in of the same client, and may be ending them all."
    ),
    "token_rejected": "The provider calls the access token expired. A run that may refresh would tell more.",
    "refused_once": "The provider refused without saying why. If it does so again, signing in again is suggested.",
    "long_window_full": "The {window} window is {used} % used.",
    "limit_without_window": "The provider named a limit: {limit}.",
    "serves_beyond": "The {window} window is full, but the provider serves on: there are credits.",
    "short_window_full": "Only the {window} window is full; it begins anew soon.",
    "figures_missing": "The provider answered without figures: what is left is unknown.",
    "disabled_by_person": "A person disabled it. Only a person enables it.",
    "disabled_already": "It is disabled already ({code}).",
    "limits_over": "Its limits began anew. An inspection disabled it, so a run may enable it.",
    "recovered_for_person": "It could serve again. Whether it shall is for a person to say.",
    "not_proven": "The answer does not prove that what disabled it ({code}) is over.",
    "token_made": "The provider made an access token: it knows the key. It tells of no limits.",
    "inspection_timeout": "No answer within {seconds} s.",
    # What became of it
    "inspection_locked": "Nothing was done: the account is locked.",
    "inspection_outdated": "Nothing was done: the account changed since it was asked.",
    "inspection_released": "Nothing was done: a person released this since it was seen.",
    "inspection_bounds": "Nothing was done: automation has reached its bounds, and an incident is open.",
    "inspection_for_person": "Nothing was done: only a person enables this one.",
    # What was asked
    "inspection_not_found": "There is no inspection {id}.",
    "inspection_running": "The inspection still runs. Its results can be acted on when it has ended.",
    "inspection_action_alone": "“{action}” is done account by account: open each, or its row in the action queue.",
    "inspection_without_former": "No completed inspection of the same accounts came before this one.",
    "inspection_invalid": "“{field}” is not understood.",
    "inspection_invalid:bounds": "“{field}” must be between {least} and {most}.",
    "account_not_inspected": "The account was not inspected yet.",
    "schedule_not_found": "There is no schedule {id}.",
    "schedule_invalid": "The schedule’s “{field}” is missing or not understood.",
    "schedules_too_many": "There are {most} schedules already. Delete one first.",
    "timing_invalid": "When it happens is not understood: {problem}.",
    "timing_invalid:every_or_times": "Say either how many minutes lie between two runs, or at which times of day they are.",
    "timing_invalid:every": "Minutes between two runs: {least} to {most}.",
    "timing_invalid:times": "Times of day are written 03:00, at most 24 of them.",
    "timing_invalid:zone": "The time zone {zone} is not known here. Use a name such as Europe/Berlin.",
}
