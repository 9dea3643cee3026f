package cli

// colored says whether colours may be printed to a stream.
func (a *app) colored(stream any) bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	if a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" {
		return false
	}
	_, _, ok := a.terminal(stream)
	return ok
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// colorOf are the words that are painted. The colour says nothing that the word
// does not.
var colorOf = map[string]string{
	"ready": green, "done": green, "ok": green,
	"queued": yellow, "composing": yellow, "changing": yellow, "freeing": yellow, "running": yellow,
	"waiting": yellow, "undoing": yellow, "stale": yellow, "degraded": yellow,
	"held": red, "lost": red, "failed": red, "missing": red, "silent": red,
}

// paint colours a word that has a colour.
func paint(word string) string {
	if c, ok := colorOf[word]; ok {
		return c + word + reset
	}
	return word
}
