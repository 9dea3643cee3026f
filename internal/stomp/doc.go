// Package stomp speaks STOMP 1.0, 1.1 and 1.2 over websocket, as far as a Liqid
// director and its clients need it: frames with their escapes, heart-beats, and
// a client that subscribes and listens.
//
// A [Frame] is what travels; [Frame.Encode] writes it and a [Decoder] reads it
// out of bytes in whatever pieces they come. One websocket text message carries
// one whole frame, or one line end as a heart-beat, whatever the size: peers in
// browsers do not join fragments (liqid-api.md 2.17). [Dial] opens a [Client],
// which hands out messages until the connection is lost and then says why.
//
// The emulated director's side of a session lives in emulator/liqid; both use
// this codec.
package stomp
