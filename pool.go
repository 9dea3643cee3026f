package composa

import "time"

// Pool is a set of devices of any fabrics, kept for a purpose: only requests
// that name the pool get them. A device is in one pool at most.
type Pool struct {
	ID      PoolID            `json:"id"`
	Project ProjectID         `json:"project"`
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	// Most is how many devices it may hold; 0: any number.
	Most      int         `json:"most,omitempty"`
	Owner     PrincipalID `json:"owner"`
	CreatedAt time.Time   `json:"createdAt"`
	UpdatedAt time.Time   `json:"updatedAt"`
	Revision  int64       `json:"revision"`
}
