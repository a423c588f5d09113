package storage

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestDecodedLikeV1: records and events mean what encoding/json reads in them, whoever
// wrote them.
func TestDecodedLikeV1(t *testing.T) {
	secret := token.New()
	now := time.Date(2026, 3, 8, 9, 10, 11, 0, time.UTC)
	whole, err := json.Marshal(&token.Record{
		ID: secret.ID(), Owner: "anna <a@example.com>", Name: "é \u2028 & \"x\"", Scope: token.ScopeAdmin, Kind: token.KindExternal, Purpose: "p", Responsible: "r",
		Networks: token.Networks{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Deny: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
		Account:  "default", Status: token.StatusDisabled, StatusReason: "why", Unapproved: true, Exempt: "e",
		Confine: token.Confinement{Projects: []token.Project{{ID: "1", Key: "ACME"}}, JQL: "a = b", Hide: []string{"x"}},
		Limit:   token.Limit{Requests: 600, Period: time.Minute, Burst: 50}, MaxConcurrent: 3, HoldWrites: true,
		CreatedAt: now, UpdatedAt: now.Add(time.Nanosecond), RotatedAt: now, NotBefore: now, ExpiresAt: now, ExpirySetAt: now, Issuer: "i", VanishesAt: now,
		Digest: secret.Digest(), PreviousDigest: secret.Digest(), PreviousUntil: now, Handover: &token.Handover{Digest: secret.Digest(), By: "b", Alarms: 2}, Version: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(whole), "null", "{}", "", "[]", "{", string(whole) + " ", string(whole) + "x", `{"id":1}`, `{"ID":"a"}`, `{"Id":"a","id":"b"}`, `{"id":"b","ID":"a"}`,
		`{"id":"a","id":"b"}`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"unknown":[1,{"a":null}]}`, `{"version":1.5}`, `{"version":-1}`, `{"version":1e3}`, `{"version":"1"}`,
		`{"scope":"nothing"}`, `{"scope":null,"limit":null,"confine":null,"networks":null,"handover":null,"created_at":null,"digest":null,"max_concurrent":null}`,
		`{"created_at":"2026-03-08"}`, `{"created_at":"2026-03-08T09:10:11+01:00"}`, `{"networks":{"allow":["203.0.113.0/33"]}}`, `{"max_concurrent":"x"}`, `{"digest":"x"}`,
		`{"confine":{"projects":[{"key":"A"},null]}}`, `{"hold_writes":"true"}`, `{"networks":{"allow":[null]}}`,
		`{"at":"2026-03-08T09:10:11Z","action":"x","changes":[{"field":"a","old": {"b" : 1},"new":null}],"actor":{"kind":"admin","name":"n"}}`,
	} {
		var want, got token.Record
		wantErr, gotErr := json.Unmarshal([]byte(text), &want), decode([]byte(text), &got)
		if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !reflect.DeepEqual(want, got) {
			t.Errorf("%q as a record:\n got %+v, %v\nwant %+v, %v", text, got, gotErr, want, wantErr)
		}
		var wantEvent, gotEvent Event
		wantErr, gotErr = json.Unmarshal([]byte(text), &wantEvent), decode([]byte(text), &gotEvent)
		if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !reflect.DeepEqual(wantEvent, gotEvent) {
			t.Errorf("%q as an event:\n got %+v, %v\nwant %+v, %v", text, gotEvent, gotErr, wantEvent, wantErr)
		}
	}
}
