package fakejira

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// userSearch finds users: by query on Cloud, and by username, which is required,
// on Data Center.
func userSearch(c *call) (reply, error) {
	typed := c.query("query")
	if !c.cloud() {
		if typed = c.query("username"); typed == "" {
			return reply{}, fail(http.StatusBadRequest, "The username query parameter was not provided")
		}
	}
	if id := c.query("accountId"); c.cloud() && id != "" {
		list := []any{}
		if u := c.server.site.userBy(id); u != nil && u.accountID == id && c.who != nil {
			list = append(list, c.userJSON(u))
		}
		return ok(list)
	}
	return c.usersLike(typed)
}

// userAssignable finds users who can be assigned to issues.
func userAssignable(c *call) (reply, error) {
	typed := c.query("query")
	if !c.cloud() {
		typed = c.query("username")
	}
	return c.usersLike(typed)
}

// usersLike lists the users whose names contain a text; "." matches everyone.
func (c *call) usersLike(typed string) (reply, error) {
	typed = strings.ToLower(typed)
	var found []*user
	for _, u := range c.server.site.users {
		if typed == "" || typed == "." || strings.Contains(strings.ToLower(u.name+"\n"+u.email+"\n"+u.display), typed) || u.accountID == typed {
			found = append(found, u)
		}
	}
	start, end, err := c.page(len(found), 50)
	if err != nil {
		return reply{}, err
	}
	list := []any{}
	if c.who != nil {
		list = c.usersJSON(window(found, start, end))
	}
	return ok(list)
}

// userGet returns one user.
func userGet(c *call) (reply, error) {
	name := c.query("accountId")
	if !c.cloud() {
		if name = c.query("username"); name == "" {
			name = c.query("key")
		}
	}
	u := c.server.site.userBy(name)
	if u == nil || c.who == nil || c.cloud() && u.accountID != name {
		return reply{}, fail(http.StatusNotFound, "The user named '%s' does not exist", name)
	}
	out := c.userJSON(u).(map[string]any)
	if groups := c.groupsJSON(u); strings.Contains(c.query("expand"), "groups") {
		out["groups"] = map[string]any{"size": len(groups), "items": groups}
	}
	return ok(out)
}

// userGroups returns the groups of one user, on Cloud.
func userGroups(c *call) (reply, error) {
	id := c.query("accountId")
	u := c.server.site.userBy(id)
	if u == nil || c.who == nil || u.accountID != id {
		return reply{}, fail(http.StatusNotFound, "The user with account ID '%s' does not exist", id)
	}
	return ok(c.groupsJSON(u))
}

// groupsJSON renders the groups of a user.
func (c *call) groupsJSON(u *user) []any {
	list := []any{}
	for _, name := range u.groups {
		list = append(list, map[string]any{"name": name, "self": c.api() + "/group?groupname=" + url.QueryEscape(name)})
	}
	return list
}

// SetUser adds the user with a name, who has the address name@example.com, or changes
// the user's groups and whether the user is active.
func (s *Server) SetUser(name string, active bool, groups ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.site.ensureUser(Account{User: name})
	u.inactive, u.groups = !active, groups
}

// RemoveUser removes the user with a name, as if there had never been one.
func (s *Server) RemoveUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.site.users = slices.DeleteFunc(s.site.users, func(u *user) bool { return strings.EqualFold(u.name, name) })
}
