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
	Of        int               `json:"of,omitempty" example:"48" doc:"How many devices the site has, in pools and in none"`
	Free      int               `json:"free"`
	Owner     string            `json:"owner"`
	CreatedAt time.Time         `json:"createdAt"`
	Revision  int64             `json:"revision" doc:"Of a dry run: the one that it is at, 0 where it is not there"`
	Change    *PoolChange       `json:"change,omitempty" doc:"What the change does that this answers; absent in an answer by an earlier request with the key"`
}

// PoolChange tells what a change of a pool does, and to whom. What a machine has
// stays with it: the pool of a device says who gets it next.
type PoolChange struct {
	DryRun bool       `json:"dryRun,omitempty" doc:"Nothing was changed"`
	Moves  []PoolMove `json:"moves" doc:"Devices that come into another pool"`
	Lines  []string   `json:"lines" doc:"The same in sentences, for people"`
}

// PoolMove is a device that comes into another pool.
type PoolMove struct {
	ID      string `json:"id" doc:"Id of the device"`
	Place   string `json:"place" example:"rack1/gpu3"`
	From    string `json:"from,omitempty" example:"vision" doc:"The pool it was in; absent: none, or another project's"`
	To      string `json:"to,omitempty" doc:"The pool it is in; absent: none, or another project's"`
	Machine string `json:"machine,omitempty" doc:"The machine of yours that has it, and keeps it"`
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

// EditPool changes what a pool is; what is absent stays.
type EditPool struct {
	Where  *string            `json:"where,omitempty" example:"device.labels.team == \"vision\"" doc:"Its condition; empty: none, it holds what was put into it"`
	Most   *int               `json:"most,omitempty" minimum:"0" maximum:"100000" doc:"How many devices it may hold; 0: any number"`
	Labels map[string]*string `json:"labels,omitempty" doc:"Labels to set; null removes one"`
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
