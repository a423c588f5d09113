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
)

// attempts bounds how often a write is sent: once more for a connection that
// died while it was idle, and once more for a cluster that has sent it
// elsewhere.
const attempts = 3

// betweenAttempts is how long a cluster is given to be asked who has the slot.
const betweenAttempts = 20 * time.Millisecond

// conflict is what a script answers instead of an event's id.
const conflict = "0"

// once is a command that the library does not send again: write does, because
// whoever does must remember that the first time may have worked.
type once struct{ *redis.Cmd }

// NoRetry tells the library so.
func (once) NoRetry() bool { return true }

// write runs a script that writes, and returns its answer. The scripts can
// stand being sent twice.
func (s *store) write(ctx context.Context, doing string, script script, keys []string, args []any) (string, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	var answer string
	var err error
	maybe := false // an attempt may have worked
	for attempt := range attempts {
		if attempt > 0 && !pause(bounded, betweenAttempts) {
			break
		}
		if answer, err = s.attempt(bounded, script, keys, args); err == nil {
			return answer, nil
		}
		maybe = maybe || mayBeMade(err)
		if !worthAnother(err) {
			break
		}
	}
	return "", s.failChange(ctx, doing, err, maybe)
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

// send runs a command on whatever server is the right one.
func (s *store) send(ctx context.Context, command once) (string, error) {
	if err := s.client.Process(ctx, command); err != nil {
		return "", err
	}
	return fmt.Sprint(command.Val()), nil
}

// worthAnother reports whether a write that failed can work at once: on another
// connection, or elsewhere.
func worthAnother(err error) bool {
	_, moved := redis.IsMovedError(err)
	switch {
	case moved, redis.IsReadOnlyError(err), redis.IsClusterDownError(err), redis.IsTryAgainError(err):
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// pause waits for d and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// script is a Lua script, which servers know by its hash once they have seen
// it.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

func (script) command(ctx context.Context, name, which string, keys []string, args []any) once {
	all := []any{name, which, len(keys)}
	for _, key := range keys {
		all = append(all, key)
	}
	command := redis.NewCmd(ctx, append(all, args...)...)
	command.SetFirstKeyPos(3)
	return once{command}
}
