package composa

import "time"

// Access says what Composa may do on a fabric.
type Access string

// Observe means look, never change.
const (
	AccessManage  Access = "manage"
	AccessObserve Access = "observe"
)

// Need says whether a fabric has something, and whether it must be used.
type Need string

// The three needs.
const (
	NeedNone     Need = "none"
	NeedOptional Need = "optional"
	NeedRequired Need = "required"
)

// MakeStyle is how a machine comes to be on a fabric.
type MakeStyle string

// Empty machines take devices later (Liqid); whole ones are made with all of
// theirs (Redfish); hosted ones are a host that exists already and can neither
// be made nor removed.
const (
	MakeEmpty  MakeStyle = "empty"
	MakeWhole  MakeStyle = "whole"
	MakeHosted MakeStyle = "hosted"
)

// ReshapeStyle is when the devices of a machine can change.
type ReshapeStyle string

// The three styles: not at all, with the host powered off, or while it runs.
const (
	ReshapeNever ReshapeStyle = "never"
	ReshapeOff   ReshapeStyle = "off"
	ReshapeOn    ReshapeStyle = "on"
)

// Abilities is what a fabric can do and needs: data, part of every picture.
type Abilities struct {
	Driver   string       `json:"driver"`             // "liqid", "memory", …
	Era      string       `json:"era,omitempty"`      // the vendor's software line, such as "2.5"
	Emulated bool         `json:"emulated,omitempty"` // pretend hardware; marked so everywhere
	Groups   Need         `json:"groups"`
	Make     MakeStyle    `json:"make"`
	Reshape  ReshapeStyle `json:"reshape"`
	// DetachSure is false where the guest may refuse to let go of a device.
	DetachSure bool `json:"detachSure"`
	// Acts lists the acts that the fabric has.
	Acts []Act `json:"acts"`
	// MaxDevices is the most devices in one machine; 0 when there is no limit.
	MaxDevices int `json:"maxDevices,omitempty"`
	// Push is true where the fabric says that something changed, so that it
	// need not be asked all the time.
	Push bool `json:"push,omitempty"`
	// SettleTime is how long something that was sent may still take effect
	// where the fabric cannot prove that nothing is pending; 0 where it can.
	SettleTime time.Duration `json:"settleTime,omitempty"`
	// ReadOnly is set where the driver changes nothing although it is told to
	// manage: it does not know well enough what it has before it. Acts is empty.
	ReadOnly *ReadOnly `json:"readOnly,omitempty"`
}

// ReadOnly is why nothing is changed on a fabric, and what to do about it.
type ReadOnly struct {
	Why  string `json:"why"` // "its director is of the line 2.6, which …"; empty: it is only observed
	Next string `json:"next,omitempty"`
}

// Of is the reason as a sentence about the fabric of that name.
func (r *ReadOnly) Of(name FabricName) string {
	if r.Why == "" {
		return string(name) + " is only observed"
	}
	return string(name) + ": " + r.Why
}

// Can says whether the fabric has an act.
func (a *Abilities) Can(act Act) bool {
	if a == nil {
		return false
	}
	for _, have := range a.Acts {
		if have == act {
			return true
		}
	}
	return false
}

// Fabric is one composable system as the site knows it.
type Fabric struct {
	Name      FabricName    `json:"name"`
	Driver    string        `json:"driver"`
	URL       string        `json:"url,omitempty"`
	Source    string        `json:"source"` // "config" or "api"
	Access    Access        `json:"access"`
	Keep      bool          `json:"keep,omitempty"` // freed devices stay in the site's group ("return: keep")
	Abilities *Abilities    `json:"abilities,omitempty"`
	Epoch     int64         `json:"epoch"` // number of the present tenure
	Reach     FabricReach   `json:"reach"`
	Every     time.Duration `json:"every,omitempty"` // pause between observations
	Revision  int64         `json:"revision"`
}

// ReadOnly says why nothing may be changed on the fabric; nil where something may.
func (f *Fabric) ReadOnly() *ReadOnly {
	switch {
	case f.Access == AccessObserve:
		return &ReadOnly{Next: "set access: manage for it in the server's configuration"}
	case f.Abilities != nil:
		return f.Abilities.ReadOnly
	}
	return nil
}

// FabricReach tells whether a fabric answers.
type FabricReach struct {
	// Seen is when the newest complete picture began; zero before the first.
	Seen time.Time `json:"seen"`
	// Stale is true from the start of a server until the fabric was read: what
	// is shown is the last picture from before, of Seen.
	Stale bool `json:"stale,omitempty"`
	// SilentSince is zero while the fabric answers.
	SilentSince time.Time `json:"silentSince"`
	Reason      string    `json:"reason,omitempty"` // why it is silent, for people
}

// Silent says whether the fabric did not answer the last time.
func (r FabricReach) Silent() bool { return !r.SilentSince.IsZero() }
