package token

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"never":                     {},
		"90d":                       now.AddDate(0, 0, 90),
		"12h":                       now.Add(12 * time.Hour),
		"2027-01-31":                time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		"2027-01-31T18:00:00+02:00": time.Date(2027, 1, 31, 16, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "90", "-1d", "-5m", "1.5d", "99999999d", "31.01.2027", "2027-02-30", "tomorrow", "never "} {
		if got, err := ParseMoment(text, now); err == nil {
			t.Errorf("%q was accepted as %s", text, got)
		}
	}
}

func TestFormatSpan(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		30 * day: "30d", 12 * time.Hour: "12h", 36 * time.Hour: "36h", time.Minute: "1m", 90 * time.Second: "1m30s",
		90 * time.Minute: "1h30m", 0: "0s", 500 * time.Millisecond: "500ms",
	} {
		got := FormatSpan(d)
		if got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
		if back, err := ParseSpan(got); err != nil || back != d {
			t.Errorf("%q is parsed as %s, %v", got, back, err)
		}
	}
}

// TestRounded: a token that was made a second ago ends in the time that was asked for.
func TestRounded(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]struct {
		n    int
		unit time.Duration
	}{
		0: {0, time.Second}, 400 * time.Millisecond: {0, time.Second}, 59 * time.Second: {59, time.Second}, 59600 * time.Millisecond: {1, time.Minute},
		time.Hour - time.Second: {1, time.Hour}, 59*time.Minute + 29*time.Second: {59, time.Minute}, 90 * time.Minute: {2, time.Hour},
		day - time.Second: {24, time.Hour}, 47 * time.Hour: {47, time.Hour}, 2*day - time.Second: {2, day}, 30*day - time.Second: {30, day}, -30*day + time.Second: {30, day},
		79*day + 11*time.Hour: {79, day}, 79*day + 13*time.Hour: {80, day},
	} {
		if n, unit := Rounded(d); n != want.n || unit != want.unit {
			t.Errorf("%s is %d of %s, want %d of %s", d, n, unit, want.n, want.unit)
		}
	}
}
