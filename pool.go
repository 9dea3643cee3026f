package composa

import "time"

// Pool is a set of devices of any fabrics, kept for a purpose: only requests
// that name the pool get them. A device is in one pool at most.
type Pool struct {
	ID      PoolID            `json:"id"`
	Project ProjectID         `json:"project"`
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	// Where is a condition (internal/selector): a device that meets it and was
	// put into no pool is in the oldest pool whose condition it meets. Empty: only
	// devices that were put into the pool are in it.
	Where string `json:"where,omitempty"`
	// Most is how many devices it may hold; 0: any number. Those that were put
	// into it come first, then those that meet its condition, in natural order.
	Most      int         `json:"most,omitempty"`
	Owner     PrincipalID `json:"owner"`
	CreatedAt time.Time   `json:"createdAt"`
	UpdatedAt time.Time   `json:"updatedAt"`
	Revision  int64       `json:"revision"`
}

// PoolTerms are under which terms a pool is changed; the zero value: now, and
// whatever it is.
type PoolTerms struct {
	Revision int64 // the one that was looked at; 0: any
	// DryRun only tells what the change would do, or why it would be refused.
	DryRun bool
}

// PoolUpdate is what changes of a pool; what is nil stays.
type PoolUpdate struct {
	Where  *string            // empty: it has no condition any more
	Most   *int               // 0: any number
	Labels map[string]*string // nil: the label is removed
}

// PoolChange is a pool after a change, or as it would be after one that was not
// made, and what the change does to the pools of devices. What a machine has
// stays with it: the pool of a device says who gets it next.
type PoolChange struct {
	Pool
	Found int64      // the revision that the change was made to; 0: the pool was not there
	Moves []PoolMove // in the order of the site's devices
}

// PoolMove is a device that comes into another pool; empty: it is in none.
type PoolMove struct {
	Device   DeviceID
	From, To PoolID
}
