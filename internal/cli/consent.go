package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/composa-dev/composa/api"
)

// disturbText says what a disturbance is.
var disturbText = map[string]string{
	"host":  "a running host gains or loses devices",
	"power": "a host is switched off or on",
	"data":  "a drive that may hold data changes hands",
	"p2p":   "peer-to-peer traffic is interrupted",
}

// consent asks before plans are carried out that disturb something in use. On a
// terminal it shows them and asks; elsewhere it needs --yes.
func (a *app) consent(ctx context.Context, plans []*api.Plan, line string) error {
	what := disturbances(plans)
	if len(what) == 0 && len(plans) < 2 {
		return nil
	}
	if len(what) == 0 {
		what = []string{fmt.Sprintf("%d machines change at once", len(plans))}
	}
	_, _, asks := a.terminal(a.in)
	_, _, shows := a.terminal(a.err)
	if !asks || !shows {
		return wrong("cannot %s %s without asking: %s", plans[0].Verb, machinesOf(plans), strings.Join(what, ", ")).
			next("look with --dry-run, and say yes to it with `%s --yes`", line)
	}
	for _, p := range plans {
		a.tell(planText(p))
	}
	a.tell(fmt.Sprintf("%s. Go on? [y/N] ", clean(capital(strings.Join(what, ", ")))))
	answer, err := a.readAnswer(ctx)
	if err != nil {
		return err
	}
	if answer != "y" && answer != "yes" {
		return wrong("did not %s %s: the answer was not yes; nothing was changed", plans[0].Verb, machinesOf(plans))
	}
	return nil
}

// readAnswer reads a line of standard input; an interrupt ends it.
func (a *app) readAnswer(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(io.LimitReader(a.in, 1024)).ReadString('\n')
		got <- answer{text, err}
	}()
	select {
	case r := <-got:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", fail("failed", "cannot read the answer: %v", r.err)
		}
		return strings.ToLower(strings.TrimSpace(r.text)), nil
	case <-ctx.Done():
		a.tell("\n")
		return "", context.Cause(ctx)
	}
}

// disturbances says what plans disturb, each thing once.
func disturbances(plans []*api.Plan) []string {
	var what []string
	seen := map[string]bool{}
	for _, p := range plans {
		for _, d := range p.Disturbs {
			if !seen[d] {
				seen[d] = true
				what = append(what, disturbanceText(p.Verb, d))
			}
		}
	}
	return what
}

func disturbanceText(verb, d string) string {
	if verb == "free" && d == "power" {
		return "a host is switched off"
	}
	return orDefault(disturbText[d], d)
}

func machinesOf(plans []*api.Plan) string {
	var names []string
	for _, p := range plans {
		names = append(names, p.Machine)
	}
	return strings.Join(names, ", ")
}

// planText is a plan as people read it.
func planText(p *api.Plan) string {
	var b strings.Builder
	head := p.Verb + " " + p.Machine
	if p.Fabric != "" {
		head += " on " + marked(p.Fabric, p.Emulated)
	}
	fmt.Fprintln(&b, clean(head)+":")
	for i, s := range p.Steps {
		line := fmt.Sprintf("%3d  %s", i+1, s.Text)
		if len(s.Disturbs) > 0 {
			line += "  (disturbs: " + strings.Join(s.Disturbs, ", ") + ")"
		}
		fmt.Fprintln(&b, clean(line))
	}
	if len(p.Steps) == 0 {
		fmt.Fprintln(&b, "     nothing to do")
	}
	tell := func(format string, args ...any) { fmt.Fprintln(&b, "  "+clean(fmt.Sprintf(format, args...))) }
	if len(p.Devices) > 0 {
		tell("then %s has %s: %s", p.Machine, devicesText(p.Devices), placesText(p.Devices))
	}
	for _, w := range p.Why {
		tell("because %s", w)
	}
	if len(p.NeedsOwner) > 0 {
		tell("left alone, may hold data: %s", strings.Join(p.NeedsOwner, ", "))
	}
	if p.Typical > 0 {
		tell("takes about %s", secondsText(p.Typical))
	}
	return b.String()
}

// quote writes words as a shell takes them.
func quote(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, unsafeInShell) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

func unsafeInShell(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:,=@%+", r)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
