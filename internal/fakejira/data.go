package fakejira

import (
	"fmt"
	"time"
)

// newSite creates the sample data: the project DEMO with a few handwritten issues
// and the configured number of generated ones, and the project OPS, so that an
// unrestricted search finds more than DEMO.
func newSite(options Options) *site {
	began := options.Began.UTC()
	s := &site{attachments: map[int]*attachment{}, nextID: 10_000, started: began}

	ada := &user{name: "ada", key: "JIRAUSER10100", accountID: "5b10ada0c3d94f1e8a6b7c01", email: "ada@example.com", display: "Ada Byron"}
	ben := &user{name: "ben", key: "JIRAUSER10101", accountID: "5b10ben0c3d94f1e8a6b7c02", email: "ben@example.com", display: "Ben Okafor"}
	chloe := &user{name: "chloe", key: "JIRAUSER10102", accountID: "5b10chl0c3d94f1e8a6b7c03", email: "chloe@example.com", display: "Chloé Dubois"}
	s.users = []*user{ada, ben, chloe}

	s.types = []*issueType{
		{named: named{"10000", "Epic", "A big piece of work."}, level: 1},
		{named: named{"10001", "Story", "Something a user wants."}},
		{named: named{"10002", "Task", "Something to be done."}},
		{named: named{"10003", "Sub-task", "A part of something to be done."}, subtask: true, level: -1},
		{named: named{"10004", "Bug", "Something that is wrong."}},
	}
	toDo := &statusCategory{2, "new", "blue-gray", "To Do"}
	inProgress := &statusCategory{4, "indeterminate", "yellow", "In Progress"}
	complete := &statusCategory{3, "done", "green", "Done"}
	s.categories = []*statusCategory{{1, "undefined", "medium-gray", "No Category"}, toDo, inProgress, complete}
	s.statuses = []*status{
		{named{"10000", "To Do", ""}, toDo},
		{named{"3", "In Progress", "Somebody works on it."}, inProgress},
		{named{"10001", "Done", ""}, complete},
	}
	s.transitions = []transition{
		{"11", "To Do", s.statuses[0]}, {"21", "In Progress", s.statuses[1]}, {"31", "Done", s.statuses[2]},
	}
	s.priorities = []*named{
		{"1", "Highest", "This problem will block progress."},
		{"2", "High", "Serious problem."},
		{"3", "Medium", "Has the potential to affect progress."},
		{"4", "Low", "Minor problem."},
		{"5", "Lowest", "Trivial problem."},
	}
	s.resolutions = []*named{
		{"10000", "Done", "Work has been completed on this issue."},
		{"10001", "Won't Do", "This issue won't be actioned."},
		{"10002", "Duplicate", "The problem is a duplicate of an existing issue."},
	}
	s.linkTypes = []*linkType{
		{named{"10000", "Blocks", ""}, "is blocked by", "blocks"},
		{named{"10002", "Duplicate", ""}, "is duplicated by", "duplicates"},
		{named{"10003", "Relates", ""}, "relates to", "relates to"},
	}
	s.sprints = []*sprint{
		{1, "DEMO Sprint 1", "closed", began, began.AddDate(0, 0, 14)},
		{2, "DEMO Sprint 2", "active", began.AddDate(0, 0, 14), began.AddDate(0, 0, 28)},
		{3, "DEMO Sprint 3", "future", time.Time{}, time.Time{}},
	}

	demo := &project{id: "10000", key: "DEMO", name: "Demonstration", description: "A project to try things with.", lead: ada, firstIssueID: 10_000}
	ops := &project{id: "10001", key: "OPS", name: "Operations", description: "Another project.", lead: ben, firstIssueID: 5_000_000}
	s.projects = []*project{demo, ops}
	for _, p := range s.projects {
		p.issues, p.deleted = map[int]*issue{}, map[int]bool{}
	}
	s.filters = []*filter{{"10000", "Open issues of DEMO", "project = DEMO AND resolution = Unresolved ORDER BY created DESC", ada}}

	add := func(p *project, kind, state, priority string, reporter, assignee *user, summary, description string) *issue {
		p.last++
		i := &issue{issueRef: issueRef{p, p.last}, summary: summary, description: plain(description), reporter: reporter, assignee: assignee, sprint: 2}
		i.kind, _ = s.typeBy(kind)
		i.status, _ = s.statusBy(state)
		i.priority, _ = s.priorityBy(priority)
		i.created = began.Add(time.Duration(p.last) * 3 * time.Hour)
		i.updated = i.created.Add(time.Hour)
		if i.status.category == complete {
			i.resolution, i.resolved = s.resolutions[0], i.updated
		}
		i.watchers = []*user{reporter}
		p.issues[p.last] = i
		return i
	}
	epic := add(demo, "Epic", "In Progress", "High", ada, ada, "Give everybody a coffee machine", "Coffee is what the house runs on.")
	story := add(demo, "Story", "In Progress", "High", ada, ben, "Choose a coffee machine", "It should grind beans.\nIt should be quiet.")
	task := add(demo, "Task", "To Do", "Medium", ben, nil, "Order beans", "")
	bug := add(demo, "Bug", "To Do", "Highest", chloe, ben, "The kettle does not switch off", "It boils and boils: see https://example.com/kettle and the picture.")
	add(demo, "Story", "Done", "Low", ben, chloe, "Write down who likes milk", "A list on the door is enough.")
	part := add(demo, "Sub-task", "To Do", "Medium", ada, chloe, "Measure the noise", "")
	add(ops, "Task", "In Progress", "Medium", ben, ben, "Renew the certificate", "It ends in March.")
	add(ops, "Bug", "To Do", "High", ada, nil, "The backup is too slow", "")

	story.parent, part.parent = &epic.issueRef, &story.issueRef
	story.points, task.points = 5, 1
	story.labels, bug.labels = []string{"coffee", "kitchen"}, []string{"kitchen", "danger"}
	bug.due = began.AddDate(0, 0, 26).Format(time.DateOnly)
	bug.voters = []*user{ada}
	story.comments = []*comment{
		{s.newID(), ben, ben, plain("The red one is the quiet one."), began.AddDate(0, 0, 1), began.AddDate(0, 0, 1)},
		{s.newID(), chloe, chloe, plain("Red it is. Ünïcode too: 咖啡 ☕"), began.AddDate(0, 0, 2), began.AddDate(0, 0, 2)},
	}
	story.worklogs = []*worklog{{
		id: s.newID(), author: ben, updater: ben, comment: plain("Looked at machines."),
		started: began.AddDate(0, 0, 1), created: began.AddDate(0, 0, 1), updated: began.AddDate(0, 0, 1), seconds: 5400,
	}}
	blocks := &link{s.newID(), s.linkTypes[0], bug.issueRef, task.issueRef}
	bug.links, task.links = []*link{blocks}, []*link{blocks}
	for _, file := range []*attachment{
		{id: s.newID(), name: "kettle.png", mime: "image/png", author: chloe, created: began.AddDate(0, 0, 1), data: pixel},
		{id: s.newID(), name: "wish list ä&b.txt", mime: "text/plain", author: chloe, created: began.AddDate(0, 0, 1), data: []byte("a kettle that stops\n")},
	} {
		file.finish()
		s.attachments[file.id] = file
		bug.attachments = append(bug.attachments, file.id)
	}
	demo.generated = max(0, options.Issues)
	demo.last = max(demo.last, demo.generated)
	return s
}

// generate returns the generated issue with a number. It is deterministic.
func (s *site) generate(ref issueRef) *issue {
	n := ref.number
	i := &issue{
		issueRef:    ref,
		summary:     fmt.Sprintf("Generated issue %d about %s", n, topics[n%len(topics)]),
		description: plain(fmt.Sprintf("Issue %d was made by a machine.", n)),
		kind:        s.types[1+n%2],
		status:      s.statuses[n%3],
		priority:    s.priorities[n%5],
		reporter:    s.users[n%3],
		labels:      []string{topics[n%len(topics)]},
		points:      float64(n % 8),
		created:     s.started.Add(time.Duration(n) * 3 * time.Hour),
		sprint:      1 + n%3,
	}
	if n%10 == 0 {
		i.kind = s.types[4]
	}
	if n%4 != 0 {
		i.assignee = s.users[(n+1)%3]
	}
	i.updated = i.created.Add(30 * time.Minute)
	if i.status == s.statuses[2] {
		i.resolution, i.resolved = s.resolutions[0], i.updated
	}
	i.watchers = []*user{i.reporter}
	return i
}

// topics are the topics of generated issues.
var topics = []string{"coffee", "tea", "biscuits", "spoons", "kettles", "fridges", "noise"}
