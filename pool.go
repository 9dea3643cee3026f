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
