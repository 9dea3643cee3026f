package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/store"
)

// moving is a store in which everything has always moved.
type moving struct {
	intake.Store
	site    *composa.Site
	commits int
}

func (m *moving) Site(context.Context, composa.Who) (*composa.Site, error) { return m.site, nil }

func (m *moving) Accept(context.Context, composa.Who, store.Acceptance) (*composa.Operation, error) {
	m.commits++
	return nil, composa.Errorf(composa.CodeMoved, "cannot compose: it moved")
}

// Where the site moves all the time a request is placed now and then, others
// are served meanwhile, and it is told in the end.
func TestAnUnquietSiteIsLeftRoom(t *testing.T) {
	w := newWorld(t)
	site := w.site()
	synctest.Test(t, func(t *testing.T) {
		m := &moving{site: site}
		in := intake.New(m, slog.New(slog.DiscardHandler))
		began := time.Now()
		_, err := in.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: composa.Asked{Project: w.project, Machine: "train"}, Spec: wants(gpus(1))})
		if composa.CodeOf(err) != composa.CodeUnavailable || time.Since(began) != 30*time.Second || m.commits > 400 {
			t.Errorf("after %v and %d commits: %v", time.Since(began), m.commits, err)
		}
	})
}

// closed is a store that answers nobody until it is opened.
type closed struct {
	moving
	open chan struct{}
}

func (c *closed) Site(ctx context.Context, who composa.Who) (*composa.Site, error) {
	<-c.open
	return c.site, nil
}

// Who goes away leaves the line.
func TestWhoGoesAwayLeavesTheLine(t *testing.T) {
	w := newWorld(t)
	site := w.site()
	synctest.Test(t, func(t *testing.T) {
		c := &closed{moving: moving{site: site}, open: make(chan struct{})}
		in := intake.New(c, slog.New(slog.DiscardHandler))
		compose := func(ctx context.Context, errs chan<- error) {
			_, err := in.Compose(ctx, w.who, composa.ComposeRequest{Asked: composa.Asked{Project: w.project, Machine: "train"}, Spec: wants(gpus(1))})
			errs <- err
		}
		first, second := make(chan error, 1), make(chan error, 1)
		held, giveUp := context.WithCancel(t.Context())
		go compose(held, first)
		synctest.Wait()
		gone, goAway := context.WithCancel(t.Context())
		go compose(gone, second)
		synctest.Wait()
		goAway()
		synctest.Wait()
		select {
		case err := <-second:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("who went away is told %v", err)
			}
		default:
			t.Error("who went away still stands in line")
		}
		giveUp()
		close(c.open)
		<-first
	})
}
