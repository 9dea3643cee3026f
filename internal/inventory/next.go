package inventory

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// The pace of looking.
const (
	everyAsked  = time.Second            // where the fabric says nothing by itself
	everyPushed = 30 * time.Second       // where it says that something changed
	apart       = 100 * time.Millisecond // between two looks, whoever asks
	oneMore     = 200 * time.Millisecond // until the look that decides whether a fabric is silent
	silentLeast = time.Second            // between two looks at a fabric that does not answer
	silentMost  = 10 * time.Second
	// share is how many times as long as a look takes the pause after it is at
	// least, where nobody said otherwise: a large fabric is not looked at all the
	// time.
	share = 4
	// rest is how old the written times of looking may get on a fabric where
	// nothing changes and nobody waits: a quiet site writes next to nothing.
	rest = 10 * time.Second
)

// State is what the inventory remembers of one fabric. Losing it loses nothing
// but the time since which a part is missing.
type State struct {
	Fabric composa.FabricName
	Epoch  int64
	Every  time.Duration // 0: by what the fabric can do
	NewID  func() composa.DeviceID

	looking  bool
	asked    bool      // a look is wanted
	began    time.Time // of the newest look
	due      time.Time // of the next one
	failures int
	silent   string // the reason that was written last
	recorded bool   // a look of this run was written
	missing  map[composa.DeviceID]time.Time
}

// Look is what came of a look.
type Look struct {
	Picture *composa.Picture
	Err     error
}

// Input is what Next decides on.
type Input struct {
	Nudged bool // a look is wanted
	// Watching says that the fabric tells when something changes.
	Watching bool
	// Looked is the look that Next asked for; nil: none ended.
	Looked *Look
	// Site and Gone are nil until Next asks for them.
	Site *composa.Site
	Gone []composa.Device
}

// Effects is what Next wants done.
type Effects struct {
	// NeedSite and NeedGone ask to be called again at once, with the same input
	// and the site, or also the parts that are gone.
	NeedSite, NeedGone bool
	Record             *composa.Observation
	Look               bool // look at the whole fabric
}

// Next decides when to look and what to write of a look. It changes none of its
// arguments. The time it returns is when it wants to be called again although
// nothing happened.
func Next(s State, now time.Time, in Input) (State, Effects, time.Time) {
	var eff Effects
	was := s
	s.missing = copyMissing(s.missing)
	s.asked = s.asked || in.Nudged
	if in.Looked != nil && s.looking {
		s.looking = false
		switch {
		case in.Looked.Err != nil || in.Looked.Picture == nil:
			eff.Record = s.fell(now, in.Looked.Err)
		case in.Site == nil:
			return was, Effects{NeedSite: true}, time.Time{}
		case in.Gone == nil && unknown(of(in.Site.Devices, s.Fabric), in.Looked.Picture):
			return was, Effects{NeedGone: true}, time.Time{}
		default:
			eff.Record = s.saw(now, in)
		}
	}
	if s.looking {
		return s, eff, time.Time{}
	}
	at := s.due
	switch {
	case s.asked && s.failures == 0:
		at = s.began.Add(apart)
	case s.asked && s.failures > 1: // somebody heard of it
		at = earlier(at, s.began.Add(silentLeast))
	}
	if now.Before(at) {
		return s, eff, at
	}
	s.looking, s.asked, s.began = true, false, now
	eff.Look = true
	return s, eff, time.Time{}
}

// fell notes that the fabric did not answer. It is silent when the next look
// fails too. That is told once, and once more when it is for another reason.
func (s *State) fell(now time.Time, err error) *composa.Observation {
	s.failures++
	if s.failures == 1 {
		s.due = now.Add(oneMore)
		return nil
	}
	s.due = now.Add(min(silentLeast<<min(s.failures-2, 10), silentMost))
	why := "it shows nothing"
	if err != nil {
		why = err.Error()
	}
	if s.silent != "" && withoutNumbers(s.silent) == withoutNumbers(why) {
		return nil
	}
	s.silent = why
	return &composa.Observation{Fabric: s.Fabric, Epoch: s.Epoch, Silent: why}
}

// withoutNumbers is what two reasons have in common that differ in a port or a
// time only.
func withoutNumbers(reason string) string {
	return number.ReplaceAllString(reason, "#")
}

// number is a number, or several with units that are one time: "1m4.5s".
var number = regexp.MustCompile(`(\d+(\.\d+)?(ns|µs|ms|s|m|h)?)+`)

// saw makes an observation of a look.
func (s *State) saw(now time.Time, in Input) *composa.Observation {
	p := in.Looked.Picture
	s.failures, s.silent = 0, ""
	s.due = s.began.Add(s.pace(in.Watching))
	if s.Every == 0 {
		rest := now.Add(min(share*now.Sub(s.began), everyPushed))
		if rest.After(s.due) {
			s.due = rest
		}
	}
	if !p.Complete {
		s.due = s.began.Add(everyAsked)
	}
	site := plus(in.Site, s.Fabric, p)
	known := Known{
		Devices: of(in.Site.Devices, s.Fabric), Gone: in.Gone, Missing: s.missing, NewID: s.NewID,
		Owner: func(native string) (composa.ProjectID, bool) { return owner(site, s.Fabric, native) },
	}
	o := &composa.Observation{Fabric: s.Fabric, Epoch: s.Epoch, Picture: p}
	o.Parts, s.missing = Match(known, p)
	o.Claims = Releases(site, s.Fabric, o.Parts)
	if s.recorded && len(o.Parts) == 0 && len(o.Claims) == 0 && quiet(in.Site, s.Fabric, site.Pictures[s.Fabric], p) {
		return nil
	}
	s.recorded = true
	return o
}

// quiet says whether a look that shows nothing new need not be written: nobody
// waits for a newer one, and the one that is written is not old yet.
func quiet(site *composa.Site, fabric composa.FabricName, is, look *composa.Picture) bool {
	was, f := site.Pictures[fabric], site.Fabric(fabric)
	return was != nil && f != nil && !f.Reach.Silent() && !f.Reach.Stale &&
		look.Complete && look.Began.Before(was.Began.Add(rest)) && composa.SameShown(was, is) &&
		!slices.ContainsFunc(site.Operations, func(op composa.Operation) bool { return op.Fabric == fabric }) &&
		!slices.ContainsFunc(site.Claims, func(c composa.Claim) bool {
			if c.Purpose != composa.PurposeReleasing {
				return false
			}
			d := site.Device(c.Device)
			return d == nil || d.Fabric == fabric
		})
}

func (s *State) pace(watching bool) time.Duration {
	switch {
	case s.Every > 0:
		return s.Every
	case watching:
		return everyPushed
	}
	return everyAsked
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// of are the parts of one fabric.
func of(devices []composa.Device, fabric composa.FabricName) []composa.Device {
	out := make([]composa.Device, 0, len(devices))
	for i := range devices {
		if devices[i].Fabric == fabric {
			out = append(out, devices[i])
		}
	}
	return out
}

// owner says whose machine a native handle is. One that is being made has none
// in its row yet: it is known by what was handed over to make it.
func owner(site *composa.Site, fabric composa.FabricName, native string) (composa.ProjectID, bool) {
	p := site.Pictures[fabric]
	seen := p.Machine(native)
	if seen == nil {
		return "", false
	}
	for i := range site.Machines {
		m := &site.Machines[i]
		if m.Fabric != fabric {
			continue
		}
		ref, op := m.Ref(), site.Operation(m.Operation)
		if op != nil {
			ref = op.Ref(m)
		}
		if ref.Means(seen) || op != nil && ref.Native == "" && makes(op, m.ID, p, seen) {
			return m.Project, true
		}
	}
	return "", false
}

// makes says whether an operation handed over a step to make a machine, of
// whose handle nothing is known, and seen is what such a step makes.
func makes(op *composa.Operation, id composa.MachineID, p *composa.Picture, seen *composa.SeenMachine) bool {
	return slices.ContainsFunc(op.Steps, func(r composa.StepRecord) bool {
		return r.Attempt > 0 && r.Step.Act == composa.ActMake && r.Step.Machine.ID == id && r.Step.Made(p) == seen
	})
}

// plus is the site with a look laid over its picture of a fabric.
func plus(site *composa.Site, fabric composa.FabricName, p *composa.Picture) *composa.Site {
	out := *site
	out.Pictures = maps.Clone(site.Pictures)
	if out.Pictures == nil {
		out.Pictures = map[composa.FabricName]*composa.Picture{}
	}
	out.Pictures[fabric] = site.Pictures[fabric].Overlay(p)
	return out.IndexAfter(site)
}
