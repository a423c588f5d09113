package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// lateAfter is how many seconds a replica may be silent, which tells of itself
// every second, before it is taken for one that confirms nothing.
const lateAfter = 5

// waitSlack is how much later than asked a WAIT can answer: the server looks
// every tenth of a second whose time is over.
const waitSlack = 150 * time.Millisecond

// tooFewError reports that a change was not started because replicas are missing.
type tooFewError struct{ have, want int }

func (t *tooFewError) Error() string {
	return fmt.Sprintf("%d of %d replicas are there", t.have, t.want)
}

// unconfirmed reports that a change was made but that too few replicas confirmed
// it.
type unconfirmed struct {
	have, want int
	cause      error // why nothing was heard, if so
}

func (u *unconfirmed) Error() string {
	if u.cause != nil {
		return "WAIT: " + u.cause.Error()
	}
	return fmt.Sprintf("WAIT answers %d of %d", u.have, u.want)
}

func (u *unconfirmed) Unwrap() error { return u.cause }

// sendAndWait runs a command that writes, and waits until replicas have what
// it wrote. Both are sent at once: WAIT speaks of its own connection only.
func (s *store) sendAndWait(ctx context.Context, command once) (string, error) {
	node, err := s.primary(ctx)
	if err != nil {
		return "", err
	}
	answer, err := s.confirmedBy(ctx, node, command)
	if cluster, ok := s.client.UniversalClient.(*redis.ClusterClient); ok && err != nil {
		cluster.ReloadState(ctx) // it may be another node by now
	}
	return answer, err
}

func (s *store) confirmedBy(ctx context.Context, node *redis.Client, command once) (string, error) {
	want := s.settings.MinReplicas
	if err := lookForReplicas(ctx, node, want); err != nil {
		return "", err
	}
	confirmed := redis.NewIntCmd(ctx, "wait", want, s.patience(ctx).Milliseconds())
	if _, err := node.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		return pipe.BatchProcess(ctx, command, confirmed)
	}); command.Err() != nil {
		return "", command.Err()
	} else if err != nil {
		return "", &unconfirmed{want: want, cause: err}
	}
	answer := fmt.Sprint(command.Val())
	if have := int(confirmed.Val()); answer != conflict && have < want {
		return "", &unconfirmed{have: have, want: want}
	}
	return answer, nil
}

// lookForReplicas finds out, before anything is written, whether that can be
// confirmed. A replica is not asked: it refuses writes, and says so better.
//
// They are looked at in INFO, not by a first WAIT: before Redis 7.2 that waits
// for what others have written, too, and then a replica that is not as fast as
// the look is impatient seems to be missing.
func lookForReplicas(ctx context.Context, node *redis.Client, want int) error {
	info, err := infoOf(ctx, node, "replication")
	if err != nil || info["role"] != "master" {
		return err
	}
	if have := replicas(info); have < want {
		return &tooFewError{have, want}
	}
	return node.Wait(ctx, 0, time.Millisecond).Err() // is the user permitted to?
}

// patience is how long replicas are waited for: as long as there is time, less
// what the answer needs to come back.
func (s *store) patience(ctx context.Context) time.Duration {
	left := s.settings.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return max(left-max(waitSlack, left/4), left/4, time.Millisecond) // 0 would be for ever
}

// primary returns a client of the server that the tokens are on.
func (s *store) primary(ctx context.Context) (*redis.Client, error) {
	if cluster, ok := s.client.UniversalClient.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.index)
	}
	return s.client.UniversalClient.(*redis.Client), nil
}

// replicas counts, in INFO replication, the replicas that have all data and
// were heard of lately.
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
		// One that has just got its first copy is online, but hears of nothing
		// new before it has confirmed that, which takes up to a second.
		lag, err := strconv.Atoi(fields["lag"])
		silent := fields["offset"] == "0" && info["master_repl_offset"] != "0"
		if err == nil && lag <= lateAfter && fields["state"] == "online" && !silent {
			n++
		}
	}
	return n
}
