package rest

import (
	"context"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listUsersInput struct {
	Project string `query:"project" maxLength:"63" doc:"Only the members of this project"`
	PageInput
}

type listUsersOutput struct{ Body api.Users }

func (s *Server) listUsers(ctx context.Context, in *listUsersInput) (*listUsersOutput, error) {
	who := callOf(ctx).who
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.Store.Users(ctx, who)
	if err != nil {
		return nil, err
	}
	found := make([]api.User, 0, len(users))
	for i := range users {
		if u := n.user(&users[i]); in.Project == "" || slices.Contains(u.Projects, in.Project) {
			found = append(found, u)
		}
	}
	page, next, err := cut(found, in.PageInput, func(u *api.User) string { return u.Name })
	if err != nil {
		return nil, err
	}
	return &listUsersOutput{Body: api.Users{Items: page, Page: api.Page{Next: next, AsOf: s.Clock().UTC()}}}, nil
}

// user is a user as it is shown: with those of its projects that the caller sees.
func (n names) user(u *composa.User) api.User {
	out := api.User{
		ID: string(u.ID), Name: u.Name, Role: string(u.Role), Projects: []string{},
		CreatedAt: u.CreatedAt.UTC(), CreatedBy: n.principal(u.CreatedBy),
	}
	for _, p := range u.Projects {
		if name := n.project(p); name != "" {
			out.Projects = append(out.Projects, name)
		}
	}
	return out
}

// UserPath names a user in a path.
type UserPath struct {
	Name string `path:"name" example:"ada" doc:"Name of the user"`
}

type userOutput struct{ Body api.User }

func (s *Server) user(ctx context.Context, in *UserPath) (*userOutput, error) {
	u, err := s.Store.User(ctx, callOf(ctx).who, in.Name)
	if err != nil {
		return nil, err
	}
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: n.user(u)}, nil
}

type createUserInput struct{ Body api.NewUser }

type createUserOutput struct {
	Location string `header:"Location" doc:"Where the user is"`
	Body     api.User
}

func (s *Server) createUser(ctx context.Context, in *createUserInput) (*createUserOutput, error) {
	if err := composa.CheckName("user", in.Body.Name); err != nil {
		return nil, err
	}
	p, err := s.projectOf(ctx, auth.UserCreate, in.Body.Project, in.Body.Name)
	if err != nil {
		return nil, err
	}
	if err := callOf(ctx).once(func(who composa.Who) error {
		_, err := s.Store.CreateUser(ctx, who, in.Body.Name, p.ID)
		return err
	}); err != nil {
		return nil, err
	}
	out, err := s.user(ctx, &UserPath{Name: in.Body.Name})
	if err != nil {
		return nil, err
	}
	return &createUserOutput{Location: "/v1/users/" + out.Body.Name, Body: out.Body}, nil
}
