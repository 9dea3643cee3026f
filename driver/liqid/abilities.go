package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/composa-dev/composa"
)

// knowledge is what was found out about a director by asking. It is asked again
// after a while and after the director was silent: it may come back with other
// software.
type knowledge struct {
	asked   time.Time
	fabric  int // fabr_id, part of what is created
	speaks  speech
	pending bool   // there is state/{fabric}, which may list what is under way
	events  source // what tells of changes; nil: nothing
	// listsAll tells that predevice was seen to list, for groups, all that is
	// attached to their machines: machines are not asked about then.
	listsAll atomic.Bool
	// coordinates are the director's own, as they came; nil in 2.x, and where it
	// does not tell them.
	coordinates json.RawMessage
	abilities   composa.Abilities
}

// settleTime is how long something sent may still take effect where a director
// does not list what is pending (design 3.6).
const settleTime = time.Minute

// askAgain is how long what was found out is believed.
const askAgain = 10 * time.Minute

// dialTime bounds the try whether a source of events opens.
const dialTime = 2 * time.Second

// Abilities says what the director can do, found out by asking it.
func (f *Fabric) Abilities(ctx context.Context) (*composa.Abilities, error) {
	k, err := f.know(ctx)
	if err != nil {
		return nil, explain("cannot ask "+string(f.config.Name)+" what it can do", err)
	}
	return f.able(k), nil
}

// able is what is known now. That nothing sent before can still take effect is
// proven only by a list on which a commit of ours of every kind was seen to stand.
func (f *Fabric) able(k *knowledge) *composa.Abilities {
	a := k.abilities
	if !f.lists(k, commits...) {
		a.SettleTime = f.config.Timeouts.Late
	}
	return &a
}

// lists says whether the director lists what is under way of these commits.
func (f *Fabric) lists(k *knowledge, of ...aspect) bool {
	return k.pending && f.observed.is(askPending, seenLists, of...)
}

// asking is one round of questions, which everybody who wants to know waits for.
type asking struct {
	done  chan struct{} // closed once k and err are there
	stale bool          // the director was silent meanwhile; guarded by Fabric.mu
	k     *knowledge
	err   error
}

// know returns what is known of the director. Where nothing is, one caller asks
// and the others wait for what he is told.
func (f *Fabric) know(ctx context.Context) (*knowledge, error) {
	for {
		f.mu.Lock()
		k, under := f.known, f.asking
		if k != nil && f.config.Clock().Sub(k.asked) < askAgain {
			f.mu.Unlock()
			return k, nil
		}
		if under == nil {
			under = &asking{done: make(chan struct{})}
			f.asking = under
			f.mu.Unlock()
			f.answer(ctx, under)
			return under.k, under.err
		}
		f.mu.Unlock()
		select {
		case <-under.done:
		case <-ctx.Done():
			return nil, &fault{code: composa.CodeUnreachable, why: "it was not waited for until " + string(f.config.Name) + " said what it is", err: ctx.Err()}
		}
		switch {
		case under.err == nil:
			return under.k, nil
		case !errors.Is(under.err, context.Canceled) && !errors.Is(under.err, context.DeadlineExceeded):
			return nil, under.err
		}
		// The time of the one who asked was over, and ours is not.
	}
}

// answer asks, and keeps what it was told.
func (f *Fabric) answer(ctx context.Context, a *asking) {
	defer close(a.done)
	k, err := f.ask(ctx)
	f.mu.Lock()
	f.asking = nil
	other := false
	if err == nil {
		if told := k.speaks.told; told != "" {
			other = f.told != "" && f.told != told
			f.told = told
		}
		if !a.stale {
			f.known = k
		}
	}
	f.mu.Unlock()
	a.k, a.err = k, err
	if err != nil {
		return
	}
	f.calls.signed.mayMake(k.speaks.readOnly == "")
	denied := f.observed.is(askPending, seenDenied)
	if other {
		f.observed.forget()
	}
	switch {
	case !k.pending && denied:
		f.observed.saw(askPending, seenDenied)
	case !k.pending:
		f.observed.saw(askPending, seenNone)
	}
}

// forget makes the next call ask again.
func (f *Fabric) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = nil
	if f.asking != nil {
		f.asking.stale = true
	}
}

// line reads of which line the director's software is, as it says itself.
func (f *Fabric) line(ctx context.Context) (string, error) {
	says, err := f.version(ctx)
	return says.era, err
}

func (f *Fabric) ask(ctx context.Context) (*knowledge, error) {
	k := &knowledge{asked: f.config.Clock(), abilities: composa.Abilities{
		Driver: "liqid", Groups: composa.NeedRequired, Make: composa.MakeEmpty, Reshape: composa.ReshapeOn, DetachSure: true,
	}}
	var says version
	var newer bool
	err := together(
		func() (err error) { k.fabric, err = f.fabricID(ctx); return err },
		func() (err error) { says, err = f.version(ctx); return err },
		func() (err error) { newer, err = f.isThird(ctx); return err },
	)
	if err != nil {
		return nil, err
	}
	line, rest := 2, func() (err error) { k.pending, err = f.has(ctx, fmt.Sprintf("state/%d", k.fabric)); return err }
	if newer {
		line, rest = 3, func() (err error) { k.coordinates, err = f.coordinates(ctx); return err }
	}
	err = together(rest, func() error { k.events = f.findEvents(ctx, f.sources(line)); return nil })
	if err != nil {
		return nil, err
	}
	k.speaks = choose(says.era, line, f.config.Era)
	k.abilities.Era, k.abilities.Emulated, k.abilities.Push = says.era, says.emulated, k.events != nil
	if says.era == "" {
		k.abilities.Era = k.speaks.era
	}
	if k.speaks.readOnly != "" {
		k.abilities.ReadOnly = &composa.ReadOnly{Why: k.speaks.readOnly, Next: k.speaks.next}
	} else {
		k.abilities.Acts = []composa.Act{
			composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower,
		}
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
		return 0, f.calls.unreadable("fabric/id", "no number")
	}
	return int(id.value), nil
}

// coordinates reads the director's own, which 3.x clients put into what they say
// of pools (liqid-api.md 2.1, 2.3). One that does not tell them takes others.
func (f *Fabric) coordinates(ctx context.Context) (json.RawMessage, error) {
	a, err := f.calls.read(ctx, "coordinates")
	if codeOf(err) == composa.CodeUnsupported {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w struct{ Rack, Shelf, Node number }
	if len(a.data) == 0 || json.Unmarshal(a.data[0], &w) != nil || !w.Rack.ok || !w.Shelf.ok || !w.Node.ok {
		return nil, nil
	}
	return a.data[0], nil
}

func (f *Fabric) version(ctx context.Context) (version, error) {
	a, err := f.calls.read(ctx, "version")
	if err != nil {
		return version{}, err
	}
	return readVersion(a.data), nil
}

// isThird says whether the calls of 3.x are there: no version field anywhere
// tells the API's own (liqid-api.md 4, "How to tell").
func (f *Fabric) isThird(ctx context.Context) (bool, error) {
	digests, err := f.there(ctx, "digest")
	if err != nil || digests {
		return digests, err
	}
	return f.there(ctx, "device/info/gpu")
}

// seenDenied answers askPending where the director has such a list for others.
const seenDenied = "its user may not read such a list"

// has says whether a list of what is under way is there, and may be read.
func (f *Fabric) has(ctx context.Context, path string) (bool, error) {
	_, err := f.calls.read(ctx, path)
	was := f.observed.of(askPending)
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.observed.saw(askPending, seenDenied)
		return false, nil
	case codeOf(err) == composa.CodeUnsupported:
		f.observed.saw(askPending, seenNone)
		return false, nil
	case err == nil && (was == seenDenied || was == seenNone):
		f.observed.saw(askPending, "") // it is there now
	}
	return err == nil, err
}

// there says whether a reading call is there, perhaps only for other users.
func (f *Fabric) there(ctx context.Context, path string) (bool, error) {
	_, err := f.calls.read(ctx, path)
	switch status := statusOf(err); {
	case err == nil || status == http.StatusUnauthorized || status == http.StatusForbidden:
		return true, nil
	case codeOf(err) == composa.CodeUnsupported:
		return false, nil
	}
	return false, err
}
