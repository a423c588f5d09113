package confine

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// An attachment does not say which issue it belongs to. The issue is searched for
// among those inside that have changed since the attachment was created.
const (
	attachmentPage     = 100
	maxAttachmentPages = 20
)

var errTooManyIssues = errors.New("too many issues with attachments to find the one that an attachment belongs to")

// attachedIssue is an issue with its attachments.
type attachedIssue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Attachment []struct {
			ID jsontext.Value `json:"id"`
		} `json:"attachment"`
	} `json:"fields"`
}

func (i attachedIssue) has(attachment string) bool {
	for _, a := range i.Fields.Attachment {
		if trimmed(a.ID) == attachment {
			return true
		}
	}
	return false
}

// attachmentInside reports whether an attachment belongs to an issue inside.
func (s *session) attachmentInside(ctx context.Context, id string) (bool, error) {
	key := "attachment " + id + "\n" + s.view.key
	found, err := current(ctx, s, key, s.guard.ttl, func(ctx context.Context) (issue, error) {
		return s.findAttachment(ctx, id)
	})
	if err != nil || found.ID == "" {
		return false, err
	}
	s.note(found)
	return true, nil
}

// findAttachment returns the issue inside that has an attachment; the zero value
// if none has.
func (s *session) findAttachment(ctx context.Context, id string) (issue, error) {
	var attachment struct {
		Created string `json:"created"`
	}
	there, err := s.get(ctx, "/rest/api/2/attachment/"+id, &attachment)
	if err != nil {
		return issue{}, err
	}
	if recent, err := s.uploaded(ctx, id); err != nil || recent.ID != "" {
		return recent, err
	}
	// An attachment that does not exist is searched for too, so that timing reveals
	// nothing.
	created := s.guard.memory.now()
	if there {
		if created, err = time.Parse("2006-01-02T15:04:05.999999999Z0700", attachment.Created); err != nil {
			return issue{}, unanswered(errNonsense)
		}
	}
	constraint, err := s.constraint(ctx)
	if errors.Is(err, errNoIssue) {
		return issue{}, nil
	}
	if err != nil {
		return issue{}, err
	}
	condition := jql.And{
		// In JQL a date is the beginning of the day in the account's time zone.
		compare("created", jql.LessEqual, created.UTC().AddDate(0, 0, 2)),
		compare("updated", jql.GreaterEqual, created.UTC().AddDate(0, 0, -2)),
		&jql.Comparison{Field: jql.Field{Name: "attachments"}, Operator: jql.IsNot, Operand: jql.Empty{}},
	}
	if constraint != nil {
		condition = append(condition, constraint)
	}
	return s.searchAttachment(ctx, id, condition)
}

func compare(field string, operator jql.Operator, day time.Time) jql.Clause {
	return &jql.Comparison{Field: jql.Field{Name: field}, Operator: operator, Operand: jql.Value(day.Format(time.DateOnly))}
}

// searchAttachment looks for an attachment in the issues that match a condition,
// the most recently changed first.
func (s *session) searchAttachment(ctx context.Context, id string, condition jql.Clause) (issue, error) {
	query := &jql.Query{Where: condition, OrderBy: []jql.Sort{{Field: jql.Field{Name: "updated"}, Direction: "DESC"}}}
	page := question{JQL: query.String(), Fields: []string{"attachment"}, MaxResults: attachmentPage}
	for range maxAttachmentPages {
		var answer struct {
			Issues        []attachedIssue `json:"issues"`
			NextPageToken string          `json:"nextPageToken"`
			Total         int             `json:"total"`
		}
		if accepted, err := s.search(ctx, page, &answer); err != nil || !accepted {
			return issue{}, err
		}
		for _, i := range answer.Issues {
			if i.has(id) {
				return issue{ID: i.ID, Key: i.Key}, nil
			}
		}
		page.StartAt += len(answer.Issues)
		page.NextPageToken = answer.NextPageToken
		if len(answer.Issues) == 0 || answer.NextPageToken == "" && page.StartAt >= answer.Total {
			return issue{}, nil
		}
	}
	return issue{}, unanswered(errTooManyIssues)
}
