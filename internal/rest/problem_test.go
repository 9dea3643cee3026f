package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// badInput is everything wrong that REST can be told, by the name of its golden
// file.
var badInput = []struct {
	name, method, path, body string
	headers                  []string
}{
	{"token-missing", "GET", "/v1/machines", "", []string{"Authorization:"}},
	{"token-unknown", "GET", "/v1/machines", "", []string{"Authorization: Bearer composa_aaaaaaaaaaaaaaaa"}},
	{"token-basic", "GET", "/v1/machines", "", []string{"Authorization: Basic YWRtaW46YWRtaW4="}},
	{"path-unknown", "GET", "/v1/machine", "", nil},
	{"path-root", "GET", "/", "", nil},
	{"path-doubled-slash", "GET", "/v1//machines", "", nil},
	{"method-wrong", "DELETE", "/v1/machines/default/train", "", nil},
	{"method-wrong-body-verb", "PUT", "/v1/machines", "{}", nil},

	{"query-unknown", "GET", "/v1/machines?sate=ready", "", nil},
	{"query-state", "GET", "/v1/machines?state=running", "", nil},
	{"query-label", "GET", "/v1/machines?label=team", "", nil},
	{"query-limit-zero", "GET", "/v1/devices?limit=0", "", nil},
	{"query-limit-absurd", "GET", "/v1/devices?limit=1001", "", nil},
	{"query-limit-word", "GET", "/v1/devices?limit=many", "", nil},
	{"query-cursor", "GET", "/v1/devices?cursor=abc", "", nil},
	{"query-cursor-operations", "GET", "/v1/operations?cursor=MTphYmM", "", nil},
	{"query-kind", "GET", "/v1/devices?kind=tpu", "", nil},
	{"query-wait", "GET", "/v1/operations/op_aaaaaaaaaaaaaaaa?wait=301", "", nil},
	{"query-after", "GET", "/v1/events?after=yesterday", "", nil},
	{"query-follow-page", "GET", "/v1/events?follow=true", "", nil},
	{"query-too-long", "GET", "/v1/machines?label=" + strings.Repeat("a", 17000), "", nil},

	{"body-missing", "PUT", "/v1/machines/default/new1", "", nil},
	{"body-malformed", "PUT", "/v1/machines/default/new1", "{\n  \"devices\": [{\"kind\": gpu}]\n}", nil},
	{"body-cut-off", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu"`, nil},
	{"body-trailing", "PUT", "/v1/machines/default/new1", `{"devices": []} {"devices": []}`, nil},
	{"body-not-utf8", "PUT", "/v1/machines/default/new1", "{\"message\": \"\xff\", \"devices\": []}", nil},
	{"body-list", "PUT", "/v1/machines/default/new1", `[]`, nil},
	{"body-too-large", "PUT", "/v1/machines/default/new1", `{"message": "` + strings.Repeat("x", 1<<20) + `"}`, nil},
	{"body-too-deep", "PUT", "/v1/machines/default/new1", `{"devices": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, nil},
	{"body-unknown-field", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1, "colour": "red"}]}`, nil},
	{"body-field-in-capitals", "PUT", "/v1/machines/default/new1", `{"Devices": [{"kind": "gpu", "count": 1}], "devices": []}`, nil},
	{"body-several-mistakes", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 2.5}, {"kind": "tpu"}, {"count": 1}], "power": "off", "p2p": "yes"}`, nil},
	{"body-doubled-field", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}], "devices": [{"kind": "gpu", "count": 4}]}`, nil},
	{"body-doubled-deep", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}, {"kind": "ssd", "count": 1, "kind": "nic"}]}`, nil},
	{"body-doubled-label", "PUT", "/v1/machines/default/new1", `{"labels": {"team": "a", "team": "b"}, "devices": []}`, nil},
	{"body-null-list", "PUT", "/v1/machines/default/new1", `{"devices": null}`, nil},
	{"body-number-as-exponent", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1e400}]}`, nil},
	{"body-form", "PUT", "/v1/machines/default/new1", "devices=gpu", []string{"Content-Type: application/x-www-form-urlencoded"}},
	{"body-latin1", "PUT", "/v1/machines/default/new1", `{"devices": []}`, []string{"Content-Type: application/json; charset=iso-8859-1"}},
	{"body-gzip", "PUT", "/v1/machines/default/new1", "\x1f\x8b\x08", []string{"Content-Encoding: gzip"}},
	{"body-unending-lists", "PUT", "/v1/machines/default/new1", strings.Repeat("[", 100_000), nil},
	{"body-number-of-a-million-digits", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": ` + strings.Repeat("9", 1_000_000) + `}]}`, nil},
	{"body-many-fields", "PUT", "/v1/machines/default/new1", "{" + listed(60_000, `"field%d": 1`) + "}", nil},
	{"body-many-values", "PUT", "/v1/machines/default/new1", `{"devices": ` + values(20_001) + "}", nil},
	{"body-ten-thousand-ids", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": [` + listed(10_000, `"rack1/gpu%d"`) + `]}]}`, nil},
	{"body-of-a-get", "GET", "/v1/devices", `{"kind": "gpu"}`, nil},
	{"body-unwanted", "POST", "/v1/fabrics/rack1/check", `{"hard": true}`, nil},
	{"message-too-long", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}], "message": "` + strings.Repeat("x", 501) + `"}`, nil},
	{"timeout-negative", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}], "timeout": -1}`, nil},

	{"kind-unknown", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "tpu", "count": 1}]}`, nil},
	{"kind-unknown-totals", "POST", "/v1/machines/default/train/reshape", `{"totals": {"tpu": 1}}`, nil},
	{"kind-twice-totals", "POST", "/v1/machines/default/train/reshape", `{"totals": {"gpu": 1, "gpus": 2}}`, nil},
	{"kind-unknown-counts", "POST", "/v1/machines/default/train/unplug", `{"counts": {"tpu": 1}}`, nil},
	{"fabric-unknown", "PUT", "/v1/machines/default/new1", `{"fabrics": ["rack9"], "devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"fabric-unknown-path", "GET", "/v1/fabrics/rack9", "", nil},
	{"fabric-observed-probe", "POST", "/v1/fabrics/rack2/check?probe=true", "", nil},
	{"fabric-unknown-probe", "POST", "/v1/fabrics/rack9/check?probe=true", "", nil},
	{"query-probe", "POST", "/v1/fabrics/rack1/check?probe=maybe", "", nil},
	{"query-doubled", "GET", "/v1/machines?state=ready&state=ready", "", nil},
	{"query-doubled-limit", "GET", "/v1/devices?limit=1&kind=gpu&limit=2", "", nil},
	{"query-doubled-probe", "POST", "/v1/fabrics/rack1/check?probe=false&probe=true", "", nil},
	{"query-malformed", "GET", "/v1/machines?state=%zz", "", nil},
	{"fabric-unknown-check", "POST", "/v1/fabrics/rack9/check", "", nil},
	{"fabric-unknown-inventory", "GET", "/v1/fabrics/rack9/inventory", "", nil},
	{"device-unknown", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": ["rack1/gpu99"]}]}`, nil},
	{"device-unknown-path", "GET", "/v1/devices/rack1/gpu99", "", nil},
	{"device-unknown-rack", "GET", "/v1/devices/rack9/gpu0", "", nil},
	{"device-unknown-id", "GET", "/v1/devices/dev_aaaaaaaaaaaaaaaa", "", nil},
	{"device-malformed", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": ["gpu3"]}]}`, nil},
	{"device-twice", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": ["rack1/gpu3", "rack1/gpu3"]}]}`, nil},
	{"device-of-two-racks", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": ["rack1/gpu3", "rack2/gpu3"]}]}`, nil},
	{"device-of-another-kind", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "ssd", "ids": ["rack1/gpu3"]}]}`, nil},
	{"device-claimed", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "ids": ["rack1/gpu0"]}]}`, nil},
	{"machine-unknown", "GET", "/v1/machines/default/nobody", "", nil},
	{"machine-unknown-id", "GET", "/v1/machines/mach_aaaaaaaaaaaaaaaa", "", nil},
	{"machine-unknown-plug", "POST", "/v1/machines/default/nobody/plug", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"machine-unknown-free", "POST", "/v1/machines/default/nobody/free", ``, nil},
	{"project-unknown", "GET", "/v1/machines/vision/train", "", nil},
	{"project-unknown-list", "GET", "/v1/machines?project=vision", "", nil},
	{"project-unknown-new", "POST", "/v1/machines", `{"name": "new1", "project": "vision", "devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"operation-unknown", "GET", "/v1/operations/op_aaaaaaaaaaaaaaaa", "", nil},
	{"operation-unknown-cancel", "POST", "/v1/operations/op_aaaaaaaaaaaaaaaa/cancel", "", nil},
	{"plan-unknown-carried-out", "POST", "/v1/operations", `{"plan": "plan_aaaaaaaaaaaaaaaa"}`, nil},
	{"plan-missing", "POST", "/v1/operations", `{}`, nil},
	{"plan-unknown", "GET", "/v1/plans/plan_aaaaaaaaaaaaaaaa", "", nil},
	{"plan-without-request", "POST", "/v1/plans", `{"verb": "plug", "machine": "train"}`, nil},
	{"plan-with-two-requests", "POST", "/v1/plans", `{"verb": "plug", "machine": "train", "plug": {"devices": []}, "free": {}}`, nil},

	{"count-zero", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 0}]}`, nil},
	{"count-negative", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": -2}]}`, nil},
	{"count-absurd", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1000000}]}`, nil},
	{"count-beyond-numbers", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 99999999999999999999}]}`, nil},
	{"count-negative-totals", "POST", "/v1/machines/default/train/reshape", `{"totals": {"gpu": -1}}`, nil},
	{"count-negative-unplug", "POST", "/v1/machines/default/train/unplug", `{"counts": {"gpu": -1}}`, nil},
	{"count-more-than-there-are", "POST", "/v1/machines/default/train/unplug", `{"counts": {"gpu": 5}}`, nil},
	{"refused", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 9}]}`, nil},

	{"key-empty", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}]}`, []string{"Idempotency-Key: \t"}},
	{"key-with-space", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}]}`, []string{"Idempotency-Key: my key"}},
	{"key-not-ascii", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}]}`, []string{"Idempotency-Key: schlüssel"}},
	{"key-too-long", "PUT", "/v1/machines/default/new1", `{"devices": [{"kind": "gpu", "count": 1}]}`, []string{"Idempotency-Key: " + strings.Repeat("k", 129)}},
	{"match-malformed", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 2}]}`, []string{`If-Match: "abc"`}},
	{"match-another", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 2}]}`, []string{`If-Match: "999"`}},
	{"match-none", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 2}]}`, []string{"If-None-Match: *"}},
	{"match-both", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 2}]}`, []string{"If-None-Match: *", `If-Match: "3"`}},

	{"name-empty", "POST", "/v1/machines", `{"name": "", "devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-missing", "POST", "/v1/machines", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-too-long", "POST", "/v1/machines", `{"name": "` + strings.Repeat("a", 64) + `", "devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-too-long-path", "PUT", "/v1/machines/default/" + strings.Repeat("a", 64), `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-taken", "POST", "/v1/machines", `{"name": "train", "devices": [{"kind": "gpu", "count": 2}]}`, nil},
	{"name-taken-other-wish", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 4}]}`, nil},
	{"name-reserved", "PUT", "/v1/machines/default/all", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-reserved-new", "PUT", "/v1/machines/default/new", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-reserved-default", "PUT", "/v1/machines/default/default", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-reserved-composa", "PUT", "/v1/machines/default/composa-1", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-no-dns-label", "PUT", "/v1/machines/default/Train_1", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"name-odd-bytes", "PUT", "/v1/machines/default/tr%00%0Aain", `{"devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"label-empty-key", "PUT", "/v1/machines/default/new1", `{"labels": {"": "x"}, "devices": [{"kind": "gpu", "count": 1}]}`, nil},

	{"unplug-nothing", "POST", "/v1/machines/default/train/unplug", `{}`, nil},
	{"unplug-device-elsewhere", "POST", "/v1/machines/default/train/unplug", `{"ids": ["rack1/gpu5"]}`, nil},
	{"unplug-device-unknown", "POST", "/v1/machines/default/train/unplug", `{"ids": ["rack1/gpu99"]}`, nil},
	{"plug-nothing", "POST", "/v1/machines/default/train/plug", `{"devices": []}`, nil},
	{"move-to-itself", "POST", "/v1/machines/default/train/move", `{"ids": ["rack1/gpu0"], "to": "train"}`, nil},
	{"move-to-nobody", "POST", "/v1/machines/default/train/move", `{"ids": ["rack1/gpu0"], "to": "nobody"}`, nil},
	{"move-not-its-own", "POST", "/v1/machines/default/train/move", `{"ids": ["rack1/gpu5"], "to": "render"}`, nil},
	{"reshape-nothing", "POST", "/v1/machines/default/train/reshape", `{"totals": {}}`, nil},
	{"grace-negative", "POST", "/v1/machines/default/train/free", `{"grace": -1}`, nil},
	{"only-observed", "PUT", "/v1/machines/default/new1", `{"fabrics": ["rack2"], "devices": [{"kind": "gpu", "count": 1}]}`, nil},

	{"retry-of-one-that-ended", "POST", "/v1/operations/{op}/retry", "", nil},
	{"undo-of-one-that-ended", "POST", "/v1/operations/{op}/undo", "", nil},
	{"resolve-of-one-that-ended", "POST", "/v1/operations/{op}/resolve", "", nil},

	{"edit-stale", "PATCH", "/v1/devices/rack1/gpu5", `{"cordon": "bad fan"}`, []string{`If-Match: "999"`}},
	{"edit-match-malformed", "PATCH", "/v1/devices/rack1/gpu5", `{"cordon": "bad fan"}`, []string{`If-Match: "abc"`}},
	{"edit-address-of-gpu", "PATCH", "/v1/devices/rack1/gpu5", `{"address": "192.0.2.1"}`, nil},
	{"edit-unknown", "PATCH", "/v1/devices/rack1/gpu99", `{"cordon": "bad fan"}`, nil},
	{"edit-doubled-label", "PATCH", "/v1/devices/rack1/gpu5", `{"labels": {"a": "b", "a": null}}`, nil},

	{"pool-unknown", "GET", "/v1/pools/default/nothing", "", nil},
	{"pool-unknown-add", "POST", "/v1/pools/default/nothing/add", `{"ids": ["rack1/gpu4"]}`, nil},
	{"pool-unknown-wish", "PUT", "/v1/machines/default/new1", `{"pool": "nothing", "devices": [{"kind": "gpu", "count": 1}]}`, nil},
	{"pool-taken", "POST", "/v1/pools", `{"name": "vision"}`, nil},
	{"pool-name-reserved", "POST", "/v1/pools", `{"name": "all"}`, nil},
	{"pool-device-unknown", "POST", "/v1/pools/default/vision/add", `{"ids": ["rack1/gpu99"]}`, nil},
	{"pool-device-twice", "POST", "/v1/pools/default/vision/add", `{"ids": ["rack1/gpu4", "rack1/gpu4"]}`, nil},
	{"pool-device-none", "POST", "/v1/pools/default/vision/add", `{"ids": []}`, nil},
	{"pool-device-in-another", "POST", "/v1/pools/default/graphics/add", `{"ids": ["rack1/gpu5"]}`, nil},
	{"pool-full", "POST", "/v1/pools/default/vision/add", `{"ids": ["rack1/ssd0", "rack1/ssd1"]}`, nil},
	{"pool-not-empty", "DELETE", "/v1/pools/default/vision", "", nil},
	{"pool-stale", "DELETE", "/v1/pools/default/graphics", "", []string{`If-Match: "999"`}},
	{"pool-add-stale", "POST", "/v1/pools/default/graphics/add", `{"ids": ["rack1/ssd0"]}`, []string{`If-Match: "999"`}},
	{"pool-remove-stale", "POST", "/v1/pools/default/vision/remove", `{"ids": ["rack1/gpu5"]}`, []string{`If-Match: "999"`}},
	{"pool-remove-match-malformed", "POST", "/v1/pools/default/vision/remove", `{"ids": ["rack1/gpu5"]}`, []string{`If-Match: "abc"`}},
	{"pool-set-unknown", "PATCH", "/v1/pools/default/nothing", `{"most": 3}`, nil},
	{"pool-set-nothing", "PATCH", "/v1/pools/default/vision", `{"labels": {}}`, nil},
	{"pool-set-most-null", "PATCH", "/v1/pools/default/vision", `{"most": null, "labels": {"a": "b"}}`, nil},
	{"pool-set-where-null", "PATCH", "/v1/pools/default/vision", `{"where": null}`, nil},
	{"pool-set-stale", "PATCH", "/v1/pools/default/vision", `{"most": 3}`, []string{`If-Match: "999"`}},
	{"pool-set-most", "PATCH", "/v1/pools/default/vision", `{"most": -1}`, nil},
	{"pool-set-too-few", "PATCH", "/v1/pools/default/full", `{"most": 1}`, nil},
	{"pool-set-where", "PATCH", "/v1/pools/default/vision", `{"where": "device.kind == 'gup'"}`, nil},
	{"pool-set-where-of-another", "PATCH", "/v1/pools/default/graphics", `{"where": "device.kind == 'nic'"}`, nil},
	{"pool-set-where-of-too-many", "PATCH", "/v1/pools/default/vision", `{"where": "device.kind == 'ssd'"}`, nil},
	{"pool-set-label", "PATCH", "/v1/pools/default/vision", `{"labels": {"": "x"}}`, nil},
	{"pool-set-field", "PATCH", "/v1/pools/default/vision", `{"name": "other"}`, nil},
	{"pool-set-dry-run", "PATCH", "/v1/pools/default/full?dryRun=true", `{"most": 1}`, nil},
	{"pool-set-dry-run-of-what", "PATCH", "/v1/pools/default/vision?dryRun=perhaps", `{"most": 3}`, nil},
	{"pool-new-dry-run-taken", "POST", "/v1/pools?dryRun=true", `{"name": "vision"}`, nil},
	{"pool-new-with-unknown-device", "POST", "/v1/pools", `{"name": "other", "ids": ["rack1/gpu99"]}`, nil},
	{"pool-new-with-taken-device", "POST", "/v1/pools", `{"name": "other", "ids": ["rack1/gpu5"]}`, nil},
}

// Each bad input has its code and its message, and changes nothing.
func TestBadInput(t *testing.T) {
	w := newWorld(t, setting{observe: "rack2"})
	op := w.compose("train", 2).Operation
	w.compose("render", 1)
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "vision", Most: 2, IDs: []string{"rack1/gpu5"}}))
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "graphics"}))
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "full", IDs: []string{"rack2/gpu4", "rack2/gpu5"}}))
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "net", Where: `device.kind == "nic"`}))
	seen := map[string]bool{}
	for _, tt := range badInput {
		t.Run(tt.name, func(t *testing.T) {
			if seen[tt.name] {
				t.Fatal("two cases of one name")
			}
			seen[tt.name] = true
			before := w.outline(t)
			got := w.ask(tt.method, strings.ReplaceAll(tt.path, "{op}", op), tt.body, append([]string{"X-Request-Id: request-1"}, tt.headers...)...)
			if got.status < 400 {
				t.Fatalf("the answer is %d:\n%s", got.status, got.body)
			}
			p := got.problem(t)
			if p.Status != got.status || p.Code == "" || p.Request != "request-1" || !strings.HasPrefix(p.Detail, "cannot ") {
				t.Errorf("problem = %+v of %d", p, got.status)
			}
			golden(t, filepath.Join("testdata", "problem", tt.name+".golden"), show(tt.method, tt.path, got))
			if diff := cmp.Diff(before, w.outline(t)); diff != "" {
				t.Errorf("it changed something:\n%s", diff)
			}
		})
	}
	if *update {
		return
	}
	files := must(filepath.Glob("testdata/problem/*.golden"))
	if len(files) != len(badInput) {
		t.Errorf("%d golden files for %d cases; remove what is left over", len(files), len(badInput))
	}
}

// outline is what of the site a bad request could change.
func (w *world) outline(t *testing.T) []string {
	t.Helper()
	site := must(w.store.Site(t.Context(), composa.System()))
	var out []string
	for _, m := range site.Machines {
		out = append(out, fmt.Sprintf("machine %s %d", m.Name, m.SpecRevision))
	}
	for _, p := range site.Pools {
		out = append(out, fmt.Sprint("pool ", p.Name, " ", p.Revision, p.Where, p.Most, p.Labels))
	}
	for _, d := range site.Devices {
		out = append(out, fmt.Sprint(d.Place(), " ", d.Pool, d.Cordon, d.Labels, d.Host))
	}
	return append(out, fmt.Sprint(len(site.Claims), " claims ", len(site.Operations), " operations"))
}

var (
	ids = regexp.MustCompile(`\b(op|mach|dev|proj|user|pool|plan)_[a-z2-9]{16}\b`)
	// shown headers are those that an answer is judged by.
	shown = []string{"Allow", "Content-Type", "Location", "Retry-After", "WWW-Authenticate"}
)

// show writes an answer as golden files have it: ids are replaced, since they
// are random.
func show(method, path string, a answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n%d\n", method, composa.Abridge(path, 120), a.status)
	for _, h := range shown {
		if v := a.header.Get(h); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", h, v)
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(a.body), "", "  "); err != nil {
		pretty.WriteString(a.body)
	}
	b.WriteString("\n" + strings.TrimSpace(pretty.String()) + "\n")
	given := regexp.MustCompile(`_a{16}`)
	return ids.ReplaceAllStringFunc(b.String(), func(id string) string {
		if given.MatchString(id) {
			return id
		}
		prefix, _, _ := strings.Cut(id, "_")
		return prefix + "_…"
	})
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
