package api

import "time"

// The bodies of events: the state of the subject after the change, as far as it
// is the subject's own. What an event's type begins with tells which:
// "operation" has an [Operation] without steps, "step" a [Step], the others one
// of these.

// EventMachine is the body of "machine" events.
type EventMachine struct {
	ID        string     `json:"id"`
	Project   string     `json:"project"`
	Name      string     `json:"name"`
	Owner     string     `json:"owner"`
	Fabric    string     `json:"fabric,omitempty"`
	Label     string     `json:"label,omitempty"`
	Native    string     `json:"native,omitempty"`
	Wish      Wish       `json:"wish"`
	Operation string     `json:"operation,omitempty"`
	FreedAt   *time.Time `json:"freedAt,omitempty"`
	Revision  int64      `json:"revision"`
}

// EventDevice is the body of "device" events.
type EventDevice struct {
	ID       string            `json:"id"`
	Place    string            `json:"place"`
	Fabric   string            `json:"fabric"`
	Kind     string            `json:"kind"`
	Vendor   string            `json:"vendor,omitempty"`
	Model    string            `json:"model,omitempty"`
	Serial   string            `json:"serial,omitempty"`
	Health   string            `json:"health"`
	Hygiene  string            `json:"hygiene"`
	Cordon   *Cordon           `json:"cordon,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	GoneAt   *time.Time        `json:"goneAt,omitempty"`
	Revision int64             `json:"revision"`
}

// EventClaim is the body of "claim" events.
type EventClaim struct {
	ID       string `json:"id"`
	Device   string `json:"device" doc:"Id of the device"`
	Machine  string `json:"machine" doc:"Id of the machine that holds it"`
	Heir     string `json:"heir,omitempty" doc:"Id of the machine that holds it next"`
	Entry    string `json:"entry,omitempty"`
	Purpose  string `json:"purpose"`
	Evidence string `json:"evidence,omitempty"`
}

// EventFabric is the body of "fabric" events.
type EventFabric struct {
	Name        string     `json:"name"`
	Driver      string     `json:"driver"`
	Access      string     `json:"access"`
	SilentSince *time.Time `json:"silentSince,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	Revision    int64      `json:"revision"`
}

// EventPool is the body of "pool" events.
type EventPool struct {
	ID       string            `json:"id"`
	Project  string            `json:"project"`
	Name     string            `json:"name"`
	Most     int               `json:"most,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Revision int64             `json:"revision"`
}

// Health is what /healthz and /readyz answer.
type Health struct {
	Status string `json:"status" enum:"ok" example:"ok"`
}
