"""How each protocol writes an answer: one file a protocol, each with ``whole`` and ``events``."""
