package jiratokens

import (
	"context"
	"encoding/json"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// cpuTime returns the CPU time that the process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // fails only for bad arguments
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestAuditOption(t *testing.T) {
	for text, strict := range map[string]bool{
		"jira_tokens {\naudit strict\n}":         true,
		"jira_tokens {\naudit {\nstrict\n}\n}":   true,
		"jira_tokens {\naudit {\n}\n}":           false,
		"jira_tokens {\nmax_failures 100/m\n}":   false,
		"jira_tokens {\naudit\nlimit 100/m\n}\n": false,
	} {
		var app App
		if err := app.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil || (app.Audit != nil && app.Audit.Strict) != strict {
			t.Errorf("%q: %+v, %v", text, app.Audit, err)
		}
	}
	for _, text := range []string{"audit strict lax", "audit lax", "audit {\nstrict yes\n}", "audit {\nlax\n}", "audit strict\naudit strict"} {
		if err := new(App).UnmarshalCaddyfile(caddyfile.NewTestDispenser("jira_tokens {\n" + text + "\n}")); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// BenchmarkRecorded measures what recording a request costs, including the encoding of
// the event in the background.
func BenchmarkRecorded(b *testing.B) {
	recorder := audit.NewRecorder(audit.Options{
		Write: func(_ context.Context, events ...storage.Event) error {
			for _, event := range events {
				if _, err := json.Marshal(event); err != nil {
					return err
				}
			}
			return nil
		},
		Away: func() error { return nil }, Lost: func(uint64) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	ctx, end := context.WithCancel(b.Context())
	defer end()
	go recorder.Run(ctx)
	trail := requestTrail{recorder: recorder}
	request := handler.Recorded{
		At: time.Now(), Token: &token.Record{ID: "4fT0aB9xYz", Owner: "alice@example.com", Name: "BI export"},
		Address: netip.MustParseAddr("203.0.113.7"), UserAgent: "python-requests/2.32", Method: "POST", Path: "/rest/api/2/issue",
		Operation: "POST /rest/api/2/issue", Access: "write", Account: "default", Status: 201, JiraRequestID: "495x1x1",
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		n, began := 0, cpuTime()
		for b.Loop() {
			trail.Wrote(ctx, request)
			if n++; n%storage.MaxEvents == 0 { // wait for the background, so that no event is lost
				requestTrail{recorder, true}.Wrote(ctx, request)
			}
		}
		b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
	})
	b.Run("denied", func(b *testing.B) {
		b.ReportAllocs()
		kind := handler.DenialKind{Reason: handler.ReasonScopeInsufficient, TokenID: "4fT0aB9xYz", Operation: request.Operation}
		for b.Loop() {
			if err := trail.Denied(ctx, kind, request.At, func() handler.Recorded { return request }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
