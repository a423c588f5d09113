package confine

import (
	"cmp"
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

// collection is a list that is collected if elements could be taken out of it.
type collection struct {
	answer, template string // the operation's answer, and how its template ends
	isCut            func(*View) bool
	// page is the length of a page if the request does not give it.
	page int
}

// collections are the lists of which elements are taken out.
var collections = []collection{
	{"fields", "/search", always, 50},
	{"fields", "/customFields", always, 50},
	{"statuses", "/search", always, 200},
	{"createmeta-fields", "", hidesFields, 50},
	{"comments", "", (*View).HidesInternalComments, 5000},
	{"request-comments", "", (*View).HidesInternalComments, 50},
	{"changelog", "/changelog", always, 100},
	{"sprints", "", seesSome, 50},
	{"epics", "", seesSome, 50},
	{"servicedesks", "", seesSome, 50},
}

func always(*View) bool        { return true }
func hidesFields(v *View) bool { return len(v.hide) > 0 }
func seesSome(v *View) bool    { return !v.seesAllProjects() }

// collectedArrays are the members of pages that hold the elements. Products and versions
// call them differently.
const collectedArrays = " values comments fields results histories "

// Paging divides a list that was collected into pages.
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
		return err // without a list, the error is Jira's to tell
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

// listPart is what the pages of all lists have in common.
type listPart struct {
	Total      *int `json:"total"`
	IsLast     *bool
	IsLastPage *bool
	array      string
	values     []jsontext.Value
}

// wholeList returns the elements of a list, and the name of the array that holds them;
// "" if Jira does not answer with a list.
func (c *call) wholeList(ctx context.Context, query url.Values, start string) (values []jsontext.Value, array string, err error) {
	size := 0
	for range maxCollectedPages {
		query.Set(start, strconv.Itoa(len(values)))
		var answer map[string]jsontext.Value
		found, err := c.get(ctx, c.request.Match.Path()+"?"+query.Encode(), &answer)
		if err != nil || !found {
			return nil, "", err
		}
		part, err := readPart(answer)
		if err != nil {
			return nil, "", err
		}
		values, array = append(values, part.values...), part.array
		for _, v := range part.values {
			size += len(v)
		}
		switch {
		case size > maxCollected:
			return nil, "", errTooLong
		case part.isLast(len(values)):
			return values, array, nil
		}
	}
	return nil, "", errTooLong
}

var errTooLong = &Error{Kind: NotConfinable, Message: "This list is too long for a token that sees only a part of Jira: the gateway reads all of it before it answers."}

func readPart(answer map[string]jsontext.Value) (p listPart, err error) {
	for name, value := range answer {
		var into any
		switch {
		case name == "total":
			into = &p.Total
		case name == "isLast":
			into = &p.IsLast
		case name == "isLastPage":
			into = &p.IsLastPage
		case isWordOf(collectedArrays, name) && value.Kind() == '[' && len(p.values) == 0:
			p.array, into = name, &p.values
		default:
			continue
		}
		if json.Unmarshal(value, into) != nil {
			return p, unanswered(errNonsense)
		}
	}
	if p.array == "" {
		return p, unanswered(errNonsense)
	}
	return p, nil
}

// isLast reports whether no page follows after this one and a number of elements.
func (p listPart) isLast(read int) bool {
	switch last := cmp.Or(p.IsLast, p.IsLastPage); {
	case len(p.values) == 0:
		return true
	case last != nil:
		return *last
	case p.Total != nil:
		return read >= *p.Total
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
