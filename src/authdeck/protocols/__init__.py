"""The languages clients speak. Each is read as far as passing it on needs; none is translated.

A protocol is a module with ``asked``, ``Reader``, ``error`` and ``models``; ``protocols.routes`` says which path speaks
which.
"""
