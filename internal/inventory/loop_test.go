package inventory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/driver"
)

// listener is a fabric that begins to listen, and hears of a change, when it is
// told to.
type listener struct {
	driver.Fabric
	says chan struct{}
}

func (l listener) Watch(ctx context.Context, changed chan<- struct{}) error {
	for {
		select {
		case _, ok := <-l.says:
			if !ok {
				return context.Canceled
			}
			changed <- struct{}{}
		case <-ctx.Done():
			return nil
		}
	}
}

func TestAFabricIsListenedToOnceItSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		says := make(chan struct{})
		i := New(Config{Fabric: "rack1", Driver: listener{says: says}})
		ctx, stop := context.WithCancel(t.Context())
		changed, watching := make(chan struct{}, 1), make(chan bool, 8)
		done := make(chan struct{})
		go func() {
			defer close(done)
			i.watch(ctx, changed, watching)
		}()
		time.Sleep(time.Hour)
		if len(watching) > 0 {
			t.Errorf("a watch that has not opened is told as %t", <-watching)
		}
		says <- struct{}{}
		synctest.Wait()
		if len(watching) != 1 || !<-watching || len(changed) > 0 {
			t.Errorf("a watch that has opened is not told")
		}
		says <- struct{}{}
		synctest.Wait()
		if len(watching) > 0 || len(changed) != 1 {
			t.Errorf("a change is not told")
		}
		close(says)
		synctest.Wait()
		if len(watching) != 1 || <-watching {
			t.Errorf("the end of a watch is not told")
		}
		stop()
		<-done
	})
}
