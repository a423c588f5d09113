package token

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestState(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for _, test := range []struct {
		record Record
		want   State
	}{
		{Record{Status: StatusActive}, StateActive},
		{Record{Status: StatusActive, ExpiresAt: after}, StateActive},
		{Record{Status: StatusActive, ExpiresAt: now}, StateExpired},
		{Record{Status: StatusActive, NotBefore: now}, StateActive},
		{Record{Status: StatusActive, NotBefore: after}, StateNotYetValid},
		{Record{Status: StatusActive, NotBefore: before, ExpiresAt: before}, StateExpired},
		{Record{Status: StatusDisabled, ExpiresAt: before}, StateDisabled},
		{Record{Status: StatusRevoked, ExpiresAt: before}, StateRevoked},
		{Record{Status: "written by a later version"}, StateRevoked},
		{Record{}, StateRevoked},
	} {
		if got := test.record.State(now); got != test.want {
			t.Errorf("%+v is %s, want %s", test.record, got, test.want)
		}
	}
}

func TestMatches(t *testing.T) {
	now := time.Now()
	current, previous, other := New(), New(), New()
	record := Record{Digest: current.Digest(), PreviousDigest: previous.Digest(), PreviousUntil: now.Add(time.Minute)}
	if !record.Matches(current.Digest(), now) || !record.Matches(previous.Digest(), now) {
		t.Error("the current token, or the previous one while it still works, does not match")
	}
	if record.Matches(previous.Digest(), now.Add(time.Minute)) {
		t.Error("the previous token still matches after PreviousUntil")
	}
	if record.Matches(other.Digest(), now) {
		t.Error("another token matches")
	}
	record.PreviousDigest = Digest{}
	if record.Matches(Digest{}, now) {
		t.Error("the zero digest matches a record without a previous token")
	}
}

func TestOwnersAndNames(t *testing.T) {
	for _, owner := range []string{"a", "...", ".a", "alice@example.com", "Jörg Müller", strings.Repeat("é", 254), "日本"} {
		if err := CheckOwner(owner); err != nil {
			t.Error(err)
		}
	}
	for _, owner := range []string{"", ".", "..", "a:b", strings.Repeat("a", 255), "a\nb", "a\x00", " a", "a\u0085b", "\xff",
		"a\u202eb", "a\u2066b", "a\u200bb", "a\u2028b", "a\u2029b", "a\ufeffb", "a\u00adb", "a\u00a0b", "a\x1b[2Jb", "a\x7f", "a\ue000b", "a\U000e0041b"} {
		if CheckOwner(owner) == nil {
			t.Errorf("owner %q was accepted", owner)
		}
	}
	if CheckName(strings.Repeat("x", 100)) != nil || CheckName("a: b") != nil {
		t.Error("a valid name was rejected")
	}
	for _, name := range []string{"", strings.Repeat("x", 101), "a\tb", "a\u202eb", "a\u200bb", "a\u2028b"} {
		if CheckName(name) == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
	if !(&Record{Owner: "Alice@Example.com"}).OwnedBy("alice@example.COM") {
		t.Error("OwnedBy is case-sensitive")
	}
}

func TestScopes(t *testing.T) {
	for _, scope := range []Scope{ScopeRead, ScopeReadAll, ScopeWrite, ScopeAdmin} {
		for _, needed := range []Scope{ScopeRead, ScopeReadAll, ScopeWrite, ScopeAdmin} {
			included := map[Scope][]Scope{
				ScopeRead:    {ScopeRead},
				ScopeReadAll: {ScopeRead, ScopeReadAll},
				ScopeWrite:   {ScopeRead, ScopeWrite},
				ScopeAdmin:   {ScopeRead, ScopeReadAll, ScopeWrite, ScopeAdmin},
			}[scope]
			if scope.Includes(needed) != slices.Contains(included, needed) {
				t.Errorf("%s includes %s: %t", scope, needed, scope.Includes(needed))
			}
		}
		if parsed, err := ParseScope(scope.String()); err != nil || parsed != scope {
			t.Errorf("scope %s is parsed as %s, %v", scope, parsed, err)
		}
	}
	for _, s := range []string{"", "all", "READ", "read "} {
		if _, err := ParseScope(s); err == nil {
			t.Errorf("scope %q was accepted", s)
		}
	}
	if Scope(0).Includes(ScopeRead) {
		t.Error("the zero scope includes read")
	}
}
