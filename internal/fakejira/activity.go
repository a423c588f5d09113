package fakejira

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page parses startAt and maxResults. Out-of-range values are clamped, and a
// page beyond the end is empty.
func (c *call) page(size, otherwise int) (start, end int, err error) {
	start, limit := 0, otherwise
	for name, into := range map[string]*int{"startAt": &start, "maxResults": &limit} {
		text := c.query(name)
		if text == "" {
			continue
		}
		n, parseErr := strconv.Atoi(text)
		if parseErr != nil {
			return 0, 0, fail(http.StatusBadRequest, "The value '%s' of '%s' is not a number.", text, name)
		}
		*into = n
	}
	if limit < 0 {
		limit = otherwise
	}
	limit = min(limit, c.server.maxResults())
	start = min(max(0, start), 1<<31)
	return start, min(size, start+limit), nil
}

// window returns one page of a list.
func window[T any](list []T, start, end int) []T {
	if start >= len(list) || start >= end {
		return nil
	}
	return list[start:min(end, len(list))]
}

// transitionsJSON renders the transitions, all of which are always available.
func (c *call) transitionsJSON(withFields bool) []any {
	list := []any{}
	for _, t := range c.server.site.transitions {
		entry := map[string]any{"id": t.id, "name": t.name, "to": c.statusJSON(t.to)}
		if c.cloud() {
			entry["hasScreen"], entry["isGlobal"], entry["isInitial"], entry["isAvailable"], entry["isConditional"] = false, true, false, true, false
		}
		if withFields {
			entry["fields"] = map[string]any{}
		}
		list = append(list, entry)
	}
	return list
}

// transitionList lists an issue's transitions.
func transitionList(c *call) (reply, error) {
	if _, err := c.issue(); err != nil {
		return reply{}, err
	}
	withFields := strings.Contains(c.query("expand"), "transitions.fields")
	return ok(map[string]any{"expand": "transitions", "transitions": c.transitionsJSON(withFields)})
}

// transitionPost moves an issue to another status.
func transitionPost(c *call) (reply, error) {
	var in struct {
		Transition any            `json:"transition"`
		Fields     map[string]any `json:"fields"`
		Update     map[string]any `json:"update"`
	}
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	id := referred(in.Transition, "id", "name")
	site := c.server.site
	at := slices.IndexFunc(site.transitions, func(t transition) bool { return t.id == id || t.name == id })
	if at < 0 {
		return reply{}, fail(http.StatusBadRequest, "It seems that you have tried to perform a workflow operation (%s) that is not valid for the current state of this issue.", id)
	}
	draft := *i
	draft.comments = slices.Clone(i.comments)
	// The resolution can be set only together with a transition.
	resolution, resolves := in.Fields["resolution"]
	delete(in.Fields, "resolution")
	if err := c.apply(&draft, in.Fields, in.Update); err != nil {
		return reply{}, err
	}
	draft.status = site.transitions[at].to
	draft.touch()
	if draft.status.category.key == "done" {
		draft.resolution, draft.resolved = site.resolutions[0], draft.updated
		if resolves {
			chosen, found := site.resolutionBy(referred(resolution, "id", "name"))
			if !found {
				return reply{}, invalid("resolution", "Specify a valid resolution.")
			}
			draft.resolution = chosen
		}
	} else {
		draft.resolution, draft.resolved = nil, time.Time{}
	}
	site.keep(&draft)
	return done()
}

// watcherList lists the watchers of an issue.
func watcherList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	list := c.usersJSON(i.watchers)
	return ok(map[string]any{"self": c.issueURL(i.issueRef) + "/watchers", "isWatching": c.among(i.watchers), "watchCount": len(list), "watchers": list})
}

// watcherPost adds a watcher: the user named in the body, a JSON string, or else
// the caller.
func watcherPost(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	watcher := c.who.user
	if len(c.body) > 0 {
		var name string
		if err := c.decode(&name); err != nil {
			return reply{}, err
		}
		if watcher, err = c.userNamed(name); err != nil {
			return reply{}, err
		}
	}
	if !slices.Contains(i.watchers, watcher) {
		i.watchers = append(slices.Clone(i.watchers), watcher)
	}
	return done()
}

// userNamed finds a user by name or account ID.
func (c *call) userNamed(name string) (*user, error) {
	u := c.server.site.userBy(name)
	if u == nil {
		return nil, fail(http.StatusNotFound, "The user \"%s\" does not exist.", name)
	}
	return u, nil
}

// watcherDelete removes a watcher.
func watcherDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	name := c.query("username")
	if c.cloud() {
		name = c.query("accountId")
	}
	u, err := c.userNamed(name)
	if err != nil {
		return reply{}, err
	}
	i.watchers = slices.DeleteFunc(slices.Clone(i.watchers), func(other *user) bool { return other == u })
	return done()
}

// voteList lists the voters of an issue.
func voteList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	list := c.usersJSON(i.voters)
	return ok(map[string]any{"self": c.issueURL(i.issueRef) + "/votes", "votes": len(list), "hasVoted": c.among(i.voters), "voters": list})
}

// votePost adds the caller's vote.
func votePost(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	if !c.among(i.voters) {
		i.voters = append(slices.Clone(i.voters), c.who.user)
	}
	return done()
}

// voteDelete withdraws the caller's vote.
func voteDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	i.voters = slices.DeleteFunc(slices.Clone(i.voters), func(u *user) bool { return u == c.who.user })
	return done()
}
