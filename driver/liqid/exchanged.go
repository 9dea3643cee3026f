package liqid

import (
	"context"
	"time"

	"github.com/composa-dev/composa"
)

// seating is less than it takes anybody to pull a part and to seat another one
// of the same model in its place: details that were read so lately are those of
// the part.
const seating = 5 * time.Second

// parts are those of the step whose details were not read lately; all of them
// where any is set.
func (j *job) parts(all bool) (out []*device) {
	now := j.config.Clock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, ref := range j.step.Devices() {
		d := j.look.device(ref.Name)
		if d == nil {
			continue
		}
		known, ok := j.details[d.name]
		if age := now.Sub(known.read); all || !ok || known.of != d.print || age < 0 || age > seating {
			out = append(out, d)
		}
	}
	return out
}

// afresh reads the details of the step's parts, so that an exchanged one is
// noticed, and says how the step stands then.
func (j *job) afresh(ctx context.Context) (composa.Standing, string, error) {
	if err := j.learnParts(ctx, j.know, j.parts(true)); err != nil {
		return "", "", err
	}
	standing, why := j.show(j.look)
	return standing, why, nil
}

// beside is what is read of the step's parts while a session is filled.
type beside struct {
	job  *job
	stop context.CancelFunc
	done chan struct{}
	err  error // once done is closed
	any  bool
}

// partsBeside begins to read the details of the step's parts, where they were not
// read lately: nothing waits for them but the commit.
func (j *job) partsBeside(ctx context.Context) *beside {
	parts := j.parts(false)
	ctx, stop := context.WithCancel(ctx)
	b := &beside{job: j, stop: stop, done: make(chan struct{}), any: len(parts) > 0}
	if !b.any {
		close(b.done)
		return b
	}
	go func() {
		defer close(b.done)
		b.err = j.learnParts(behind(ctx), j.know, parts)
	}()
	return b
}

// check waits for the details, and refuses where one of the parts is not the one
// that the step means.
func (b *beside) check() error {
	<-b.done
	if b.err != nil || !b.any {
		return b.err
	}
	if standing, why := b.job.show(b.job.look); standing == composa.Conflict {
		return faultf(composa.CodeConflict, "%s", why)
	}
	return nil
}

// end stops the reading, where it still goes on.
func (b *beside) end() {
	b.stop()
	<-b.done
}
