package neighbour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// group is ours.
type group struct {
	id   int
	name string
	raw  json.RawMessage // as the director records it
}

// makeGroup makes our group: an id is asked for, used, and found again (3.1).
func (n *Neighbour) makeGroup(ctx context.Context) error {
	name := n.name("g")
	return n.until(ctx, "group "+name+" is made", func() (bool, error) {
		next, err := n.nextID(ctx, "group/nextid")
		if err != nil {
			return false, err
		}
		_, err = n.call(ctx, http.MethodPost, "group", groupRecord{Fabric: n.fabric, ID: next, Name: name, Pod: -1})
		if refused(err) {
			n.report.IDTaken++
			return false, nil
		}
		if err != nil {
			return false, err
		}
		records, raw, err := n.groups(ctx)
		if err != nil {
			return false, err
		}
		if records[next].Name != name {
			return false, fmt.Errorf("group %d was made as %s, and is %q", next, name, records[next].Name)
		}
		n.group = &group{id: next, name: name, raw: raw[next]}
		return true, nil
	})
}

func (n *Neighbour) nextID(ctx context.Context, path string) (int, error) {
	a, err := n.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	raw, err := one(a.data)
	if err != nil {
		return 0, err
	}
	return id(raw)
}

// removeGroup removes our group, which is empty.
func (n *Neighbour) removeGroup(ctx context.Context) error {
	left, err := n.ours(ctx)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("group %s is to be removed and holds %v", n.group.name, left)
	}
	err = n.until(ctx, "group "+n.group.name+" may be removed", func() (bool, error) {
		_, err := n.call(ctx, http.MethodDelete, "group/"+strconv.Itoa(n.group.id), nil)
		return n.opened(err)
	})
	if err != nil {
		return err
	}
	err = n.until(ctx, "group "+n.group.name+" is gone", func() (bool, error) {
		records, _, err := n.groups(ctx)
		return records[n.group.id].Name != n.group.name, err
	})
	n.group = nil
	return err
}

// opened says whether something was let in; a refusal means that somebody is
// editing, and that it is to be asked again.
func (n *Neighbour) opened(err error) (bool, error) {
	if refused(err) {
		n.report.Waited++
		return false, nil
	}
	return err == nil, err
}

// inPool opens an edit of our group's pool, queues, and commits; where queueing
// fails it ends the edit without effect. A pool is edited between pool/edit and
// pool/done (2.3).
func (n *Neighbour) inPool(ctx context.Context, at coordinates, queue func() error) error {
	if n.dialect.three {
		at = n.at
	}
	pool := poolRecord{Group: n.group.id, Fabric: n.fabric, Coordinates: at}
	err := n.until(ctx, "the pool of "+n.group.name+" may be edited", func() (bool, error) {
		_, err := n.call(ctx, http.MethodPost, "pool/edit", pool)
		return n.opened(err)
	})
	if err != nil {
		return err
	}
	if err := queue(); err != nil {
		return errors.Join(err, n.giveUp(ctx, "pool/cancel", pool))
	}
	a, err := n.call(ctx, http.MethodPost, "pool/done", pool)
	if err == nil {
		err = n.finish(ctx, a)
	}
	if err != nil {
		return errors.Join(err, n.giveUp(ctx, "pool/cancel", pool))
	}
	return n.quiet(ctx, strconv.Itoa(n.group.id))
}

// giveUp ends a session without effect, also where the caller's time is over.
func (n *Neighbour) giveUp(ctx context.Context, path string, body any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := n.call(ctx, http.MethodPost, path, body)
	if refused(err) {
		return nil // it is not open any more: somebody ended it, or its commit has
	}
	return err
}

// quiet waits until nothing is pending there, where the director tells that
// (3.10).
func (n *Neighbour) quiet(ctx context.Context, there string) error {
	if n.noState || n.dialect.three {
		return nil
	}
	path := fmt.Sprintf("state/%d/%s", n.fabric, there)
	return n.until(ctx, path+" is empty", func() (bool, error) {
		pending, err := get[json.RawMessage](ctx, n, path)
		if absent(err) {
			n.noState = true
			return true, nil
		}
		return len(pending) == 0, err
	})
}

// enter takes free devices into our group, as many as are wanted. What somebody
// else takes in between is made up for from what is still free.
func (n *Neighbour) enter(ctx context.Context, wants []want) (taken []device, err error) {
	err = n.until(ctx, "as many devices as are wanted are in group "+n.group.name, func() (bool, error) {
		left := missing(wants, taken)
		if len(left) == 0 {
			return true, nil
		}
		entered, err := n.enterOnce(ctx, left)
		taken = append(taken, entered...)
		return len(missing(wants, taken)) == 0, err
	})
	if err != nil && len(taken) > 0 {
		err = errors.Join(err, n.leave(ctx, taken))
	}
	return taken, err
}

func (n *Neighbour) enterOnce(ctx context.Context, wants []want) ([]device, error) {
	before, err := n.everything(ctx)
	if err != nil {
		return nil, err
	}
	picked, err := n.pick(ctx, before, wants)
	if err != nil {
		return nil, err
	}
	var queued []device
	err = n.inPool(ctx, picked[0].Location, func() error {
		for _, d := range picked {
			_, err := n.call(ctx, http.MethodPost, "predevice/"+d.class.list, relator{d.raw, n.group.raw})
			if refused(err) {
				n.report.Lost++
				continue
			}
			if err != nil {
				return err
			}
			queued = append(queued, d)
		}
		return nil
	})
	if err != nil && !refused(err) {
		return nil, err
	}
	return n.entered(ctx, queued, err != nil)
}

// entered waits until each device is in our group, or in somebody else's; after
// a commit that was refused, nothing more will come.
func (n *Neighbour) entered(ctx context.Context, queued []device, over bool) (in []device, err error) {
	err = n.until(ctx, fmt.Sprintf("%d devices are in group %s", len(queued), n.group.name), func() (bool, error) {
		in = nil
		now, err := n.everything(ctx)
		lost := 0
		for _, d := range queued {
			switch p, is := now[d.Name]; {
			case p == place{n.group.id, 0}:
				in = append(in, d)
			case is || over:
				lost++
			}
		}
		if len(in)+lost < len(queued) {
			return false, err
		}
		n.report.Lost += lost
		return true, err
	})
	return in, err
}

// leave gives devices of our group back (3.6).
func (n *Neighbour) leave(ctx context.Context, devices []device) error {
	if len(devices) == 0 {
		return nil
	}
	err := n.inPool(ctx, devices[0].Location, func() error {
		for _, d := range devices {
			now, err := n.status(ctx, d)
			if err != nil {
				return err
			}
			if _, err := n.call(ctx, http.MethodDelete, "predevice/"+d.class.list, relator{now.raw, n.group.raw}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return n.until(ctx, "what was given back has left "+n.group.name, func() (bool, error) {
		now, err := n.ours(ctx)
		for _, d := range devices {
			if _, still := now[d.Name]; still {
				return false, err
			}
		}
		return true, err
	})
}
