"""What is left of an account's limits, asked of its provider on purpose. Providers that are not here tell nobody."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from authdeck.account import Provider
from authdeck.providers.quotas import antigravity, claude, codex, kimi, xai
from authdeck.providers.quotas.asking import Quota

QUOTAS: Final[Mapping[Provider, Quota]] = MappingProxyType(
    {
        Provider.CODEX: codex.QUOTA,
        Provider.CLAUDE: claude.QUOTA,
        Provider.ANTIGRAVITY: antigravity.QUOTA,
        Provider.KIMI: kimi.QUOTA,
        Provider.XAI: xai.QUOTA,
    }
)
"""Of sign-ins only: API keys and service accounts have no limits that could be asked for."""

__all__ = ("QUOTAS", "Quota")
