package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
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
