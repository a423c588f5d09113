package confine

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Jira's own pages would reveal how many elements are taken out of a list, and where
// they stand: a page of one element would be empty. So the guard asks Jira for the whole
// list, and divides it into pages once it has been redacted.

// Bounds on lists that are collected.
const (
	collectedPage     = 100
	maxCollectedPages = 50
	maxCollected      = 16 << 20 // bytes
)

// collection is a list that the guard collects if elements could be taken out of it.
type collection struct {
	// answer is the operation's answer, and template the end of its template.
	answer, template string
	// isCut reports whether elements could be taken out.
	isCut func(*View) bool
	// page is the length of a page if the request does not give it.
	page int
}

// collections are the lists of which elements are taken out.
var collections = []collection{
	{"fields", "/search", always, 50},
	{"fields", "/customFields", always, 50},
	{"statuses", "/search", always, 200},
	{"createmeta-types", "", seesSome, 50},
	{"createmeta-fields", "", hidesFields, 50},
	{"comments", "", (*View).HidesInternalComments, 5000},
	{"request-comments", "", (*View).HidesInternalComments, 50},
	{"changelog", "/changelog", always, 100},
	{"projects", "/board/{boardId}/project", seesSome, 50},
	{"projects", "/board/{boardId}/project/full", seesSome, 50},
	{"versions", "/board/{boardId}/version", seesSome, 50},
	{"sprints", "", seesSome, 50},
	{"epics", "", seesSome, 50},
	{"servicedesks", "", seesSome, 50},
}

func always(*View) bool        { return true }
func hidesFields(v *View) bool { return len(v.hide) > 0 }
func seesSome(v *View) bool    { return !v.seesAllProjects() }

// collectedArrays are the members of pages that hold the elements. Products and versions
// call them differently.
var collectedArrays = [...]string{"values", "comments", "fields", "results", "issueTypes", "createMetaIssueType", "histories"}

// Paging divides a collected list into pages.
type Paging struct {
	start, length int
	// array is the name of the member with the elements.
	array string
	// ofServiceDesk is set for pages as those of Jira Service Management.
	ofServiceDesk bool
}

// collect asks Jira for the whole of a list, so that the guard answers the request.
func (c *call) collect(ctx context.Context) error {
	if c.rule.Answer == "changelogs" {
		c.body.remove("maxResults") // Jira's pages of many issues are long enough
	}
	list := c.collection()
	if list == nil {
		return nil
	}
	paging := &Paging{ofServiceDesk: strings.HasPrefix(c.request.Match.Template, "/rest/servicedeskapi/")}
	start, length := "startAt", "maxResults"
	if paging.ofServiceDesk {
		start, length = "start", "limit"
	}
	var err error
	if paging.start, err = c.number(start, 0); err != nil {
		return err
	}
	if paging.length, err = c.number(length, list.page); err != nil {
		return err
	}
	if strings.TrimLeft(c.parameters.get("orderBy"), "+-") != "name" && list.answer == "fields" {
		c.parameters.set("orderBy") // by how many projects and screens use a field, for example
	}
	query := make(url.Values)
	for _, p := range c.parameters {
		query.Add(p.name, p.value)
	}
	query.Set(length, strconv.Itoa(collectedPage))
	var values []jsontext.Value
	if values, paging.array, err = c.wholeList(ctx, query, start); err != nil || paging.array == "" {
		return err // without a list, Jira responds to the request itself
	}
	c.paging = paging
	c.answer, err = json.Marshal(map[string]any{paging.array: values})
	return err
}

// collection returns the list that the request is about if it is collected; nil
// otherwise.
func (c *call) collection() *collection {
	if c.request.Match.Method != http.MethodGet {
		return nil
	}
	for i, list := range collections {
		if list.answer == c.rule.Answer && strings.HasSuffix(c.request.Match.Template, list.template) && list.isCut(c.view) {
			return &collections[i]
		}
	}
	return nil
}

// listPart is a page of a list as Jira answers it. Most pages have only one of total
// and isLast.
type listPart struct {
	array  string // the name of the member with the values
	values []jsontext.Value
	total  *int
	isLast *bool
}

// wholeList returns the elements of a list, and the name of the array that holds them;
// "" if Jira does not answer with pages of a list, which could have holes.
func (c *call) wholeList(ctx context.Context, query url.Values, start string) (values []jsontext.Value, array string, err error) {
	size := 0
	for range maxCollectedPages {
		query.Set(start, strconv.Itoa(len(values)))
		var answer jsontext.Value
		found, err := c.get(ctx, c.request.Match.Path()+"?"+query.Encode(), &answer)
		if err != nil || !found {
			return nil, "", err
		}
		part, err := readPart(answer)
		switch {
		case err != nil:
			return nil, "", err
		case part.array == "" && values == nil:
			return nil, "", nil
		case part.array == "":
			return nil, "", unanswered(errNonsense)
		}
		values, array = append(values, part.values...), part.array
		for _, v := range part.values {
			size += len(v)
		}
		switch {
		case size > maxCollected:
			return nil, "", errTooLong
		case part.endsAt(len(values)):
			return values, array, nil
		}
	}
	return nil, "", errTooLong
}

var errTooLong = &Error{Kind: NotConfinable, Message: "This list is too long for a token that sees only a part of Jira: the gateway reads all of it before it answers."}

// readPart reads a page of a list. Without an array, the answer is none.
func readPart(answer jsontext.Value) (p listPart, err error) {
	var members map[string]jsontext.Value
	if answer.Kind() == '{' {
		if err := json.Unmarshal(answer, &members); err != nil {
			return p, unanswered(err)
		}
	}
	for _, name := range collectedArrays {
		if members[name].Kind() == '[' {
			p.array = name
			break
		}
	}
	for name, into := range map[string]any{"total": &p.total, "isLast": &p.isLast, "isLastPage": &p.isLast, p.array: &p.values} {
		if value, ok := members[name]; ok && json.Unmarshal(value, into) != nil {
			return p, unanswered(errNonsense)
		}
	}
	return p, nil
}

// endsAt reports whether the list ends with this page if it has this many elements up
// to here.
func (p listPart) endsAt(read int) bool {
	switch {
	case len(p.values) == 0:
		return true
	case p.isLast != nil:
		return *p.isLast
	case p.total != nil:
		return read >= *p.total
	}
	return true
}

// Page returns the page of a list that the request asks for. whole is the guard's answer
// after redaction.
func (p *Paging) Page(whole []byte) ([]byte, error) {
	var list map[string][]jsontext.Value
	if err := json.Unmarshal(whole, &list); err != nil {
		return nil, err
	}
	values := list[p.array]
	begin := min(p.start, len(values))
	end := begin + min(p.length, len(values)-begin)
	page := map[string]any{p.array: append([]jsontext.Value{}, values[begin:end]...)}
	if p.ofServiceDesk {
		page["start"], page["limit"], page["size"], page["isLastPage"] = p.start, p.length, end-begin, end == len(values)
	} else {
		page["startAt"], page["maxResults"], page["total"], page["isLast"] = p.start, p.length, len(values), end == len(values)
	}
	return json.Marshal(page, json.Deterministic(true))
}
