package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// token makes a token of who asks; its text stands for its hash.
func (b *bed) token(who composa.Who, text string, ends time.Time) *composa.Token {
	b.t.Helper()
	k, err := b.AddToken(b.ctx(), who, composa.Token{Owner: who.Principal.ID, Note: text, ExpiresAt: ends}, []byte(text))
	b.ok(err)
	return k
}

func tokenNotes(all []composa.Token) []string {
	var out []string
	for _, k := range all {
		out = append(out, k.Note)
	}
	return out
}

func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada, bob := b.person("ada"), b.person("bob")
		at := b.lastEvent()
		ends := b.clock.now().Add(time.Hour)
		mine := b.token(ada, "hers", ends)
		b.token(bob, "his", time.Time{})
		given, err := b.AddToken(b.ctx(), b.boss(), composa.Token{Owner: ada.Principal.ID, Note: "given"}, []byte("given"))
		b.ok(err)
		if mine.CreatedBy != ada.Principal.ID || given.CreatedBy != b.admin.Principal.ID || !mine.ExpiresAt.Equal(ends) {
			t.Errorf("hers %+v, given %+v", mine, given)
		}
		_, err = b.AddToken(b.ctx(), bob, composa.Token{Owner: ada.Principal.ID}, []byte("stolen"))
		b.code(err, composa.CodeNotAllowed)
		_, err = b.AddToken(b.ctx(), bob, composa.Token{Owner: bob.Principal.ID, Note: "a\nb"}, []byte("odd"))
		b.code(err, composa.CodeInvalid)
		for _, ends := range []time.Time{b.clock.now().Add(-time.Second), b.clock.now().Add(composa.MaxTokenLife + time.Hour)} {
			_, err = b.AddToken(b.ctx(), bob, composa.Token{Owner: bob.Principal.ID, ExpiresAt: ends}, []byte("odd"))
			b.code(err, composa.CodeInvalid)
		}
		for _, c := range []struct {
			who  composa.Who
			want []string
		}{{ada, []string{"hers", "given"}}, {bob, []string{"his"}}, {b.boss(), []string{"hers", "his", "given"}}} {
			all, err := b.Tokens(b.ctx(), c.who)
			b.ok(err)
			if diff := cmp.Diff(c.want, tokenNotes(all)); diff != "" {
				t.Errorf("%s reads (-want +got):\n%s", c.who.Principal.Name, diff)
			}
		}
		got, err := b.Token(b.ctx(), ada, mine.ID)
		b.ok(err)
		if diff := cmp.Diff(mine, got); diff != "" {
			t.Errorf("read again (-made +read):\n%s", diff)
		}
		owner, err := b.TokenOwner(b.ctx(), system, []byte("hers"))
		b.ok(err)
		want := composa.Who{Principal: ada.Principal, Projects: ada.Projects, Token: mine.ID, Expires: ends}
		if diff := cmp.Diff(want, owner); diff != "" {
			t.Errorf("owner (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]composa.EventType{"token.created", "token.created", "token.created"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A removed token lets nobody in from then on, and says so to who still shows it.
func TestARemovedTokenLetsNobodyIn(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada, bob := b.person("ada"), b.person("bob")
		hers, his := b.token(ada, "hers", time.Time{}), b.token(bob, "his", time.Time{})
		b.code(b.DeleteToken(b.ctx(), bob, hers.ID), composa.CodeNotFound)
		before, err := b.Version(b.ctx())
		b.ok(err)
		at := b.lastEvent()
		b.ok(b.DeleteToken(b.ctx(), ada, hers.ID))
		b.ok(b.DeleteToken(b.ctx(), b.boss(), his.ID))
		b.code(b.DeleteToken(b.ctx(), ada, hers.ID), composa.CodeNotFound)
		if after, err := b.Version(b.ctx()); err != nil || after <= before {
			t.Errorf("the version is %d, %v after %d: what is kept of tokens would stay", after, err, before)
		}
		if diff := cmp.Diff([]composa.EventType{composa.TokenDeleted, composa.TokenDeleted}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		for _, text := range []string{"hers", "his"} {
			_, err := b.TokenOwner(b.ctx(), system, []byte(text))
			b.code(err, composa.CodeUnauthenticated)
			if !strings.Contains(err.Error(), "was removed at ") {
				t.Errorf("it says: %v", err)
			}
		}
		// The same text is not taken again, whoever gives it.
		_, err = b.AddToken(b.ctx(), system, composa.Token{Owner: ada.Principal.ID}, []byte("hers"))
		b.code(err, composa.CodeExists)
	})
}

// With a token that ends none is made that ends later: it would let in for ever
// who had it for an hour.
func TestATokenThatEndsMakesNoneThatEndsLater(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada, boss := b.person("ada"), b.boss()
		ends := b.clock.now().Add(time.Hour)
		ada.Expires, boss.Expires = ends, ends
		for _, who := range []composa.Who{ada, boss} {
			for _, later := range []time.Time{{}, ends.Add(time.Minute)} {
				_, err := b.AddToken(b.ctx(), who, composa.Token{Owner: ada.Principal.ID, ExpiresAt: later}, []byte("later"))
				b.code(err, composa.CodeRefused)
			}
		}
		b.token(ada, "as long", ends)
	})
}

// What is told of a token is for its owner and for who administers the site.
func TestWhoIsToldOfAToken(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada, bob, at := b.person("ada"), b.person("bob"), b.lastEvent()
		his := b.token(bob, "his", time.Time{})
		given, err := b.AddToken(b.ctx(), b.boss(), composa.Token{Owner: ada.Principal.ID}, []byte("given"))
		b.ok(err)
		b.ok(b.DeleteToken(b.ctx(), b.boss(), given.ID))
		for _, c := range []struct {
			who  composa.Who
			want []string
		}{
			{ada, []string{string(given.ID), string(given.ID)}},
			{bob, []string{string(his.ID)}},
			{b.boss(), []string{string(his.ID), string(given.ID), string(given.ID)}},
		} {
			all, err := b.Events(b.ctx(), c.who, at, 0, composa.EventFilter{})
			b.ok(err)
			var told []string
			for i := range all {
				told = append(told, all[i].Subject)
				if !c.who.SeesEvent(&all[i]) {
					t.Errorf("the feed keeps from %s what the store shows: %+v", c.who.Principal.Name, all[i])
				}
			}
			if diff := cmp.Diff(c.want, told); diff != "" {
				t.Errorf("%s is told (-want +got):\n%s", c.who.Principal.Name, diff)
			}
			whole, err := b.Events(b.ctx(), system, at, 0, composa.EventFilter{})
			b.ok(err)
			if n := len(slices.DeleteFunc(whole, func(e composa.Event) bool { return !c.who.SeesEvent(&e) })); n != len(c.want) {
				t.Errorf("the feed shows %d to %s, the store %d", n, c.who.Principal.Name, len(c.want))
			}
		}
	})
}

func TestTokensOfOneUserHaveAMost(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada, bob := b.person("ada"), b.person("bob")
		for i := range composa.MaxTokensEach - 2 {
			b.token(ada, fmt.Sprint("t", i), time.Time{})
		}
		// Of many at once just as many are made as there is room for.
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				_, err := b.AddToken(b.ctx(), ada, composa.Token{Owner: ada.Principal.ID}, []byte(fmt.Sprint("many", i)))
				switch composa.CodeOf(err) {
				case "":
					made.Add(1)
				case composa.CodeRefused:
				default:
					t.Errorf("unexpected: %v", err)
				}
			})
		}
		all.Wait()
		if made.Load() != 2 {
			t.Errorf("%d were made, there was room for 2", made.Load())
		}
		b.token(bob, "his", time.Time{})
		tokens, err := b.Tokens(b.ctx(), ada)
		b.ok(err)
		b.ok(b.DeleteToken(b.ctx(), ada, tokens[0].ID))
		b.token(ada, "room", b.clock.now().Add(time.Minute))
		_, err = b.AddToken(b.ctx(), ada, composa.Token{Owner: ada.Principal.ID}, []byte("more"))
		b.code(err, composa.CodeRefused)
		b.clock.looks.Add(time.Minute.Milliseconds()) // what ended makes room
		b.token(ada, "after", time.Time{})
		_, err = b.AddToken(b.ctx(), system, composa.Token{Owner: ada.Principal.ID}, []byte("from outside"))
		b.ok(err)
	})
}

// What ended is told to who shows it for a while, and then forgotten; what the
// server was given from outside is never taken again.
func TestAnEndedTokenIsRememberedForAWhile(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada := b.person("ada")
		b.token(ada, "ends", b.clock.now().Add(time.Minute))
		b.ok(b.DeleteToken(b.ctx(), ada, b.token(ada, "removed", time.Time{}).ID))
		outside, err := b.AddToken(b.ctx(), system, composa.Token{Owner: ada.Principal.ID}, []byte("outside"))
		b.ok(err)
		b.ok(b.DeleteToken(b.ctx(), ada, outside.ID))
		says := func(want map[string]string) {
			t.Helper()
			for text, words := range want {
				_, err := b.TokenOwner(b.ctx(), system, []byte(text))
				b.code(err, composa.CodeUnauthenticated)
				if !strings.Contains(err.Error(), words) {
					t.Errorf("to %s it says: %v", text, err)
				}
			}
		}
		b.clock.looks.Add((composa.TokenMemory - time.Minute).Milliseconds())
		b.token(ada, "sweeps", time.Time{})
		says(map[string]string{"ends": "ended at", "removed": "was removed at", "outside": "was removed at"})
		b.clock.looks.Add((2 * time.Minute).Milliseconds())
		b.token(ada, "sweeps again", time.Time{})
		says(map[string]string{"ends": "nobody has", "removed": "nobody has", "outside": "was removed at"})
	})
}

// Who makes and removes tokens all day does not fill the store with them.
func TestOnlyTheNewestEndedTokensAreRemembered(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada := b.person("ada")
		_, err := b.engine.write.ExecContext(b.ctx(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1005)
			INSERT INTO token (hash, id, principal, note, created_at, created_by, deleted_at)
			SELECT CAST('hash' || CAST(i AS TEXT) AS `+map[bool]string{true: "BLOB", false: "BYTEA"}[b.engine.alone]+`), 'tok_' || CAST(i AS TEXT), $1, '', CAST($2 AS BIGINT) + i, $1, $3 FROM n`,
			string(ada.Principal.ID), micros(b.clock.now()), micros(b.clock.now()))
		b.ok(err)
		b.token(ada, "hers", time.Time{})
		for text, words := range map[string]string{"hash5": "nobody has", "hash6": "was removed at", "hash1005": "was removed at"} {
			_, err := b.TokenOwner(b.ctx(), system, []byte(text))
			b.code(err, composa.CodeUnauthenticated)
			if !strings.Contains(err.Error(), words) {
				t.Errorf("to %s it says: %v", text, err)
			}
		}
	})
}

// The tokens of a store of before tokens had ids get one each, and go on.
func TestTokensOfAnOlderStoreGetIds(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		first, second := b.token(b.boss(), "first", time.Time{}), b.token(b.boss(), "second", time.Time{})
		for _, back := range []string{
			`DROP INDEX token_id`, `DROP INDEX token_principal`, `ALTER TABLE token DROP COLUMN id`, `DELETE FROM goose_db_version WHERE version_id = 8`,
		} {
			_, err := b.engine.write.ExecContext(b.ctx(), back)
			b.ok(err)
		}
		b.reopen()
		all, err := b.Tokens(b.ctx(), b.boss())
		b.ok(err)
		if len(all) != 2 || all[0].ID == all[1].ID || !strings.HasPrefix(string(all[0].ID), "tok_") || all[0].ID == first.ID || all[1].ID == second.ID {
			t.Errorf("tokens = %+v", all)
		}
		_, err = b.TokenOwner(b.ctx(), system, []byte("second"))
		b.ok(err)
	})
}
