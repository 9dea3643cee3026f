"""The modules that talk to a server, asynchronously; _sync is made from them."""
