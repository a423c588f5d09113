package confine

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

const (
	// maxOptionProjects limits the projects in which options are looked up: each
	// issue type of each takes a question.
	maxOptionProjects = 10
	// maxCreateFields limits the fields of a screen that are read.
	maxCreateFields = 1000
)

// optionValue checks that an option of a select list is offered when issues are
// created in a project inside. Only Jira's administrators can ask more directly
// which projects have an option.
func (q *querying) optionValue(ctx context.Context, f *queryField, operand jql.Operand) (jql.Operand, error) {
	inside, err := q.projects(ctx)
	if err != nil {
		return nil, err
	}
	if len(inside) > maxOptionProjects {
		return nil, f.refusesValues()
	}
	return things("option", func(s *session, ctx context.Context, p project) ([]thing, error) {
		return s.optionsOf(ctx, p, "customfield_"+f.field.CustomID)
	})(q, ctx, f, operand)
}

// optionsOf returns the options of a field that can be chosen when issues are
// created in a project.
func (s *session) optionsOf(ctx context.Context, p project, field string) ([]thing, error) {
	types, err := s.issueTypesOf(ctx, p)
	if err != nil {
		return nil, err
	}
	options := make([][]thing, len(types))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, t := range types {
		group.Go(func() (err error) {
			uri := "/rest/api/2/issue/createmeta/" + p.ID + "/issuetypes/" + url.PathEscape(t.ID)
			options[i], err = memo(ctx, s, "options of "+field+" "+uri, thingLifetime, func(ctx context.Context) ([]thing, error) {
				return s.createOptions(ctx, uri, field)
			})
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(options...), err
}

// createOptions returns the options of a field on the screen for creating issues of
// a type; none if the field is not there.
func (s *session) createOptions(ctx context.Context, uri, field string) ([]thing, error) {
	type createField struct {
		ID      string         `json:"fieldId"`
		Options jsontext.Value `json:"allowedValues"`
	}
	for start := 0; start < maxCreateFields; {
		// The list is called fields by Cloud and values by Data Center.
		var page struct {
			Fields []createField `json:"fields"`
			Values []createField `json:"values"`
			Total  int           `json:"total"`
		}
		if _, err := s.get(ctx, fmt.Sprintf("%s?maxResults=200&startAt=%d", uri, start), &page); err != nil {
			return nil, err
		}
		fields := slices.Concat(page.Fields, page.Values)
		if i := slices.IndexFunc(fields, func(f createField) bool { return f.ID == field }); i >= 0 {
			return readOptions(fields[i].Options)
		}
		if start += len(fields); len(fields) == 0 || start >= page.Total {
			break
		}
	}
	return nil, nil
}

func readOptions(list jsontext.Value) ([]thing, error) {
	var options []struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(list, &options); err != nil {
		return nil, unanswered(err)
	}
	found := make([]thing, len(options))
	for i, option := range options {
		found[i] = thing{option.ID, option.Value}
	}
	return found, nil
}
