package handler

import (
	"net/http"
	"time"
)

// headerExpires says when the token ends, in RFC 3339, as Sunset does as an HTTP-date
// (RFC 8594).
const headerExpires = "X-Jira-Token-Expires"

// expirySoon is how long before its end a token's responses say so.
const expirySoon = 30 * 24 * time.Hour

// tellExpiry adds the end of a token that ends soon to the response. It does not
// allocate for other tokens.
func (h *Handler) tellExpiry(w http.ResponseWriter, d *Decision) {
	if d.Record == nil {
		return
	}
	end := d.Record.ExpiresAt
	if d.now.Before(d.Record.PreviousUntil) && d.Record.Replaced(d.presented.Digest()) {
		end = d.Record.PreviousUntil // never later than the expiry
	}
	if end.IsZero() || !end.After(d.now) || end.Sub(d.now) > expirySoon {
		return
	}
	d.ends = end
	header := w.Header()
	header.Set(headerExpires, end.UTC().Format(time.RFC3339))
	header.Set("Sunset", end.UTC().Format(http.TimeFormat))
}
