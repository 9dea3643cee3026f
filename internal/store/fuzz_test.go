package store

import (
	"testing"

	"github.com/composa-dev/composa"
)

// columnTypes are the values that columns hold as JSON.
var columnTypes = map[string]func() any{
	"abilities":   func() any { return new(composa.Fabric{}.Abilities) },
	"base":        func() any { return new(composa.Plan{}.Base) },
	"binding":     func() any { return new([]RevisionPart) },
	"cordon":      func() any { return new(composa.Device{}.Cordon) },
	"explanation": func() any { return new(composa.Explanation) },
	"facts":       func() any { return new(composa.Facts) },
	"fingerprint": func() any { return new(composa.Fingerprint) },
	"host":        func() any { return new(composa.Device{}.Host) },
	"labels":      func() any { return new(map[string]string) },
	"machines":    func() any { return new([]composa.MachineID) },
	"picture":     func() any { return new(composa.Picture) },
	"prior":       func() any { return new(composa.Operation{}.Prior) },
	"result":      func() any { return new(composa.Operation{}.Result) },
	"scope":       func() any { return new(composa.Plan{}.Scope) },
	"spec":        func() any { return new(composa.Spec) },
	"step":        func() any { return new(composa.Step) },
	"steps":       func() any { return new(composa.Plan{}.Steps) },
	"target":      func() any { return new(composa.Operation{}.Target) },
}

// Whatever stands in a column, it is read or refused, the same from both
// engines; and what was read is written so that it stays as it is.
func FuzzJSONText(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, zero := range columnTypes {
			is, same := zero(), zero()
			err, sameErr := jsonText{is}.Scan(text), jsonText{same}.Scan(string(text))
			if (err == nil) != (sameErr == nil) {
				t.Fatalf("%s: %q as bytes: %v; as text: %v", name, text, err, sameErr)
			}
			if err != nil {
				continue
			}
			written, err := bodies(is, same)
			if err != nil || written[0] != written[1] {
				t.Fatalf("%s: %q is read as %v, %v", name, text, written, err)
			}
			again := zero()
			if err := (jsonText{again}).Scan(written[0]); err != nil {
				t.Fatalf("%s: %q was written and cannot be read: %v", name, written[0], err)
			}
			if twice, err := body(again); err != nil || twice != written[0] {
				t.Fatalf("%s: %q was written, then %q, %v", name, written[0], twice, err)
			}
		}
	})
}

// A moment is written as it was read.
func FuzzMoment(f *testing.F) {
	f.Fuzz(func(t *testing.T, at int64) {
		var is, again = epoch, epoch
		if err := (moment{&is}).Scan(at); err != nil {
			t.Fatal(err)
		}
		written := micros(is)
		if err := (moment{&again}).Scan(written); err != nil || !again.Equal(is) || written != nil && written != any(at) {
			t.Errorf("%d is read as %s, written as %v, and read as %s, %v", at, is, written, again, err)
		}
	})
}
