package cli

import "github.com/spf13/cobra"

const rootHelp = `Compose machines out of racks of composable hardware, change them while they run,
and give them back.

  composa demo                                       a server with emulated racks, to try
  composa compose train --gpu 4 --ssd 1 --nic 1      a machine
  composa plug train --gpu 2                         change it
  composa free train                                 give it back`

// helpTopics are the pages of `composa help TOPIC`.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "what the exit codes mean", Long: exitCodesHelp},
		{Use: "environment", Short: "what is read of the environment", Long: environmentHelp},
		{Use: "output", Short: "how results are printed", Long: outputHelp},
	}
}

const exitCodesHelp = `Exit codes:

  0    done, or already so
  1    failed; what was changed is put back
  2    wrong usage, or --yes is missing
  3    refused: cannot be satisfied now
  4    not signed in, or not allowed
  5    not found
  7    server not reached; safe to repeat
  8    --timeout passed; the operation goes on
  9    conflict: it exists, or changed meanwhile
  10   held: a person must decide
  130  interrupted

An interrupt while something is made asks the server to cancel and to put everything
back, and that is followed to its end; a second one stops the waiting. While something
is given back (free, unplug) the first one stops the waiting. SIGTERM, --timeout and
--no-wait leave the operation running; the last line names it and how to go on.`

const environmentHelp = `Environment:

  COMPOSA_URL         server to talk to; goes before the current context
  COMPOSA_TOKEN       token for COMPOSA_URL; sent nowhere else
  COMPOSA_TOKEN_FILE  file with that token
  COMPOSA_CA          PEM file with the authorities to trust at COMPOSA_URL
  COMPOSA_CONTEXT     saved context to use, in place of the current one
  COMPOSA_PROJECT     project, where --project does not say
  XDG_CONFIG_HOME     contexts are kept in composa/contexts.yaml under it, else under
                      $HOME/.config
  NO_COLOR            no colours, whatever its value

The flag --context goes before all of them. With COMPOSA_URL and no token, the one is
used that a context saved with the same URL.`

const outputHelp = `Results go to standard output; progress, messages and errors to standard error.

  -o table   columns; -o wide shows more, --columns a,b chooses
  -o json    the object of the REST interface; a list is one array of all pages
  -o yaml    the same as YAML
  -o jsonl   one object a line
  -o name    names only, one a line

Tables may change; the other formats only grow. Names are in natural order: gpu2 before
gpu10. In JSON moments are RFC 3339 in UTC, sizes bytes, speeds bits per second and
durations seconds. With -o json a failure is one line on standard error, the last: a
problem+json (RFC 9457) whose code is for programs.

Off a terminal nothing is coloured or cut. Durations are given as 90s, 90m, 8h, 2d or 1w.
What is pretend hardware is marked (emulated).`
