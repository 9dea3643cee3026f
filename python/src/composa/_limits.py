"""Every limit of this module, with its reason."""

from __future__ import annotations

# Calls

#: Seconds without a byte from the server after which a call counts as lost, where connect() is given none.
timeout = 30.0

#: How much longer than that a whole answer may take: a long list over a slow line passes, one byte at a
#: time does not.
answer_takes = 10

#: Bytes of one answer. The server's largest page has about a tenth of that.
answer_bytes = 64 << 20

#: How often a change is sent whose answer is lost. With the pauses between that is about eleven seconds:
#: longer than a server takes to start again.
tries = 8

#: Seconds after the first try of a change in which a further one begins: a server that never answers is given
#: up then, and not after eight timeouts.
trying = 60.0

#: How often a call is sent that the server asks to make again later.
waits = 4

#: Seconds of the first pause between two tries; each further one is twice as long, up to the longest.
first_pause = 0.1
longest_pause = 5.0

#: Seconds that a server may ask to wait (Retry-After): more is taken as this.
longest_retry_after = 60.0

#: Items that one call of a list asks for: the server's most.
page_size = 1000

#: Connections that one Connection holds open at most: a cell, a stream and some threads beside.
connections = 32

# Streams

#: Seconds that a stream of events may say nothing; the server sends something every 15 s.
silence = 45.0

#: Bytes of one event: what the server's largest body has, several times.
event_bytes = 4 << 20

# Files

#: Bytes of a file with a token, as the command line has it.
token_file_bytes = 4096

#: Bytes of the file of contexts, as the command line has it.
contexts_file_bytes = 1 << 20
