package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// outage is an error that tells an operator which server failed, how, and what to
// do about it.
type outage struct {
	text  string
	cause error
}

func (o *outage) Error() string { return o.text }

// Unwrap returns storage.ErrUnavailable and the cause.
func (o *outage) Unwrap() []error { return []error{storage.ErrUnavailable, o.cause} }

// fail returns err as an outage, unless the caller has canceled ctx.
func (s *store) fail(ctx context.Context, doing string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	return s.outage(ctx, doing, err, "")
}

// failChange is fail for a change. uncertain means that the change may have been
// made: that is unknown if it was sent but not answered.
func (s *store) failChange(ctx context.Context, doing string, err error, uncertain bool) error {
	suffix := ""
	if uncertain {
		suffix = "; the change may or may not have been made: check before you try again"
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w%s", doing, ctx.Err(), suffix)
	}
	return s.outage(ctx, doing, err, suffix)
}

func (s *store) outage(ctx context.Context, doing string, err error, suffix string) error {
	if errors.Is(err, redis.ErrPoolTimeout) {
		err = errors.Join(storage.ErrBusy, err)
	}
	text := fmt.Sprintf("%s: cannot %s: %s %s%s", storage.ErrUnavailable, doing, s.settings.describe(), s.explain(ctx, err), suffix)
	// Servers echo commands that they do not know, such as AUTH with its arguments.
	for _, secret := range []string{s.settings.Password, s.settings.SentinelPassword} {
		if secret != "" && strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, "…")
			err = errors.New("an error that contains a password")
		}
	}
	return &outage{text, err}
}

// explain returns what err means and what to do about it. Its result continues a
// sentence whose subject is the server.
func (s *store) explain(ctx context.Context, err error) string {
	if isPermissionError(err) {
		if missing := s.missing(ctx); missing != "" {
			return fmt.Sprintf("does not permit this to the user, who lacks %s: all that the gateway needs is %s", missing, s.settings.permissions())
		}
	}
	if isScriptPermissionError(err) { // the text of err only adds a script's hash
		return explain(err, s.settings)
	}
	return fmt.Sprintf("%s (%s)", explain(err, s.settings), oneLine(err))
}

// oneLine returns the text of an error, which may have been joined, on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", ": ") }

// isTimeout reports whether err means that the server did not answer in time.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// mayHaveBeenMade reports whether a change that failed with err may have been made.
// It was not if the server said so or was never reached.
func mayHaveBeenMade(err error) bool {
	var unanswered *unansweredError
	var answer redis.Error
	var op *net.OpError
	var nowhere *noPrimaryError
	var few *tooFewError
	var some *unconfirmedError // has an explanation of its own
	switch {
	case errors.As(err, &nowhere), errors.As(err, &few), errors.As(err, &some), errors.As(err, &unanswered):
		return false
	case redis.IsMaxClientsError(err): // not a redis.Error
		return false
	case errors.As(err, &answer), errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrClosed):
		return false
	case errors.As(err, &op) && op.Op == "dial":
		return false
	case isTLSError(err):
		return false
	}
	return true
}

func isTLSError(err error) bool {
	var (
		header    tls.RecordHeaderError
		alert     tls.AlertError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &header) || errors.As(err, &alert) || errors.As(err, &authority) ||
		errors.As(err, &host) || errors.As(err, &invalid)
}

// explain explains errors without asking the server anything.
func explain(err error, r *settings) string {
	if text := explainOwn(err); text != "" {
		return text
	}
	if text := explainAnswer(err, r); text != "" {
		return text
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errRefused):
		return tooManyClients
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses connections: is it running, and is the address right?"
	case errors.Is(err, fs.ErrNotExist):
		return "has no socket there: is it running, and is the path right?"
	case errors.Is(err, fs.ErrPermission):
		return "does not accept connections from Caddy's user: set its unixsocketperm"
	case errors.As(err, &dns):
		return "cannot be found: is the name right, and does DNS work?"
	case isTLSError(err), errors.As(err, &op) && op.Op == "remote error": // an alert from the server
		return "and this gateway do not agree on TLS: check tls, its ca and server_name, and that the port speaks TLS"
	case errors.Is(err, storage.ErrBusy), errors.Is(err, redis.ErrPoolTimeout):
		return "answers too slowly for the load: check its latency, or raise pool_size"
	case isTimeout(err):
		return fmt.Sprintf("did not answer within %s: is it overloaded or cut off?", r.Timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if _, ok := errors.AsType[*unansweredError](err); ok {
			return "closed the connection before it answered: is it shutting down, does it expect TLS, or has it reached its maxclients?"
		}
		return "closed the connection: is it shutting down, or does it expect TLS?"
	case errors.Is(err, redis.ErrClosed):
		return "is no longer in use: this store has been closed"
	}
	return "failed"
}

const tooManyClients = "has too many clients: raise its maxclients, or lower pool_size"

// explainOwn explains errors that this package has created.
func explainOwn(err error) string {
	var few *tooFewError
	var some *unconfirmedError
	var nowhere *noPrimaryError
	switch {
	case errors.As(err, &few):
		return fmt.Sprintf("has %d of the %d replicas that min_replicas requires, so nothing was written: "+
			"check its INFO replication, or lower min_replicas", few.have, few.want)
	case errors.As(err, &some) && some.cause == nil:
		return fmt.Sprintf("made the change, but only %d of the %d replicas that min_replicas requires confirmed it in time, "+
			"so it may be lost with the primary: check before you try again", some.have, some.want)
	case errors.As(err, &some):
		return fmt.Sprintf("made the change, but did not report whether the %d replicas that min_replicas requires have it, "+
			"so it may be lost with the primary: check before you try again", some.want)
	case errors.As(err, &nowhere) && redis.IsAuthError(err):
		return "cannot be found: a sentinel rejects the credentials: check sentinel_username and sentinel_password"
	case errors.As(err, &nowhere):
		return "cannot be found: no sentinel knows it: check address and sentinel_master"
	}
	return ""
}

// explainAnswer explains errors that the server has returned.
func explainAnswer(err error, r *settings) string {
	_, moved := redis.IsMovedError(err)
	_, ask := redis.IsAskError(err)
	switch {
	case isPermissionError(err):
		return "does not permit this to the user: all that the gateway needs is " + r.permissions()
	case redis.IsAuthError(err), redis.HasErrorPrefix(err, "WRONGPASS"), redis.HasErrorPrefix(err, "NOAUTH"),
		redis.HasErrorPrefix(err, "ERR AUTH"), redis.HasErrorPrefix(err, "ERR invalid password"):
		return "rejects the credentials: check username and password"
	case redis.IsLoadingError(err):
		return "is loading its data and will answer when it is done"
	case redis.IsReadOnlyError(err):
		return "is a replica, which is read-only: configure the address of the primary, or use sentinel_master"
	case redis.IsOOMError(err):
		return "is out of memory: raise its maxmemory"
	case redis.IsTryAgainError(err), (moved || ask) && r.Cluster:
		return "is moving the tokens to another node: try again when that is done"
	case moved, ask:
		return "is a node of a cluster: add the option cluster"
	case redis.IsClusterDownError(err):
		return "is down as a cluster, because some slots have no primary: check CLUSTER INFO"
	case redis.IsMasterDownError(err):
		return "is a replica that has lost its primary"
	case redis.HasErrorPrefix(err, "MISCONF"):
		return "refuses writes because it cannot save to disk: check its log and its disk"
	case redis.IsNoReplicasError(err), redis.HasErrorPrefix(err, "NOREPLICAS"):
		return "refuses writes because it has too few replicas: check its min-replicas-to-write"
	case redis.IsMaxClientsError(err):
		return tooManyClients
	case redis.HasErrorPrefix(err, "NOSCRIPT"):
		return "forgets scripts immediately: does a proxy send EVALSHA and EVAL to different servers?"
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return fmt.Sprintf("has unexpected data in a key that begins with {%s}: choose another key_prefix", r.KeyPrefix)
	case redis.HasErrorPrefix(err, "ERR DB index"):
		return "has no such database: lower db, or raise databases in its configuration"
	}
	return ""
}
