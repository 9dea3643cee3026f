package liqid

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOddCalls: whatever is sent to whichever call, it is answered, in the
// envelope where there is a refusal, and never with a fault of the director's own.
func TestOddCalls(t *testing.T) {
	bodies := []string{
		"", "null", "[]", "{}", `"text"`, "7", "{", `[{"mach_id":1}]`, `{"mach_id":null,"grp_id":{},"fabr_id":[1]}`, `{"mach_id":-1,"grp_id":0,"fabr_id":1}`,
		`{"mach_id":99999999999999999999,"grp_id":1e9,"fabr_id":1}`, `{"mach_id":"1","grp_id":"1","fabr_id":"1","group_name":7,"mach_name":["x"],"p2p":true}`,
		`{"deviceStatus":null,"group":null,"machine":null,"groupDeviceRelator":null}`, `{"deviceStatus":[],"group":7,"machine":"x","groupDeviceRelator":{}}`,
		`{"deviceStatus":{"name":7,"dev_id":[]},"group":{"grp_id":"x"}}`, `{"vid":7,"did":null}`, `{"image":null}`, `{"image":7,"machine":7,"device":7}`,
		`{"control_flag":7,"name":{},"value":"zz"}`, `{"cpu_name":"pcpu0","ip_address":"::1","port":"x","credentials":7}`, `{"rack":"x","shelf":-1,"node":1e99}`,
	}
	values := []string{"x", "0", "-1", "1", "99999999999999999999", "%2e%2e", "gpu0", "0x00002000"}
	if os.Getenv("COMPOSA_PROVE") == "" {
		values = values[:3]
	}
	hole := regexp.MustCompile(`\{[a-z]+\}`)
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			e, err := parseEra(api)
			if err != nil {
				t.Fatal(err)
			}
			d := start(t, Config{API: api})
			compose(t, d, "pcpu0", "gpu0")
			for _, rt := range routes(e) {
				if strings.HasPrefix(rt.path, "sse/") {
					continue // goes on for ever
				}
				for _, value := range values {
					path := hole.ReplaceAllString(rt.path, value)
					for i, body := range bodies {
						if !strings.Contains(rt.path, "{") && value != values[0] {
							break // nothing differs but the value
						}
						if i > 0 && !rt.changing() {
							break
						}
						status, answer := call(d, rt.method, path+"?fabr_id="+value+"&grp_id="+value+"&mach_id="+value+"&filter="+value, body)
						if status >= 500 {
							t.Errorf("%s %s %s: %d %s", rt.method, path, body, status, answer)
						}
						var envelope struct {
							Response struct {
								Code   int
								Errors []errorMessage
							}
						}
						if status >= 400 && (json.Unmarshal([]byte(answer), &envelope) != nil || envelope.Response.Code == 0 || len(envelope.Response.Errors) != 1) {
							t.Errorf("%s %s %s: %d %s", rt.method, path, body, status, answer)
						}
					}
				}
			}
		})
	}
}
