package token

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a rate limit: a token bucket that holds up to Burst requests and
// refills at the rate of Requests per Period. The zero Limit is unset, so that a
// default applies.
type Limit struct {
	Requests int
	Period   time.Duration
	Burst    int
}

// Unlimited means no limit; it also overrides a default.
var Unlimited = Limit{Requests: -1}

// Grant is what was taken from a limit's bucket.
type Grant struct {
	// Granted is the number of requests; 0 when the bucket is empty.
	Granted int
	// Remaining is how many more requests the bucket allows now.
	Remaining int
	// RetryAfter is the time until the bucket allows a request again, if none was
	// granted.
	RetryAfter time.Duration
}

// maxRequests bounds Requests and Burst, so that every store can count them.
const maxRequests = 1_000_000

// off is how users write that there is no limit.
const off = "off"

const expectedLimit = "expected a rate such as 600/m or 600/m burst 50, with s, m, h or d, or off for no limit"

// errZero rejects a limit of 0, which some programs understand as no limit and
// others as no requests.
var errZero = errors.New("0 is ambiguous: use off for no limit, or leave it empty for the default")

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParseLimit parses a limit such as 600/m or 600/m burst 50, or off. Without a
// burst, all requests of a period may come at once.
func ParseLimit(text string) (Limit, error) {
	fields := strings.Fields(text)
	if len(fields) == 1 && fields[0] == off {
		return Unlimited, nil
	}
	if len(fields) == 1 && fields[0] == "0" {
		return Limit{}, fmt.Errorf("invalid limit: %w", errZero)
	}
	if len(fields) != 1 && (len(fields) != 3 || fields[1] != "burst") {
		return Limit{}, fmt.Errorf("invalid limit %q: %s", text, expectedLimit)
	}
	count, unit, _ := strings.Cut(fields[0], "/")
	l := Limit{Period: periods[unit]}
	if l.Period == 0 {
		return Limit{}, fmt.Errorf("invalid limit %q: %s", text, expectedLimit)
	}
	var err error
	if l.Requests, err = parseRequests(count); err != nil {
		return Limit{}, fmt.Errorf("invalid limit %q: %w", text, err)
	}
	l.Burst = l.Requests
	if len(fields) == 3 {
		if l.Burst, err = parseRequests(fields[2]); err != nil {
			return Limit{}, fmt.Errorf("invalid limit %q: burst: %w", text, err)
		}
	}
	return l, nil
}

func parseRequests(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxRequests {
		return 0, fmt.Errorf("invalid number of requests %q: expected 1 to %d, or off for no limit", text, maxRequests)
	}
	return n, nil
}

// String formats l for ParseLimit: empty if l is unset.
func (l Limit) String() string {
	switch l {
	case Limit{}:
		return ""
	case Unlimited:
		return off
	}
	unit := ""
	for name, period := range periods {
		if period == l.Period {
			unit = name
		}
	}
	text := strconv.Itoa(l.Requests) + "/" + unit
	if l.Burst != l.Requests {
		text += " burst " + strconv.Itoa(l.Burst)
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Limit) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*l = Limit{}
		return nil
	}
	*l, err = ParseLimit(string(text))
	return err
}

// check returns an error if the limit is invalid.
func (l Limit) check() error {
	if l == (Limit{}) || l == Unlimited {
		return nil
	}
	if parsed, err := ParseLimit(l.String()); err != nil || parsed != l {
		return errors.New("invalid limit: " + expectedLimit)
	}
	return nil
}
