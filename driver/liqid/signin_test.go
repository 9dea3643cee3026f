package liqid

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
)

const (
	doorUser   = "site"
	doorSecret = "correct horse battery"
)

// door is a director that lets in only whom it knows. It answers as a handler,
// over sockets, and as a transport, in fake time.
type door struct {
	mu       sync.Mutex
	password string
	digests  bool // it gives keys (3.x)
	key      string
	made     int      // keys
	refused  int      // calls with a wrong password
	at, most int      // such calls side by side
	seen     []string // "POST group key", "GET digest basic"
	denied   string   // a path that it answers with 401 to everybody
	bodies   []string // of calls that were let in
	slow     time.Duration
}

func newDoor(digests bool) *door { return &door{password: doorSecret, digests: digests} }

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if r.Body != nil {
		r.Body.Close()
	}
	return w.Result(), r.Context().Err()
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.slow > 0 {
		d.count(1)
		time.Sleep(d.slow)
		d.count(-1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, prefix+"/")
	user, password, basic := r.BasicAuth()
	how := "nothing"
	in := false
	switch key := r.Header.Get("X-API-Key"); {
	case key != "" && basic:
		how = "both"
	case key != "":
		how, in = "key", d.digests && key == d.key
	case basic:
		how, in = "basic", user == doorUser && password == d.password
		if !in {
			d.refused++
		}
	}
	d.seen = append(d.seen, r.Method+" "+path+" "+how)
	if !in || path == d.denied {
		w.Header().Set("WWW-Authenticate", `Basic realm="liqid"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"response":{"data":[],"errors":[{"code":401,"message":"not `+password+`","type":"Unauthorized"}],"code":401}}`)
		return
	}
	label, isDigest := strings.CutPrefix(path, "digest/")
	switch {
	case !d.digests && strings.HasPrefix(path, "digest"), path == "coordinates":
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"response":{"data":[],"errors":[{"code":404,"message":"no such path"}],"code":404}}`)
	case isDigest && r.Method == "POST":
		d.made++
		d.key = fmt.Sprintf("b1946ac9%04d", d.made)
		fmt.Fprintf(w, `{"response":{"data":[{"digest_id":%d,"digest_key":%q,"digest_label":%q}],"errors":null,"code":0}}`, d.made, d.key, label)
	case isDigest:
		d.key = ""
		fmt.Fprintf(w, `{"response":{"data":[%q],"errors":null,"code":0}}`, label)
	default:
		if r.Body != nil {
			body, _ := io.ReadAll(r.Body)
			d.bodies = append(d.bodies, string(body))
		}
		io.WriteString(w, `{"response":{"data":[1],"errors":null,"code":0}}`)
	}
}

func (d *door) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at += n
	d.most = max(d.most, d.at)
}

// take returns what was seen and forgets it.
func (d *door) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.seen
	d.seen, d.bodies = nil, nil
	return seen
}

// opens is a driver's calls to d, in the same process.
func (d *door) opens(t *testing.T, change func(*Config)) *calls {
	t.Helper()
	c := d.drives(t, change).calls
	c.signed.mayMake(true) // as where the director is one that may be changed
	return c
}

// drives is a driver of d, in the same process.
func (d *door) drives(t *testing.T, change func(*Config)) *Fabric {
	t.Helper()
	c := Config{
		Name: "rack1", URL: "http://192.0.2.1:8080", Site: rackSite, Access: composa.AccessManage,
		Credentials: Credentials{doorUser, doorSecret}, HTTP: &http.Client{Transport: d},
	}
	if change != nil {
		change(&c)
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestADirectorWithoutDigestsIsShownThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(false)
		c := d.opens(t, nil)
		for range 2 {
			if _, err := c.read(t.Context(), "group"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.change(t.Context(), "POST", "group", map[string]int{"grp_id": 1}); err != nil {
			t.Fatal(err)
		}
		equal(t, "calls", d.take(), []string{"GET digest basic", "GET fabric/id basic", "GET group basic", "GET group basic", "POST group basic"})
	})
}

func TestADirectorWithDigestsGivesAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, nil)
		for range 2 {
			if _, err := c.read(t.Context(), "group"); err != nil {
				t.Fatal(err)
			}
		}
		label := "digest/" + composa.GroupMark(rackSite)
		equal(t, "calls", d.take(), []string{"GET digest basic", "DELETE " + label + " basic", "POST " + label + " basic", "GET group key", "GET group key"})
		if len(label) > len("digest/")+40 || strings.ContainsAny(label, " ") {
			t.Errorf("the label is %q", label)
		}
	})
}

func TestAnObserverMakesNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, func(c *Config) { c.Access = composa.AccessObserve })
		if _, err := c.read(t.Context(), "group"); err != nil {
			t.Fatal(err)
		}
		equal(t, "calls", d.take(), []string{"GET digest basic", "GET group basic"})
	})
}

func TestManyCallsSignInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, func(c *Config) { c.Limits = Limits{Concurrent: 16, PerSecond: 1000} })
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := c.read(t.Context(), "group"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d.made != 1 {
			t.Errorf("%d keys were made", d.made)
		}
	})
}

func TestAKeyThatIsForgottenIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, nil)
		if _, err := c.read(t.Context(), "group"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * keyAge)
		d.key = "" // the director lost it
		d.take()
		if err := c.change(t.Context(), "POST", "group", map[string]int{"grp_id": 7}); err != nil {
			t.Fatal(err)
		}
		equal(t, "what was carried out", d.bodies, []string{`{"grp_id":7}`})
		label := "digest/" + composa.GroupMark(rackSite)
		equal(t, "calls", d.take(), []string{"POST group key", "GET fabric/id key", "GET digest basic", "DELETE " + label + " basic", "POST " + label + " basic", "POST group key"})
	})
}

// Two of one label would take the key from each other at every call.
func TestAKeyThatSomebodyTookAtOnceIsNotFoughtFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		one, two := d.opens(t, nil), d.opens(t, nil)
		for range 50 {
			for _, c := range []*calls{one, two} {
				if err := c.change(t.Context(), "POST", "group", nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d.made > 2 {
			t.Errorf("%d keys were made", d.made)
		}
		time.Sleep(basicFor) // then it is tried again
		d.take()
		if _, err := one.read(t.Context(), "group"); err != nil || d.made != 3 {
			t.Errorf("%v, %d keys: %q", err, d.made, d.take())
		}
	})
}

func TestAPasswordThatIsRefusedIsNotHammered(t *testing.T) {
	for _, digests := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor(digests)
			d.password, d.slow = "another one", 10*time.Millisecond
			c := d.opens(t, nil)
			began := time.Now()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for time.Since(began) < 20*time.Minute {
						if _, err := c.read(t.Context(), "group"); codeOf(err) != composa.CodeUnreachable || statusOf(err) != 401 {
							t.Errorf("a read: %v (%s)", err, codeOf(err))
						}
						if err := c.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeUnreachable {
							t.Errorf("a change: %v (%s)", err, codeOf(err))
						}
						time.Sleep(2 * time.Second)
					}
				})
			}
			wg.Wait()
			// Pauses of 1 s, 2 s … 256 s are over after 8.5 min; then every 5 min.
			if d.refused < 9 || d.refused > 13 || d.most != 1 {
				t.Errorf("the password was tried %d times in 20 minutes, %d at once", d.refused, d.most)
			}
			d.password = doorSecret
			time.Sleep(refusedMost)
			if _, err := c.read(t.Context(), "group"); err != nil {
				t.Errorf("once it is right: %v", err)
			}
		})
	}
}

func TestAPasswordThatIsChangedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(false)
		c := d.opens(t, nil)
		if _, err := c.read(t.Context(), "group"); err != nil {
			t.Fatal(err)
		}
		d.password = "another one"
		err := c.change(t.Context(), "POST", "group", map[string]int{"grp_id": 7})
		want := `the director of rack1 at http://192.0.2.1:8080 does not take the password of its user "site"; it is tried less and less often, at last every 5m0s`
		if codeOf(err) != composa.CodeUnreachable || err.Error() != want {
			t.Errorf("%v (%s)", err, codeOf(err))
		}
		if got := explain("cannot look", err).Error(); got != "cannot look: "+want+"; set the credentials of fabric rack1 right and start the server again" {
			t.Errorf("%s", got)
		}
		d.password = doorSecret
		time.Sleep(2 * time.Second)
		if err := c.change(t.Context(), "POST", "group", map[string]int{"grp_id": 7}); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutCredentialsTheDirectorSaysThatItWantsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, func(c *Config) { c.Credentials = Credentials{} })
		_, err := c.read(t.Context(), "group")
		if got := explain("cannot look", err).Error(); got != "cannot look: the director of rack1 at http://192.0.2.1:8080 wants to know who calls (GET group); give fabric rack1 credentials" {
			t.Errorf("%s", got)
		}
		equal(t, "calls", d.take(), []string{"GET group nothing"})
	})
}

// A call that waits for a sign-in which fails was not made.
func TestACallIsNotMadeWhereTheSignInFails(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"cut":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"away": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			var paths []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				paths = append(paths, r.URL.Path)
				h(w, r)
			}))
			defer server.Close()
			c := newDoor(true).opens(t, func(c *Config) { c.URL, c.HTTP = server.URL, nil })
			if err := c.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeUnreachable {
				t.Errorf("%v (%s)", err, codeOf(err))
			}
			server.Close()
			if slices.Contains(paths, prefix+"/group") {
				t.Errorf("calls: %q", paths)
			}
		})
	}
}

func TestASignInEndsWithTheCallThatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := fakeNet(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := newDoor(true).opens(t, func(c *Config) { c.HTTP = &http.Client{Transport: hanging} })
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		var wg sync.WaitGroup
		for range 2 { // the one that signs in and one that waits for its turn
			wg.Go(func() {
				if err := c.change(ctx, "POST", "group", nil); codeOf(err) != composa.CodeUnreachable || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v (%s)", err, codeOf(err))
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// What is secret stands in no error, however it is written down, and reaches
// nobody but the director.
func TestSecretsStayWithTheDirector(t *testing.T) {
	var elsewhere []http.Header
	var mu sync.Mutex
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		elsewhere = append(elsewhere, r.Header)
	}))
	defer other.Close()
	secrets := []string{doorSecret, base64.StdEncoding.EncodeToString([]byte(doorUser + ":" + doorSecret)), "b1946ac9"}
	answers := map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL+"/?key="+r.Header.Get("X-API-Key"))
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"link": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"response":{"data":[{"links":[{"href":"%s%s/async/1"}]}],"errors":null,"code":0}}`, other.URL, prefix)
		},
		"page":     func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>"+r.Header.Get("X-API-Key")) },
		"cut":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"password": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	}
	for name, answer := range answers {
		inner := newDoor(true)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "digest") && name != "password" {
				inner.ServeHTTP(w, r)
				return
			}
			answer(w, r)
		}))
		defer server.Close()
		c := inner.opens(t, func(c *Config) {
			c.URL, c.HTTP, c.Timeouts.Silence, c.Timeouts.Commit = server.URL, nil, 20*time.Millisecond, time.Second
		})
		_, read := c.read(t.Context(), "system/device")
		_, committed := c.commit(t.Context(), "POST", "pool/done", map[string]int{})
		if committed == nil || (read == nil && name != "link") {
			t.Errorf("%s: it worked", name)
		}
		for _, err := range []error{read, committed} {
			for ; err != nil; err = errors.Unwrap(err) {
				for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
					for _, secret := range secrets {
						if text := fmt.Sprintf(format, err); strings.Contains(text, secret) {
							t.Errorf("%s: %s", name, text)
						}
					}
				}
			}
		}
	}
	if len(elsewhere) > 0 {
		t.Errorf("somebody else was called: %v", elsewhere)
	}
	config := Config{Name: "rack1", Credentials: Credentials{doorUser, doorSecret}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, config); strings.Contains(text, doorSecret) {
			t.Errorf("a configuration is written as %s", text)
		}
	}
}

func TestTheEventSocketSaysWhoCalls(t *testing.T) {
	var how []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, basic := r.BasicAuth()
		how = append(how, fmt.Sprintf("%s %t %s", r.URL.Path, basic, r.UserAgent()))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	c := newDoor(false).opens(t, func(c *Config) { c.URL, c.HTTP = server.URL, nil })
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/liqid/event", nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.events.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	c.events.CloseIdleConnections()
	server.Close()
	if want := "/liqid/event true " + agent; how[len(how)-1] != want {
		t.Errorf("%q, want %q at last", how, want)
	}
}

func TestCredentialsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct {
		credentials Credentials
		want        string
	}{
		{Credentials{Username: "site"}, "cannot drive rack1: its credentials need both a user and a password"},
		{Credentials{Password: "x"}, "cannot drive rack1: its credentials need both a user and a password"},
		{Credentials{"a:b", "x"}, "cannot drive rack1: its user's name holds a colon"},
		{Credentials{"site", "x\r\n"}, "cannot drive rack1: its user or password holds control characters"},
		{Credentials{"site", strings.Repeat("x", maxCredential+1)}, "cannot drive rack1: its user or password has more than 256 bytes"},
	} {
		_, err := New(Config{Name: "rack1", URL: "http://192.0.2.1", Site: rackSite, Credentials: tt.credentials})
		if err == nil || err.Error() != tt.want || composa.CodeOf(err) != composa.CodeInvalid {
			t.Errorf("%v: %v", tt.credentials, err)
		}
	}
}

// What is one call's affair is not that of the whole fabric.
func TestACallThatIsDeniedWith401LeavesTheOthersAlone(t *testing.T) {
	for _, digests := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor(digests)
			d.denied = "manager/network/ipmi/cpu"
			c := d.opens(t, nil)
			for range 3 {
				_, err := c.read(t.Context(), d.denied)
				if codeOf(err) != composa.CodeUnreachable || statusOf(err) != 401 || strings.Contains(err.Error(), "password") {
					t.Errorf("%v (%s)", err, codeOf(err))
				}
				if _, err := c.read(t.Context(), "group"); err != nil {
					t.Errorf("another call: %v", err)
				}
			}
			if d.made > 1 || d.refused > 0 {
				t.Errorf("%d keys were made, the password was refused %d times: %q", d.made, d.refused, d.take())
			}
		})
	}
}

// Making a key changes the director: that is not done before it is known to be
// one that is changed.
func TestNoKeyIsMadeWhereNothingMayBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(true)
		c := d.opens(t, nil)
		c.signed.mayMake(false)
		read := func() {
			t.Helper()
			if _, err := c.read(t.Context(), "group"); err != nil {
				t.Fatal(err)
			}
		}
		read()
		equal(t, "calls", d.take(), []string{"GET digest basic", "GET group basic"})
		c.signed.mayMake(true)
		read()
		label := "digest/" + composa.GroupMark(rackSite)
		equal(t, "calls", d.take(), []string{"GET digest basic", "DELETE " + label + " basic", "POST " + label + " basic", "GET group key"})
		c.signed.mayMake(false)
		read()
		equal(t, "calls", d.take(), []string{"GET group key"})
	})
}

func TestAManagedFabricOfAnUnknownEraIsNotChangedBySigningIn(t *testing.T) {
	d := newDoor(true) // it does not say of which line it is
	f := d.drives(t, nil)
	for range 2 {
		if k, err := f.know(t.Context()); err != nil || k.speaks.readOnly == "" {
			t.Fatalf("%+v %v", k, err)
		}
		if _, err := f.calls.read(t.Context(), "group"); err != nil {
			t.Fatal(err)
		}
		f.forget()
	}
	for _, call := range d.take() {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("it was called %s", call)
		}
	}
}

func TestWhatPrintsADriverShowsNoPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newDoor(true).drives(t, nil)
		f.calls.signed.mayMake(true)
		if _, err := f.calls.read(t.Context(), "group"); err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{f, f.config, f.calls, f.calls.signed, f.calls.signed.who, f.calls.signed.is} {
			for _, format := range []string{"%v", "%+v", "%#v"} {
				if text := fmt.Sprintf(format, value); strings.Contains(text, doorSecret) || strings.Contains(text, "b1946ac9") {
					t.Errorf("%T is written as %s", value, text)
				}
			}
		}
	})
}
