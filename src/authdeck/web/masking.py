"""Masked identities, as pages show them; notifications show them likewise."""

from authdeck.masking import DOTS, masked, masked_id

__all__ = ("DOTS", "masked", "masked_id")
