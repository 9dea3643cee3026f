package cli

import (
	"io"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/spf13/cobra"
)

// identity is who one is, where: what whoami shows.
type identity struct {
	Principal string        `json:"principal"`
	Role      string        `json:"role"`
	Projects  []string      `json:"projects"`
	URL       string        `json:"url"`
	Context   string        `json:"context,omitempty"`
	Token     *api.SignedIn `json:"token,omitempty"`
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "whoami",
		Short:             "show as whom commands act, where, and until when",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := a.site(cmd.Context())
			if err != nil {
				return err
			}
			me := identity{
				Principal: site.Principal, Role: site.Role, Projects: site.Projects, URL: a.server.url, Context: a.server.context, Token: site.Token,
			}
			return printOne(a, whoamiTable, me, func(io.Writer) error { return a.printDetails(identityDetails(me), "") })
		},
	}
}

func identityDetails(me identity) []detail {
	return []detail{
		{"name", me.Principal}, {"role", me.Role}, {"projects", strings.Join(me.Projects, ", ")},
		{"server", me.URL}, {"context", me.Context}, {"token", me.tokenID()}, {"expires", me.expires()},
	}
}

func (me identity) tokenID() string {
	if me.Token == nil {
		return ""
	}
	return me.Token.ID
}

func (me identity) expires() string {
	if me.Token == nil {
		return ""
	}
	return orDefault(optionalMoment(me.Token.ExpiresAt), "never")
}

var whoamiTable = table[identity]{
	name: func(me identity) string { return me.Principal },
	columns: []column[identity]{
		{name: "name", text: func(me identity) string { return me.Principal }},
		{name: "role", text: func(me identity) string { return me.Role }},
		{name: "projects", text: func(me identity) string { return strings.Join(me.Projects, ", ") }},
		{name: "server", text: func(me identity) string { return me.URL }},
		{name: "context", text: func(me identity) string { return me.Context }},
		{name: "token", text: func(me identity) string { return me.tokenID() }},
		{name: "expires", text: func(me identity) string { return me.expires() }},
	},
}
