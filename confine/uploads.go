package confine

import (
	"context"
	"slices"
	"strings"
)

// The index that searches use lags behind, so an attachment that was uploaded just
// now is not found by a search. The guard remembers for a while to which issues
// tokens of a view have attached something, and looks there first.
const maxUploads = 10

// noteUpload remembers that the request attaches something to the issue that it
// names.
func (c *call) noteUpload(ctx context.Context) error {
	template := c.request.Match.Template
	attaches := strings.HasSuffix(template, "}/attachments") || strings.HasSuffix(template, "}/attachment")
	if c.request.Method != "POST" || !attaches || c.view.seesAllProjects() {
		return nil
	}
	name, err := c.pathName(c.rule.Parameters[0])
	if err != nil {
		return err
	}
	to, err := c.issue(ctx, strings.ToUpper(name))
	if err != nil || to.ID == "" {
		return err
	}
	recent := slices.DeleteFunc(slices.Clone(c.uploads()), func(id string) bool { return id == to.ID })
	recent = append(recent, to.ID)
	c.guard.memory.put(c.key(c.uploadsKey()), recent[max(0, len(recent)-maxUploads):], thingLifetime)
	return nil
}

func (s *session) uploadsKey() string { return "uploads\n" + s.view.key }

// uploads returns the IDs of issues to which something was attached, the last one
// at the end.
func (s *session) uploads() []string {
	recent, _ := s.known(s.uploadsKey()).([]string)
	return recent
}

// uploaded looks for an attachment in the issues to which something was attached
// just now.
func (s *session) uploaded(ctx context.Context, id string) (issue, error) {
	for _, to := range slices.Backward(s.uploads()) {
		var found attachedIssue
		if _, err := s.get(ctx, "/rest/api/2/issue/"+to+"?fields=attachment", &found); err != nil {
			return issue{}, err
		}
		if found.ID != to || !found.has(id) {
			continue
		}
		inside, err := s.issueInside(ctx, to)
		if err != nil || !inside {
			return issue{}, err
		}
		return issue{ID: found.ID, Key: found.Key}, nil
	}
	return issue{}, nil
}
