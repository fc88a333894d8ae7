"""authdeck: auth files kept safe, account state from evidence, requests through the right account."""

__version__ = "0.1.0"
