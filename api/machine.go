package api

import "time"

// Want is one line of a request: some devices of one kind.
type Want struct {
	Kind  string   `json:"kind" enum:"cpu,gpu,ssd,scm,nic,fpga,memory" example:"gpu" doc:"Sort of device"`
	Count int      `json:"count,omitempty" example:"4" doc:"How many; with ids their number, or left out"`
	Model string   `json:"model,omitempty" example:"A100" doc:"Any part of the model's name, in any case"`
	IDs   []string `json:"ids,omitempty" example:"[\"rack1/gpu3\"]" doc:"Exactly these devices"`
	IPMI  string   `json:"ipmi,omitempty" example:"192.0.2.12" doc:"The cpu whose management controller has this address"`
	// Min values are quantities ("40GB") or whole numbers.
	Min   map[string]any `json:"min,omitempty" maxProperties:"8" example:"{\"memory\": \"40GB\"}" doc:"The least that each device must have, by field: memory, size, cores, threads, lanes, speed. A quantity with a unit, or a number of bytes, of bits per second, or of things"`
	Where string         `json:"where,omitempty" maxLength:"1024" example:"device.speed >= 100*Gb" doc:"A condition on each device, in CEL over device"`
}

// Wish is what somebody wants of a machine.
type Wish struct {
	Labels  map[string]string `json:"labels,omitempty" doc:"Words of your own"`
	Fabrics []string          `json:"fabrics,omitempty" example:"[\"rack1\"]" doc:"Fabrics that will do; none named: any"`
	Pool    string            `json:"pool,omitempty" example:"vision" doc:"Pool to take from; none named: devices in no pool"`
	Devices []Want            `json:"devices" doc:"What it is made of; one cpu is added where none is named"`
	P2P     bool              `json:"p2p,omitempty" doc:"Peer-to-peer traffic between its GPUs"`
	Power   string            `json:"power,omitempty" enum:"on,keep" example:"on" doc:"on: powered on once made, where the fabric can; keep: left alone. on unless said"`
}

// Ask is what every changing request may say about itself.
type Ask struct {
	Message string `json:"message,omitempty" maxLength:"500" example:"retraining the model" doc:"Why, for the record"`
	Timeout int    `json:"timeout,omitempty" minimum:"0" maximum:"604800" example:"600" doc:"Seconds after which waiting for a silent fabric ends; 0: never"`
}

// PutMachine asks for a machine of a name: made if there is none, found if the
// same principal made it with the same wish.
type PutMachine struct {
	Wish
	Ask
}

// NewMachine asks for a machine that must not exist yet.
type NewMachine struct {
	Name    string `json:"name" example:"train" doc:"A DNS label, unique among the living machines of its project"`
	Project string `json:"project,omitempty" example:"default" doc:"The project; default unless said"`
	Wish
	Ask
}

// FreeMachine gives a machine back.
type FreeMachine struct {
	Grace *int `json:"grace,omitempty" minimum:"0" maximum:"86400" example:"120" doc:"Seconds its host may take to shut down before its power is cut, or, where the fabric cannot cut it (Liqid 2.5), before it is asked once more; 120 unless said; 0: at once"`
	Ask
}

// Plug adds devices to a machine.
type Plug struct {
	Devices []Want `json:"devices"`
	Ask
}

// Unplug takes devices from a machine: those named, and so many of each kind.
type Unplug struct {
	IDs    []string       `json:"ids,omitempty" example:"[\"rack1/gpu3\"]"`
	Counts map[string]int `json:"counts,omitempty" example:"{\"gpu\": 1}"`
	Ask
}

// Reshape sets how many devices of a kind a machine has; kinds that it does not
// name stay as they are.
type Reshape struct {
	Totals map[string]int `json:"totals" example:"{\"gpu\": 4}"`
	Ask
}

// Move takes devices from the machine of the path to another one of the same
// fabric.
type Move struct {
	IDs []string `json:"ids" example:"[\"rack1/gpu3\"]"`
	To  string   `json:"to" example:"render" doc:"Name or id of the machine that gets them, in the same project. An id means that machine, and no other that has its name by now"`
	Ask
}

// Machine is devices of one fabric held together under a name.
type Machine struct {
	ID      string `json:"id" example:"mach_k3v9q2xwabcdefgh"`
	Project string `json:"project" example:"default"`
	Name    string `json:"name" example:"train"`
	Owner   string `json:"owner" example:"admin"`
	State   string `json:"state" enum:"queued,composing,ready,changing,freeing,held,freed,degraded,lost,stale" example:"ready"`
	// StateAge is how old the picture is that the state was read from, in
	// seconds; 0 while nothing was seen.
	StateAge    float64           `json:"stateAge"`
	Fabric      string            `json:"fabric,omitempty" example:"rack1"`
	Emulated    bool              `json:"emulated,omitempty" doc:"Its fabric is pretend hardware"`
	Label       string            `json:"label,omitempty" example:"traink3v9q2xw" doc:"Its name on the fabric"`
	Native      string            `json:"native,omitempty" example:"7" doc:"The fabric's handle of it"`
	Wish        Wish              `json:"wish"`
	Devices     []MachineDevice   `json:"devices"`
	Address     string            `json:"address,omitempty" example:"10.0.0.12"`
	Login       string            `json:"login,omitempty" example:"ubuntu"`
	OS          string            `json:"os,omitempty"`
	BootImage   string            `json:"bootImage,omitempty"`
	Power       string            `json:"power" enum:"on,off,unknown" example:"on"`
	Reach       string            `json:"reach" enum:"unknown,no address" example:"no address" doc:"no address: none is known of its host; unknown: one is, and nobody asked whether it answers"`
	P2P         bool              `json:"p2p,omitempty"`
	Drift       []Drift           `json:"drift,omitempty" doc:"How it differs from its record, where no operation explains it"`
	Operation   string            `json:"operation,omitempty" example:"op_k3v9q2xwabcdefgh" doc:"The operation that changes it now, or made this change"`
	Labels      map[string]string `json:"labels,omitempty"`
	Explanation *Explanation      `json:"explanation,omitempty" doc:"The account of the choice, in the answer to a request with explain"`
	CreatedAt   time.Time         `json:"createdAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	FreedAt     *time.Time        `json:"freedAt,omitempty"`
	Revision    int64             `json:"revision" example:"3"`
}

// MachineDevice is one device of a machine.
type MachineDevice struct {
	Place string `json:"place" example:"rack1/gpu3" doc:"Where the device is; empty while it is in no place, gone or exchanged"`
	ID    string `json:"id" example:"dev_k3v9q2xwabcdefgh"`
	Kind  string `json:"kind" example:"gpu"`
	Model string `json:"model,omitempty" example:"A100"`
	Entry string `json:"entry,omitempty" example:"gpu" doc:"Line of the wish that it serves"`
	// State is attached once the fabric shows it in the machine, claimed before,
	// leaving once it was given up.
	State string `json:"state" enum:"claimed,attached,leaving" example:"attached"`
}

// Drift is one difference between what is recorded and what is seen.
type Drift struct {
	Sort   string `json:"sort" enum:"lost,vanished,extra" example:"vanished"`
	Device string `json:"device,omitempty" example:"rack1/gpu3"`
	Text   string `json:"text,omitempty" doc:"What it is, for people" example:"rack1/gpu3 is not in it"`
}

// Machines is a page of machines.
type Machines struct {
	Items []Machine `json:"items"`
	Page
}

// Page is what every list carries beside its items.
type Page struct {
	Next string    `json:"next,omitempty" doc:"Give it as cursor to get the next page; absent on the last"`
	AsOf time.Time `json:"asOf" doc:"When the list was read"`
}
