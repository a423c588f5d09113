package confine

import (
	"context"
	"strings"
)

// Admission is the result of admitting a request. It says what is inside, so that
// the response can be redacted. It is safe for concurrent use.
type Admission struct {
	view   *View
	hidden hidden
	// projects are the IDs and, in upper case, the keys of the projects inside.
	projects map[string]bool
	// issues are the IDs and keys of issues that were found inside.
	issues map[string]bool
	// boards are the IDs of boards that were found inside.
	boards map[string]bool
	answer []byte
	paging *Paging
}

// admission sums up what is known once a request has passed.
func (c *call) admission(ctx context.Context) (*Admission, error) {
	a := &Admission{view: c.view, projects: make(map[string]bool), issues: c.inside, boards: c.boards, answer: c.answer, paging: c.paging}
	var err error
	if a.hidden, err = c.hidden(ctx); err != nil {
		return nil, err
	}
	if c.namesFields() {
		foreign, err := c.foreignFields(ctx)
		if err != nil {
			return nil, err
		}
		for name := range foreign {
			a.hidden.add(name)
		}
	}
	inside, err := c.projects(ctx)
	for _, p := range inside {
		a.projects[p.ID], a.projects[strings.ToUpper(p.Key)] = true, true
	}
	return a, err
}

// Answer returns the guard's own answer, JSON that must be redacted like Jira's;
// nil if the request goes to Jira. The guard answers requests for lists that Jira
// cannot limit to several projects.
func (a *Admission) Answer() []byte { return a.answer }

// Paging divides the guard's own answer into pages once it is redacted; nil if that is
// not to be done.
func (a *Admission) Paging() *Paging { return a.paging }

// Project reports whether the project with this ID or key is inside; either may
// be empty. If both are given the ID decides.
func (a *Admission) Project(id, key string) bool {
	switch {
	case a.view.seesAllProjects():
		return true
	case id != "":
		return a.projects[id]
	}
	return key != "" && a.projects[strings.ToUpper(key)]
}

// Issue reports whether the issue with this ID and key, as Jira returned them, is
// known to be inside; either may be empty. Without a condition the project in the
// key decides. With one, only issues that the request named, and that were found
// inside, are known to be.
func (a *Admission) Issue(id, key string) bool {
	switch {
	case a.view.seesAllProjects():
		return true
	case a.issues[id] || a.issues[key]:
		return true
	case a.view.condition != nil:
		return false
	}
	i := strings.LastIndexByte(key, '-')
	return i > 0 && a.Project("", key[:i])
}

// Board reports whether the board with this ID is known to be inside, because the
// request named it.
func (a *Admission) Board(id string) bool {
	return a.view.seesAllProjects() || a.boards[id]
}

// Hides reports whether the field with this ID or name is hidden.
func (a *Admission) Hides(field []byte) bool { return a.hidden.hasBytes(field) }

// HidesInternalComments reports whether internal comments of Jira Service
// Management are hidden.
func (a *Admission) HidesInternalComments() bool { return a.view.HidesInternalComments() }
