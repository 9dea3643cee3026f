# Made from _aio/__init__.py by generate.py: change it there.
"""The modules that talk to a server, asynchronously; _sync is made from them."""
