"""``python -m authdeck`` is ``authdeck``."""

from authdeck.cli import main

main()
