"""How long a credential lasts: expired, due, or fresh. Pure.

*Expired*: less than a minute is left, or less than a tenth of its life, whichever is shorter. *Due*: less than the
provider's lead, or less than half of its life. What has no known end is neither, unless there is no token at all.
"""

from datetime import datetime, timedelta
from typing import Final

from authdeck.credential import Credential

EXPIRED: Final = timedelta(seconds=60)
UNKNOWN_LIFETIME_LEAD: Final = timedelta(minutes=5)
"""The longest lead of a token whose beginning nobody knows: half of its life can't be told."""


def is_expired(credential: Credential, now: datetime) -> bool:
    """Whether it can't be sent any more."""
    if credential.expires_at is None:
        return credential.bearer is None
    lifetime = _lifetime(credential)
    margin = EXPIRED if lifetime is None else min(EXPIRED, lifetime / 10)
    return credential.expires_at - now < margin


def is_due(credential: Credential, now: datetime, lead: timedelta) -> bool:
    """Whether a new one should be fetched while this one still works. Expired ones are due, too."""
    if credential.expires_at is None:
        return credential.bearer is None
    lifetime = _lifetime(credential)
    margin = min(lead, UNKNOWN_LIFETIME_LEAD) if lifetime is None else min(lead, lifetime / 2)
    return credential.expires_at - now < margin


def _lifetime(credential: Credential) -> timedelta | None:
    if credential.expires_at is None or credential.issued_at is None or credential.issued_at >= credential.expires_at:
        return None
    return credential.expires_at - credential.issued_at
