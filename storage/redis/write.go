package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

// maxAttempts is how many times a write is sent at most: one retry is for a
// connection that died while it was idle, another for a redirection in a cluster.
const maxAttempts = 3

// retryDelay gives the client of a cluster time to find out who has the slot.
const retryDelay = 20 * time.Millisecond

// conflict is what a script returns instead of an event's id on a conflict.
const conflict = "0"

// sendOnce is a command that go-redis must not retry. Instead, write retries it and
// keeps track of whether an earlier attempt may have succeeded.
type sendOnce struct{ *redis.Cmd }

// NoRetry tells go-redis not to retry the command.
func (sendOnce) NoRetry() bool { return true }

// write runs a script that writes, and returns its result. Running the scripts twice
// does no harm.
func (s *store) write(ctx context.Context, doing string, script script, keys []string, args []any) (string, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	var answer string
	var err error
	uncertain := false // whether an attempt may have succeeded
	for attempt := range maxAttempts {
		if attempt > 0 && !background.Pause(bounded, retryDelay) {
			break
		}
		if answer, err = s.attempt(bounded, script, keys, args); err == nil {
			return answer, nil
		}
		uncertain = uncertain || mayHaveBeenMade(err)
		if !isRetryable(err) {
			break
		}
	}
	return "", s.failChange(ctx, doing, err, uncertain)
}

// attempt runs the script once.
func (s *store) attempt(ctx context.Context, script script, keys []string, args []any) (string, error) {
	send := s.send
	if s.settings.MinReplicas > 0 {
		send = s.sendAndWait
	}
	answer, err := send(ctx, script.command(ctx, "evalsha", script.hash, keys, args))
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return send(ctx, script.command(ctx, "eval", script.source, keys, args))
	}
	return answer, err
}

// send runs a command on the right server.
func (s *store) send(ctx context.Context, command sendOnce) (string, error) {
	if err := s.client.Process(ctx, command); err != nil {
		return "", err
	}
	return fmt.Sprint(command.Val()), nil
}

// isRetryable reports whether a failed write may succeed immediately on another
// connection or server.
func isRetryable(err error) bool {
	_, moved := redis.IsMovedError(err)
	switch {
	case moved, redis.IsReadOnlyError(err), redis.IsClusterDownError(err), redis.IsTryAgainError(err):
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// script is a Lua script. A server that has seen it knows it by its hash.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

func (script) command(ctx context.Context, name, sourceOrHash string, keys []string, args []any) sendOnce {
	all := []any{name, sourceOrHash, len(keys)}
	for _, key := range keys {
		all = append(all, key)
	}
	command := redis.NewCmd(ctx, append(all, args...)...)
	command.SetFirstKeyPos(3)
	return sendOnce{command}
}
