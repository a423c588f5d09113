package handler

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/internal/leaktest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// BenchmarkHiddenAndAbsent compares how long it takes to say that an issue does
// not exist when it is hidden and when it does not exist. The requests alternate,
// and Jira is asked anew each time. What it reports is the ratio of the medians: 1
// tells nothing.
func BenchmarkHiddenAndAbsent(b *testing.B) {
	for name, confinement := range map[string]token.Confinement{
		"projects": {Projects: []token.Project{{ID: "10000", Key: "ABC"}}},
		"jql":      {JQL: "project = ABC AND summary ~ summary"},
	} {
		b.Run(name, func(b *testing.B) {
			g := newConfinedGate(b, confinement)
			g.handler.guard = confine.NewGuard(0)
			g.answer = knownAnswers(g.jira)
			var took [2][]time.Duration
			paths := [...]string{"/rest/api/2/issue/OUT-1", "/rest/api/2/issue/ZZZ-1"}
			for turn := 0; b.Loop(); turn++ {
				for i := range paths {
					i = (i + turn) % len(paths) // each is the first as often as the second
					path := paths[i]
					began := time.Now()
					if status, _, _, _ := g.ask("GET", path, ""); status != 404 {
						b.Fatalf("%s: HTTP %d", path, status)
					}
					took[i] = append(took[i], time.Since(began))
				}
			}
			b.ReportMetric(median(took[0])/median(took[1]), "hidden/absent")
		})
	}
}

// knownAnswers answers what the stand-in answers, and takes as long for every
// question that it has been asked before.
func knownAnswers(jira *leaktest.Jira) roundTripper {
	known := make(map[string]answered)
	return func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		key := r.URL.RequestURI() + string(body)
		answer, ok := known[key]
		if !ok {
			r.Body = io.NopCloser(bytes.NewReader(body))
			response, err := jira.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			text, _ := io.ReadAll(response.Body)
			answer = answered{response.StatusCode, string(text)}
			known[key] = answer
		}
		return answerOf(answer.status, answer.text, "Content-Type", "application/json;charset=UTF-8"), nil
	}
}

type answered struct {
	status int
	text   string
}

func median(durations []time.Duration) float64 {
	slices.Sort(durations)
	return float64(durations[len(durations)/2])
}
