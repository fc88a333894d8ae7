"""Providers that need no line elsewhere: each file here is one, named as auth files name it in ``type``."""
