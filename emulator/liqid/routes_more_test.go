package liqid

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upload sends a file as a browser does.
func (p *party) upload(path, part, filename, content string) answer {
	p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	f, err := w.CreateFormFile(part, filename)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do("POST", path, body.String(), "Content-Type", w.FormDataContentType())
}

// TestImages walks 3.8: upload, learn the index, install, see it in the
// machine's details, delete; 2.4 has it under other names.
func TestImages(t *testing.T) {
	for _, tt := range []struct{ api, upload, list, install, remove string }{
		{"2.4", "bimg/upload", "bimg", "bimg/install", "bimg/"},
		{"2.5", "image/upload/iso", "image/boot", "image/boot", "image/boot/"},
	} {
		t.Run(tt.api, func(t *testing.T) {
			p := meet(t, Config{API: tt.api, MaxBody: 4096, DataDir: t.TempDir()})
			compose(t, p.d, "pcpu0", "fpga0")
			if a := p.upload(tt.upload, "file", "../ubuntu-20.04.iso", "boot me"); a.status != 204 || len(a.body) != 0 {
				t.Fatalf("upload: %d %s", a.status, a.body)
			}
			p.upload(tt.upload, "file", "rocky-8.iso", "boot me too")
			list := ask[imageRecord](p, "GET", tt.list, nil)
			if len(list) != 2 || list[0].Filename != "ubuntu-20.04.iso" || list[0].Index == list[1].Index || list[0].Type != "boot" {
				t.Fatalf("images %+v", list)
			}
			second := record{"index": list[1].Index}
			if echo := askOne[record](p, "POST", tt.install, record{"type": "boot", "image": second, "machine": record{"mach_id": 1}}); echo["type"] != "boot" {
				t.Errorf("install answers %v", echo)
			}
			shown := func() any { return askOne[record](p, "GET", "machine/details/1", nil)["boot_image"] }
			if shown() != "rocky-8.iso" {
				t.Errorf("boot_image is %v", shown())
			}
			if gone := askOne[imageRecord](p, "DELETE", tt.remove+"0", nil); gone != list[0] {
				t.Errorf("deleted %+v", gone)
			}
			for says, a := range map[string]answer{
				"already":          p.upload(tt.upload, "file", "rocky-8.iso", "again"),
				"no part named":    p.upload(tt.upload, "image", "other.iso", "x"),
				"not multipart":    p.do("POST", tt.upload, "x", "Content-Type", "text/plain"),
				"larger than":      p.upload(tt.upload, "file", "large.iso", strings.Repeat("x", 5000)),
				"no boot image 0":  p.do("DELETE", tt.remove+"0", nil),
				"from 0 on":        p.do("DELETE", tt.remove+"-1", nil),
				"no such":          p.do("POST", tt.install, record{"image": record{"index": 0}, "machine": record{"mach_id": 1}}),
				"no machine 9":     p.do("POST", tt.install, record{"image": second, "machine": record{"mach_id": 9}}),
				"mach_id is":       p.do("POST", tt.install, record{"image": second}),
				"image is missing": p.do("POST", tt.install, record{"machine": record{"mach_id": 1}}),
				"not the record":   p.do("POST", tt.install, "{"),
				"file has no name": p.upload(tt.upload, "file", strings.Repeat("n", 300), "x"),
			} {
				if a.status < 400 || !strings.Contains(string(a.body), says) {
					t.Errorf("wanted to read %q: %d %s", says, a.status, a.body)
				}
			}
			if tt.api == "2.4" {
				if few := ask[imageRecord](p, "GET", "bimg?filename=nobody", nil); len(few) != 0 {
					t.Errorf("filtered %v", few)
				}
			} else {
				p.upload("image/upload/fpga", "file", "shell.xclbin", "bits")
				bits := askOne[imageRecord](p, "GET", "image/fpga", nil)
				ask[any](p, "POST", "image/fpga", record{"image": record{"index": bits.Index}, "device": record{"name": "fpga0"}})
				p.denied(400, "POST", "image/fpga", record{"image": record{"index": bits.Index}, "device": record{"name": "pcpu0"}})
				p.denied(404, "GET", "image/holiday", nil)
				p.denied(404, "POST", "image/upload/zip", nil)
				for _, empty := range []string{"vnic", "upgrade", "application"} {
					if list := ask[any](p, "GET", "image/"+empty, nil); len(list) != 0 {
						t.Errorf("%s: %v", empty, list)
					}
				}
			}
			// All of it outlives the process.
			before := ask[imageRecord](p, "GET", tt.list, nil)
			p.d.Close()
			again := meet(t, Config{API: tt.api, DataDir: p.d.config.DataDir})
			if diff := cmp.Diff(before, ask[imageRecord](again, "GET", tt.list, nil)); diff != "" {
				t.Errorf("after a restart (-before +after):\n%s", diff)
			}
			if now := askOne[record](again, "GET", "machine/details/1", nil)["boot_image"]; now != "rocky-8.iso" {
				t.Errorf("after a restart boot_image is %v", now)
			}
		})
	}
}

func TestImagesAreLimited(t *testing.T) {
	p := meet(t, Config{})
	for range MaxImages {
		p.d.change(false, func(s *state) error {
			s.settings.Images = append(s.settings.Images, imageRecord{Type: "boot"})
			return nil
		})
	}
	if a := p.upload("image/upload/img", "file", "one.img", "x"); a.status != 400 || !strings.Contains(string(a.body), "delete one first") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestAssembly: what a machine had is a log from which it is rebuilt (2.7).
func TestAssembly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for clocks that stand still
		d := start(t, Config{API: "2.4"})
		compose(t, d, "pcpu0", "gpu0", "gpu1")
		began := time.Now().Unix()
		time.Sleep(time.Minute) // the bubble's clock
		machine := `{"machine":{"mach_id":1}}`
		devices := func() string { return strings.Join(d.Snapshot().Machines[0].Devices, " ") }
		names := func(list []predeviceRecord) string {
			var out []string
			for _, v := range list {
				out = append(out, v.Name)
			}
			return strings.Join(out, " ")
		}
		log := must[assemblyEntry](t, d, "POST", "assembly/assemble/list", machine)
		if len(log) != 3 || log[0].ATime != began || log[0].DTime != 0 || log[0].MachID != 1 || log[0].Free {
			t.Errorf("log %+v", log)
		}
		// Some of these calls take the machine as it is.
		apart := must[predeviceRecord](t, d, "POST", "assembly/disassemble", `{"mach_id":1}`)
		if names(apart) != "pcpu0 gpu0 gpu1" || apart[0].MachID != "n/a" || devices() != "" {
			t.Errorf("taken apart: %v, the machine holds %q", names(apart), devices())
		}
		if v, _ := d.Snapshot().Device("gpu0"); v.Group != 1 {
			t.Errorf("gpu0 %+v", v)
		}
		log = must[assemblyEntry](t, d, "POST", "assembly/assemble/list/all", `{"group":{"grp_id":1}}`)
		if len(log) != 3 || log[2].DTime != began+60 || !log[2].Free {
			t.Errorf("log %+v", log)
		}
		for _, span := range []string{`{"assemblyStartTime":2,"assemblyEndTime":1}`, `{"assemblyStartTime":99999999999}`} {
			if got := must[predeviceRecord](t, d, "POST", "assembly/assemble", `{"machine":{"mach_id":1},"assemblyTimestamp":`+span+`}`); len(got) != 0 {
				t.Errorf("%s: %v", span, names(got))
			}
		}
		// What went elsewhere meanwhile is left there.
		must[any](t, d, "POST", "machine", machineBody(2, 1, "other"))
		must[any](t, d, "POST", "fabric/edit", `{"mach_id":2}`)
		must[any](t, d, "POST", "relate/gpu", relateBody("gpu1", 1, 2))
		must[any](t, d, "POST", "fabric/reprogram", `{"mach_id":2}`)
		if got := must[predeviceRecord](t, d, "POST", "assembly/assemble", machine); names(got) != "pcpu0 gpu0" || devices() != "pcpu0 gpu0" {
			t.Errorf("rebuilt: %v, the machine holds %q", names(got), devices())
		}
		if got := must[predeviceRecord](t, d, "POST", "assembly/disassemble/all", `{"group":{"grp_id":1}}`); names(got) != "pcpu0 gpu0 gpu1" {
			t.Errorf("all taken apart: %v", names(got))
		}
		if got := must[predeviceRecord](t, d, "POST", "assembly/assemble/all", `{"grp_id":1}`); names(got) != "pcpu0 gpu0 gpu1" {
			t.Errorf("all rebuilt: %v", names(got)) // the first machine takes all it ever had
		}
		if v := d.Violations(); len(v) != 0 {
			t.Errorf("violations %+v", v)
		}

		must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
		for _, call := range []string{"assemble", "disassemble"} {
			if says := refused(t, d, "POST", "assembly/"+call, machine, 400); !strings.Contains(says, "machine 1 is being edited") {
				t.Errorf("%s: %s", call, says)
			}
		}
		must[any](t, d, "POST", "fabric/cancel", `{"mach_id":1}`)
		if status, body := call(d, "POST", "assembly/clear", `{"mach_id":1}`); status != 204 || body != "" {
			t.Errorf("clear: %d %s", status, body)
		}
		if log := must[assemblyEntry](t, d, "POST", "assembly/assemble/list", machine); slices.ContainsFunc(log, func(e assemblyEntry) bool { return e.DTime != 0 }) {
			t.Errorf("log after clear: %+v", log)
		}
		refused(t, d, "POST", "assembly/assemble", `{}`, 400)
		refused(t, d, "POST", "assembly/assemble/all", `{}`, 400)
		refused(t, d, "POST", "assembly/assemble", `{"mach_id":9}`, 400)
		refused(t, d, "POST", "assembly/clear/all", `{"grp_id":9}`, 400)
		refused(t, d, "POST", "assembly/assemble", `[`, 400)
	})
}

// TestManager: service processors and PCI descriptors are set, changed and
// deleted in 2.5, by bodies on every method (2.11).
func TestManager(t *testing.T) {
	p := meet(t, Config{Counts: Counts{CPUs: 2, GPUs: 2}, DataDir: t.TempDir()})
	cpu := record{"type": cpuIPMI, "cpu_name": "pcpu1", "ip_address": "192.0.2.200", "port": "624", "credentials": record{"principal": "root", "password": "calvin"}}
	p.denied(400, "POST", "manager/network/ipmi/cpu", cpu) // it has one
	for _, method := range []string{"PUT", "DELETE", "POST"} {
		if v := askOne[ipmiRecord](p, method, "manager/network/ipmi/cpu", cpu); v.CPUName != "pcpu1" || v.IPAddress != "192.0.2.200" || v.Port != 624 || v.Credentials != (ipmiCredentials{"root", "***"}) {
			t.Errorf("%s answers %+v", method, v)
		}
		want := 2
		if method == "DELETE" {
			want = 1
		}
		if list := ask[ipmiRecord](p, "GET", "manager/network/ipmi/cpu", nil); len(list) != want || list[0].CPUName != "pcpu0" {
			t.Errorf("after %s: %+v", method, list)
		}
	}
	enclosure := record{"enclosure_name": "jbog1", "ip_address": "192.0.2.7"}
	p.denied(400, "PUT", "manager/network/ipmi/enclosure", enclosure)
	p.denied(400, "DELETE", "manager/network/ipmi/enclosure", enclosure)
	for _, method := range []string{"POST", "PUT"} {
		if v := askOne[enclosureRecord](p, method, "manager/network/ipmi/enclosure", enclosure); v.Name != "jbog1" || v.Port != 623 {
			t.Errorf("%s answers %+v", method, v)
		}
	}
	p.denied(400, "POST", "manager/network/ipmi/enclosure", enclosure)

	known := ask[descriptor](p, "GET", "manager/device", nil)
	if len(known) < 2 || known[0].DeviceType != "comp" || known[0].VID == "" || known[0].Companion != "no" {
		t.Fatalf("descriptors %+v", known)
	}
	fresh := record{"vid": "0x1234", "did": "0x5678", "description": "of somebody", "sriov": true}
	p.denied(400, "PUT", "manager/device", fresh)
	askOne[descriptor](p, "POST", "manager/device", fresh)
	p.denied(400, "POST", "manager/device", fresh)
	askOne[descriptor](p, "PUT", "manager/device", with(fresh, "description", "of me"))
	if gone := askOne[descriptor](p, "DELETE", "manager/device", record{"vid": known[0].VID, "did": strings.ToUpper(known[0].DID)}); gone != known[0] {
		t.Errorf("deleted %+v", gone)
	}
	now := ask[descriptor](p, "GET", "manager/device", nil)
	if len(now) != len(known) || now[len(now)-1].Description != "of me" || !now[len(now)-1].SRIOV {
		t.Errorf("descriptors %+v", now)
	}
	for says, a := range map[string]answer{
		"not an address":        p.do("PUT", "manager/network/ipmi/cpu", with(cpu, "ip_address", "here")),
		"port 70000":            p.do("PUT", "manager/network/ipmi/cpu", with(cpu, "port", 70000)),
		"no device pcpu9":       p.do("PUT", "manager/network/ipmi/cpu", with(cpu, "cpu_name", "pcpu9")),
		"of class gpu":          p.do("PUT", "manager/network/ipmi/cpu", with(cpu, "cpu_name", "gpu0")),
		"enclosure_name":        p.do("POST", "manager/network/ipmi/enclosure", cpu),
		"vid or did is missing": p.do("POST", "manager/device", record{}),
		"not the record":        p.do("POST", "manager/device", "["),
		"vid 0x9999":            p.do("DELETE", "manager/device", record{"vid": "0x9999", "did": "0x1"}),
	} {
		if a.status != 400 || !strings.Contains(string(a.body), says) {
			t.Errorf("wanted to read %q: %d %s", says, a.status, a.body)
		}
	}
	if tokens := ask[discoveryToken](p, "GET", "manager/discovery", nil); len(tokens) != len(known) || tokens[1].Index != 1 || tokens[0].Token == "" {
		t.Errorf("tokens %+v", tokens)
	}
	if tokens := ask[discoveryToken](p, "GET", "manager/discovery/targ", nil); len(tokens) != 0 {
		t.Errorf("tokens of drives, of which there are none: %+v", tokens)
	}
	// All of it outlives the process.
	p.d.Close()
	again := meet(t, Config{Counts: Counts{CPUs: 2, GPUs: 2}, DataDir: p.d.config.DataDir})
	if diff := cmp.Diff(now, ask[descriptor](again, "GET", "manager/device", nil)); diff != "" {
		t.Errorf("descriptors after a restart (-before +after):\n%s", diff)
	}
	if list := ask[ipmiRecord](again, "GET", "manager/network/ipmi/cpu", nil); list[1].IPAddress != "192.0.2.200" {
		t.Errorf("after a restart: %+v", list)
	}
	if list := ask[enclosureRecord](again, "GET", "manager/network/ipmi/enclosure", nil); len(list) != 1 {
		t.Errorf("after a restart: %+v", list)
	}
}

// TestDirectorState: the long tail of 2.12.
func TestDirectorState(t *testing.T) {
	p := meet(t, Config{})
	s := askOne[deploymentState](p, "GET", "state", nil)
	if s.FabricID != 1 || s.FabricType != "gen4" || s.Coordinates != directorAt || len(s.CPUs) != 4 || s.CPUs["pcpu0"] != "off" {
		t.Errorf("state %+v", s)
	}
	if flags := ask[string](p, "GET", "state/flags", nil); len(flags) != 0 {
		t.Errorf("flags %v", flags)
	}
	for value, set := range map[string]bool{"0x1": true, "1": true, "0x2": false, "0x3": false, "0x0": false} {
		if got := askOne[controlFlagState](p, "POST", "state/flags", record{"name": "of my own", "value": value}); got.Set != set || got.Flag.Name != "of my own" {
			t.Errorf("%s: %+v", value, got)
		}
	}
	p.denied(400, "POST", "state/flags", record{"value": "yes"})
	if steps := ask[any](p, "GET", "state/degraded", nil); len(steps) != 0 {
		t.Errorf("degraded: %v", steps)
	}
	if a := p.do("PUT", "state/degraded/clear", nil); a.status != http.StatusOK || string(a.body) != `"cleared"` { // a bare string (2.0)
		t.Errorf("clear: %d %s", a.status, a.body)
	}
	for _, kind := range []string{"system", "liqid", "combined"} { // not enveloped (2.0)
		if a := p.do("GET", "log/"+kind, nil); a.status != 200 || !strings.Contains(string(a.body), " GET state/degraded 200\n") || a.header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("log/%s: %d %s", kind, a.status, a.body)
		}
	}
	p.denied(404, "GET", "log/holiday", nil)
	p.blameless()
}

// TestSigningRequest: a zip of a key and of a request that it signed.
func TestSigningRequest(t *testing.T) {
	p := meet(t, Config{})
	const subject = "country=DE&locality=Bonn&organization=Acme&organizationUnit=lab&state=NW"
	for query, want := range map[string]string{"": "liqid", "&filePrefix=rack1&commonName=rack1.example": "rack1"} {
		a := p.do("GET", "certificate/csr?"+subject+query, nil)
		archive, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
		if a.status != 200 || err != nil || len(archive.File) != 2 || archive.File[0].Name != want+".csr" || archive.File[1].Name != want+".key" {
			t.Fatalf("%d, %v: %.100q", a.status, err, a.body)
		}
		var der [2][]byte
		for i, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			block, _ := pem.Decode(text)
			if err != nil || block == nil {
				t.Fatalf("%s: %v %q", f.Name, err, text)
			}
			der[i] = block.Bytes
		}
		csr, err := x509.ParseCertificateRequest(der[0])
		if err != nil || csr.CheckSignature() != nil || csr.Subject.Locality[0] != "Bonn" || (want == "rack1") != (csr.Subject.CommonName == "rack1.example") {
			t.Errorf("%v: %+v", err, csr)
		}
		key, err := x509.ParsePKCS8PrivateKey(der[1])
		if err != nil || !csr.PublicKey.(*ecdsa.PublicKey).Equal(key.(*ecdsa.PrivateKey).Public()) {
			t.Errorf("the key is not the request's (%v)", err)
		}
	}
	for _, query := range []string{"", strings.Replace(subject, "state=NW", "", 1), subject + "&filePrefix=../x", subject + "&commonName=" + strings.Repeat("x", 65)} {
		p.denied(400, "GET", "certificate/csr?"+query, nil)
	}
}

// TestAssignment: what became coordinates in 2.5.
func TestAssignment(t *testing.T) {
	p := meet(t, Config{API: "2.4"})
	if c := askOne[Coordinates](p, "GET", "assignment", nil); c != directorAt {
		t.Errorf("assignment %v", c)
	}
	elsewhere := Coordinates{Node: 5}
	askOne[Coordinates](p, "POST", "assignment", elsewhere)
	p.denied(400, "POST", "group", record{"grp_id": 1, "group_name": "g", "fabr_id": 1}) // 3.9
	askOne[Coordinates](p, "POST", "assignment", directorAt)
	ask[any](p, "POST", "group", record{"grp_id": 1, "group_name": "g", "fabr_id": 1})
}
