package jiratokens

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const trustBlock = `jira_tokens {
	trust https://token.actions.githubusercontent.com {
		audience https://jira.example.com
		when sub == repo:acme/site:ref:refs/heads/main {
			owner ci-site
			scope write
			project SITE WEB
			limit 600/m burst 50
			lifetime 15m
		}
		when repository like acme/* {
			and event_name == push schedule
			and /x/y has "a b"
			owner "ci-{claim.repository}"
			allow_ip 192.0.2.0/24
			hide internal-comments
		}
	}
	trust https://kubernetes.default.svc {
		audience a b
		jwks https://10.0.0.1/openid/v1/jwks
		keep_keys 48h
		reuse
		when sub like system:serviceaccount:ci:* {
			owner ci
			kind service
		}
	}
}`

func TestTrustCaddyfile(t *testing.T) {
	app := new(App)
	if err := app.UnmarshalCaddyfile(caddyfile.NewTestDispenser(trustBlock)); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(app.Trust, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "trust.json")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text) + "\n"; got != string(want) {
		t.Errorf("got\n%s\nwant what is in %s", got, golden)
	}
}

func TestTrustCaddyfileMistakes(t *testing.T) {
	for block, want := range map[string]string{
		`trust`:                                         "expected an issuer",
		`trust a b`:                                     "too many arguments",
		"trust a {\n x y\n}":                            `unknown option "x" of trust a`,
		"trust a {\n audience\n}":                       "missing argument",
		"trust a {\n reuse on\n}":                       "too many arguments",
		"trust a {\n when sub == {\n}\n}":               "expected a claim",
		"trust a {\n when sub = x {\n}\n}":              "expected ==, like or has",
		"trust a {\n when sub == x {\n owner a b\n}\n}": "too many arguments",
		"trust a {\n when sub == x {\n owner a\n owner b\n}\n}":             "given twice",
		"trust a {\n when sub == x {\n expires never\n}\n}":                 "unknown option",
		"trust a {\n when sub == x {\n exempt because\n}\n}":                "unknown option",
		"trust a {\n when sub == x {\n or ref == y\n}\n}":                   "unknown option",
		"trust a {\n when sub == x {\n limit lots\n}\n}":                    "limit",
		"trust a {\n when sub == x {\n lifetime 0\n}\n}":                    "lifetime",
		"trust a {\n audience x\n when b == c {\n}\n}\ntrust a {\n}":        "more than one block",
		"trust a {\n when sub == x {\n and ref\n}\n}":                       "expected a claim",
		"trust a {\n when sub == x {\n owner a\n kind robot\n project\n}\n": "missing argument",
	} {
		err := new(App).UnmarshalCaddyfile(caddyfile.NewTestDispenser("jira_tokens {\n" + block + "\n}"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Testfile:") {
			t.Errorf("%s: %v, want %q", block, err, want)
		}
	}
}
