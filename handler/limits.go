package handler

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// limits is the step that asks whether the token, and its account, may make one
// more request now.
func (h *Handler) limits(r *http.Request, d *Decision) *denial {
	use, excess := h.app.Limits().Begin(r.Context(), d.Record)
	d.use = use
	switch {
	case excess == nil:
		return nil
	case excess.What == limits.TokenRate:
		return exceeded(ReasonRateLimited, excess, "This API token may make "+ratePhrase(excess.Limit)+".")
	case excess.What == limits.TokenConcurrency:
		return exceeded(ReasonRateLimited, excess, fmt.Sprintf("This API token may have %d requests under way at once.", excess.Limit.Requests))
	}
	return exceeded(ReasonRateLimited, excess, "The gateway has too many requests under way with the Jira account of this API token.")
}

// ratePhrase says a rate as people do.
func ratePhrase(limit token.Limit) string {
	period := map[time.Duration]string{time.Second: "a second", time.Minute: "a minute", time.Hour: "an hour", 24 * time.Hour: "a day"}[limit.Period]
	phrase := fmt.Sprintf("%d requests %s", limit.Requests, period)
	if limit.Burst != limit.Requests {
		phrase += fmt.Sprintf(", %d at once", limit.Burst)
	}
	return phrase
}

func exceeded(reason Reason, excess *limits.Excess, message string) *denial {
	why := &denial{reason: reason, retryAfter: max(excess.RetryAfter, time.Nanosecond), limit: excess.Limit}
	why.message = fmt.Sprintf("%s Try again in %d s.", message, why.retrySeconds())
	return why
}

// setRateHeaders tells of a limit as Jira Data Center does. python-jira fails
// with a KeyError when one of these is missing from a 429.
func setRateHeaders(header http.Header, limit token.Limit) {
	period := limit.Period
	if period == 0 {
		period = time.Second // of requests at once: looked at again after this
	}
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit.Burst))
	header.Set("X-Ratelimit-Remaining", "0")
	header.Set("X-Ratelimit-Fillrate", strconv.Itoa(limit.Requests))
	header.Set("X-Ratelimit-Interval-Seconds", strconv.Itoa(int(period/time.Second)))
	header.Set(headerLimitedBy, "gateway")
}
