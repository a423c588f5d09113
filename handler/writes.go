package handler

import "context"

// takeWrite counts a request that is about to change something in Jira against the
// token's limit on writes: once, even if the proxy tries to forward it several times.
func (t *Transport) takeWrite(ctx context.Context, d *Decision) error {
	if !d.changes || d.counted {
		return nil
	}
	if exceeded := t.app.Limits().TakeWrite(ctx, d.Record); exceeded != nil {
		return deniedError{tooMany(ReasonRateLimited, exceeded, "This API token may make "+writesPhrase(t.app.Limits().WritesOf(d.Record))+".")}
	}
	d.counted = true
	return nil
}

// deniedError carries a denial out of the transport.
type deniedError struct{ *denial }

func (e deniedError) Error() string { return e.message }
