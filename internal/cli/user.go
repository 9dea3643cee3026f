package cli

import (
	"context"
	"io"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) userCommand() *cobra.Command {
	cmd := noun("user", "let people in", "users")
	cmd.Long = `Let people in. A user is a member of a project and signs in with a token
(composa token create --user NAME). Only an administrator of the site makes users.`
	cmd.AddCommand(a.userLs(), a.userShow(), a.repeatable(a.userCreate()))
	return cmd
}

func (a *app) userLs() *cobra.Command {
	return &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list users: the members of your projects, or of --project",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			users, err := client.All(c.Users(cmd.Context(), a.flags.project))
			if err != nil {
				return err
			}
			return printList(a, userTable, "users", users)
		},
	}
}

func (a *app) userShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Aliases:           []string{"get"},
		Short:             "show one user",
		Args:              argsBetween(1, 1, "a user"),
		ValidArgsFunction: a.completeUsers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkUserWord(args[0]); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			u, err := c.User(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showUser(u)
		},
	}
}

func (a *app) userCreate() *cobra.Command {
	return &cobra.Command{
		Use:               "create NAME",
		Short:             "make a user, a member of the project",
		Args:              argsBetween(1, 1, "a name for the user"),
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkName("user", args[0]); err != nil {
				return err
			}
			ctx := cmd.Context()
			c, project, err := a.userClient(ctx)
			if err != nil {
				return err
			}
			u, err := c.CreateUser(ctx, api.NewUser{Name: args[0], Project: project})
			if err != nil {
				return err
			}
			if err := a.showUser(u); err != nil {
				return err
			}
			a.say("a token lets them in: composa token create --user %s --expires 90d --out %s.token", u.Name, u.Name)
			return nil
		},
	}
}

// userClient connects, says where, and in which project a user is made.
func (a *app) userClient(ctx context.Context) (*client.Client, string, error) {
	c, err := a.connect()
	if err != nil {
		return nil, "", err
	}
	project, err := a.project(ctx)
	if err != nil {
		return nil, "", err
	}
	return c, project, a.announce(ctx)
}

// checkUserWord refuses what no user can be named.
func checkUserWord(name string) error {
	if err := checkDNSLabel("user", name); err != nil {
		return fail("not_found", "cannot find user %q: no user can have that name", abridge(name, 40)).next("`composa user ls` lists them")
	}
	return nil
}

func (a *app) showUser(u *api.User) error {
	return printOne(a, userTable, *u, func(io.Writer) error { return a.printDetails(userDetails(u), "") })
}

func userDetails(u *api.User) []detail {
	return []detail{
		{"name", u.Name}, {"role", u.Role}, {"projects", strings.Join(u.Projects, ", ")},
		{"created", momentText(u.CreatedAt) + " by " + u.CreatedBy}, {"id", u.ID},
	}
}

var userTable = table[api.User]{
	name: func(u api.User) string { return u.Name },
	columns: []column[api.User]{
		{name: "name", text: func(u api.User) string { return u.Name }},
		{name: "role", text: func(u api.User) string { return u.Role }},
		{name: "projects", text: func(u api.User) string { return strings.Join(u.Projects, ", ") }},
		{name: "created", text: func(u api.User) string { return momentText(u.CreatedAt) }},
		{name: "by", wide: true, text: func(u api.User) string { return u.CreatedBy }},
		{name: "id", wide: true, text: func(u api.User) string { return u.ID }},
	},
}
