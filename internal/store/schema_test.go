package store

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The two dialects declare the same tables, columns and indexes; only the names
// of types differ.
func TestTheTwoSchemasAreOne(t *testing.T) {
	read := func(engine string) map[string]string {
		files, err := migrations.ReadDir("migrations/" + engine)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, f := range files {
			text, err := migrations.ReadFile("migrations/" + engine + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			out[f.Name()] = string(text)
		}
		return out
	}
	comment := regexp.MustCompile(`(?m)^-- [^+].*\n|^--\n`)
	spaces := regexp.MustCompile(` +`)
	same := func(text string) string {
		text = comment.ReplaceAllString(text, "")
		return spaces.ReplaceAllString(strings.NewReplacer("lower(hex(randomblob(8)))", "RANDOM", "substr(replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 1, 16)", "RANDOM",
			") STRICT;", ");", "INTEGER", "BIGINT", "BLOB", "BYTEA").Replace(text), " ")
	}
	lite, pg := read("sqlite"), read("postgres")
	if len(lite) == 0 || !strings.Contains(lite["00001_schema.sql"], "CREATE TABLE machine (") {
		t.Fatal("there is no schema")
	}
	for name := range lite {
		lite[name] = same(lite[name])
	}
	for name := range pg {
		pg[name] = same(pg[name])
	}
	if diff := cmp.Diff(lite, pg); diff != "" {
		t.Errorf("the schemas differ (-sqlite +postgres):\n%s", diff)
	}
}
