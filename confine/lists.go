package confine

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on lists that are put together from several answers of Jira.
const (
	listPage     = 50
	maxListPages = 20
)

// page is a page of a list, as Jira's.
type page struct {
	MaxResults int              `json:"maxResults"`
	StartAt    int              `json:"startAt"`
	Total      int              `json:"total"`
	IsLast     *bool            `json:"isLast"`
	Values     []jsontext.Value `json:"values"`
}

// everyPage returns the elements of a list of Jira's.
func (s *session) everyPage(ctx context.Context, path string, query url.Values) (values []jsontext.Value, err error) {
	query = maps.Clone(query)
	query.Set("maxResults", strconv.Itoa(listPage))
	for range maxListPages {
		query.Set("startAt", strconv.Itoa(len(values)))
		var p page
		found, err := s.get(ctx, path+"?"+query.Encode(), &p)
		if err != nil || !found {
			return values, err
		}
		values = append(values, p.Values...)
		if len(p.Values) == 0 || p.IsLast != nil && *p.IsLast || p.IsLast == nil && len(values) >= p.Total {
			return values, nil
		}
	}
	return nil, &Error{Kind: NotConfinable, Message: "This list is too long for a token that sees only a part of Jira. Ask for one project at a time."}
}

// answerWith answers the request with the page that it asks for of a list.
func (c *call) answerWith(values []jsontext.Value) (err error) {
	start, err := c.number("startAt", 0)
	if err != nil {
		return err
	}
	length, err := c.number("maxResults", listPage)
	if err != nil {
		return err
	}
	begin := min(start, len(values))
	end := begin + min(length, listPage, len(values)-begin)
	last := end == len(values)
	c.answer, err = json.Marshal(page{
		MaxResults: min(length, listPage), StartAt: start, Total: len(values), IsLast: &last, Values: values[begin:end],
	})
	return err
}

// number reads a parameter that is a number.
func (c *call) number(name string, missing int) (int, error) {
	text := c.parameters.get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, unclear("The parameter %q must be a number.", name)
	}
	return n, nil
}
