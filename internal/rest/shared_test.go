package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/rest"
)

// slow are fabrics that take a minute to look at. It counts the looks.
type slow struct {
	fails func(look int) // nil: none

	mu    sync.Mutex
	looks map[composa.FabricName]int
	ended []string
}

// count is how often a fabric was looked at.
func (s *slow) count(name composa.FabricName) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks[name]
}

func (s *slow) Look(ctx context.Context, name composa.FabricName) (*composa.Picture, error) {
	s.mu.Lock()
	s.looks[name]++
	s.mu.Unlock()
	n, began := s.count(name), time.Now()
	select {
	case <-time.After(time.Minute):
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, fmt.Sprint(name, " ", context.Cause(ctx)))
		return nil, ctx.Err()
	}
	if s.fails != nil {
		s.fails(n)
	}
	return &composa.Picture{Fabric: name, Began: began, Complete: true}, nil
}

func (s *slow) Check(context.Context, composa.FabricName) ([]composa.Check, error) {
	return nil, nil
}

func (s *slow) Probe(context.Context, composa.Who, composa.FabricName) ([]composa.Check, error) {
	return nil, nil
}

// lookers ask for inventories, in virtual time.
type lookers struct {
	t   *testing.T
	srv *rest.Server
}

// asks returns where the answer will come: when the look began, or the status
// and the text of what went wrong.
func (l *lookers) asks(ctx context.Context, fabric string) <-chan string {
	said := make(chan string, 1)
	go func() {
		got := call(ctx, l.srv, "GET", "/v1/fabrics/"+fabric+"/inventory", "")
		var inv api.Inventory
		if err := json.Unmarshal(got.Body.Bytes(), &inv); err != nil || got.Code != 200 {
			said <- fmt.Sprint(got.Code, " ", got.Body)
			return
		}
		said <- inv.Began.Format("15:04")
	}()
	synctest.Wait()
	return said
}

// Those who ask while a fabric is looked at share the next look, so that every
// look that is answered began after its question, and there are never two.
func TestCallersShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slow{looks: map[composa.FabricName]int{}}
		l := &lookers{t, rest.New(rest.Config{Store: unending{}, Fabrics: f})}
		defer l.srv.Close()
		start := time.Now().UTC()
		first := l.asks(t.Context(), "rack1")
		time.Sleep(10 * time.Second)
		var later []<-chan string
		for range 50 {
			later = append(later, l.asks(t.Context(), "rack1"))
		}
		other := l.asks(t.Context(), "rack2")
		if n, m := f.count("rack1"), f.count("rack2"); n != 1 || m != 1 {
			t.Errorf("51 callers of rack1 and one of rack2 have begun %d and %d looks", n, m)
		}
		if got, want := <-first, start.Format("15:04"); got != want {
			t.Errorf("the first is told %s, want %s", got, want)
		}
		<-other
		for _, said := range later {
			if got, want := <-said, start.Add(time.Minute).Format("15:04"); got != want {
				t.Errorf("who came later is told %s, want %s", got, want)
			}
		}
		if f.count("rack1") != 2 {
			t.Errorf("51 callers cause %d looks", f.count("rack1"))
		}
		if <-l.asks(t.Context(), "rack1"); f.count("rack1") != 3 {
			t.Errorf("who comes afterwards gets an old look")
		}
	})
}

// A caller who goes away takes nothing from those who share with them, and one
// who shares does not wait longer than they want to.
func TestACallerWhoSharesGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slow{looks: map[composa.FabricName]int{}}
		l := &lookers{t, rest.New(rest.Config{Store: unending{}, Fabrics: f})}
		defer l.srv.Close()
		l.asks(t.Context(), "rack1")
		first, leave := context.WithCancel(t.Context())
		l.asks(first, "rack1") // makes the next look
		second, leaveToo := context.WithCancel(t.Context())
		gone := l.asks(second, "rack1")
		stays := l.asks(t.Context(), "rack1")
		leave()
		leaveToo()
		synctest.Wait()
		select {
		case <-gone:
		default:
			t.Error("who went away still waits")
		}
		if got := <-stays; strings.Contains(got, " ") {
			t.Errorf("who stays is told %s", got)
		}
		if f.count("rack1") != 2 {
			t.Errorf("%d looks", f.count("rack1"))
		}
	})
}

// A look that goes wrong in the server is told to all who share it, and the next
// one finds nothing left of it.
func TestALookThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slow{looks: map[composa.FabricName]int{}, fails: func(look int) {
			if look == 2 {
				panic("boom")
			}
		}}
		l := &lookers{t, rest.New(rest.Config{Store: unending{}, Fabrics: f})}
		defer l.srv.Close()
		l.asks(t.Context(), "rack1")
		makes, shares := l.asks(t.Context(), "rack1"), l.asks(t.Context(), "rack1")
		for _, said := range []<-chan string{makes, shares} {
			if got := <-said; !strings.HasPrefix(got, "500 ") || strings.Contains(got, "boom") {
				t.Errorf("told %s", got)
			}
		}
		if got := <-l.asks(t.Context(), "rack1"); strings.Contains(got, " ") {
			t.Errorf("afterwards: %s", got)
		}
	})
}

// A server that stops ends the look that is under way and begins no other.
func TestCloseEndsALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slow{looks: map[composa.FabricName]int{}}
		l := &lookers{t, rest.New(rest.Config{Store: unending{}, Fabrics: f})}
		first, second := l.asks(t.Context(), "rack1"), l.asks(t.Context(), "rack1")
		l.srv.Close()
		<-first
		if got := <-second; !strings.HasPrefix(got, "503 ") {
			t.Errorf("who waited for the next look is told %s", got)
		}
		if len(f.ended) != 1 || f.count("rack1") != 1 {
			t.Errorf("%d looks, ended: %v", f.count("rack1"), f.ended)
		}
	})
}
