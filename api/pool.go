package api

import "time"

// Pool is a set of devices kept for a purpose: only requests that name it get
// them.
type Pool struct {
	ID        string            `json:"id"`
	Project   string            `json:"project"`
	Name      string            `json:"name" example:"vision"`
	Labels    map[string]string `json:"labels,omitempty"`
	Where     string            `json:"where,omitempty" example:"device.labels.team == \"vision\"" doc:"A condition: devices that meet it and were put into no pool are in the oldest pool whose condition they meet"`
	Most      int               `json:"most,omitempty" doc:"How many devices it may hold; absent: any number"`
	Devices   []string          `json:"devices" doc:"Places of its devices"`
	Free      int               `json:"free"`
	Owner     string            `json:"owner"`
	CreatedAt time.Time         `json:"createdAt"`
	Revision  int64             `json:"revision"`
}

// NewPool makes a pool.
type NewPool struct {
	Name    string            `json:"name" example:"vision"`
	Project string            `json:"project,omitempty" example:"default"`
	Most    int               `json:"most,omitempty" minimum:"0" maximum:"100000"`
	Labels  map[string]string `json:"labels,omitempty"`
	IDs     []string          `json:"ids,omitempty" doc:"Its first devices"`
	Where   string            `json:"where,omitempty" example:"device.labels.team == \"vision\"" doc:"A condition, in CEL over device: the pool also holds what meets it and was put into no pool"`
}

// PoolDevices names devices to add to, or to take from, a pool.
type PoolDevices struct {
	IDs []string `json:"ids" example:"[\"rack1/gpu3\"]"`
}

// Pools is a page of pools.
type Pools struct {
	Items []Pool `json:"items"`
	Page
}
