package composa

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// The ids of this package are opaque text: a prefix that tells what the id
// names, an underline, and sixteen letters or digits. They are never reused.
type (
	// SiteID names everything that shares one store ("site_…").
	SiteID string
	// DeviceID names one part ("dev_…"), wherever it sits.
	DeviceID string
	// MachineID names one machine ("mach_…"), also after it was freed.
	MachineID string
	// OperationID names one operation ("op_…").
	OperationID string
	// PlanID names one stored plan ("plan_…").
	PlanID string
	// ClaimID names one claim ("claim_…").
	ClaimID string
	// PoolID names one pool ("pool_…").
	PoolID string
	// ProjectID names one project ("proj_…").
	ProjectID string
	// PrincipalID names who acts ("user_…", "system", "fabric_…").
	PrincipalID string
)

// FabricName is the name by which people and configuration know a fabric,
// for example "rack1". It is unique in a site.
type FabricName string

// Prefixes of the ids that [NewID] makes.
const (
	PrefixSite      = "site"
	PrefixDevice    = "dev"
	PrefixMachine   = "mach"
	PrefixOperation = "op"
	PrefixPlan      = "plan"
	PrefixClaim     = "claim"
	PrefixPool      = "pool"
	PrefixProject   = "proj"
	PrefixUser      = "user"
	PrefixToken     = "tok"
)

var idAlphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// NewID returns a fresh random id with 80 bits behind the prefix.
func NewID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails on supported systems
	return prefix + "_" + idAlphabet.EncodeToString(b[:])
}

// Short returns the first eight characters behind the prefix of an id: what
// labels and marks on a fabric carry.
func Short(id string) string {
	_, tail, ok := strings.Cut(id, "_")
	if !ok {
		tail = id
	}
	if len(tail) > 8 {
		tail = tail[:8]
	}
	return tail
}

// Place is where a fabric names a device: "rack1/gpu3". What sits there can be
// exchanged; the part itself is a [DeviceID].
type Place string

// PlaceOf joins a fabric and the name it gives a device.
func PlaceOf(f FabricName, name string) Place { return Place(string(f) + "/" + name) }

// Fabric is the part before the slash; empty when there is no slash.
func (p Place) Fabric() FabricName {
	f, _, ok := strings.Cut(string(p), "/")
	if !ok {
		return ""
	}
	return FabricName(f)
}

// Name is the part behind the slash.
func (p Place) Name() string {
	_, n, ok := strings.Cut(string(p), "/")
	if !ok {
		return string(p)
	}
	return n
}
