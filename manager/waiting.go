package manager

import (
	"context"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// mostWaiting is how far the number in the navigation is counted.
const mostWaiting = 100

// mostExamined is how many tokens are examined, for the navigation, as to whether somebody
// may decide about them: the trail is read for each of them. The others all count.
const mostExamined = 30

// waiting returns how many requests wait for somebody who may decide about them, for the
// navigation; empty if none does.
func (h *Handler) waiting(r *http.Request, v *visit) string {
	if v.waiting == nil {
		text := h.waitingText(r, v)
		v.waiting = &text
	}
	return *v.waiting
}

func (h *Handler) waitingText(r *http.Request, v *visit) string {
	n, err := h.countWaiting(r.Context(), v)
	switch {
	case err != nil: // the page itself says what is wrong
		h.logger.Debug("cannot count the requests that wait", zap.Error(err))
		return ""
	case n == 0:
		return ""
	case n >= mostWaiting:
		return strconv.Itoa(mostWaiting-1) + "+"
	}
	return strconv.Itoa(n)
}

func (h *Handler) countWaiting(ctx context.Context, v *visit) (n int, err error) {
	pending, err := v.desk.List(ctx, registry.Query{Query: storage.Query{State: token.StatePending, Limit: mostWaiting}})
	if err != nil {
		return 0, err
	}
	may := make(map[string]bool)
	decides := func(id string) bool {
		if known, ok := may[id]; ok {
			return known
		}
		may[id] = len(may) >= mostExamined || h.mayDecide(ctx, v, id)
		return may[id]
	}
	for _, record := range pending.Records {
		if decides(record.ID) {
			n++
		}
	}
	if n >= mostWaiting {
		return n, nil
	}
	held, _, err := h.app.Held().List(ctx, approvals.Query{State: approvals.StatePending, Limit: mostWaiting})
	for _, request := range held {
		if decides(request.TokenID) {
			n++
		}
	}
	return n, err
}
