"""The management API under ``/api/v1``: one file a resource, put together in ``management``."""
