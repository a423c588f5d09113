package handler

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// limits is the step that checks the limits of the token and of its account.
func (h *Handler) limits(r *http.Request, d *Decision) *denial {
	record := d.Record
	if d.endpoint != nil { // no account is used
		alone := *record
		alone.Account = ""
		record = &alone
	}
	var exceeded *limits.Exceeded
	if d.slot, exceeded = h.app.Limits().Acquire(r.Context(), record); exceeded == nil {
		return nil
	}
	message := "The gateway has too many requests in flight for the Jira account of this API token."
	switch exceeded.Bound {
	case limits.TokenRate:
		message = "This API token may make " + ratePhrase(h.app.Limits().RateOf(d.Record)) + "."
	case limits.TokenConcurrency:
		message = fmt.Sprintf("This API token may have at most %d requests in flight.", exceeded.Burst)
	}
	return tooMany(ReasonRateLimited, exceeded, message)
}

// unaskedLimits describes the token's limits, not what is left of them: explaining
// must not use anything up.
func (h *Handler) unaskedLimits(d *Decision) string {
	var bounds []string
	if limit := h.app.Limits().RateOf(d.Record); limit != (token.Limit{}) {
		bounds = append(bounds, "make "+ratePhrase(limit))
	}
	if limit := h.app.Limits().WritesOf(d.Record); limit != (token.Limit{}) {
		bounds = append(bounds, "make "+writesPhrase(limit))
	}
	if most := h.app.Limits().ConcurrencyOf(d.Record); most > 0 {
		bounds = append(bounds, fmt.Sprintf("have %d requests in flight", most))
	}
	if len(bounds) == 0 {
		return "it has no limit"
	}
	return "it may " + strings.Join(bounds, " and ")
}

// ratePhrase returns a rate in words, such as "600 requests a minute".
func ratePhrase(limit token.Limit) string {
	return phraseOf(limit, "requests")
}

// writesPhrase returns a limit on writes in words.
func writesPhrase(limit token.Limit) string {
	return phraseOf(limit, "requests that change something")
}

func phraseOf(limit token.Limit, what string) string {
	period := map[time.Duration]string{time.Second: "a second", time.Minute: "a minute", time.Hour: "an hour", 24 * time.Hour: "a day"}[limit.Period]
	phrase := fmt.Sprintf("%d %s %s", limit.Requests, what, period)
	if limit.Burst != limit.Requests {
		phrase += fmt.Sprintf(", at most %d at once", limit.Burst)
	}
	return phrase
}

// tooMany returns a 429, whose headers tell Jira's clients when to try again.
func tooMany(reason Reason, exceeded *limits.Exceeded, message string) *denial {
	denied := &denial{reason: reason, retryAfter: exceeded.RetryAfter, exceeded: exceeded}
	denied.message = fmt.Sprintf("%s Try again in %d s.", message, denied.retrySeconds())
	return denied
}

// setRateHeaders describes a limit as Jira Data Center does. python-jira fails with
// a KeyError if a 429 lacks one of these.
func setRateHeaders(header http.Header, exceeded *limits.Exceeded) {
	header.Set("X-Ratelimit-Limit", strconv.Itoa(exceeded.Burst))
	header.Set("X-Ratelimit-Remaining", "0")
	header.Set("X-Ratelimit-Fillrate", strconv.Itoa(exceeded.FillRate))
	header.Set("X-Ratelimit-Interval-Seconds", strconv.Itoa(int(exceeded.Interval/time.Second)))
	header.Set(headerLimitedBy, "gateway")
}
