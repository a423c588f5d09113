package confine

import (
	"context"
	"slices"
	"strings"
)

// maxUploads limits the issues with recent uploads that the guard remembers for a
// view. It looks for an attachment there first: Jira's search index lags behind and
// does not have it yet.
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

// uploads returns the IDs of issues to which something was attached recently, the
// latest at the end.
func (s *session) uploads() []string {
	recent, _ := s.known(s.uploadsKey()).([]string)
	return recent
}

// uploaded looks for an attachment in the issues to which something was attached
// recently.
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
