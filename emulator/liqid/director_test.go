package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// start makes a director for a test and closes it at its end.
func start(t testing.TB, c Config) *Director {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// call makes one call without a network and returns status and body.
func call(d *Director, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequest(method, "/liqid/api/v2/"+path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// must makes a call that has to succeed and decodes its data.
func must[T any](t testing.TB, d *Director, method, path, body string) []T {
	t.Helper()
	status, text := call(d, method, path, body)
	var e struct {
		Response struct {
			Data   []T
			Errors any
			Code   int
		}
	}
	if status == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil || status > 299 || e.Response.Code != 0 || e.Response.Errors != nil {
		t.Fatalf("%s %s %s: %d %s (%v)", method, path, body, status, text, err)
	}
	return e.Response.Data
}

// refused makes a call that has to be refused and returns the message.
func refused(t testing.TB, d *Director, method, path, body string, want int) string {
	t.Helper()
	status, text := call(d, method, path, body)
	var e struct {
		Response struct {
			Data   []any
			Errors []errorMessage
			Code   int
		}
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%s %s: %d, no envelope: %s", method, path, status, text)
	}
	if status != want || e.Response.Code <= 0 || len(e.Response.Errors) != 1 || e.Response.Data == nil {
		t.Fatalf("%s %s %s: status %d, want %d and a full envelope: %s", method, path, body, status, want, text)
	}
	return e.Response.Errors[0].Message
}

// Bodies as clients send them, with as little in them as counts.
func groupBody(id int, name string) string {
	return fmt.Sprintf(`{"fabr_id":1,"grp_id":%d,"group_name":%q,"pod_id":-1}`, id, name)
}
func poolBody(id int) string {
	return fmt.Sprintf(`{"grp_id":%d,"fabr_id":1,"coordinates":{"rack":0,"shelf":0,"node":1}}`, id)
}
func memberBody(device string, group int) string {
	return fmt.Sprintf(`{"deviceStatus":{"name":%q},"group":{"grp_id":%d}}`, device, group)
}
func machineBody(id, group int, name string) string {
	return fmt.Sprintf(`{"fabr_id":1,"grp_id":%d,"mach_id":%d,"mach_name":%q}`, group, id, name)
}
func relateBody(device string, group, machine int) string {
	return fmt.Sprintf(`{"groupDeviceRelator":%s,"machine":{"mach_id":%d}}`, memberBody(device, group), machine)
}

// classOf is the class of a device by its name.
func classOf(device string) string {
	for _, k := range kindNames {
		if strings.HasPrefix(device, k.prefix) {
			return string(k.class)
		}
	}
	return "unknown"
}

// compose makes group 1 and machine 1 of the devices, in the order of liqid-api.md 3.2.
func compose(t testing.TB, d *Director, devices ...string) {
	t.Helper()
	must[any](t, d, "POST", "group", groupBody(1, "research"))
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	for _, v := range devices {
		must[any](t, d, "POST", "predevice/"+classOf(v), memberBody(v, 1))
	}
	must[any](t, d, "POST", "pool/done", poolBody(1))
	d.working.Wait()
	must[any](t, d, "POST", "machine", machineBody(1, 1, "trainbox"))
	must[any](t, d, "POST", "fabric/edit", machineBody(1, 1, "trainbox"))
	for _, v := range devices {
		must[any](t, d, "POST", "relate/"+Class(classOf(v)).relateTo(), relateBody(v, 1, 1))
	}
	must[any](t, d, "POST", "fabric/reprogram", machineBody(1, 1, "trainbox"))
	d.working.Wait() // where it is answered before it is done
}

func TestComposeAndFree(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu1", "gpu2", "gpu3", "ssd0", "scm0", "link0")
	m := must[machineRecord](t, d, "GET", "machine?mach_id=1", "")
	if len(m) != 1 || m[0].CompName != "pcpu1" || len(m[0].History) != 6 || m[0].MTime < time.Now().Unix()-60 {
		t.Fatalf("machine = %+v", m)
	}
	for _, p := range must[predeviceRecord](t, d, "GET", "predevice?grp_id=1", "") {
		if p.MachID != "1" || p.MName != "trainbox" || p.GName != "research" {
			t.Errorf("predevice = %+v", p)
		}
	}
	must[any](t, d, "DELETE", "machine/1", "")
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	for _, v := range []string{"pcpu1", "gpu2", "gpu3", "ssd0", "scm0", "link0"} {
		must[any](t, d, "DELETE", "predevice/"+classOf(v), memberBody(v, 1))
	}
	must[any](t, d, "POST", "pool/done", poolBody(1))
	if left := must[predeviceRecord](t, d, "GET", "predevice", ""); len(left) != 0 {
		t.Errorf("left in groups: %v", left)
	}
	must[any](t, d, "DELETE", "group/1", "")
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

func indent(t testing.TB, text string) string {
	t.Helper()
	var buf bytes.Buffer
	if err := json.Indent(&buf, []byte(text), "", "  "); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return buf.String() + "\n"
}
