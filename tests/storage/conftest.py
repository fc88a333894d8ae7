"""A release of tomorrow: the steps of this one, and one more."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from authdeck.storage import migrations
from authdeck.storage.migrations import Branch
