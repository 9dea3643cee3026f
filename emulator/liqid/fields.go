package liqid

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Reading what clients send.

// number reads an integer that may come as a number, as its text or as null
// (liqid-api.md 2.0, request quirks). Anything else counts as not given.
type number struct {
	value int
	given bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	var digits text
	_ = digits.UnmarshalJSON(b) // it never fails
	v, err := strconv.Atoi(string(digits))
	*n = number{v, err == nil}
	return nil
}

// text reads a string that may come as a number or as null.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		if s = string(b); !json.Valid(b) || strings.ContainsAny(s[:1], "{[tfn") {
			s = ""
		}
	}
	*t = text(s)
	return nil
}

// fields is what is read of the records that clients send, whichever they send.
// Clients send much more, twice under two names or with other types, and none
// of that is looked at.
type fields struct {
	FabrID    number `json:"fabr_id"`
	GrpID     number `json:"grp_id"`
	GroupName text   `json:"group_name"`
	MachID    number `json:"mach_id"`
	MachName  text   `json:"mach_name"`
	P2P       text   `json:"p2p"`
	UDesc     *text  `json:"udesc"`
	Rack      number `json:"rack"`
	Shelf     number `json:"shelf"`
	Node      number `json:"node"`

	Coordinates *fields `json:"coordinates"`

	DeviceStatus *deviceFields `json:"deviceStatus"`
	Group        *fields       `json:"group"`
	Machine      *fields       `json:"machine"`
	Relator      *fields       `json:"groupDeviceRelator"`
}

type deviceFields struct {
	Name  text `json:"name"`
	DevID text `json:"dev_id"`
}

// fields reads the body, which may come under any content type.
func (r *request) fields() (*fields, error) {
	var f fields
	if err := r.decode(&f); err != nil {
		return nil, err
	}
	return &f, nil
}

// decode reads the body as one record of its own.
func (r *request) decode(into any) error {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return invalid("the body is missing")
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return invalid("the body is not the record that belongs here: %v", err)
	}
	return nil
}

// pathID reads a positive id out of the path.
func (r *request) pathID(name string) (int, error) {
	id, err := strconv.Atoi(r.PathValue(name))
	if err != nil || id <= 0 {
		return 0, invalid("%s %q is not a positive number", name, r.PathValue(name))
	}
	return id, nil
}

// queryGroup reads the group that a list is narrowed to: cid before 2.5, grp_id
// since (liqid-api.md 2.4, 2.5).
func (r *request) queryGroup() (n int, ok bool, err error) {
	if r.d.era.in(era24) {
		return r.queryNumber("cid")
	}
	return r.queryNumber("grp_id")
}

// queryNumber reads a number out of the query; ok is false when it is not there.
func (r *request) queryNumber(name string) (n int, ok bool, err error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, false, nil
	}
	if n, err = strconv.Atoi(text); err != nil {
		return 0, false, invalid("%s %q is not a number", name, text)
	}
	return n, true, nil
}
