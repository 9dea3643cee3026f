package api

import "time"

// Fabric is one composable system, usually a rack.
type Fabric struct {
	Name        string     `json:"name" example:"rack1"`
	Driver      string     `json:"driver" example:"liqid"`
	Era         string     `json:"era,omitempty" example:"2.5" doc:"The vendor's software line, as found out"`
	URL         string     `json:"url,omitempty"`
	Source      string     `json:"source" enum:"config,api"`
	Access      string     `json:"access" enum:"manage,observe"`
	ReadOnly    string     `json:"readOnly,omitempty" doc:"Why nothing is changed on it although its access is manage, and what to do about it"`
	Emulated    bool       `json:"emulated,omitempty"`
	State       string     `json:"state" enum:"new,ok,stale,silent" doc:"new until the first complete picture; stale from the start of the server until it was read again: what is shown is from before, of seen"`
	Seen        *time.Time `json:"seen,omitempty" doc:"When the newest complete picture began"`
	Age         float64    `json:"age,omitempty" doc:"Seconds since then: how old what is shown is"`
	SilentSince *time.Time `json:"silentSince,omitempty"`
	Reason      string     `json:"reason,omitempty" doc:"Why it is silent"`
	Acts        []string   `json:"acts" doc:"What it can do"`
	Machines    int        `json:"machines" doc:"Machines of ours in it"`
	Foreign     int        `json:"foreign" doc:"Machines in it that are not ours"`
	Kinds       []Share    `json:"kinds"`
	Epoch       int64      `json:"epoch" doc:"Number of the server's present tenure"`
	Revision    int64      `json:"revision"`
}

// Share is how much of one kind is free.
type Share struct {
	Kind string `json:"kind"`
	Free int    `json:"free"`
	All  int    `json:"all"`
}

// Fabrics is a page of fabrics.
type Fabrics struct {
	Items []Fabric `json:"items"`
	Page
}

// FabricCheck is what asking a fabric right now told.
type FabricCheck struct {
	Fabric string      `json:"fabric"`
	OK     bool        `json:"ok"`
	Checks []CheckLine `json:"checks"`
}

// CheckLine is one thing that was checked.
type CheckLine struct {
	Name    string  `json:"name" example:"answers"`
	OK      bool    `json:"ok"`
	Text    string  `json:"text" example:"Liqid 2.5, emulated"`
	Seconds float64 `json:"seconds"`
}

// Inventory is everything that a fabric shows now, foreign things too.
type Inventory struct {
	Fabric   string             `json:"fabric"`
	Began    time.Time          `json:"began"`
	Complete bool               `json:"complete"`
	Machines []InventoryMachine `json:"machines"`
	Devices  []Device           `json:"devices"`
}

// InventoryMachine is a machine as its fabric shows it.
type InventoryMachine struct {
	Native  string   `json:"native"`
	Label   string   `json:"label"`
	Ours    bool     `json:"ours"`
	Machine string   `json:"machine,omitempty" doc:"Name of ours, in a project of yours"`
	Power   string   `json:"power"`
	P2P     bool     `json:"p2p"`
	Devices []string `json:"devices"`
}
