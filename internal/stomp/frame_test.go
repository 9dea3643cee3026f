package stomp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// decode takes all frames out of data, handed over in pieces of the given size.
func decode(d *Decoder, data []byte, piece int) (frames []*Frame, err error) {
	for len(data) > 0 {
		n := min(piece, len(data))
		d.Write(data[:n])
		data = data[n:]
		for {
			f, err := d.Next()
			if err != nil {
				return frames, err
			}
			if f == nil {
				break
			}
			frames = append(frames, f)
		}
	}
	return frames, nil
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name    string
		frame   *Frame
		version Version
		want    string
	}{
		{"no headers", New("DISCONNECT"), V12, "DISCONNECT\n\n\x00"},
		{"connect is not escaped", New("CONNECT", "host", `a\b:c`), V12, "CONNECT\nhost:a\\b:c\n\n\x00"},
		{"1.0 is not escaped", New("MESSAGE", "x", `a\b:c`), V10, "MESSAGE\nx:a\\b:c\n\n\x00"},
		{"1.1", New("MESSAGE", "x", "a\\b:c\nd"), V11, "MESSAGE\nx:a\\\\b\\cc\\nd\n\n\x00"},
		{"1.2", New("MESSAGE", "x", "a\r\nb"), V12, "MESSAGE\nx:a\\r\\nb\n\n\x00"},
		{"a body", &Frame{"MESSAGE", Header{{"id", "1"}}, []byte("[]")}, V11, "MESSAGE\nid:1\n\n[]\x00"},
	} {
		got, err := tt.frame.Encode(tt.version)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for name, f := range map[string]*Frame{
		"no command":               New(""),
		"a line end in 1.0":        New("MESSAGE", "x", "a\nb"),
		"a header without a name":  New("MESSAGE", "", "x"),
		"a NUL in a header":        New("MESSAGE", "x", "\x00"),
		"a NUL in a body":          {Command: "MESSAGE", Body: []byte{0}},
		"a wrong content-length":   {"MESSAGE", Header{{"content-length", "3"}}, []byte("ab")},
		"a content-length of text": {"MESSAGE", Header{{"content-length", "x"}}, []byte("ab")},
	} {
		if data, err := f.Encode(V10); err == nil {
			t.Errorf("%s: encoded as %q", name, data)
		}
	}
	if _, err := New("MESSAGE", "x", "a\rb").Encode(V11); err == nil {
		t.Error("1.1 has no escape for a carriage return")
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		version    Version
		want       []*Frame
	}{
		{"heart-beats around a frame", "\n\nDISCONNECT\n\n\x00\n\r\n", V12, []*Frame{New("DISCONNECT")}},
		{"two frames", "A\n\n\x00B\nx:y\n\nbody\x00", V12, []*Frame{New("A"), {"B", Header{{"x", "y"}}, []byte("body")}}},
		{"carriage returns", "A\r\nx:y\r\n\r\nbody\x00", V12, []*Frame{{"A", Header{{"x", "y"}}, []byte("body")}}},
		{"a NUL inside of a counted body", "A\ncontent-length:3\n\na\x00b\x00", V12, []*Frame{{"A", Header{{"content-length", "3"}}, []byte("a\x00b")}}},
		{"the first of a repeated header counts", "A\nx:1\nx:2\n\n\x00", V12, []*Frame{New("A", "x", "1", "x", "2")}},
		{"escapes", "A\nx:\\c\\n\\r\\\\\n\n\x00", V12, []*Frame{New("A", "x", ":\n\r\\")}},
		{"a value with colons", "CONNECTED\nserver:a:b\n\n\x00", V12, []*Frame{New("CONNECTED", "server", "a:b")}},
		{"an empty value", "A\nx:\n\n\x00", V12, []*Frame{New("A", "x", "")}},
		{"line ends in the body", "A\n\n\n\nx\x00", V12, []*Frame{{"A", nil, []byte("\n\nx")}}},
	} {
		for piece := 1; piece <= len(tt.data); piece++ {
			got, err := decode(&Decoder{Version: tt.version}, []byte(tt.data), piece)
			for _, f := range got {
				if len(f.Body) == 0 {
					f.Body = nil
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s in pieces of %d: %v\n%s", tt.name, piece, err, diff)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		says       string
	}{
		{"no command", "x:y\n\n\x00", "not a command"},
		{"a header without a colon", "A\nxy\n\n\x00", "not a header"},
		{"a header without a name", "A\n:y\n\n\x00", "not a header"},
		{"a NUL inside of the headers", "A\nx\x00", "NUL inside the headers"},
		{"an unknown escape", "A\nx:\\t\n\n\x00", "escape"},
		{"half an escape", "A\nx:\\\n\n\x00", "escape"},
		{"a negative length", "A\ncontent-length:-1\n\n\x00", "not a length"},
		{"a length that ends elsewhere", "A\ncontent-length:1\n\nabc\x00", "no NUL behind"},
		{"a length beyond the limit", "A\ncontent-length:99999\n\n", "too large"},
		{"a body beyond the limit", "A\n\n" + strings.Repeat("x", 2000), "too large"},
		{"headers beyond the limit", "A\nx:" + strings.Repeat("x", 2000), "too large"},
		{"too many headers", "A\n" + strings.Repeat("a:\n", 300) + "\n\x00", "300 headers"},
		{"headers that are no text", "A\nx:\xff\n\n\x00", "not UTF-8"},
	} {
		d := &Decoder{Version: V11, MaxFrame: 1000}
		if _, err := decode(d, []byte(tt.data), 7); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		if _, err := d.Next(); err == nil {
			t.Errorf("%s: the decoder goes on behind an error", tt.name)
		}
	}
	d := &Decoder{MaxFrame: 1000}
	if _, err := decode(d, []byte("A\n\n"+strings.Repeat("x", 1001)+"\x00"), 5000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("in one piece: %v", err)
	}
}

// TestRoundTrip: what is encoded is decoded, in any pieces, in every version.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]Version{V10, V11, V12}).Draw(t, "version")
		text := rapid.StringOf(rapid.RuneFrom([]rune("abé:\\\n\r 日")))
		var stream []byte
		var want []*Frame
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			f := New(rapid.SampledFrom([]string{"MESSAGE", "SEND", "CONNECTED"}).Draw(t, "command"))
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				f.Header = append(f.Header, [2]string{"h" + text.Draw(t, "name"), text.Draw(t, "value")})
			}
			f.Body = rapid.SliceOf(rapid.Byte()).Draw(t, "body")
			if bytes.IndexByte(f.Body, 0) >= 0 {
				f.Body = bytes.ReplaceAll(f.Body, []byte{0}, nil)
			}
			data, err := f.Encode(version)
			if err != nil {
				continue // what the version cannot write
			}
			if version != V12 && strings.Contains(string(data[:len(data)-len(f.Body)-1]), "\r") {
				continue
			}
			stream = append(append(stream, data...), '\n')
			want = append(want, f)
		}
		got, err := decode(&Decoder{Version: version}, stream, rapid.IntRange(1, len(stream)+1).Draw(t, "piece"))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d frames of %d", len(got), len(want))
		}
		for i := range got {
			if got[i].Command != want[i].Command || !bytes.Equal(got[i].Body, want[i].Body) || !cmp.Equal(got[i].Header, want[i].Header) {
				t.Fatalf("got %q, want %q", got[i], want[i])
			}
		}
	})
}

func TestLargeFrameInSmallPieces(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	data, err := (&Frame{Command: "MESSAGE", Body: body}).Encode(V11)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(&Decoder{}, data, 4096)
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].Body, body) {
		t.Errorf("%d frames, %v", len(got), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\n\n\x00", "A\ncontent-length:3\n\na\x00b\x00\n", "\r\nA\r\nx:\\c\r\n\r\n\x00", "A\n:\n\n\x00", "A\x00"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		whole, err1 := decode(&Decoder{Version: V12, MaxFrame: 1 << 12}, data, len(data)+1)
		parts, err2 := decode(&Decoder{Version: V12, MaxFrame: 1 << 12}, data, int(piece)+1)
		if (err1 == nil) != (err2 == nil) || !cmp.Equal(whole, parts) {
			t.Errorf("whole: %v, %v; in pieces: %v, %v", whole, err1, parts, err2)
		}
		for _, frame := range whole {
			if again, err := frame.Encode(V12); err == nil {
				back, err := decode(&Decoder{Version: V12}, again, len(again))
				if err != nil || len(back) != 1 || !cmp.Equal(back[0], frame) {
					t.Errorf("%q encodes as %q, which reads as %v, %v", frame, again, back, err)
				}
			}
		}
	})
}

func TestHeartBeat(t *testing.T) {
	for text, want := range map[string]HeartBeat{"": {}, "0,0": {}, "10000,500": {10 * time.Second, 500 * time.Millisecond}} {
		got, err := ParseHeartBeat(text)
		if err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"1", "a,b", "-1,0", "1,2,3", "1, 2"} {
		if _, err := ParseHeartBeat(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	send, receive := HeartBeat{10, 20}.Agree(HeartBeat{5, 40})
	if send != 40 || receive != 20 {
		t.Errorf("agreed on %d, %d", send, receive)
	}
	if send, receive := (HeartBeat{10, 0}).Agree(HeartBeat{5, 0}); send != 0 || receive != 0 {
		t.Errorf("agreed on %d, %d where one side wants none", send, receive)
	}
}
