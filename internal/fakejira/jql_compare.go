package fakejira

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// emptiness returns the condition of IS EMPTY or IS NOT EMPTY.
func (p *jqlParser) emptiness(field, name string, empty bool) (condition, error) {
	var has condition
	switch field {
	case "assignee":
		has = func(i *issue) bool { return i.assignee != nil }
	case "resolution":
		has = func(i *issue) bool { return i.resolution != nil }
	case "labels":
		has = func(i *issue) bool { return len(i.labels) > 0 }
	case "description":
		has = func(i *issue) bool { return !i.description.empty() }
	case "duedate":
		has = func(i *issue) bool { return i.due != "" }
	case "parent":
		has = func(i *issue) bool { return i.parent != nil }
	case "attachments":
		has = func(i *issue) bool { return len(i.attachments) > 0 }
	default:
		if _, err := p.compare(field, name, "=", []string{""}); isNoField(err) {
			return nil, err
		}
		has = func(*issue) bool { return true }
	}
	return func(i *issue) bool { return has(i) != empty }, nil
}

// noField returns Jira's error for an unknown field.
func noField(name string) error {
	return fail(http.StatusBadRequest, "Field '%s' does not exist or you do not have permission to view it.", name)
}

// isNoField reports whether err comes from noField.
func isNoField(err error) bool {
	f, isFailure := err.(*failure)
	return isFailure && len(f.messages) == 1 && strings.HasPrefix(f.messages[0], "Field '")
}

// compare returns the condition of a clause.
func (p *jqlParser) compare(field, name, operator string, values []string) (condition, error) {
	site := p.call.server.site
	unsupported := fail(http.StatusBadRequest, "The operator '%s' is not supported by the '%s' field.", operator, name)
	switch field {
	case "text", "summary", "description", "comment":
		return contains(field, operator, values, unsupported)
	case "created", "updated", "duedate":
		return dates(field, operator, values, unsupported)
	}

	// What is left compares for equality; keys and ids can also be ordered.
	var equal func(*issue, string) bool
	exists := func(string) bool { return true }
	switch field {
	case "project":
		exists = func(v string) bool {
			return slices.ContainsFunc(site.projects, func(p *project) bool { return projectIs(p, v) })
		}
		equal = func(i *issue, v string) bool { return projectIs(i.project, v) }
	case "key", "id", "parent":
		refs := map[string]issueRef{}
		for _, v := range values {
			ref, found := site.refBy(v)
			if !found || site.issueAt(ref) == nil {
				return nil, fail(http.StatusBadRequest, "An issue with key '%s' does not exist for field '%s'.", v, name)
			}
			refs[v] = ref
		}
		equal = func(i *issue, v string) bool {
			if field == "parent" {
				return i.parent != nil && *i.parent == refs[v]
			}
			return i.issueRef == refs[v]
		}
		if field != "parent" && len(values) == 1 && strings.ContainsAny(operator, "<>") {
			limit := refs[values[0]]
			return func(i *issue) bool {
				return i.project == limit.project && ordered(operator, i.number-limit.number)
			}, nil
		}
	case "issuetype":
		exists = func(v string) bool { _, found := site.typeBy(v); return found }
		equal = func(i *issue, v string) bool { return strings.EqualFold(i.kind.name, v) || i.kind.id == v }
	case "status":
		exists = func(v string) bool { _, found := site.statusBy(v); return found }
		equal = func(i *issue, v string) bool { return strings.EqualFold(i.status.name, v) || i.status.id == v }
	case "statuscategory":
		exists = func(v string) bool {
			return slices.ContainsFunc(site.categories, func(s *statusCategory) bool { return categoryIs(s, v) })
		}
		equal = func(i *issue, v string) bool { return categoryIs(i.status.category, v) }
	case "priority":
		exists = func(v string) bool { _, found := site.priorityBy(v); return found }
		equal = func(i *issue, v string) bool { return strings.EqualFold(i.priority.name, v) || i.priority.id == v }
	case "resolution":
		exists = func(v string) bool {
			_, found := site.resolutionBy(v)
			return found || strings.EqualFold(v, "unresolved")
		}
		equal = func(i *issue, v string) bool {
			if i.resolution == nil {
				return strings.EqualFold(v, "unresolved")
			}
			return strings.EqualFold(i.resolution.name, v) || i.resolution.id == v
		}
	case "assignee", "reporter", "creator", "watcher":
		users := map[string]*user{}
		for _, v := range values {
			users[v] = site.userBy(v)
		}
		exists = func(v string) bool { return users[v] != nil || v == "" }
		equal = func(i *issue, v string) bool {
			switch field {
			case "assignee":
				return i.assignee != nil && i.assignee == users[v]
			case "watcher":
				return slices.Contains(i.watchers, users[v])
			}
			return i.reporter == users[v]
		}
	case "labels":
		equal = func(i *issue, v string) bool { return slices.Contains(i.labels, v) }
	case "sprint":
		equal = func(i *issue, v string) bool {
			s := p.call.sprintBy(i.sprint)
			return s != nil && (s.name == v || strconv.Itoa(s.id) == v)
		}
	default:
		return nil, noField(name)
	}
	for _, v := range values {
		if !exists(v) {
			return nil, fail(http.StatusBadRequest, "The value '%s' does not exist for the field '%s'.", v, name)
		}
	}
	any := func(i *issue) bool {
		return slices.ContainsFunc(values, func(v string) bool { return equal(i, v) })
	}
	switch operator {
	case "=", "in":
		return any, nil
	case "!=", "not in":
		return func(i *issue) bool { return !any(i) }, nil
	}
	return nil, unsupported
}

// projectIs reports whether a JQL value refers to a project.
func projectIs(p *project, v string) bool {
	return strings.EqualFold(p.key, v) || p.id == v || strings.EqualFold(p.name, v)
}

// categoryIs reports whether a JQL value refers to a status category.
func categoryIs(s *statusCategory, v string) bool {
	return strings.EqualFold(s.name, v) || s.key == v || strconv.Itoa(s.id) == v
}

// ordered applies a comparing operator to a difference.
func ordered(operator string, difference int) bool {
	switch operator {
	case "<":
		return difference < 0
	case "<=":
		return difference <= 0
	case ">":
		return difference > 0
	case ">=":
		return difference >= 0
	case "!=":
		return difference != 0
	}
	return difference == 0
}

// contains returns the condition of a text search: all words must occur, in any
// order, and a trailing star matches any ending.
func contains(field, operator string, values []string, unsupported error) (condition, error) {
	if operator != "~" && operator != "!~" {
		return nil, unsupported
	}
	wanted := strings.FieldsFunc(strings.ToLower(values[0]), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '*' && r != '-' })
	found := func(i *issue) bool {
		var b strings.Builder
		if field == "summary" || field == "text" {
			b.WriteString(i.summary + " ")
		}
		if field == "description" || field == "text" {
			b.WriteString(i.description.text + " ")
		}
		if field == "comment" || field == "text" {
			for _, m := range i.comments {
				b.WriteString(m.body.text + " ")
			}
		}
		have := strings.FieldsFunc(strings.ToLower(b.String()), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' })
		for _, w := range wanted {
			stem, open := strings.CutSuffix(w, "*")
			if !slices.ContainsFunc(have, func(h string) bool { return h == w || open && strings.HasPrefix(h, stem) }) {
				return false
			}
		}
		return len(wanted) > 0
	}
	if operator == "!~" {
		return func(i *issue) bool { return !found(i) }, nil
	}
	return found, nil
}

// dates returns the condition of a comparison with a date.
func dates(field, operator string, values []string, unsupported error) (condition, error) {
	if len(values) != 1 || strings.Contains(operator, "~") || strings.Contains(operator, "in") {
		return nil, unsupported
	}
	limit, valid := jqlDate(values[0])
	if !valid {
		return nil, fail(http.StatusBadRequest, "Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", values[0], field)
	}
	return func(i *issue) bool {
		t := i.created
		switch field {
		case "updated":
			t = i.updated
		case "duedate":
			due, err := time.Parse(time.DateOnly, i.due)
			if err != nil {
				return false
			}
			t = due
		}
		return ordered(operator, t.Compare(limit))
	}, nil
}

// jqlDate parses a date, or a time relative to now such as -7d.
func jqlDate(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04", "2006/01/02 15:04", time.DateOnly, "2006/01/02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if len(text) < 2 {
		return time.Time{}, false
	}
	unit := map[byte]time.Duration{'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if unit == 0 || err != nil || n > 100_000 || n < -100_000 {
		return time.Time{}, false
	}
	return time.Now().UTC().Add(time.Duration(n) * unit), true
}
