package confine

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Jira's own words for things that do not exist.
var (
	errNoBoard       = outside("The requested board cannot be viewed because it either does not exist or you do not have permission to view it.")
	errNoSprint      = outside("Sprint does not exist or you do not have permission to see it.")
	errNoVersion     = outside("Could not find the version, or you do not have permission to see it.")
	errNoComponent   = outside("Could not find the component, or you do not have permission to see it.")
	errNoAttachment  = outside("Attachment does not exist or you do not have permission to see it.")
	errNoLink        = outside("No issue link could be found, or you do not have permission to see it.")
	errNoServiceDesk = outside("The service desk does not exist or you do not have permission to see it.")
)

func outside(message string) error { return &Error{Kind: Outside, Message: message} }

// The things that a request can name, as the table of operations calls them.
const (
	thingIssue       = "issue"
	thingIssues      = "issues"
	thingProject     = "project"
	thingProjects    = "projects"
	thingBoard       = "board"
	thingSprint      = "sprint"
	thingVersion     = "version"
	thingComponent   = "component"
	thingAttachment  = "attachment"
	thingLink        = "link"
	thingServiceDesk = "servicedesk"
	thingQueue       = "queue"
	thingJQL         = "jql"
	thingFields      = "fields"
)

// requireThing returns an error unless the thing that a request names is inside.
func (s *session) requireThing(ctx context.Context, thing, name string) error {
	var inside bool
	var missing, err error
	switch thing {
	case thingIssue, thingIssues:
		missing = errNoIssue
		inside, err = s.issueInside(ctx, name)
	case thingProject, thingProjects:
		missing = noProject(name)
		inside, err = s.projectInside(ctx, name)
	case thingBoard:
		missing = errNoBoard
		inside, err = s.numbered(ctx, name, s.boardInside)
	case thingSprint:
		missing = errNoSprint
		inside, err = s.numbered(ctx, name, s.sprintInside)
	case thingVersion:
		missing = errNoVersion
		inside, err = s.numbered(ctx, versionID(name), s.versionInside)
	case thingComponent:
		missing = errNoComponent
		inside, err = s.numbered(ctx, name, s.componentInside)
	case thingAttachment:
		missing = errNoAttachment
		inside, err = s.numbered(ctx, name, s.attachmentInside)
	case thingLink:
		missing = errNoLink
		inside, err = s.numbered(ctx, name, s.linkInside)
	case thingServiceDesk:
		missing = errNoServiceDesk
		inside, err = s.serviceDeskInside(ctx, name)
	case thingQueue:
		missing = errNoServiceDesk
		// Jira looks for it in the service desk, which the path names too.
		inside = isNumber(name)
	default:
		return errNoRule
	}
	switch {
	case err != nil:
		return err
	case !inside:
		return s.explained(ctx, missing, thing, name)
	}
	return nil
}

// explained returns a refusal, with a hint if that is for an administrator. It does
// not look up the thing again.
func (s *session) explained(ctx context.Context, refusal error, thing, name string) error {
	if !s.explains {
		return refusal
	}
	hint := "It does not exist, or its project is not among those that the token sees."
	var of project
	switch thing {
	case thingProject, thingProjects:
		if p, ok := s.known("project now " + strings.ToUpper(name)).(project); ok {
			of = p
		}
	case thingIssue, thingIssues:
		if s.view.condition != nil {
			hint = "The issue does not exist, or does not match what the token is confined to."
		}
		if i, ok := s.known("issue " + strings.ToUpper(name)).(issue); ok {
			of = i.Fields.Project
		}
	}
	if of.Key != "" && of.ID != noProjectID && s.view.isLimited() {
		if inside, err := s.projects(ctx); err == nil && !containsProject(inside, of.ID) {
			return inProject(refusal, of)
		}
	}
	return hinted(refusal, "%s", hint)
}

// inProject returns a refusal that tells administrators which project outside the
// thing is in.
func inProject(refusal error, p project) error {
	refusal = hinted(refusal, "It is in project %s.", p.Key)
	if known, ok := errors.AsType[*Error](refusal); ok {
		known.Project = p.Key // of hinted's copy
	}
	return refusal
}

// numbered reports whether the thing with a numeric ID is inside. It does not ask
// Jira about anything else, which cannot exist.
func (s *session) numbered(ctx context.Context, id string, inside func(context.Context, string) (bool, error)) (bool, error) {
	if !isNumber(id) {
		return false, nil
	}
	if s.view.seesAllProjects() {
		return true, nil
	}
	return inside(ctx, id)
}

// versionID returns the ID at the end of a version's URL, by which some bodies
// name a version; what is not a URL is returned as it is.
func versionID(name string) string {
	if !strings.Contains(name, "/") {
		return name
	}
	u, err := url.Parse(name)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" || strings.Count(u.Path, "/version/") != 1 {
		return ""
	}
	return u.Path[strings.Index(u.Path, "/version/")+len("/version/"):]
}

// owner is what a thing belongs to: a project, by ID or by key.
type owner struct {
	ProjectID jsontext.Value `json:"projectId"`
	Project   string         `json:"project"`
}

// name returns the ID of the project, or else its key.
func (o owner) name() string {
	if id := trimmed(o.ProjectID); isNumber(id) {
		return id
	}
	return o.Project
}

// ownerInside reports whether the project of the thing at uri is inside.
func (s *session) ownerInside(ctx context.Context, uri string) (bool, error) {
	name, err := current(ctx, s, uri, thingLifetime, func(ctx context.Context) (string, error) {
		var o owner
		_, err := s.get(ctx, uri, &o)
		return o.name(), err
	})
	if err != nil {
		return false, err
	}
	projects, err := s.projects(ctx) // even if there is no such thing, so that timing reveals nothing
	if err != nil {
		return false, err
	}
	if s.fresh && token.IsProjectKey(name) {
		return s.projectInside(ctx, name)
	}
	_, inside := findProject(projects, name)
	return inside, nil
}

func (s *session) versionInside(ctx context.Context, id string) (bool, error) {
	return s.ownerInside(ctx, "/rest/api/2/version/"+id)
}

func (s *session) componentInside(ctx context.Context, id string) (bool, error) {
	return s.ownerInside(ctx, "/rest/api/2/component/"+id)
}

// serviceDeskInside takes an ID or the key of the project, as Jira does.
func (s *session) serviceDeskInside(ctx context.Context, idOrKey string) (bool, error) {
	if !isNumber(idOrKey) && !token.IsProjectKey(idOrKey) {
		return false, nil
	}
	if s.view.seesAllProjects() {
		return true, nil
	}
	return s.ownerInside(ctx, "/rest/servicedeskapi/servicedesk/"+url.PathEscape(idOrKey))
}

// linkInside reports whether both ends of a link are inside. As much is asked about
// a link that does not exist as about one that is outside, and the verdict is
// remembered as a whole, so that timing reveals nothing.
func (s *session) linkInside(ctx context.Context, id string) (bool, error) {
	if _, err := s.projects(ctx); err != nil { // an issue inside would make it known
		return false, err
	}
	uri := "/rest/api/2/issueLink/" + id
	ends, err := current(ctx, s, uri+"\n"+s.view.key, s.guard.ttl, func(ctx context.Context) ([]issue, error) {
		var link struct {
			InwardIssue  issue `json:"inwardIssue"`
			OutwardIssue issue `json:"outwardIssue"`
		}
		if _, err := s.get(ctx, uri, &link); err != nil {
			return nil, err
		}
		var inside []issue
		for _, end := range []issue{link.InwardIssue, link.OutwardIssue} {
			found, err := s.lookInside(ctx, cmp.Or(end.ID, noIssue))
			if err != nil {
				return nil, err
			}
			if found.ID != "" {
				inside = append(inside, found)
			}
		}
		return inside, nil
	})
	if err != nil || len(ends) < 2 {
		return false, err
	}
	for _, end := range ends {
		s.note(end)
	}
	return true, nil
}
