"""What happens by itself: one timetable, and the runner that keeps to it."""

from authdeck.jobs.runner import Job, Runner
from authdeck.jobs.timetable import Chores, timetable

__all__ = ("Chores", "Job", "Runner", "timetable")
