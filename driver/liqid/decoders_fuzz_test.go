package liqid

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// Whatever a director writes, a decoder ends, and what it read can be shown and
// counted with. The corpora in testdata/fuzz are kept.

func FuzzDetail(f *testing.F) {
	f.Add([]byte(`{"vendor":"Acme","model":"A100X","serial_num":"SN-1","buswidth":"x16","core_cnt":"6912","dram_size":"40 GB"}`))
	f.Add([]byte(`{"core_cnt":64,"thrd_cnt":128,"dram_sz":524288}`))
	f.Add([]byte(`{"capacity":"3.84 TB","link_speed":"100 Gb/s","serial_num":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, kind := range composa.Kinds() {
			serial, facts, ok := readDetail(kind, in)
			if ok && !json.Valid(in) {
				t.Errorf("%q is read as details", in)
			}
			if !ok && (serial != "" || facts != composa.Facts{}) {
				t.Errorf("%s tells %q %+v and is not read", kind, serial, facts)
			}
			for _, s := range []string{serial, facts.Vendor, facts.Model, facts.Part, facts.Firmware, facts.Bus} {
				shown(t, "what it tells", s)
			}
			for _, n := range []int64{facts.Memory, facts.Size, facts.Speed} {
				if n < 0 || n > 1<<60 {
					t.Errorf("%s: %+v", kind, facts)
				}
			}
			if facts.Cores < 0 || facts.Threads < 0 || facts.Lanes < 0 || facts.Lanes > 64 {
				t.Errorf("%s: %+v", kind, facts)
			}
		}
	})
}

func FuzzNode(f *testing.F) {
	f.Add([]byte(`{"location":{"rack":0,"shelf":0,"node":2},"run":"up"}`))
	f.Add([]byte(`{"location":{"rack":null,"node":1e300},"run":7}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, ok := readNode(in)
		if !ok {
			return
		}
		if n.power != composa.PowerOn && n.power != composa.PowerOff && n.power != composa.PowerUnknown {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzPending(f *testing.F) {
	f.Add([]byte(`{"command":"reprogram","options":{"cid":3,"mid":"7"}}`))
	f.Add([]byte(`{"command":{"a":1},"options":[]}`))
	f.Add([]byte(`{"command":null,"options":{"CID":-1,"MID":4294967296}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := readPending(in)
		shown(t, "the command", p.command)
		if p.group < 0 || p.group > maxID || p.machine < 0 || p.machine > maxID {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"command_execution_state":"PENDING"}`))
	f.Add([]byte(`{"command_execution_state":["SUCCESS"]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		state, ok := readState(in)
		if ok != (state != "") || state != strings.TrimSpace(state) {
			t.Errorf("%q %t", state, ok)
		}
	})
}

func FuzzVersion(f *testing.F) {
	f.Add([]byte(`[{"component":"director","version":"3.4.0.12","branch":"emulated"}]`))
	f.Add([]byte(`[{"fabric-version":{"major":2,"minor":4}},{"gui-version":{"major":"2","minor":"5"}}]`))
	f.Add([]byte(`[{"version":"v999.999"},{"a-version":null},7]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var data []json.RawMessage
		if json.Unmarshal(in, &data) != nil {
			return
		}
		v := readVersion(data)
		shown(t, "the line", v.era)
		for _, line := range []int{2, 3} {
			s := choose(v.era, line, "")
			if s.dialect == nil || s.line() != line {
				t.Errorf("%q with calls of %d is spoken to as %+v", v.era, line, s)
			}
			if s.readOnly == "" && s.dialect.era != v.era {
				t.Errorf("%q is changed as %s", v.era, s.dialect.era)
			}
		}
	})
}

func FuzzSizes(f *testing.F) {
	for _, seed := range []string{"40 GB", "3.84 TB", "1,024 KB", "524288", "100 Gb/s", "3,84 TB", "99999999999 PB", "1e3 GB", "NaN", "0x10 GB", "１２ GB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		memory, drive, speed := memorySize(in), driveSize(in), linkSpeed(in)
		for _, n := range []int64{memory, drive, speed} {
			if n < 0 || n > 1<<60 {
				t.Errorf("%q: memory %d, drive %d, speed %d", in, memory, drive, speed)
			}
		}
		if memory != 0 && memory < drive {
			t.Errorf("%q: a drive of %d is more than memory of %d", in, drive, memory)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:00 GMT")
	f.Add("-1", "yesterday")
	f.Add("99999999999999999999", "")
	f.Fuzz(func(t *testing.T, after, date string) {
		now := time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC)
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {after}, "Date": {date}}}, now)
		if got < 0 || got > maxAfter {
			t.Errorf("%q at %q: %v", after, date, got)
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("event: group\ndata: [{\"grp_id\":1}]\n\n: still there\n\ndata\n\n"))
	f.Add([]byte("data: a\ndata: b\r\n\r\ndatabase: c\n\n"))
	f.Add([]byte("data: never ended"))
	f.Fuzz(func(t *testing.T, in []byte) {
		changes := 0
		err := readStream(&http.Response{Body: io.NopCloser(strings.NewReader(string(in)))}, func() { changes++ })
		if err == nil {
			t.Error("it ended without an error")
		}
		if most := strings.Count(string(in), "data"); changes > most {
			t.Errorf("%d changes of at most %d", changes, most)
		}
	})
}
