package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := noun("token", "make and remove what lets somebody in", "tokens")
	cmd.Long = `Make and remove tokens. A token lets whoever has it act as a user: keep it as a
secret. It is shown once, when it is made. Remove one that leaked, and what it
opened ends; the tokens that were made with it stay, so look for those with
"composa token ls". A token that ends makes none that ends later. An administrator
of the site makes and removes everybody's.`
	cmd.AddCommand(a.tokenLs(), a.repeatable(a.tokenCreate()), a.repeatable(a.tokenRm()))
	return cmd
}

func (a *app) tokenLs() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list the tokens that let somebody in: yours, or everybody's for an administrator",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user != "" {
				if err := checkUserWord(user); err != nil {
					return err
				}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			tokens, err := client.All(c.Tokens(cmd.Context(), user))
			if err != nil {
				return err
			}
			return printList(a, tokenTable, "tokens", tokens)
		},
	}
	a.addUser(cmd, &user, "only those of user `NAME`")
	return cmd
}

func (a *app) addUser(cmd *cobra.Command, user *string, usage string) {
	filledVar(cmd.Flags(), user, "user", usage)
	_ = cmd.RegisterFlagCompletionFunc("user", a.completeUsers)
}

// tokenOrder is what token create was asked for.
type tokenOrder struct {
	user, note, out, data string
	expires               duration
	local                 bool
}

// LocalToken is the token that is wanted of a data folder.
type LocalToken struct {
	Data    string // the folder
	User    string // empty: the administrator that every site begins with
	Note    string
	Expires time.Duration // 0: not by itself
}

func (a *app) tokenCreate() *cobra.Command {
	var o tokenOrder
	cmd := &cobra.Command{
		Use:   "create",
		Short: "make a token, and print it: this once",
		Long: `Make a token, and print it alone on standard output, or write it to a file that
only you can read. It is not shown again. Without --expires it lets somebody in
until it is removed.`,
		Example: `  composa token create --note laptop --expires 90d
  composa token create --user ada --expires 90d --out ada.token`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.createToken(cmd.Context(), o, cmd.Flags().Changed("key"))
		},
	}
	f := cmd.Flags()
	a.addUser(cmd, &o.user, "for user `NAME`, in place of yourself")
	f.Var(&o.expires, "expires", "it ends after `D`, such as 8h or 90d")
	f.StringVar(&o.note, "note", "", "`TEXT` that says what it is for")
	filledVar(f, &o.out, "out", "write it to `FILE`, which must not exist yet, readable by you only")
	if a.local != nil {
		f.BoolVar(&o.local, "local", false, "in the data folder of a server that does not run, for who has lost every token")
		filledVar(f, &o.data, "data", "with --local: the server's data folder is `DIR`")
	}
	_ = cmd.RegisterFlagCompletionFunc("expires", words("8h", "1d", "30d", "90d", "365d"))
	_ = cmd.RegisterFlagCompletionFunc("note", nothing)
	return cmd
}

// createToken makes a token and hands it over. keyed says that the caller gave
// the request a key of their own.
func (a *app) createToken(ctx context.Context, o tokenOrder, keyed bool) error {
	if o.user != "" {
		if err := checkUserWord(o.user); err != nil {
			return err
		}
	}
	create, err := a.tokenMaker(ctx, o, keyed)
	if err != nil {
		return err
	}
	place, err := openTokenFile(o.out)
	if err != nil {
		return err
	}
	made, err := create()
	if err != nil {
		if left := place.abandon(); left != nil {
			a.say("%s stays, and holds no token: %v", o.out, left)
		}
		return err
	}
	if err := a.handOver(made, place); err != nil {
		return err
	}
	a.say("token %s of %s %s; it is not shown again", made.ID, made.User, endsText(made))
	return nil
}

// tokenMaker is what makes the token that is wanted, after all that can be
// refused was.
func (a *app) tokenMaker(ctx context.Context, o tokenOrder, keyed bool) (func() (*api.Token, error), error) {
	switch {
	case !o.local && o.data != "":
		return nil, wrong("cannot use --data: it goes with --local")
	case o.local && o.data == "":
		return nil, wrong("cannot create a token with --local: --data is missing").next("write --data DIR, the server's data folder")
	case o.local && keyed:
		return nil, wrong("cannot use --key with --local: it is a server that keeps keys")
	case o.local:
		seconds, err := o.seconds(nil)
		return func() (*api.Token, error) {
			made, site, err := a.local(ctx, LocalToken{Data: o.data, User: o.user, Note: o.note, Expires: time.Duration(seconds) * time.Second})
			if err == nil {
				a.say("site %s, as its data folder %s has it", site, o.data)
			}
			return made, err
		}, err
	}
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	site, err := a.announceSite(ctx)
	if err != nil {
		return nil, err
	}
	seconds, err := o.seconds(site.Limits)
	return func() (*api.Token, error) {
		return newToken(ctx, c, api.NewToken{User: o.user, Note: o.note, Expires: seconds}, keyed)
	}, err
}

// seconds is the time after which the token ends; 0: none was given.
func (o *tokenOrder) seconds(limits map[string]int) (int64, error) {
	if !o.expires.set {
		return 0, nil
	}
	n := int64(math.Ceil(o.expires.value.Seconds()))
	switch most := int64(limits["tokenSeconds"]); {
	case n < 1:
		return 0, wrong("cannot create a token that ends after 0 s: it would let nobody in").next("leave --expires out for one that ends when it is removed")
	case most > 0 && n > most:
		return 0, wrong("cannot create a token that ends after %v: at most %d days are allowed", o.expires.value, most/int64(24*time.Hour/time.Second)).
			next("leave --expires out for one that ends when it is removed")
	}
	return n, nil
}

// newToken makes a token. Where the first answer was lost, and with it the text,
// the token is of no use to anybody: it is removed and another one made, unless
// the caller says with a key of their own that it is to be made once.
func newToken(ctx context.Context, c *client.Client, t api.NewToken, keyed bool) (*api.Token, error) {
	made, err := c.CreateToken(ctx, t)
	if err != nil || made.Token != "" {
		return made, err
	}
	shownOnce := fail("exists", "cannot show token %s: it was made before by a request with this key, and is shown once", made.ID).
		next("where it was lost, `composa token rm %s` removes it; make another without --key", made.ID)
	if keyed {
		return nil, shownOnce
	}
	if err := c.DeleteToken(client.WithKey(ctx, rand.Text()), made.ID); err != nil {
		return nil, err
	}
	if made, err = c.CreateToken(client.WithKey(ctx, rand.Text()), t); err == nil && made.Token == "" {
		return nil, shownOnce
	}
	return made, err
}

// handOver writes the token's text to its file, or prints it.
func (a *app) handOver(made *api.Token, place *tokenFile) error {
	if place == nil {
		if err := a.printToken(made); err != nil {
			return fail("failed", "cannot show token %s, which lets somebody in: %v", made.ID, err).
				next("remove it with `composa token rm %s`, where it was made with --local once the server runs, and make another", made.ID)
		}
		return nil
	}
	if err := place.write(made.Token); err != nil {
		return fail("failed", "cannot write token %s to %s: %v", made.ID, place.path, err).next("remove it with `composa token rm %s`, and make another", made.ID)
	}
	shown := *made
	shown.Token = "" // it is in the file
	if a.format.structured() {
		return a.printStructured(&shown)
	}
	a.say("wrote the token to %s", place.path)
	return nil
}

func (a *app) printToken(made *api.Token) error {
	if a.format.structured() {
		return a.printStructured(made)
	}
	return a.write([]byte(made.Token + "\n"))
}

// tokenFile is where a token is written to: a file that was made for it.
type tokenFile struct {
	path string
	file *os.File
}

// openTokenFile makes the file before there is a token, so that what cannot be
// kept is not made; nil: none was asked for.
func openTokenFile(path string) (*tokenFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fail("exists", "cannot write a token to %s: there is a file of that name", path).next("choose another, or remove it first")
	case err != nil:
		return nil, wrong("cannot write a token to %s: %v", path, err)
	}
	return &tokenFile{path, f}, nil
}

func (t *tokenFile) write(text string) error {
	_, err := t.file.WriteString(text + "\n")
	return errors.Join(err, t.file.Close())
}

// abandon removes the file of a token that was not made.
func (t *tokenFile) abandon() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.file.Close(), os.Remove(t.path))
}

func (a *app) tokenRm() *cobra.Command {
	return &cobra.Command{
		Use:               "rm ID",
		Aliases:           []string{"delete"},
		Short:             "remove a token: it lets nobody in any more",
		Args:              argsBetween(1, 1, "the id of a token"),
		ValidArgsFunction: a.completeTokens,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !api.IsTokenID(args[0]) {
				return wrong("cannot remove token %q: that is not the id of a token", abridge(args[0], 12)).next("`composa token ls` shows the ids")
			}
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			site, err := a.announceSite(ctx)
			if err != nil {
				return err
			}
			if err := c.DeleteToken(ctx, args[0]); err != nil {
				return err
			}
			a.say("removed token %s", args[0])
			a.say("if it leaked: tokens that were made with it stay; `composa token ls` shows them")
			if site.Token != nil && site.Token.ID == args[0] {
				a.say("it was the one that you signed in with: save another with `composa context create`")
			}
			return nil
		},
	}
}

// endsText says when a token ends.
func endsText(t *api.Token) string {
	if t.ExpiresAt == nil {
		return "ends when it is removed"
	}
	return "ends at " + momentText(*t.ExpiresAt)
}

var tokenTable = table[api.Token]{
	name: func(t api.Token) string { return t.ID },
	columns: []column[api.Token]{
		{name: "id", text: func(t api.Token) string { return t.ID }},
		{name: "user", text: func(t api.Token) string { return t.User }},
		{name: "note", text: func(t api.Token) string { return t.Note }},
		{name: "expires", text: func(t api.Token) string { return orDefault(optionalMoment(t.ExpiresAt), "never") }},
		{name: "created", text: func(t api.Token) string { return momentText(t.CreatedAt) }},
		{name: "by", wide: true, text: func(t api.Token) string { return t.CreatedBy }},
	},
}
