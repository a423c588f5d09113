package rest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// heldOf is the only held request, of one token.
type heldOf struct{ tokenID string }

func (h heldOf) Show(_ context.Context, id string) (approvals.View, []byte, error) {
	if id != "known" {
		return approvals.View{}, nil, fmt.Errorf("no request: %w", token.ErrNotFound)
	}
	return approvals.View{
		ID: "known", State: approvals.StateRejected, TokenID: h.tokenID, Owner: "alice", Reason: "too many", RequestedAt: time.Unix(0, 0),
		Request: approvals.Request{Method: "PUT", URI: "/rest/api/2/issue/A-1"},
	}, []byte("the body"), nil
}

// TestShowApproval: the holder learns what became of a request, and nobody else does.
func TestShowApproval(t *testing.T) {
	g := newGateway(t)
	mine, other := g.create(nil), g.create(nil)
	g.Held = heldOf{mine.Record.ID}
	w := g.call("GET", "1/approvals/known", "", mine.Token)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `"state":"rejected"`) || !strings.Contains(body, `"reason":"too many"`) || strings.Contains(body, "the body") {
		t.Errorf("%d %s", w.Code, body)
	}
	unknown := g.call("GET", "1/approvals/unknown", "", mine.Token)
	others := g.call("GET", "1/approvals/known", "", other.Token)
	if unknown.reason() != handler.ReasonUnknownEndpoint || others.reason() != handler.ReasonUnknownEndpoint || unknown.failed.Message != others.failed.Message {
		t.Errorf("unknown: %v; another token's: %v", unknown.failed, others.failed)
	}
}
