package storage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// DaysKept is how many days of a token's activity a store keeps, including today.
	DaysKept = 31
	// MaxActivity is the maximum number of entries of an ActivityBatch, since changes wait
	// while a store writes it.
	MaxActivity = 250
)

// Day is a day in UTC: the number of days since 1970-01-01.
type Day int

// DayOf returns the day of t.
func DayOf(t time.Time) Day { return Day(t.Unix() / int64(24*time.Hour/time.Second)) }

// Oldest returns the oldest day that is kept on d.
func (d Day) Oldest() Day { return d - DaysKept + 1 }

// String returns the day in the form 2026-11-27.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Time returns the beginning of the day in UTC.
func (d Day) Time() time.Time { return time.Unix(0, 0).UTC().AddDate(0, 0, int(d)) }

// MarshalText implements encoding.TextMarshaler.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Day) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("invalid day %q: expected one such as 2026-11-27", text)
	}
	*d = DayOf(at)
	return nil
}

// Counts says how much a token was used.
type Counts struct {
	// Requests is the number of requests with the token and its secret.
	Requests uint64 `json:"requests"`
	// Denials is how many of them were denied.
	Denials uint64 `json:"denials"`
	// Bytes is the size of the bodies of Jira's responses, as they were sent on.
	Bytes uint64 `json:"bytes"`
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Requests += other.Requests
	c.Denials += other.Denials
	c.Bytes += other.Bytes
}

// String returns the counts as ParseCounts reads them.
func (c Counts) String() string { return fmt.Sprintf("%d %d %d", c.Requests, c.Denials, c.Bytes) }

// ParseCounts parses what Counts.String returns, and reports whether it is that.
func ParseCounts(text string) (c Counts, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return c, false
	}
	for i, to := range []*uint64{&c.Requests, &c.Denials, &c.Bytes} {
		n, err := strconv.ParseUint(parts[i], 10, 64)
		if err != nil {
			return Counts{}, false
		}
		*to = n
	}
	return c, true
}

// Activity is how much a token was used on one day.
type Activity struct {
	Day Day `json:"day"`
	Counts
}

// TokenDay identifies a day of a token.
type TokenDay struct {
	TokenID string
	Day     Day
}

// ActivityBatch is activity that is to be added to the store.
type ActivityBatch struct {
	// ID identifies the batch. Adding the same one again, because it is unknown whether
	// that has been done, has no effect for at least ten minutes.
	ID string
	// Today is the day on which the batch is added.
	Today Day
	// Counts holds at most MaxActivity entries.
	Counts map[TokenDay]Counts
}
