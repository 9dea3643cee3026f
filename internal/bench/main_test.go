package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTellsFiguresAndTargets(t *testing.T) {
	most, least := 1.05, 350.0
	got, err := read(strings.NewReader(`goos: linux
pkg: github.com/composa-dev/composa/internal/store
BenchmarkAccept/sqlite-2     100     12.5 ns/op     1.2 ratio     1.05 most:ratio     300 claims/s     350 least:claims/s
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []figure{
		{Name: "internal/store.Accept/sqlite", Value: 12.5, Unit: "ns/op", OK: true},
		{Name: "internal/store.Accept/sqlite", Value: 1.2, Unit: "ratio", Target: &most, OK: false},
		{Name: "internal/store.Accept/sqlite", Value: 300, Unit: "claims/s", Target: &least, OK: false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}
