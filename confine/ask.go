package confine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxQuestions bounds the questions for one request.
const maxQuestions = 1000

var (
	errNoServerInfo = errors.New("no answer to serverInfo")
	errNonsense     = errors.New("the answer makes no sense")
)

// unanswered refuses a request because Jira has not said what is inside.
func unanswered(cause error) error {
	if refusal, ok := errors.AsType[*Error](cause); ok {
		return refusal
	}
	return &Error{Kind: Unanswered, Message: "Jira could not be asked what this token may see.", Err: cause}
}

// ask sends a request to Jira as the token's account. It returns a status of 2xx,
// or a 4xx by which Jira says that it has no such thing or rejects the question.
// Any other status is an error.
func (s *session) ask(ctx context.Context, method, uri string, body []byte) (status int, answer []byte, err error) {
	if s.questions.Add(1) > maxQuestions {
		return 0, nil, &Error{Kind: NotConfinable, Message: "The request names more things than can be checked for a token that sees only a part of Jira."}
	}
	status, answer, err = s.jira.Ask(ctx, method, uri, body)
	switch {
	case err != nil:
		return 0, nil, unanswered(err)
	case status >= 200 && status <= 299:
		return status, answer, nil
	case status == http.StatusBadRequest, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone:
		return status, answer, nil
	}
	return 0, nil, unanswered(fmt.Errorf("status %d in answer to %s", status, withoutQuery(uri)))
}

// get reads something from Jira. found is false if Jira says that there is no
// such thing, or none that the account may see.
func (s *session) get(ctx context.Context, uri string, answer any) (found bool, err error) {
	return s.read(ctx, http.MethodGet, uri, nil, answer)
}

// post asks Jira something with a POST that only reads. found is false if Jira
// does not accept the question, such as a query that names an unknown issue.
func (s *session) post(ctx context.Context, uri string, question, answer any) (found bool, err error) {
	body, err := json.Marshal(question)
	if err != nil {
		return false, unanswered(err)
	}
	return s.read(ctx, http.MethodPost, uri, body, answer)
}

func (s *session) read(ctx context.Context, method, uri string, body []byte, answer any) (found bool, err error) {
	status, text, err := s.ask(ctx, method, uri, body)
	if err != nil {
		return false, err
	}
	if status > 299 {
		// Something is decoded here too, so that what does not exist takes as long as
		// what is hidden.
		if like, ok := answer.(absent); ok {
			return false, json.Unmarshal([]byte(like.absent()), answer)
		}
		_ = json.Unmarshal(text, new(struct {
			ErrorMessages []string `json:"errorMessages"`
		}))
		return false, nil
	}
	// The defaults are strict: names that occur twice and invalid UTF-8 are errors.
	if err := json.Unmarshal(text, answer); err != nil {
		return false, unanswered(fmt.Errorf("answer to %s: %w", withoutQuery(uri), err))
	}
	return true, nil
}

// absent is implemented by answers about things. It returns the JSON that is decoded
// instead if Jira says that there is no such thing.
type absent interface{ absent() string }

// withoutQuery shortens a URI for an error: a query may hold a whole condition.
func withoutQuery(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	return path
}
