package liqid

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Limits that hold for every director.
const (
	// MaxDevices is how many devices one director may have.
	MaxDevices = 20000
	// MaxMachineID is the highest machine id a client may choose (liqid-api.md 1.1).
	MaxMachineID = 16383
	// MaxGroups is how many groups one director keeps.
	MaxGroups = 16383
	// MaxGroupName is the longest group name in characters. The real limit is not
	// known; one client prints 32 columns (liqid-api.md 1.3).
	MaxGroupName = 64
	// MaxDescription is the longest udesc of a device in characters. The real limit
	// is not known.
	MaxDescription = 1024
	// MaxMachineName is the longest machine name in characters (liqid-api.md 1.3, inferred).
	MaxMachineName = 22
	// MaxQueue is how many changes one edit session may hold.
	MaxQueue = 4096

	defaultLogSize   = 10000
	defaultMaxBody   = 1 << 20
	defaultHeartBeat = 10 * time.Second
	defaultBoot      = 100 * time.Millisecond
)

// Config says what director to emulate. The zero value is a small rack that
// answers at once and keeps nothing.
type Config struct {
	// Name tells this director from others; it is part of every serial number.
	// Empty means "liqid".
	Name string
	// API is the era of director software, one of [Eras]. Empty means "2.5".
	API string
	// Habits are how it does what the notes on the protocol leave open.
	Habits Habits
	// Users may sign in: their passwords by name, which has no colon (liqid-api.md
	// 2.14). Empty means that nobody needs to.
	Users map[string]string
	// FabricID is what fabric/id answers. Zero means the inventory's, else 1.
	FabricID int

	// Inventory lists the devices, see [LoadInventory]. Nil means Counts.
	Inventory *Inventory
	// Counts asks for devices by kind. All zero means [DefaultCounts].
	Counts Counts
	// Seed decides every choice that looks random: models, serials, latencies
	// inside their range, faults of the form 1/50. The same seed, the same director;
	// its nth commit takes equally long, whatever else was asked.
	Seed uint64

	// CallLatency is added to every call before it is processed. Zero is none.
	CallLatency Latency
	// CommitLatency is how long pool/done, fabric/reprogram, the deletion of a
	// machine and machine/p2p take; meanwhile they are listed as pending and
	// other calls are served. Zero is none.
	CommitLatency Latency
	// BootLatency is how long a host is "on" before it is "up". Zero means 100 ms.
	BootLatency Latency
	// PerSecond is how many calls a second it takes before it answers 429. Zero is
	// any number.
	PerSecond float64
	// ClockOff is how far its clock is ahead of ours; negative is behind.
	ClockOff time.Duration
	// HeartBeat is what the event socket offers in both directions. Zero means
	// 10 s, negative none.
	HeartBeat time.Duration

	// Faults are the rules to begin with; [Director.SetFaults] replaces them.
	Faults []FaultRule
	// DataDir keeps the director's state over restarts. Empty keeps nothing.
	DataDir string
	// LogSize is how many calls and how many violations are remembered. Zero means 10,000.
	LogSize int
	// MaxBody is the largest request body in bytes; a larger one is refused
	// with 413. Zero means 1 MiB.
	MaxBody int64

	// Before, if set, is called with every call of the API before it is
	// processed and holds back that call only: a test lets somebody else act in
	// between. It may call the director itself, and is then called for those
	// calls too.
	Before func(Call)
}

// check fills in the defaults and refuses what makes no sense.
func (c *Config) check() error {
	var problems []error
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.API == "" {
		c.API = "2.5"
	}
	if _, err := parseEra(c.API); err != nil {
		problems = append(problems, err)
	} else if err := c.Habits.complete(c.API); err != nil {
		problems = append(problems, err)
	}
	if c.Name == "" {
		c.Name = "liqid"
	}
	if len(c.Name) > 64 || strings.ContainsFunc(c.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		refuse("name %q is not up to 64 printable characters without spaces", c.Name)
	}
	for _, user := range slices.Sorted(maps.Keys(c.Users)) {
		if user == "" || strings.ContainsRune(user, ':') {
			refuse("user %q could not sign in: a name is not empty and has no colon", user)
		}
	}
	if c.FabricID < 0 {
		refuse("fabric id %d is negative", c.FabricID)
	}
	for _, l := range []struct {
		name string
		Latency
	}{{"call", c.CallLatency}, {"commit", c.CommitLatency}, {"boot", c.BootLatency}} {
		if err := l.check(); err != nil {
			refuse("%s latency: %w", l.name, err)
		}
	}
	if c.BootLatency == (Latency{}) {
		c.BootLatency = Latency{defaultBoot, defaultBoot}
	}
	switch {
	case c.HeartBeat == 0:
		c.HeartBeat = defaultHeartBeat
	case c.HeartBeat < 0:
		c.HeartBeat = 0
	case c.HeartBeat < time.Millisecond:
		refuse("heart-beat %v is under a millisecond", c.HeartBeat)
	}
	if c.LogSize == 0 {
		c.LogSize = defaultLogSize
	}
	if c.LogSize < 0 {
		refuse("log size %d is negative", c.LogSize)
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.MaxBody < 0 {
		refuse("body limit %d is negative", c.MaxBody)
	}
	if err := checkPerSecond(c.PerSecond); err != nil {
		problems = append(problems, err)
	}
	if err := checkClock(c.ClockOff); err != nil {
		refuse("clock: %w", err)
	}
	for _, rule := range c.Faults {
		if err := rule.check(); err != nil {
			refuse("fault %q: %w", rule, err)
		}
	}
	if c.Inventory == nil {
		if c.Counts == (Counts{}) {
			c.Counts = DefaultCounts
		}
		inv, err := c.Counts.Inventory(c.Seed)
		if err != nil {
			problems = append(problems, err)
		}
		c.Inventory = inv
	} else {
		if c.Counts != (Counts{}) {
			refuse("both an inventory and counts are given")
		}
		if err := c.Inventory.check(); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("cannot emulate a Liqid director: %w", err)
	}
	if c.FabricID == 0 {
		c.FabricID = max(c.Inventory.Fabric, 1)
	}
	return nil
}

// Latency is how long something takes: always Min, or anything from Min to Max
// when Max is larger. It is a value for command-line flags.
type Latency struct{ Min, Max time.Duration }

// ParseLatency reads "20ms" or "5ms-20ms".
func ParseLatency(s string) (Latency, error) {
	lo, hi, isRange := strings.Cut(s, "-")
	var l Latency
	var err error
	if l.Min, err = time.ParseDuration(lo); err == nil {
		l.Max = l.Min
		if isRange {
			l.Max, err = time.ParseDuration(hi)
		}
	}
	if err != nil {
		return Latency{}, fmt.Errorf("cannot read latency %q: want a duration like 20ms or a range like 5ms-20ms", s)
	}
	return l, l.check()
}

func (l Latency) check() error {
	if l.Min < 0 || l.Max < 0 {
		return fmt.Errorf("%v is negative", l)
	}
	if l.Max != 0 && l.Max < l.Min {
		return fmt.Errorf("%v ends before it begins", l)
	}
	return nil
}

// String is the form that [ParseLatency] reads.
func (l Latency) String() string {
	if l.Max <= l.Min && l.Max >= 0 {
		return l.Min.String()
	}
	return l.Min.String() + "-" + l.Max.String()
}

// Set makes *Latency a flag.Value.
func (l *Latency) Set(s string) (err error) {
	*l, err = ParseLatency(s)
	return err
}

// Type names the value in a command's help.
func (l *Latency) Type() string { return "duration" }

func (l Latency) pick(r *rand.Rand) time.Duration {
	if l.Max <= l.Min {
		return l.Min
	}
	return l.Min + time.Duration(r.Int64N(int64(l.Max-l.Min)+1))
}
