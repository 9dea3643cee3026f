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

# What is shown

#: Rows of a list that are shown, as HTML and as text: a notebook keeps what it shows, and nobody reads more.
rows_shown = 200

# Requests. The server checks the same, and has the last word.

#: Characters of a name, and of a part of a model's name.
name_length = 63

#: Devices of one machine, and lines of one wish.
devices_of_machine = 512
entries = 64

#: Characters of a message and of a condition.
message_length = 500
condition_length = 1024

#: Labels of one thing, and bytes of a label's key and value.
labels = 64
label_key = 63
label_value = 255

#: Characters of a quantity such as "40GB".
quantity_length = 32

#: Where the whole numbers begin that a JSON number need not carry exactly: they are sent as text.
exact_in_json = 1 << 53

#: Seconds that a request may name as its timeout (a week), and that a host may take to shut down (a day).
most_timeout = 604800
most_grace = 86400

# Following

#: Seconds that one call waits for the next step of an operation: short, so that a network that swallows
#: everything is noticed within this and the time of a call.
step_wait = 15

#: Seconds that the last look at an operation may take where the time to wait for it is nearly over.
last_look = 1.0

#: Seconds that a server may be away while an operation is followed.
patience = 60.0

#: Seconds of the longest pause between two tries to reach it again.
longest_rest = 2.0

#: How many of a machine's newest operations are looked at for the one that chose its devices.
explained = 20

#: Notes that progress in a cell shows: the newest. A server that comes and goes notes something each time.
notes_shown = 8

# Rack pictures

#: Seconds between two readings of what a rack picture shows: events that come meanwhile are one reading.
between_readings = 0.25

#: Seconds after which a rack picture reads all the same: a change of which no event tells shows by then.
look_all_the_same = 20.0

#: Operations of which a rack picture knows the fabric; of an older one's step it reads all fabrics.
remembered_operations = 1000

#: Rack pictures of one process that follow what happens: a new one ends the following of the oldest, because
#: each keeps a stream of the server open, and a cell that is run again makes a new one.
live_pictures = 8

#: Documents that a rack picture sends as changes, before it sends all of them anew: at least so many, or a
#: quarter of all.
least_changes = 64

#: How many devices are looked up one by one; of more the whole fabric is listed.
looked_up = 4

# Inside a machine

#: Characters of each output of a command that a Ran keeps: the first of them. All of it is shown.
kept_characters = 16 << 20

#: Bytes of a command: Linux hands no program a longer argument, neither ssh here nor the shell there.
command_bytes = 131_071

#: Seconds that ssh may take to end once it was asked to, and its outputs to end once it has.
ending = 2.0

#: Seconds in which a host must take a connection of ssh; options=["-o", "ConnectTimeout=60"] says otherwise.
connecting = 15

# Magics

#: Seconds for which TAB waits for a server.
completing = 1.0

#: Events that `%composa event ls` lists where --limit says nothing.
usual_events = 100

#: Machines that one line of %composa may free.
most_freed = 1000
