package liqid

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The tests of client_*_test.go walk the known clients' ways over a real
// connection, call by call as liqid-api.md records them; their names are the
// boxes of its section 6. This file is what they share.

// party is one client of one director.
type party struct {
	t      testing.TB
	d      *Director
	url    string      // without a path
	writes *writeCount // of the server's connections
	header http.Header // sent with every call
	user   string      // and these, if not empty
	pass   string
}

// meet puts a director on a real port.
func meet(t testing.TB, c Config) *party {
	t.Helper()
	d := start(t, c)
	counted := &writeCount{}
	server := httptest.NewUnstartedServer(d.Handler())
	server.Listener = countingListener{server.Listener, counted}
	server.Start()
	t.Cleanup(func() { d.Close(); server.Close() })
	return &party{t: t, d: d, url: server.URL, writes: counted, header: http.Header{}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// body of a call: text goes as it is, anything else as JSON, nil is none.
func (p *party) do(method, path string, body any, header ...string) answer {
	p.t.Helper()
	var content []byte
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	default:
		var err error
		if content, err = json.Marshal(b); err != nil {
			p.t.Fatal(err)
		}
	}
	target := path
	if !strings.HasPrefix(path, "http") {
		target = p.url + "/liqid/api/v2/" + path
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(content)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, target, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, values := range p.header {
		r.Header[name] = values
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if p.user != "" {
		r.SetBasicAuth(p.user, p.pass)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{reply.StatusCode, reply.Header, text}
}

func bytesOf(a answer) io.Reader { return bytes.NewReader(a.body) }

// ask makes a call that has to succeed and decodes the list in its envelope,
// as strictly as the strictest client does: errors null, code 0, data an array.
func ask[T any](p *party, method, path string, body any, header ...string) []T {
	p.t.Helper()
	a := p.do(method, path, body, header...)
	return unwrap[T](p, method+" "+path, a)
}

func unwrap[T any](p *party, what string, a answer) []T {
	p.t.Helper()
	var e struct {
		Response *struct {
			Data   []T             `json:"data"`
			Errors json.RawMessage `json:"errors"`
			Code   *int            `json:"code"`
		} `json:"response"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil {
		p.t.Fatalf("%s: %v: %s", what, err, a.body)
	}
	if a.status < 200 || a.status > 299 || e.Response == nil || e.Response.Code == nil || *e.Response.Code != 0 ||
		string(e.Response.Errors) != "null" || e.Response.Data == nil {
		p.t.Fatalf("%s: %d %s", what, a.status, a.body)
	}
	return e.Response.Data
}

// askOne is ask where the client demands exactly one element.
func askOne[T any](p *party, method, path string, body any, header ...string) T {
	p.t.Helper()
	list := ask[T](p, method, path, body, header...)
	if len(list) != 1 {
		p.t.Fatalf("%s %s: %d elements, clients take exactly one", method, path, len(list))
	}
	return list[0]
}

// denied makes a call that has to be refused, with a status and an envelope
// that both say so.
func (p *party) denied(want int, method, path string, body any, header ...string) answer {
	p.t.Helper()
	a := p.do(method, path, body, header...)
	var e struct {
		Response struct {
			Data   []any
			Errors []errorMessage
			Code   int
		}
	}
	if err := json.Unmarshal(a.body, &e); err != nil || a.status != want || e.Response.Code <= 0 || len(e.Response.Errors) == 0 || e.Response.Data == nil {
		p.t.Fatalf("%s %s: %d, want %d and a full envelope: %s (%v)", method, path, a.status, want, a.body, err)
	}
	return a
}

// blameless fails the test if the client broke a rule.
func (p *party) blameless() {
	p.t.Helper()
	if v := p.d.Violations(); len(v) != 0 {
		p.t.Errorf("violations: %+v", v)
	}
}

// record is any JSON object, as a client that sends back what it got has it.
type record = map[string]any

// named finds the record of a device.
func named(p *party, list []record, name string) record {
	p.t.Helper()
	for _, r := range list {
		if r["name"] == name {
			return r
		}
	}
	p.t.Fatalf("there is no %s in %d records", name, len(list))
	return nil
}

// without copies a record less some keys.
func without(r record, keys ...string) record {
	out := record{}
	for k, v := range r {
		out[k] = v
	}
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// with copies a record with some keys set.
func with(r record, pairs ...any) record {
	out := without(r)
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// writeCount counts the pieces in which a server's answers leave.
type writeCount struct{ n atomic.Int64 }

type countingListener struct {
	net.Listener
	*writeCount
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.writeCount}, nil
}

type countingConn struct {
	net.Conn
	*writeCount
}

func (c countingConn) Write(b []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(b)
}
