package jiratokens

import (
	"context"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
)

// checkpointRetry is how soon a gateway looks again whether there is a checkpoint to tell.
const checkpointRetry = 5 * time.Second

// tellCheckpoints publishes the newest checkpoint of the audit trail once a day, over all
// gateways with the store, until ctx is done: what has left the store cannot be changed
// there.
func (a *App) tellCheckpoints(ctx context.Context) {
	for told := ""; ; {
		now := time.Now().UTC()
		if day := now.Format(time.DateOnly); day != told {
			// An error, such as an outage, has its own line in the log.
			if head, keys, err := a.tree.Head(ctx); err == nil && head.Size > 0 {
				a.Notify(checkpointNotice(head, keys, now))
				told = day
			}
		}
		if !background.Pause(ctx, checkpointRetry) {
			return
		}
	}
}

func checkpointNotice(head proof.Signed, keys []string, now time.Time) notice.Notice {
	return notice.Notice{
		Type: notice.TrailCheckpoint, Subject: "trail/" + head.Origin,
		Sentence: fmt.Sprintf("The audit trail %s has %d events. Keep this notice: caddy jira-token audit verify --checkpoint FILE shows whether the trail still has them as they are now.",
			head.Origin, head.Size),
		Data: map[string]any{
			"trail": head.Origin, "size": head.Size, "root": head.Root.String(), "checkpoint": string(head.Note), "key": keys[0],
		},
		Once: head.Origin + " " + now.Format(time.DateOnly), Until: now.Add(2 * 24 * time.Hour),
	}
}
