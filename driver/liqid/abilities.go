package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/stomp"
)

// knowledge is what was found out about a director by asking. It is asked again
// after a while and after the director was silent: it may come back with other
// software.
type knowledge struct {
	asked     time.Time
	fabric    int  // fabr_id, part of what is created
	pending   bool // state/{fabric} lists what is under way
	abilities composa.Abilities
}

// settleTime is how long something sent may still take effect where a director
// does not list what is pending (design 3.6).
const settleTime = time.Minute

// askAgain is how long what was found out is believed.
const askAgain = 10 * time.Minute

// dialTime bounds the try whether the event socket works.
const dialTime = 2 * time.Second

// Abilities says what the director can do, found out by asking it.
func (f *Fabric) Abilities(ctx context.Context) (*composa.Abilities, error) {
	k, err := f.know(ctx)
	if err != nil {
		return nil, explain("cannot ask "+string(f.config.Name)+" what it can do", err)
	}
	return k.able(), nil
}

func (k *knowledge) able() *composa.Abilities {
	a := k.abilities
	return &a
}

// know returns what is known of the director, and asks it where nothing is.
func (f *Fabric) know(ctx context.Context) (*knowledge, error) {
	f.mu.Lock()
	k := f.known
	f.mu.Unlock()
	if k != nil && f.config.Clock().Sub(k.asked) < askAgain {
		return k, nil
	}
	k, err := f.ask(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.known = k
	f.mu.Unlock()
	return k, nil
}

// forget makes the next call ask again.
func (f *Fabric) forget() {
	f.mu.Lock()
	f.known = nil
	f.mu.Unlock()
}

func (f *Fabric) ask(ctx context.Context) (*knowledge, error) {
	k := &knowledge{asked: f.config.Clock(), abilities: composa.Abilities{
		Driver: "liqid", Groups: composa.NeedRequired, Make: composa.MakeEmpty, Reshape: composa.ReshapeOn, DetachSure: true,
		Acts: []composa.Act{
			composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower,
		},
	}}
	err := together(
		func() (err error) { k.fabric, err = f.fabricID(ctx); return err },
		func() (err error) { k.abilities.Era, k.abilities.Emulated, err = f.era(ctx); return err },
		func() error { k.abilities.Push = f.canWatch(ctx); return nil },
	)
	if err != nil {
		return nil, err
	}
	_, err = f.calls.read(ctx, fmt.Sprintf("state/%d", k.fabric))
	switch codeOf(err) {
	case "":
		k.pending = true
	case composa.CodeUnsupported:
		k.abilities.SettleTime = f.config.Timeouts.Late
	default:
		return nil, err
	}
	return k, nil
}

func (f *Fabric) fabricID(ctx context.Context) (int, error) {
	a, err := f.calls.read(ctx, "fabric/id")
	if codeOf(err) == composa.CodeUnsupported {
		return 0, as(composa.CodeUnreachable, err) // every director has it: this is none
	}
	if err != nil {
		return 0, err
	}
	var id number
	if len(a.data) > 0 {
		_ = id.UnmarshalJSON(a.data[0]) // it never fails
	}
	if !id.ok {
		return 0, faultf(composa.CodeUnreachable, "the director answered GET fabric/id without a number")
	}
	return int(id.value), nil
}

// era tells the line of the director's software (liqid-api.md 4, "How to
// tell"): before 2.5 version has one element of nested numbers; from 3.x on
// there are digests. Only 2.5 is driven.
func (f *Fabric) era(ctx context.Context) (era string, emulated bool, err error) {
	a, err := f.calls.read(ctx, "version")
	if err != nil {
		return "", false, err
	}
	components, older := 0, false
	for _, raw := range a.data {
		var w struct {
			Component text            `json:"component"`
			Branch    text            `json:"branch"`
			Older     json.RawMessage `json:"liqcfgd-version"`
		}
		if json.Unmarshal(raw, &w) != nil {
			continue
		}
		older = older || w.Older != nil
		if w.Component != "" {
			components++
		}
		emulated = emulated || strings.EqualFold(string(w.Component), "emulator") || strings.EqualFold(string(w.Branch), "emulated")
	}
	newer, err := f.hasDigests(ctx)
	switch {
	case err != nil:
		return "", false, err
	case newer:
		return "", false, unsupportedEra("3.x")
	case older || components == 0:
		return "", false, unsupportedEra("before 2.5")
	}
	return "2.5", emulated, nil
}

// hasDigests says whether there are digests, perhaps only for those who sign in.
func (f *Fabric) hasDigests(ctx context.Context) (bool, error) {
	_, err := f.calls.read(ctx, "digest")
	said, _ := errors.AsType[*fault](err)
	switch {
	case err == nil, said != nil && (said.status == http.StatusUnauthorized || said.status == http.StatusForbidden):
		return true, nil
	case codeOf(err) == composa.CodeUnsupported:
		return false, nil
	}
	return false, err
}

func unsupportedEra(era string) error {
	f := faultf(composa.CodeUnsupported, "its director software is of the line %s, which this driver does not speak", era)
	f.next = "it speaks 2.5"
	return f
}

// canWatch tries whether one of the event sockets opens.
func (f *Fabric) canWatch(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := f.dial(ctx)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// dial opens the event socket at the first address that takes it.
func (f *Fabric) dial(ctx context.Context) (c *stomp.Client, err error) {
	for _, at := range f.events {
		c, err = stomp.Dial(ctx, at, destinations, stomp.Options{HTTPClient: f.calls.events})
		if err == nil || ctx.Err() != nil {
			return c, err
		}
	}
	return nil, err
}
