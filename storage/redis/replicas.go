package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxLag is the number of seconds after which a silent replica is no longer expected
// to confirm changes. Replicas report to the primary every second.
const maxLag = 5

// waitSlack is how much later than requested WAIT may reply: the server checks for
// timeouts every tenth of a second.
const waitSlack = 150 * time.Millisecond

// tooFewError reports that a change was not started because replicas are missing.
type tooFewError struct{ have, want int }

func (t *tooFewError) Error() string {
	return fmt.Sprintf("%d of %d replicas are connected", t.have, t.want)
}

// unconfirmedError reports that a change was made but that too few replicas confirmed it.
type unconfirmedError struct {
	have, want int
	cause      error // why the number is unknown, or nil
}

func (u *unconfirmedError) Error() string {
	if u.cause != nil {
		return "WAIT: " + u.cause.Error()
	}
	return fmt.Sprintf("WAIT returned %d of %d", u.have, u.want)
}

func (u *unconfirmedError) Unwrap() error { return u.cause }

// sendAndWait runs a command that writes, and waits until enough replicas have the
// result. It sends both together, because WAIT applies only to its own connection.
func (s *store) sendAndWait(ctx context.Context, command sendOnce) (string, error) {
	node, err := s.primary(ctx)
	if err != nil {
		return "", err
	}
	answer, err := s.confirmedBy(ctx, node, command)
	if cluster, ok := s.client.UniversalClient.(*redis.ClusterClient); ok && err != nil {
		cluster.ReloadState(ctx) // another node may be the primary now
	}
	return answer, err
}

func (s *store) confirmedBy(ctx context.Context, node *redis.Client, command sendOnce) (string, error) {
	want := s.settings.MinReplicas
	if err := checkReplicas(ctx, node, want); err != nil {
		return "", err
	}
	confirmed := redis.NewIntCmd(ctx, "wait", want, s.waitTime(ctx).Milliseconds())
	if _, err := node.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		return pipe.BatchProcess(ctx, command, confirmed)
	}); command.Err() != nil {
		return "", command.Err()
	} else if err != nil {
		return "", &unconfirmedError{want: want, cause: err}
	}
	answer := fmt.Sprint(command.Val())
	if have := int(confirmed.Val()); answer != conflict && have < want {
		return "", &unconfirmedError{have: have, want: want}
	}
	return answer, nil
}

// checkReplicas checks, before anything is written, whether enough replicas can
// confirm it. It does not check on a server that is itself a replica, whose own error
// on writes is clearer.
//
// It uses INFO rather than a WAIT with a short timeout: before Redis 7.2, WAIT also
// waits for the writes of other clients, so a replica that is merely slow would seem
// to be missing.
func checkReplicas(ctx context.Context, node *redis.Client, want int) error {
	info, err := infoOf(ctx, node, "replication")
	if err != nil || info["role"] != "master" {
		return err
	}
	if have := replicas(info); have < want {
		return &tooFewError{have, want}
	}
	return node.Wait(ctx, 0, time.Millisecond).Err() // checks the permission
}

// waitTime returns how long to wait for replicas: the remaining time, less what the
// reply may take to arrive.
func (s *store) waitTime(ctx context.Context) time.Duration {
	left := s.settings.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return max(left-max(waitSlack, left/4), left/4, time.Millisecond) // 0 would mean forever
}

// primary returns a client of the server that holds the tokens.
func (s *store) primary(ctx context.Context) (*redis.Client, error) {
	if cluster, ok := s.client.UniversalClient.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.index)
	}
	return s.client.UniversalClient.(*redis.Client), nil
}

// replicas returns the number of replicas in INFO replication that are in sync and
// have reported recently.
func replicas(info map[string]string) int {
	n := 0
	for name, value := range info {
		if !strings.HasPrefix(name, "slave") {
			continue
		}
		fields := make(map[string]string)
		for field := range strings.SplitSeq(value, ",") {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		// A replica that has just loaded its first copy is online, but receives
		// no changes until it has acknowledged the copy, which takes up to a
		// second.
		lag, err := strconv.Atoi(fields["lag"])
		silent := fields["offset"] == "0" && info["master_repl_offset"] != "0"
		if err == nil && lag <= maxLag && fields["state"] == "online" && !silent {
			n++
		}
	}
	return n
}
