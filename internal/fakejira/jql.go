package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// query is a parsed JQL query: a condition and an order. It supports a small part
// of the language and rejects the rest.
type query struct {
	where condition
	order []ordering
}

// condition reports whether an issue matches.
type condition func(*issue) bool

// ordering is a field in ORDER BY.
type ordering struct {
	field      string
	descending bool
}

// unbounded reports whether the query has no condition.
func (q *query) unbounded() bool { return q.where == nil }

// matches reports whether an issue matches the query.
func (q *query) matches(i *issue) bool { return q.where == nil || q.where(i) }

// run returns a page of the matches and their total number. In order of creation,
// which is also the order of keys, it keeps only the page, so that generated
// issues need not all be in memory.
func (q *query) run(c *call, start, limit int) (page []*issue, total int) {
	site := c.server.site
	byCreation := len(q.order) == 0 || len(q.order) == 1 && slices.Contains([]string{"created", "key", "id", "rank"}, q.order[0].field)
	if byCreation {
		take := func(i *issue) bool {
			if q.matches(i) {
				if total >= start && len(page) < limit {
					page = append(page, i)
				}
				total++
			}
			return true
		}
		if len(q.order) == 0 || q.order[0].descending {
			site.each(take)
			return page, total
		}
		for _, p := range site.projects {
			for n := 1; n <= p.last; n++ {
				if i := site.issueAt(issueRef{p, n}); i != nil {
					take(i)
				}
			}
		}
		return page, total
	}
	var all []*issue
	site.each(func(i *issue) bool {
		if q.matches(i) {
			all = append(all, i)
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b *issue) int {
		for _, o := range q.order {
			cmp := strings.Compare(sortKey(a, o.field), sortKey(b, o.field))
			if o.descending {
				cmp = -cmp
			}
			if cmp != 0 {
				return cmp
			}
		}
		return 0
	})
	return slices.Clone(window(all, start, start+limit)), len(all)
}

// sortKey returns a string that sorts like the field's value.
func sortKey(i *issue, field string) string {
	switch field {
	case "created":
		return i.created.Format(time.RFC3339Nano)
	case "updated":
		return i.updated.Format(time.RFC3339Nano)
	case "summary":
		return strings.ToLower(i.summary)
	case "priority":
		// The highest priority has the lowest ID but sorts last.
		id, _ := strconv.Atoi(i.priority.id)
		return fmt.Sprintf("%03d", 999-id)
	case "status":
		return i.status.name
	case "issuetype":
		return i.kind.name
	case "assignee":
		if i.assignee == nil {
			return "\uffff"
		}
		return i.assignee.display
	case "reporter":
		return i.reporter.display
	case "duedate":
		if i.due == "" {
			return "9999"
		}
		return i.due
	case "resolution":
		if i.resolution == nil {
			return ""
		}
		return i.resolution.name
	case "project":
		return i.project.name
	}
	return fmt.Sprintf("%s-%012d", i.project.key, i.number)
}

// sortable are the fields that ORDER BY supports.
var sortable = []string{"created", "updated", "summary", "priority", "status", "issuetype", "assignee", "reporter", "duedate", "resolution", "project", "key", "id", "rank"}

// fieldAliases are other names of fields in JQL.
var fieldAliases = map[string]string{
	"type": "issuetype", "issue": "key", "issuekey": "key", "due": "duedate", "createddate": "created", "updateddate": "updated",
}

// token is a JQL token.
type token struct {
	// kind is 'w' for a word or quoted text, 'o' for an operator, '(' ')' ',' for themselves, 0 for the end.
	kind         byte
	text         string
	quoted       bool
	line, column int
}

// jqlError returns Jira's error for JQL that cannot be parsed.
func jqlError(format string, args ...any) error {
	return fail(http.StatusBadRequest, "Error in the JQL Query: "+format, args...)
}

// tokenize splits JQL into tokens.
func tokenize(jql string) ([]token, error) {
	var list []token
	runes := []rune(jql)
	line, lineStart := 1, 0
	for n := 0; n < len(runes); {
		r := runes[n]
		at := token{line: line, column: n - lineStart + 1}
		switch {
		case r == '\n':
			n++
			line, lineStart = line+1, n
			continue
		case unicode.IsSpace(r):
			n++
			continue
		case r == '(' || r == ')' || r == ',':
			at.kind, at.text = byte(r), string(r)
			n++
		case strings.ContainsRune("=!~<>&|", r):
			end := n + 1
			if end < len(runes) && strings.ContainsRune("=~&|", runes[end]) {
				end++
			}
			at.kind, at.text = 'o', string(runes[n:end])
			n = end
		case r == '"' || r == '\'':
			var b strings.Builder
			end := n + 1
			for ; end < len(runes) && runes[end] != r; end++ {
				if runes[end] == '\\' && end+1 < len(runes) {
					end++
				}
				b.WriteRune(runes[end])
			}
			if end >= len(runes) {
				return nil, jqlError("The quoted string '%s' has not been completed. (line %d, character %d)", b.String(), at.line, at.column)
			}
			at.kind, at.text, at.quoted = 'w', b.String(), true
			n = end + 1
		default:
			end := n
			for ; end < len(runes) && !unicode.IsSpace(runes[end]) && !strings.ContainsRune("(),=!~<>&|\"'", runes[end]); end++ {
				if strings.ContainsRune("{}*/%$#?;^`", runes[end]) {
					return nil, jqlError("The character '%c' is a reserved JQL character. You must enclose it in a string or use the escape '\\u%04x' instead. (line %d, character %d)", runes[end], runes[end], line, end-lineStart+1)
				}
			}
			at.kind, at.text = 'w', string(runes[n:end])
			n = end
		}
		list = append(list, at)
	}
	return append(list, token{line: line, column: len(runes) - lineStart + 1}), nil
}

// jqlParser parses tokens into a query.
type jqlParser struct {
	call   *call
	tokens []token
	at     int
	depth  int
}

// peek returns the next token without consuming it.
func (p *jqlParser) peek() token { return p.tokens[p.at] }

// next consumes the next token. At the end, it keeps returning the end token.
func (p *jqlParser) next() token {
	t := p.tokens[p.at]
	if t.kind != 0 {
		p.at++
	}
	return t
}

// word consumes the next token if it is one of the given words, unquoted.
func (p *jqlParser) word(words ...string) bool {
	t := p.peek()
	if t.quoted || t.kind == 0 || !slices.Contains(words, strings.ToLower(t.text)) {
		return false
	}
	p.next()
	return true
}

// expected returns the error for an unexpected token.
func expected(what string, t token) error {
	if t.kind == 0 {
		return jqlError("Expecting %s before the end of the query.", what)
	}
	return jqlError("Expecting %s but got '%s'. (line %d, character %d)", what, t.text, t.line, t.column)
}

// parseJQL parses a query.
func (c *call) parseJQL(jql string) (*query, error) {
	tokens, err := tokenize(jql)
	if err != nil {
		return nil, err
	}
	p := &jqlParser{call: c, tokens: tokens}
	q := &query{}
	if t := p.peek(); t.kind != 0 && !(strings.EqualFold(t.text, "order") && !t.quoted) {
		if q.where, err = p.or(); err != nil {
			return nil, err
		}
	}
	if p.word("order") {
		if !p.word("by") {
			return nil, expected("'by'", p.peek())
		}
		if q.order, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	if t := p.peek(); t.kind != 0 {
		return nil, expected("either 'OR' or 'AND'", t)
	}
	return q, nil
}

// orderBy parses what follows ORDER BY.
func (p *jqlParser) orderBy() ([]ordering, error) {
	var list []ordering
	for {
		t := p.next()
		if t.kind != 'w' {
			return nil, expected("a field name", t)
		}
		field := canonical(t.text)
		if !slices.Contains(sortable, field) {
			return nil, fail(http.StatusBadRequest, "Not able to sort using field '%s'.", t.text)
		}
		// Without a direction, Jira sorts dates and priorities in descending order,
		// and everything else in ascending order.
		o := ordering{field: field, descending: slices.Contains([]string{"created", "updated", "priority"}, field)}
		if p.word("asc") {
			o.descending = false
		} else if p.word("desc") {
			o.descending = true
		}
		list = append(list, o)
		if p.peek().kind != ',' {
			return list, nil
		}
		p.next()
	}
}

// canonical returns the canonical name of a field.
func canonical(name string) string {
	name = strings.ToLower(name)
	if own, found := fieldAliases[name]; found {
		return own
	}
	return name
}

// or parses conditions joined by OR.
func (p *jqlParser) or() (condition, error) {
	left, err := p.and()
	for err == nil && p.word("or", "||", "|") {
		var right condition
		if right, err = p.and(); err == nil {
			a, b := left, right
			left = func(i *issue) bool { return a(i) || b(i) }
		}
	}
	return left, err
}

// and parses conditions joined by AND.
func (p *jqlParser) and() (condition, error) {
	left, err := p.not()
	for err == nil && p.word("and", "&&", "&") {
		var right condition
		if right, err = p.not(); err == nil {
			a, b := left, right
			left = func(i *issue) bool { return a(i) && b(i) }
		}
	}
	return left, err
}

// not parses a negation, a parenthesized condition or a clause.
func (p *jqlParser) not() (condition, error) {
	if p.depth++; p.depth > 100 {
		return nil, jqlError("The query is nested too deeply.")
	}
	defer func() { p.depth-- }()
	t := p.peek()
	switch {
	case p.word("not", "!"):
		inner, err := p.not()
		if err != nil {
			return nil, err
		}
		return func(i *issue) bool { return !inner(i) }, nil
	case t.kind == '(':
		p.next()
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if end := p.next(); end.kind != ')' {
			return nil, expected("')'", end)
		}
		return inner, nil
	}
	return p.clause()
}

// clause parses a field, an operator and a value.
func (p *jqlParser) clause() (condition, error) {
	name := p.next()
	if name.kind != 'w' {
		return nil, expected("a field name", name)
	}
	field := canonical(name.text)
	operator, err := p.operator()
	if err != nil {
		return nil, err
	}
	if operator == "is" || operator == "is not" {
		if !p.word("empty", "null") {
			return nil, expected("'EMPTY' or 'NULL'", p.peek())
		}
		return p.emptiness(field, name.text, operator == "is")
	}
	var values []string
	if operator == "in" || operator == "not in" {
		if t := p.peek(); t.kind != '(' {
			return nil, expected("'('", t)
		}
		p.next()
		for {
			value, err := p.value()
			if err != nil {
				return nil, err
			}
			values = append(values, value)
			t := p.next()
			if t.kind == ')' {
				break
			}
			if t.kind != ',' {
				return nil, expected("',' or ')'", t)
			}
		}
	} else {
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		values = []string{value}
	}
	return p.compare(field, name.text, operator, values)
}

// operator parses an operator of one or two words.
func (p *jqlParser) operator() (string, error) {
	t := p.next()
	text := strings.ToLower(t.text)
	switch {
	case t.kind == 'o' && slices.Contains([]string{"=", "!=", "~", "!~", "<", "<=", ">", ">="}, text):
		return text, nil
	case t.kind == 'w' && !t.quoted && text == "in":
		return "in", nil
	case t.kind == 'w' && !t.quoted && text == "not" && p.word("in"):
		return "not in", nil
	case t.kind == 'w' && !t.quoted && text == "is":
		if p.word("not") {
			return "is not", nil
		}
		return "is", nil
	}
	return "", expected("operator before the end of the query. The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT',", t)
}

// value reads a value; functions are replaced by what they stand for.
func (p *jqlParser) value() (string, error) {
	t := p.next()
	if t.kind != 'w' || t.text == "" && !t.quoted {
		return "", expected("either a value, list or function", t)
	}
	if p.peek().kind != '(' || t.quoted {
		return t.text, nil
	}
	p.next()
	if end := p.next(); end.kind != ')' {
		return "", expected("')'", end)
	}
	switch strings.ToLower(t.text) {
	case "currentuser":
		if p.call.who == nil {
			return "", nil
		}
		return p.call.who.user.accountID, nil
	case "now":
		return time.Now().UTC().Format("2006-01-02 15:04"), nil
	case "startofday":
		return time.Now().UTC().Format(time.DateOnly), nil
	}
	return "", fail(http.StatusBadRequest, "Unable to find JQL function '%s()'.", t.text)
}

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
