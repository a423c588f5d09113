package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Loss says that a trail no longer had events that an earlier checkpoint covers, and why.
// It is an extension line of the checkpoint of what was left, which the gateway signs and
// the event audit_lost holds.
type Loss struct {
	// Known is the number of events that the earlier checkpoint covers.
	Known int64
	// Cause is one of the causes below.
	Cause string
}

// The causes of a loss.
const (
	// CauseFailover: another server has taken over as the store, or the same one was
	// started again, without the newest events.
	CauseFailover = "failover"
	// CauseChange: the server was the same. Somebody has changed or removed events, or
	// put back an older copy.
	CauseChange = "change"
	// CauseUnknown: the gateway cannot tell.
	CauseUnknown = "unknown"
)

// lossStart begins the line, in which Known and Cause follow.
const lossStart = "lost "

// line returns the extension line, or "" for nil.
func (l *Loss) line() string {
	if l == nil {
		return ""
	}
	return lossStart + strconv.FormatInt(l.Known, 10) + " " + l.Cause + "\n"
}

// parseLoss returns the loss that one of the extension lines describes, or nil.
func parseLoss(lines []string) (*Loss, error) {
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, lossStart)
		if !ok {
			continue
		}
		number, cause, _ := strings.Cut(rest, " ")
		known, err := strconv.ParseInt(number, 10, 64)
		if err != nil || known < 0 || known > maxSize {
			return nil, errors.New("not a checkpoint: expected a number and a cause after lost")
		}
		return &Loss{known, cause}, nil
	}
	return nil, nil
}

// lossIn returns what an event says about lost events. The checkpoint is not signed with
// one of the keys if it returns nil.
func lossIn(event leaf, keys Keys) (left Checkpoint, loss *Loss) {
	for _, change := range event.Changes {
		var note string
		if change.Field != FieldCheckpoint || json.Unmarshal(change.New, &note) != nil {
			continue
		}
		if signed, err := Open([]byte(note), keys); err == nil && signed.Loss != nil {
			return signed.Checkpoint, signed.Loss
		}
	}
	return Checkpoint{}, nil
}

// lostFinding describes an event that says that the trail had lost events.
func lostFinding(event leaf, number int64, keys Keys) Finding {
	at := event.At.UTC().Format(time.DateTime + "Z")
	how := "event %d says that the trail had lost events at %s: see that event"
	left, loss := lossIn(event, keys)
	switch {
	case loss == nil: // of an earlier version, or anybody could have written it
	case loss.Cause == CauseFailover:
		how = "events were lost with a failover, as event %d says: at %s, " + fmt.Sprintf("another server, or the same one after a restart, had %s", remains(left, loss))
	case loss.Cause == CauseChange:
		how = "events were removed or changed without a failover, as event %d says: at %s, " + fmt.Sprintf("the same server had %s", remains(left, loss))
	}
	return Finding{Kind: KindLost, Event: number, Message: fmt.Sprintf(how, number, at) + fmt.Sprintf("; to leave it out, verify from %d on", number+1)}
}

// remains says what was left.
func remains(left Checkpoint, loss *Loss) string {
	if left.Size < loss.Known {
		return fmt.Sprintf("only %d of the %d events that the gateway had signed", left.Size, loss.Known)
	}
	return fmt.Sprintf("others than the %d events that the gateway had signed", loss.Known)
}
