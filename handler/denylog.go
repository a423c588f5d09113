package handler

import (
	"hash/maphash"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Limits on what a client can make the log hold by sending requests that are denied.
const (
	// maxDenialLines is the maximum number of lines a second for one reason and
	// one token or, if there is none, one client network.
	maxDenialLines = 10
	// The maximum sizes, in bytes, of logged parts of a request.
	maxLoggedPath   = 300
	maxLoggedHost   = 100
	maxLoggedMethod = 20
)

// logDenial logs a denied request, without its headers and query, which may hold
// secrets, and with no secret of a token in what is logged.
func (h *Handler) logDenial(r *http.Request, d *Decision, denied *denial) {
	line := h.logger.Check(denied.level(), "request denied")
	if line == nil {
		return
	}
	write, left := h.denials.sample(d.now, d.logKind())
	if !write {
		return
	}
	fields := []zap.Field{
		zap.String("reason", string(denied.reason)),
		zap.Int("status", denied.reason.status()),
		zap.String("method", loggable(r.Method, maxLoggedMethod)),
		zap.String("path", loggable(d.shownPath(r), maxLoggedPath)),
		zap.Stringer("client_ip", d.Address),
		zap.String("host", loggable(r.Host, maxLoggedHost)),
	}
	if d.unread != nil {
		fields = append(fields, zap.Stringer("proxy_ip", d.unread.peer), zap.Stringer("address_unread", d.unread))
	}
	if d.Record != nil {
		fields = append(fields,
			zap.String("jira_token_id", d.Record.ID),
			zap.String("jira_token_owner", d.Record.Owner))
	} else if id := d.presented.ID(); id != "" {
		// The ID is public, but nobody has proved to hold the token.
		fields = append(fields, zap.String("claimed_token_id", id))
	}
	if denied.exceeded != nil {
		fields = append(fields, zap.Stringer("exceeds", denied.exceeded.Bound))
	}
	if denied.cause != nil {
		fields = append(fields, zap.Error(denied.cause))
	}
	if left > 0 {
		fields = append(fields, zap.Uint64("left_out", left))
	}
	line.Write(fields...)
}

// level returns the log level of a denial.
func (d *denial) level() zapcore.Level {
	switch {
	case d.reason == ReasonStoreUnavailable, d.reason == ReasonTooManyFailures:
		// The cause has its own line, and there can be very many of these.
		return zapcore.DebugLevel
	case d.reason == ReasonIssuerUnavailable:
		return zapcore.InfoLevel // an outage has its own line
	case d.reason.status() >= http.StatusInternalServerError:
		return zapcore.ErrorLevel
	}
	return zapcore.InfoLevel
}

// logKind returns the kind of the denial for the log, which makes no difference between
// operations.
func (d *Decision) logKind() DenialKind {
	kind := d.denialKind()
	kind.Operation = ""
	return kind
}

// denialSampler limits the log lines of denials that are alike, as zap's sampler
// does for lines with the same message. Kinds whose hashes collide share a limit.
type denialSampler struct {
	seed   maphash.Seed
	counts [1024]denialCount
}

type denialCount struct {
	second atomic.Int64
	lines  atomic.Uint64
	left   atomic.Uint64
}

func newDenialSampler() *denialSampler { return &denialSampler{seed: maphash.MakeSeed()} }

// sample reports whether to write another line, and how many were dropped since
// the last one.
func (s *denialSampler) sample(now time.Time, kind DenialKind) (write bool, left uint64) {
	count := &s.counts[maphash.Comparable(s.seed, kind)%uint64(len(s.counts))]
	second := now.Unix()
	if before := count.second.Load(); before != second && count.second.CompareAndSwap(before, second) {
		count.lines.Store(0)
	}
	if count.lines.Add(1) > maxDenialLines {
		count.left.Add(1)
		return false, 0
	}
	return true, count.left.Swap(0)
}

// loggable returns a part of a request without the secrets of tokens in it, and
// shortened.
func loggable(s string, most int) string {
	return clip(token.WithoutSecrets(s), most)
}

// clip shortens s to at most the given number of bytes, plus an ellipsis.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
