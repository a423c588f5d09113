package fakejira

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// jiraTime is Jira's time format.
const jiraTime = "2006-01-02T15:04:05.000-0700"

// user is a Jira user.
type user struct {
	name, key, accountID string
	email, display       string
	inactive             bool
	groups               []string
}

// named is an entry in a catalogue, such as a priority.
type named struct {
	id, name, description string
}

// status is a status in the workflow.
type status struct {
	named
	category *statusCategory
}

// statusCategory groups statuses.
type statusCategory struct {
	id               int
	key, color, name string
}

// issueType is a type of issue.
type issueType struct {
	named
	subtask bool
	level   int
}

// linkType is a type of link between issues.
type linkType struct {
	named
	inward, outward string
}

// transition leads from any status to another.
type transition struct {
	id, name string
	to       *status
}

// comment on an issue.
type comment struct {
	id               int
	author, updater  *user
	body             document
	created, updated time.Time
}

// worklog is time spent on an issue.
type worklog struct {
	id               int
	author, updater  *user
	comment          document
	started          time.Time
	created, updated time.Time
	seconds          int
}

// link is a link between two issues.
type link struct {
	id       int
	kind     *linkType
	from, to issueRef
}

// issueRef identifies an issue, regardless of its content.
type issueRef struct {
	project *project
	number  int
}

// key returns the issue's key, such as DEMO-1.
func (ref issueRef) key() string { return ref.project.key + "-" + strconv.Itoa(ref.number) }

// id returns the issue's numeric ID.
func (ref issueRef) id() int { return ref.project.firstIssueID + ref.number }

// issue is an issue. Generated issues are recreated on every access and become
// part of the project when they are changed.
type issue struct {
	issueRef
	summary            string
	description        document
	kind               *issueType
	status             *status
	priority           *named
	resolution         *named
	reporter, assignee *user
	labels             []string
	due                string
	points             float64
	created, updated   time.Time
	resolved           time.Time
	parent             *issueRef
	comments           []*comment
	worklogs           []*worklog
	attachments        []int
	links              []*link
	watchers, voters   []*user
	sprint             int
}

// project is a project with its issues.
type project struct {
	id, key, name, description string
	lead                       *user
	firstIssueID               int
	// last is the highest issue number in use. Issues up to generated exist unless
	// deleted; issues holds those that have been changed.
	last, generated int
	issues          map[int]*issue
	deleted         map[int]bool
}

// sprint is a sprint on the board.
type sprint struct {
	id          int
	name, state string
	start, end  time.Time
}

// filter is a saved search.
type filter struct {
	id, name, jql string
	owner         *user
}

// site is all data that the REST operations use.
type site struct {
	users       []*user
	types       []*issueType
	statuses    []*status
	categories  []*statusCategory
	priorities  []*named
	resolutions []*named
	linkTypes   []*linkType
	transitions []transition
	projects    []*project
	sprints     []*sprint
	filters     []*filter
	attachments map[int]*attachment
	nextID      int
	started     time.Time
}

// ensureUser returns the user of an account, adding one if necessary.
func (s *site) ensureUser(account Account) *user {
	for _, u := range s.users {
		if strings.EqualFold(u.name, account.User) || strings.EqualFold(u.email, account.User) {
			return u
		}
	}
	display := account.DisplayName
	if display == "" {
		display = account.User
	}
	sum := sha256.Sum256([]byte(strings.ToLower(account.User)))
	u := &user{
		name:      account.User,
		key:       "JIRAUSER" + strconv.Itoa(10100+len(s.users)),
		accountID: "5b10" + hex.EncodeToString(sum[:10]),
		email:     account.Email,
		display:   display,
	}
	if u.email == "" {
		u.email = account.User
		if !strings.Contains(u.email, "@") {
			u.email += "@example.com"
		}
	}
	s.users = append(s.users, u)
	return u
}

// newID returns a new ID for a comment, worklog, link or attachment.
func (s *site) newID() int {
	s.nextID++
	return s.nextID
}

// projectBy finds a project by key or ID.
func (s *site) projectBy(keyOrID string) *project {
	for _, p := range s.projects {
		if strings.EqualFold(p.key, keyOrID) || p.id == keyOrID {
			return p
		}
	}
	return nil
}

// refBy parses an issue key or ID. If ok is true, the issue may still not exist.
func (s *site) refBy(keyOrID string) (issueRef, bool) {
	if key, number, found := strings.Cut(keyOrID, "-"); found {
		n, err := strconv.Atoi(number)
		p := s.projectBy(key)
		if err != nil || p == nil || p.id == key {
			return issueRef{}, false
		}
		return issueRef{p, n}, true
	}
	id, err := strconv.Atoi(keyOrID)
	if err != nil {
		return issueRef{}, false
	}
	for _, p := range s.projects {
		if n := id - p.firstIssueID; n >= 1 && n <= p.last {
			return issueRef{p, n}, true
		}
	}
	return issueRef{}, false
}

// issueBy finds an issue by key or ID, or returns nil.
func (s *site) issueBy(keyOrID string) *issue {
	ref, ok := s.refBy(keyOrID)
	if !ok {
		return nil
	}
	return s.issueAt(ref)
}

// issueAt finds an issue, or returns nil. It creates generated issues that have
// not been changed on the fly.
func (s *site) issueAt(ref issueRef) *issue {
	p := ref.project
	if i := p.issues[ref.number]; i != nil {
		return i
	}
	if ref.number < 1 || ref.number > p.generated || p.deleted[ref.number] {
		return nil
	}
	return s.generate(ref)
}

// keep stores an issue in its project before it is changed.
func (s *site) keep(i *issue) { i.project.issues[i.number] = i }

// each calls yield for every issue, newest first within each project, until it
// returns false.
func (s *site) each(yield func(*issue) bool) {
	for _, p := range s.projects {
		for n := p.last; n >= 1; n-- {
			if i := s.issueAt(issueRef{p, n}); i != nil && !yield(i) {
				return
			}
		}
	}
}

// subtasks returns the sub-tasks of an issue. It checks only stored issues, since
// generated ones are never sub-tasks.
func (s *site) subtasks(of issueRef) []*issue {
	var list []*issue
	for _, i := range of.project.issues {
		if i.parent != nil && *i.parent == of {
			list = append(list, i)
		}
	}
	sort.Slice(list, func(a, b int) bool { return list[a].number < list[b].number })
	return list
}

// remove deletes an issue with its links and attachments.
func (s *site) remove(i *issue) error {
	var errs []error
	for _, id := range i.attachments {
		errs = append(errs, s.removeAttachment(id))
	}
	for _, l := range slices.Clone(i.links) {
		s.removeLink(l)
	}
	delete(i.project.issues, i.number)
	i.project.deleted[i.number] = true
	return errors.Join(errs...)
}

// removeLink removes a link from both issues.
func (s *site) removeLink(l *link) {
	for _, ref := range []issueRef{l.from, l.to} {
		if i := s.issueAt(ref); i != nil {
			i.links = slices.DeleteFunc(i.links, func(other *link) bool { return other == l })
		}
	}
}

// removeAttachment deletes an attachment and its file.
func (s *site) removeAttachment(id int) error {
	file := s.attachments[id]
	delete(s.attachments, id)
	if file == nil {
		return nil
	}
	return file.close()
}

// close deletes all temporary files.
func (s *site) close() error {
	var errs []error
	for id := range s.attachments {
		errs = append(errs, s.removeAttachment(id))
	}
	return errors.Join(errs...)
}

// byName finds an entry in a catalogue by case-insensitive name or by ID.
func byName[T any](list []T, of func(T) named, nameOrID string) (found T, ok bool) {
	for _, entry := range list {
		if n := of(entry); strings.EqualFold(n.name, nameOrID) || n.id == nameOrID {
			return entry, true
		}
	}
	return found, false
}

// typeBy finds an issue type by name or ID.
func (s *site) typeBy(nameOrID string) (*issueType, bool) {
	return byName(s.types, func(t *issueType) named { return t.named }, nameOrID)
}

// statusBy finds a status by name or ID.
func (s *site) statusBy(nameOrID string) (*status, bool) {
	return byName(s.statuses, func(t *status) named { return t.named }, nameOrID)
}

// priorityBy finds a priority by name or ID.
func (s *site) priorityBy(nameOrID string) (*named, bool) {
	return byName(s.priorities, func(n *named) named { return *n }, nameOrID)
}

// resolutionBy finds a resolution by name or ID.
func (s *site) resolutionBy(nameOrID string) (*named, bool) {
	return byName(s.resolutions, func(n *named) named { return *n }, nameOrID)
}

// userBy finds a user by any of the identifiers that clients use.
func (s *site) userBy(name string) *user {
	for _, u := range s.users {
		if u.accountID == name || u.key == name || strings.EqualFold(u.name, name) || strings.EqualFold(u.email, name) {
			return u
		}
	}
	return nil
}
