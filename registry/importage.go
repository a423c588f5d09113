package registry

import (
	"context"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// maybeDeleted is why something is left out that may have been deleted from this store.
const maybeDeleted = "this store's audit trail no longer goes back to when the export was made, so it may have been deleted here since: to import it anyway, use --restore"

// lookBack finds out whether events have been removed from this store's audit trail that
// were recorded after the export was made. Then the trail does not say what has been
// deleted since.
func (i *importer) lookBack(ctx context.Context) error {
	if i.lookedBack {
		return nil
	}
	values, err := i.registry.store.TreeValues(ctx, storage.TreeRemoved)
	if err != nil {
		return fmt.Errorf("reading how much of the audit trail was removed: %w", err)
	}
	if len(values[0]) > 0 {
		oldest, err := i.registry.store.RawEvents(ctx, storage.EventID{}, 1)
		if err != nil {
			return fmt.Errorf("reading the audit trail: %w", err)
		}
		i.forgotten = len(oldest) == 0 || !i.exportedAt.Add(-maxClockSkew).After(oldest[0].ID.Time())
	}
	i.lookedBack = true
	return nil
}
