package api

import "time"

// Device is one part that a fabric can attach.
type Device struct {
	ID        string            `json:"id" example:"dev_k3v9q2xwabcdefgh"`
	Place     string            `json:"place" example:"rack1/gpu3" doc:"Where it is now"`
	Fabric    string            `json:"fabric" example:"rack1"`
	Emulated  bool              `json:"emulated,omitempty"`
	Kind      string            `json:"kind" enum:"cpu,gpu,ssd,scm,nic,fpga,memory" example:"gpu"`
	Vendor    string            `json:"vendor,omitempty" example:"NVIDIA"`
	Model     string            `json:"model,omitempty" example:"A100"`
	Serial    string            `json:"serial,omitempty"`
	Firmware  string            `json:"firmware,omitempty"`
	Cores     int               `json:"cores,omitempty" doc:"Processor cores"`
	Threads   int               `json:"threads,omitempty"`
	Memory    int64             `json:"memory,omitempty" example:"42949672960" doc:"Bytes of memory; absent where the fabric does not say"`
	Size      int64             `json:"size,omitempty" doc:"Bytes of a drive"`
	Speed     int64             `json:"speed,omitempty" doc:"Bits per second of a network link"`
	Lanes     int               `json:"lanes,omitempty" doc:"PCIe lanes as trained"`
	Bus       string            `json:"bus,omitempty" example:"gen4"`
	Switch    string            `json:"switch,omitempty" doc:"Switch it hangs on"`
	IPMI      string            `json:"ipmi,omitempty" doc:"Address of a node's management controller"`
	Learning  bool              `json:"learning,omitempty" doc:"Its details were not read yet"`
	Health    string            `json:"health" enum:"ok,degraded,failed,missing" example:"ok"`
	Use       string            `json:"use" enum:"free,claimed,attached,foreign" example:"free"`
	Free      bool              `json:"free" doc:"A request that names no pool could get it now"`
	WhyNot    string            `json:"whyNot,omitempty" doc:"Why not, where it is not free" example:"claimed"`
	Hygiene   string            `json:"hygiene" enum:"clean,used" example:"clean"`
	Cordon    *Cordon           `json:"cordon,omitempty"`
	Machine   string            `json:"machine,omitempty" doc:"Name of the machine that has it, where it is in a project of yours"`
	MachineID string            `json:"machineId,omitempty"`
	Project   string            `json:"project,omitempty" doc:"Project of that machine"`
	Pool      string            `json:"pool,omitempty"`
	Address   string            `json:"address,omitempty" doc:"Address of the host behind a cpu"`
	Login     string            `json:"login,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	FirstSeen time.Time         `json:"firstSeen"`
	Revision  int64             `json:"revision"`
}

// Cordon keeps a device from being given out.
type Cordon struct {
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// EditDevice changes what people say about a device; what is absent stays.
type EditDevice struct {
	Address *string            `json:"address,omitempty" maxLength:"253" doc:"Address of the host behind a cpu; empty: forget it"`
	Login   *string            `json:"login,omitempty" maxLength:"64"`
	Cordon  *string            `json:"cordon,omitempty" maxLength:"500" doc:"Reason for keeping it from being given out; empty: give it out again"`
	Labels  map[string]*string `json:"labels,omitempty" doc:"null removes a label"`
}

// Devices is a page of devices.
type Devices struct {
	Items []Device `json:"items"`
	Page
}

// Available is how many devices of one kind and model there are.
type Available struct {
	Kind    string           `json:"kind" example:"gpu"`
	Model   string           `json:"model" example:"A100" doc:"unknown where the fabric does not say"`
	Free    int              `json:"free" doc:"Free now, in no pool"`
	All     int              `json:"all"`
	Most    int              `json:"most" doc:"The most that one machine could get now"`
	Fabrics []AvailableThere `json:"fabrics"`
}

// AvailableThere is one fabric's share.
type AvailableThere struct {
	Fabric string `json:"fabric"`
	Free   int    `json:"free"`
	All    int    `json:"all"`
}

// AvailableList is what can be had now.
type AvailableList struct {
	Items []Available `json:"items"`
	Page
}
