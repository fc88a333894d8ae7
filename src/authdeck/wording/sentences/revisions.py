"""Sentences about revisions, merges and the trash."""

SENTENCES: dict[str, str] = {
    "revision_stale": "The auth file was changed since you read it; its revision is {current} now. Read it again and repeat the change.",
    "hidden_value_unknown": "{field} says *** where nothing is stored. Give the value, or leave the field out.",
    "identity_differs": "This auth file is another account's: the account is {account}, the file is {document}. Import it as an account of its own.",
    "identity_of_another": "The auth file says that this is the account {auth_index}, which exists already. Merge the two instead.",
    "refresh_under_way": "The account's tokens are being refreshed just now. Try again in a few seconds.",
    "old_credential": "These are the tokens of revision {revision}. The provider may refuse them, or end the sign-in because they were used before.",
    "tokens_kept": "The tokens stayed the newest ones; everything else is as it was.",
    "not_in_trash": "The account {auth_index} is not in the trash. Delete it first.",
    "merge_proposed": "{auth_indexes} held the same token, so it is most likely the same account. Merge them, or split off what is another's.",
    "merge_with_itself": "An account can't be merged with itself ({auth_index}).",
    "merge_differs": "These are two accounts: one is {one}, the other is {other}. Only accounts of one identity can be merged.",
    "merge_settings_kept": "The two had different {fields}. Those of the account that stays are in force.",
    "merge_built_upon": "The account {auth_index} has newer tokens since the merge (revision {revision}). Split that revision off instead.",
    "merged_elsewhere": "The account {auth_index} was merged into {into}. Undo the merge there.",
    "not_merged": "{auth_index} is not merged into another account.",
    "split_leaves_nothing": "The account {auth_index} has only this one sign-in, so nothing would be left of it. Rename it instead.",
}
