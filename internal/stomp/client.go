package stomp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Options of [Dial]; the zero value is right for a Liqid director.
type Options struct {
	// HTTPClient opens the websocket. Nil means one of the client's own.
	HTTPClient *http.Client
	// Header goes with the opening request.
	Header http.Header
	// HeartBeat is offered to the server. Zero means 10 s in both directions;
	// negative values offer none in their direction.
	HeartBeat HeartBeat
	// MaxFrame limits the bytes of one frame. Zero means [DefaultMaxFrame].
	MaxFrame int
}

const (
	defaultBeat  = 10 * time.Second
	writeWithin  = 30 * time.Second // the server must have taken a frame
	maxUnread    = 16               // messages held for a client that is slow to call Next
	closingGrace = time.Second      // for the server to answer a closing handshake
)

// ErrClosed is what [Client.Next] returns once [Client.Close] was called.
var ErrClosed = errors.New("stomp: the client is closed")

// Message is one MESSAGE of a destination.
type Message struct {
	Destination string
	ID          string // message-id, for logs
	Body        []byte
}

// Client is a connected listener. It does not connect again: when the
// connection is lost, [Client.Next] says why, and whoever needs it dials anew.
type Client struct {
	conn     *websocket.Conn
	decoder  Decoder
	version  Version
	messages chan Message
	running  sync.WaitGroup

	ctx     context.Context
	cause   context.CancelCauseFunc
	closing atomic.Bool // Close was called: whatever ends the connection now is not a loss
}

// Dial opens a websocket at url, connects and subscribes to the destinations.
// ctx bounds the opening, not the life of the client. The caller closes it.
func Dial(ctx context.Context, url string, destinations []string, opts Options) (*Client, error) {
	c, err := dial(ctx, url, destinations, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", url, err)
	}
	return c, nil
}

func dial(ctx context.Context, url string, destinations []string, opts Options) (*Client, error) {
	beat := opts.HeartBeat
	if beat == (HeartBeat{}) {
		beat = HeartBeat{defaultBeat, defaultBeat}
	}
	beat = HeartBeat{max(beat.Send, 0), max(beat.Receive, 0)}
	if opts.MaxFrame <= 0 {
		opts.MaxFrame = DefaultMaxFrame
	}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: opts.HTTPClient, HTTPHeader: opts.Header})
	if err != nil {
		return nil, err
	}
	// A message may be one frame and its NUL; what is larger than a frame may be
	// is refused by the decoder, with a clearer error than the websocket's.
	conn.SetReadLimit(int64(opts.MaxFrame) + maxHead)
	c := &Client{conn: conn, decoder: Decoder{MaxFrame: opts.MaxFrame}, messages: make(chan Message, maxUnread)}
	c.ctx, c.cause = context.WithCancelCause(context.Background())
	send, receive, err := c.connect(ctx, beat, destinations)
	if err != nil {
		c.cause(err)
		conn.CloseNow()
		return nil, err
	}
	c.running.Go(func() { c.listen(receive) })
	if send > 0 {
		c.running.Go(func() { c.beat(send) })
	}
	return c, nil
}

// connect speaks CONNECT and the SUBSCRIBEs.
func (c *Client) connect(ctx context.Context, own HeartBeat, destinations []string) (send, receive time.Duration, err error) {
	err = c.send(ctx, New("CONNECT", "accept-version", "1.2,1.1,1.0", "host", "director", "heart-beat", own.String()))
	if err != nil {
		return 0, 0, err
	}
	f, err := c.read(ctx, 0)
	if err != nil {
		return 0, 0, err
	}
	switch f.Command {
	case "CONNECTED":
	case "ERROR":
		return 0, 0, told(f)
	default:
		return 0, 0, fmt.Errorf("the server answered %s to CONNECT", f.Command)
	}
	switch c.version = Version(f.Header.Get("version")); c.version {
	case V10, V11, V12:
	case "":
		c.version = V10
	default:
		return 0, 0, fmt.Errorf("the server speaks version %q, which was not offered", c.version)
	}
	c.decoder.Version = c.version
	peer, err := ParseHeartBeat(f.Header.Get("heart-beat"))
	if err != nil {
		return 0, 0, err
	}
	for i, d := range destinations {
		if err := c.send(ctx, New("SUBSCRIBE", "id", strconv.Itoa(i), "destination", d, "ack", "auto")); err != nil {
			return 0, 0, err
		}
	}
	send, receive = own.Agree(peer)
	return send, receive, nil
}

// told is what an ERROR frame says.
func told(f *Frame) error {
	text := f.Header.Get("message")
	if text == "" {
		text = string(excerpt(f.Body))
	}
	return fmt.Errorf("the server reports an error: %s", text)
}

// Next returns the next message, in the order in which they came. It waits
// until there is one, ctx ends, or the connection is lost; messages that came
// before the loss are returned first.
func (c *Client) Next(ctx context.Context) (Message, error) {
	select {
	case m := <-c.messages:
		return m, nil
	default:
	}
	select {
	case m := <-c.messages:
		return m, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-c.ctx.Done():
		select {
		case m := <-c.messages:
			return m, nil
		default:
			return Message{}, c.Err()
		}
	}
}

// Done is closed when the connection is lost or the client closed.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Err says why the client ended, nil while it lives.
func (c *Client) Err() error { return context.Cause(c.ctx) }

// Version is the protocol version in use.
func (c *Client) Version() Version { return c.version }

// end ends the client for a reason; the first one counts.
func (c *Client) end(reason error) {
	if c.closing.Load() {
		reason = ErrClosed
	}
	c.cause(reason)
}

// Close says goodbye, closes the connection and returns when nothing of the
// client is left running.
func (c *Client) Close() error {
	c.closing.Store(true)
	if c.ctx.Err() == nil {
		ctx, done := context.WithTimeout(context.Background(), closingGrace)
		c.send(ctx, New("DISCONNECT"))
		done()
	}
	c.end(ErrClosed)
	c.conn.CloseNow()
	c.running.Wait()
	return nil
}

// listen hands on messages until the connection ends. While nobody calls Next
// it reads no further, so the wait for heart-beats stands still too.
func (c *Client) listen(receive time.Duration) {
	defer c.conn.CloseNow()
	silence := time.Duration(0)
	if receive > 0 {
		silence = Tolerance(receive)
	}
	for {
		f, err := c.read(c.ctx, silence)
		if err != nil {
			c.end(fmt.Errorf("stomp: the connection is lost: %w", err))
			return
		}
		switch f.Command {
		case "MESSAGE":
			select {
			case c.messages <- Message{f.Header.Get("destination"), f.Header.Get("message-id"), f.Body}:
			case <-c.ctx.Done():
				return
			}
		case "ERROR":
			c.end(fmt.Errorf("stomp: %w", told(f)))
			return
		case "RECEIPT":
		default:
			c.end(fmt.Errorf("stomp: the server sent %q, which only clients may", f.Command))
			return
		}
	}
}

// read returns the next frame; a server silent for longer than silence is lost.
func (c *Client) read(ctx context.Context, silence time.Duration) (*Frame, error) {
	for {
		f, err := c.decoder.Next()
		if f != nil || err != nil {
			return f, err
		}
		wait, done := ctx, context.CancelFunc(func() {})
		if silence > 0 {
			wait, done = context.WithTimeout(ctx, silence)
		}
		kind, data, err := c.conn.Read(wait)
		late := silence > 0 && wait.Err() != nil && ctx.Err() == nil
		done()
		switch {
		case late:
			return nil, fmt.Errorf("no sign of life for %v", silence)
		case errors.Is(err, websocket.ErrMessageTooBig):
			return nil, fmt.Errorf("%w: a message of more than %d bytes", ErrTooLarge, c.decoder.MaxFrame)
		case err != nil:
			return nil, err
		case kind != websocket.MessageText:
			return nil, errors.New("the server sent a binary message")
		}
		c.decoder.Write(data)
	}
}

func (c *Client) beat(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := c.write(c.ctx, []byte("\n")); err != nil {
				c.end(fmt.Errorf("stomp: the connection is lost: %w", err))
				return
			}
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Client) send(ctx context.Context, f *Frame) error {
	data, err := f.Encode(c.version)
	if err != nil {
		return err
	}
	return c.write(ctx, data)
}

// write sends one text message: one whole frame or one heart-beat.
func (c *Client) write(ctx context.Context, data []byte) error {
	ctx, done := context.WithTimeout(ctx, writeWithin)
	defer done()
	return c.conn.Write(ctx, websocket.MessageText, data)
}
