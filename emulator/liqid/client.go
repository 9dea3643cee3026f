package liqid

import (
	"net"
	"net/http"
)

// client is who makes a call, as far as a director can tell. Two programs that
// agree in all of it are one to the director.
type client struct {
	User  string `json:"user,omitempty"`  // who signed in
	Agent string `json:"agent,omitempty"` // the User-Agent
	Host  string `json:"host,omitempty"`  // the address without the port
}

// thief is who acts in the fault steal-edit.
var thief = client{Agent: "steal-edit"}

func clientOf(r *http.Request, user string) client {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return client{user, r.UserAgent(), host}
}
