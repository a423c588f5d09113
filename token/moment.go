package token

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseMoment parses a time from now (90d, 12h, 30m), a date (2027-01-31, meaning
// midnight UTC), a time (RFC 3339), or never, which gives the zero time.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if ahead, err := ParseSpan(text); err == nil {
		return now.UTC().Add(ahead).Truncate(time.Second), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid time %q: expected a time from now such as 90d or 12h, a date such as 2027-01-31, a time such as 2027-01-31T18:00:00Z, or never", text)
}

// ParseSpan parses a length of time such as 90d, 12h, 30m or 45s.
func ParseSpan(text string) (time.Duration, error) {
	invalid := fmt.Errorf("invalid length of time %q: expected one such as 90d, 12h, 30m or 45s", text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, invalid
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, invalid
	}
	return d, nil
}

// FormatTime returns a time for people, as all pages and messages of states write it.
func FormatTime(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// Rounded returns roughly how long d is, rounded to the nearest: in seconds below a minute,
// in minutes below an hour, in hours below two days, or else in days.
func Rounded(d time.Duration) (n int, unit time.Duration) {
	const day = 24 * time.Hour
	d = d.Abs()
	for _, fits := range []struct {
		unit time.Duration
		n    int
	}{{time.Second, 60}, {time.Minute, 60}, {time.Hour, 48}} {
		if n := int(d.Round(fits.unit) / fits.unit); n < fits.n {
			return n, fits.unit
		}
	}
	return int(d.Round(day) / day), day
}

// FormatRounded says roughly how long d is, such as "3 hours", or "" for less than a second.
func FormatRounded(d time.Duration) string {
	n, unit := Rounded(d)
	name := map[time.Duration]string{time.Second: "second", time.Minute: "minute", time.Hour: "hour"}[unit]
	switch {
	case n == 0:
		return ""
	case name == "":
		name = "day"
	}
	if n > 1 {
		name += "s"
	}
	return strconv.Itoa(n) + " " + name
}

// FormatSpan returns a length of time as ParseSpan accepts it: in days if it is a number of
// them.
func FormatSpan(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // 12h0m0s is 12h
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
