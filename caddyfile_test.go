package jiratokens_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/jiratokens/caddy-jira-tokens"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
)

var update = flag.Bool("update", false, "update the golden files")

func adapt(name, text string) ([]byte, error) {
	result, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": name})
	return result, err
}

// golden separates Caddyfile and JSON in testdata/*.caddyfiletest, as in Caddy's
// own tests.
const golden = "\n----------\n"

func TestCaddyfilesAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source, want, _ := strings.Cut(string(text), golden)
			adapted, err := adapt("Caddyfile", source)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, adapted, "", "\t"); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(source+golden+got.String()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if strings.TrimSpace(want) != got.String() {
				t.Errorf("adapts to\n%s", got.String())
			}
		})
	}
}

// TestExamplesAreFormatted: otherwise Caddy warns whoever starts with one.
func TestExamplesAreFormatted(t *testing.T) {
	for name, text := range documentedCaddyfiles(t) {
		if !strings.HasPrefix(name, "examples/") {
			continue
		}
		if formatted := string(caddyfile.Format([]byte(text))); formatted != text {
			t.Errorf("%s is not formatted: run caddy fmt --overwrite on it", name)
		}
	}
}

// TestExamplesProvision loads every example and every Caddyfile in the docs as far
// as `caddy validate` does, since people copy them.
func TestExamplesProvision(t *testing.T) {
	home := t.TempDir()
	signingKey, _, err := tree.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"JIRA_TOKENS_AUDIT_KEY": signingKey,
		"HOOK_SECRET":           "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "HOOK_TOKEN": "secret",
		"JIRA_USER": "svc@example.com", "JIRA_API_TOKEN": "secret", "JIRA_PAT": "secret", "JIRA_TOKENS_KEY": strings.Repeat("a", 64),
		"JIRA_OAUTH_ID": "id", "JIRA_OAUTH_SECRET": "secret", "JIRA_REPORTING_PAT": "secret", "OIDC_CLIENT_SECRET": "secret", "REDIS_PASSWORD": "secret", "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home,
	} {
		t.Setenv(name, value)
	}
	for name, text := range documentedCaddyfiles(t) {
		t.Run(name, func(t *testing.T) {
			text = strings.NewReplacer(
				"/var/log/", home+"/", "/etc/ssl/internal-ca.pem", certificate(t),
				"/run/secrets/reporting_pat", secretFile(t),
			).Replace(text)
			adapted, err := adapt("Caddyfile", text)
			if err != nil {
				t.Fatal(err)
			}
			var config caddy.Config
			if err := json.Unmarshal(adapted, &config); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Validate(&config); err != nil {
				t.Error(err)
			}
		})
	}
}

// documentedCaddyfiles returns the examples and the ```caddyfile blocks in the
// docs.
func documentedCaddyfiles(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"examples/*/Caddyfile", "README.md", "docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(file) != ".md" {
				texts[file] = string(text)
				continue
			}
			for i, block := range regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
				texts[fmt.Sprintf("%s block %d", file, i+1)] = block[1]
			}
		}
	}
	return texts
}

func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCaddyfileMistakes: every mistake gets one line that names the file and line,
// what is wrong and what would be right.
func TestCaddyfileMistakes(t *testing.T) {
	app := func(lines string) string { return "{\n\tjira_tokens {\n" + lines + "\n\t}\n}\n" }
	site := func(lines string) string { return "http://:8080 {\n" + lines + "\n}\n" }
	for _, test := range []struct{ name, text, want string }{
		{"unknown option", app("stores file"), `unknown option "stores" of jira_tokens: expected store, cache, limit, limit_writes, max_concurrent, max_failures, account, encryption_key, public_url, trust, oauth, group, groups_from, policy, notify, unused_after, disable_unused or audit, at Caddyfile:3`},
		{"groups from elsewhere", app("groups_from ldap"), "groups_from: expected jira, as in groups_from jira { interval 1h }, or sign_in, as in groups_from sign_in { keep 30d }, at Caddyfile:3"},
		{"groups from Jira, option", app("groups_from jira {\nintervall 1h\n}"), "unknown option \"intervall\" of groups_from jira: expected interval, keep, account or jira, at Caddyfile:4"},
		{"groups from Jira, interval", app("groups_from jira {\ninterval often\n}"), "invalid interval \"often\": expected a duration above 0"},
		{"limit", app("limit 600/minute"), `invalid limit "600/minute": expected a rate such as 600/m or 600/m burst 50, with s, m, h or d, or off`},
		{"limit_writes", app("limit_writes 20/year"), `limit_writes: invalid limit "20/year": expected a rate such as`},
		{"limit empty", app("limit"), "expected a rate such as 600/m"},
		{"limit and more", app("limit 600/m burst 50 hunter2"), "limit: too many arguments"},
		{"limit twice", app("limit 600/m\nlimit 600/m"), "limit is given twice, at Caddyfile:4"},
		{"limit burst", app("limit 600/m burst many"), `burst: invalid number of requests "many": expected 1 to 1000000`},
		{"max_failures", app("max_failures 10"), "max_failures: invalid limit \"10\": expected a rate such as"},
		{"max_failures twice", app("max_failures off\nmax_failures off"), "max_failures is given twice"},
		{"max_concurrent", app("max_concurrent some"), `max_concurrent: invalid number of requests "some": expected 1 to 10000, off for no limit`},
		{"max_concurrent 0", app("max_concurrent 0"), "use off for no limit, or leave it empty for the default"},
		{"limit 0", app("limit 0"), "use off for no limit, or leave it empty for the default"},
		{"max_failures 0", app("max_failures 0"), "use off for no limit, or leave it empty for the default"},
		{"max_concurrent twice", app("max_concurrent 1\nmax_concurrent 1"), "max_concurrent is given twice"},
		{"account max_concurrent", app("account default {\nbearer x\nmax_concurrent -1\n}"), "expected 1 to 10000"},
		{"argument", "{\n\tjira_tokens on\n}\n", "jira_tokens: too many arguments: options belong in a block"},
		{"twice", "{\n\tjira_tokens {\n\t}\n\tjira_tokens {\n\t}\n}\n", "the jira_tokens option appears more than once"},
		{"no store", app("store"), "expected file [<path>] or redis <url>"},
		{"unknown store", app("store etcd"), `unknown store "etcd": expected file, redis`},
		{"store without its kind", app("store redis://:hunter2@redis"), "the kind of store comes first"},
		{"store twice", app("store file\nstore file"), "Caddyfile:4"},
		{"two paths", app("store file a hunter2"), "store file: too many arguments"},
		{"redis URL", app("store redis http://x"), "redis://"},
		{"cache size", app("cache {\nsize many\n}"), `invalid size "many": expected a number`},
		{"cache size 0", app("cache {\nsize 0\n}"), "at least 1"},
		{"cache ttl", app("cache {\nttl soon\n}"), `invalid ttl "soon": expected a duration`},
		{"cache ttl 0", app("cache {\nttl 0\n}"), "expected a duration above 0"},
		{"cache grace", app("cache {\ngrace never\n}"), `grace: invalid duration "never": expected one such as 30s or 10m, or off`},
		{"cache option", app("cache {\nage 5m\n}"), "unknown option \"age\" of cache: expected size, ttl or grace, at Caddyfile:4"},
		{"cache option twice", app("cache {\nttl 5m\nttl 6m\n}"), "Caddyfile:5"},
		{"account name", app("account {\nbasic a b\n}"), "expected a name"},
		{"account and more", app("account default hunter2 {\nbearer x\n}"), "account: too many arguments"},
		{"account empty", app("account default"), "expected exactly one credential: basic <user> <secret>, bearer <secret> or oauth <client_id> <client_secret>"},
		{"account two", app("account default {\nbearer x\nbasic a b\n}"), "it already has a credential"},
		{"account twice", app("account a {\nbearer x\n}\naccount a {\nbearer x\n}"), "there is more than one account a"},
		{"basic without secret", app("account default {\nbasic a\n}"), "basic: missing argument: expected a user and a secret"},
		{"basic and more", app("account default {\nbasic a b hunter2\n}"), "basic: too many arguments: expected a user and a secret"},
		{"bearer empty", app("account default {\nbearer \"\"\n}"), "bearer: empty argument: expected a secret; is an environment variable empty?"},
		{"cloud without a kind", app("account default {\ncloud acme.atlassian.net hunter2\n}"), "cloud: expected basic, bearer or oauth after the site"},
		{"account option", app("account default {\ntoken x\n}"), "expected basic, bearer, oauth, cloud, api_url, token_url, probe_interval or max_concurrent"},
		{"gateway without URL", site("jira_gateway"), "missing Jira's URL"},
		{"gateway URL", site("jira_gateway acme.atlassian.net"), "expected a URL such as https://acme.atlassian.net"},
		{"gateway URL with secret", site("jira_gateway https://user:hunter2@acme.atlassian.net"), "must have no user, query or fragment"},
		{"gateway two URLs", site("jira_gateway https://a.example https://b.example"), "jira_gateway: too many arguments"},
		{"gateway without a scheme", site("jira_gateway user:hunter2@acme.atlassian.net"), `jira URL "acme.atlassian.net": expected a URL such as`},
		{"gateway option", site("jira_gateway https://a.example {\nfrontt api\n}"), "front, passwords, scope_by, reads, paths, allow_ip, deny_ip, accounts, headers, cors, confine, pat_api, rewrite_links, jira_base_url or attachments, and reverse_proxy's subdirectives"},
		{"gateway transport", site("jira_gateway http://a.example {\ntransport fastcgi\n}"), "expected http"},
		{"front", site("jira_gateway https://a.example {\nfront all\n}"), `Caddyfile:3`},
		{"front twice", site("jira_gateway https://a.example {\nfront api\nfront site\n}"), "front is given twice"},
		{"scope_by", site("jira_gateway https://a.example {\nscope_by verb\n}"), `invalid scope_by "verb": expected operation or method`},
		{"reads", site("jira_gateway https://a.example {\nreads /rest/x\n}"), "missing argument: expected a method and a path"},
		{"reads and more", site("jira_token_auth {\nreads POST /rest/x hunter2\n}"), "reads: too many arguments"},
		{"front and more", site("jira_token_auth {\nfront api hunter2\n}"), "front: too many arguments"},
		{"transport and more", site("reverse_proxy a.example {\ntransport jira hunter2\n}"), "transport jira: too many arguments"},
		{"transport option twice", site("reverse_proxy a.example {\ntransport jira {\nurl https://a.example\nurl https://a.example\n}\n}"), "url is given twice, at Caddyfile:5"},
		{"allow_ip", site("jira_gateway https://a.example {\nallow_ip 10.1.0.0/8\n}"), "did you mean 10.0.0.0/8?"},
		{"allow_ip none", site("jira_gateway https://a.example {\nallow_ip\n}"), "expected at least one value"},
		{"headers none", site("jira_gateway https://a.example {\nheaders\n}"), "expected at least one value"},
		{"cors pattern", site("jira_gateway https://a.example {\ncors {\norigins *\n}\n}"), `cors: origins "*": patterns are not supported`},
		{"cors path", site("jira_token_auth {\ncors {\norigins https://a.example/\n}\n}"), `cors: origins "https://a.example/": browsers send it as https://a.example, at Caddyfile:`},
		{"cors without scheme", site("jira_token_auth {\ncors {\norigins app.example\n}\n}"), "expected scheme://host[:port]"},
		{"cors empty", site("jira_token_auth {\ncors\n}"), "cors: name the web applications"},
		{"cors argument", site("jira_token_auth {\ncors https://a.example\n}"), "cors: too many arguments"},
		{"cors option", site("jira_token_auth {\ncors {\ncredentials\n}\n}"), `unknown option "credentials" of cors: expected origins`},
		{"cors twice", site("jira_token_auth {\ncors {\norigins https://a.example\n}\ncors {\norigins https://b.example\n}\n}"), "cors is given twice"},
		{"confine empty list", site("jira_token_auth {\nconfine {\nprojects\n}\n}"), "projects: missing argument"},
		{"confine project", site("jira_gateway https://a.example {\nconfine {\nprojects ACME ACME-1\n}\n}"), `confine: projects: "ACME-1": expected a project's key, such as ACME`},
		{"confine jql empty", site("jira_gateway https://a.example {\nconfine {\njql \"\"\n}\n}"), "jql: empty argument"},
		{"confine jql unquoted", site("jira_gateway https://a.example {\nconfine {\njql project = ACME\n}\n}"), "jql: too many arguments: expected one value, quoted if it has spaces"},
		{"confine nothing", site("jira_gateway https://a.example {\nconfine\n}"), "confine: nothing to confine: expected at least one of projects, jql, hide or ttl"},
		{"confine jql sorted", site("jira_gateway https://a.example {\nconfine {\njql \"a = b ORDER BY c\"\n}\n}"), "confine: JQL: a condition cannot have ORDER BY"},
		{"confine jql that escapes", site("jira_token_auth {\nconfine {\njql \"a = 1) OR (b = 2\"\n}\n}"), "confine: JQL: "},
		{"confine hide", site("jira_token_auth {\nconfine {\nhide \" a\"\n}\n}"), "confine: hide: "},
		{"confine ttl", site("jira_token_auth {\nconfine {\nttl 0\n}\n}"), "invalid ttl \"0\": expected a duration above 0"},
		{"confine option", site("jira_token_auth {\nconfine {\nproject ACME\n}\n}"), `unknown option "project" of confine: expected projects, jql, hide or ttl`},
		{"confine argument", site("jira_token_auth {\nconfine ACME\n}"), "confine: too many arguments"},
		{"confine twice", site("jira_token_auth {\nconfine {\nttl 5s\n}\nconfine {\nttl 5s\n}\n}"), "confine is given twice"},
		{"headers twice", site("jira_token_auth {\nheaders X-A\nheaders X-B\n}"), "headers is given twice, at Caddyfile:4"},
		{"headers with a credential", site("jira_gateway https://a.example {\nheaders X-Tempo Cookie\n}"), "headers: Cookie must not pass between clients and Jira"},
		{"headers with an identity", site("jira_token_auth {\nheaders x-forwarded-user\n}"), "headers: x-forwarded-user must not pass"},
		{"headers with a pattern", site("jira_gateway https://a.example {\nheaders X-*\n}"), `invalid header name "X-*": expected letters`},
		{"rewrite_links", site("jira_gateway https://a.example {\nrewrite_links maybe\n}"), "expected on or off"},
		{"jira_base_url", site("jira_gateway https://a.example {\njira_base_url a.example\n}"), "expected a URL such as"},
		{"notify", app("notify slack"), `notify: unknown option "slack": expected webhook <url> { … } or before <times…>`},
		{"notify webhook without a URL", app("notify webhook"), "notify webhook: missing URL"},
		{"notify webhook option", app("notify webhook https://a.example {\nsecrets x\n}"), `unknown option "secrets" of notify webhook: expected name, secret, events or header`},
		{"notify before nothing", app("notify before"), "notify before: missing argument"},
		{"notify before soon", app("notify before soon"), `notify before: invalid time "soon": expected one such as 30d or 12h`},
		{"notify before twice", app("notify before 1d\nnotify before 2d"), "notify before is given twice"},
		{"unused_after", app("unused_after 0"), `invalid unused_after "0": expected a duration above 0, such as`},
		{"disable_unused", app("unused_after 90d\ndisable_unused on"), "disable_unused: too many arguments"},
		{"public_url", app("public_url jira.example.com"), "public_url: expected a URL such as https://jira.example.com"},
		{"public_url with a query", app("public_url https://jira.example.com/?a=b"), "must have no user, query or fragment"},
		{"public_url with a password", app("public_url https://a:hunter2@jira.example.com"), "must have no user, query or fragment"},
		{"public_url without a value", app("public_url"), "public_url: missing argument"},
		{"oauth", app("oauth"), "oauth: expected Jira's base URL and a block"},
		{"oauth without a URL", app("oauth acme {\nclient_id a\n}"), "oauth: Jira's base URL: expected a URL such as https://acme.atlassian.net"},
		{"oauth with a password", app("oauth https://a:hunter2@acme.atlassian.net {\nclient_id a\n}"), "must have no user, query or fragment"},
		{"oauth and more", app("oauth https://acme.atlassian.net hunter2 {\nclient_id a\n}"), "oauth: too many arguments"},
		{"oauth twice", app("oauth https://acme.atlassian.net {\nclient_id a\n}\noauth https://ACME.atlassian.net/ {\nclient_id a\n}"), "there is more than one oauth https://ACME.atlassian.net/"},
		{"oauth option", app("oauth https://acme.atlassian.net {\nsecret hunter2\n}"), "expected client_id, client_secret, scopes, product, auth_url or api_url"},
		{"oauth secret", app("oauth https://acme.atlassian.net {\nclient_secret a hunter2\n}"), "client_secret: too many arguments"},
		{"oauth product", app("oauth https://acme.atlassian.net {\nproduct server\n}"), "expected cloud or data-center"},
		{"public_url twice", app("public_url https://a.example\npublic_url https://b.example"), "public_url is given twice"},
		{"group twice", app("group a {\nmembers x\n}\ngroup a {\nmembers y\n}"), "the group a is defined twice"},
		{"group without a name", app("group {\nmembers x\n}"), "group: expected a name and a block"},
		{"group option", app("group a {\nmember x\n}"), `unknown option "member" of group a: expected members`},
		{"policy option", app("policy {\neverybody {\n}\n}"), `unknown option "everybody" of policy: expected everyone, group or allow_no_managers`},
		{"policy right", app("policy {\neveryone {\nscope read\n}\n}"), `unknown option "scope" of the policy: expected scopes, max_lifetime`},
		{"policy lifetime", app("policy {\neveryone {\nmax_lifetime 90\n}\n}"), `max_lifetime: invalid lifetime "90"`},
		{"policy confine", app("policy {\neveryone {\nconfine yes\n}\n}"), `invalid confine "yes": expected required or optional`},
		{"policy networks", app("policy {\neveryone {\nnetworks 10.1.0.0/8\n}\n}"), "did you mean 10.0.0.0/8?"},
		{"policy number", app("policy {\neveryone {\nmax_tokens 0\n}\n}"), `invalid max_tokens "0": expected a number of at least 1`},
		{"policy flag", app("policy {\neveryone {\nmanage all\n}\n}"), "manage: too many arguments"},
		{"policy group without a name", app("policy {\ngroup {\nmanage\n}\n}"), "group: expected a name and a block of rights"},
		{"policy twice", app("policy {\neveryone {\nmanage\n}\n}\npolicy {\n}"), "policy is given twice"},
		{"auth option", site("jira_token_auth {\nfronts api\n}"), "context_path or affinity_cookie"},
		{"auth argument", site("jira_token_auth 5"), "jira_token_auth: too many arguments"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := adapt("Caddyfile", test.text)
			if err == nil {
				t.Fatal("adapts")
			}
			message := err.Error()
			if !strings.Contains(message, test.want) || !regexp.MustCompile(`Caddyfile:\d+`).MatchString(message) {
				t.Errorf("error %q does not name the file and line, or lacks %q", message, test.want)
			}
			if strings.Contains(message, "hunter2") {
				t.Errorf("error %q shows a secret", message)
			}
		})
	}
}

// TestMistakesInValues: mistakes in values are found when a configuration is
// provisioned, whether it is JSON or a Caddyfile.
func TestMistakesInValues(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	gateway := func(option string) string {
		return "{\nadmin off\njira_tokens {\naccount default {\nbearer x\n}\n}\n}\nhttp://:0 {\njira_gateway https://a.example {\n" + option + "\n}\n}\n"
	}
	account := func(line string) string {
		return "{\nadmin off\njira_tokens {\naccount default {\n" + line + "\n}\n}\n}\n"
	}
	const keyed = "encryption_key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\npublic_url https://gateway.example\n"
	oauth := func(before, url, lines string) string {
		return "{\nadmin off\njira_tokens {\n" + before + "oauth " + url + " {\n" + lines + "\n}\n}\n}\nhttp://:0 {\njira_gateway https://a.example\n}\n"
	}
	audit := func(line string) string {
		return "{\nadmin off\njira_tokens {\naudit {\n" + line + "\n}\n}\n}\n"
	}
	for _, test := range []struct{ name, text, want string }{
		{"oauth without public_url", oauth("", "https://a.example", "client_id a\nclient_secret b"), "oauth https://a.example: it needs public_url"},
		{"oauth without a key", oauth("public_url https://g.example\n", "https://a.example", "client_id a\nclient_secret b"), "oauth https://a.example: it needs an encryption_key"},
		{"oauth without a secret", oauth(keyed, "https://a.example", "client_id a"), "oauth https://a.example: client_secret must not be empty"},
		{"oauth placeholder", oauth(keyed, "https://a.example", "client_id a\nclient_secret {env.NOT_SET_ANYWHERE}"), "client_secret: the environment variable NOT_SET_ANYWHERE does not exist or is empty"},
		{"oauth scopes", oauth(keyed, "https://a.example", "client_id a\nclient_secret b\nscopes READ WRITE"), "invalid scopes READ WRITE: Data Center has"},
		{"oauth auth_url", oauth(keyed, "https://a.example", "client_id a\nclient_secret b\nauth_url https://x.example"), "auth_url and api_url are for product cloud"},
		{"oauth auth_url of cloud", oauth(keyed, "https://a.atlassian.net", "client_id a\nclient_secret b\nauth_url nowhere"), `invalid auth_url "nowhere"`},
		{"empty secret", account("bearer {env.NOT_SET_ANYWHERE}"), "account default"},
		{"unknown placeholder", account("bearer {nonsense.x}"), "account default"},
		{"audit key", audit("key PRIVATE+KEY+hunter2"), "audit: key: invalid signing key: expected one as printed by"},
		{"audit key that is not set", audit("key {env.NOT_SET_ANYWHERE}"), "audit: key: evaluated placeholder {env.NOT_SET_ANYWHERE} is empty"},
		{"audit trusted_keys", audit("trusted_keys x"), "audit: trusted_keys: invalid verifier key"},
		{"audit retention", audit("retention 5m"), "audit: invalid retention 5m0s: expected at least 1h0m0s"},
		{"reads lowers an admin operation", gateway("reads POST /rest/api/2/project"), "/rest/api/2/project"},
		{"reads with an odd method", gateway("reads FETCH /rest/x"), "FETCH"},
		{"passwords without site", gateway("passwords pass"), "requires front site"},
		{"paths", gateway("paths rest"), "rest"},
		{"two Jiras", jiras("", ""), "write `accounts <name…>` in the gateway of"},
		{"two Jiras, the first without accounts", jiras("", "accounts default"), "in the gateway of https://A.example "},
		{"two Jiras, the second without accounts", jiras("accounts default", ""), "in the gateway of https://b.example "},
		{"two transports", transports("", ""), "the gateways forward to two Jiras, https://"},
		{"two transports, the first without accounts", transports("", "accounts other"), "in the gateway of https://a.example "},
		{"two transports, the second without accounts", transports("accounts default", ""), "in the gateway of https://b.example "},
		{"policy scope", account("bearer x\n}\npolicy {\neveryone {\nscopes reed\n}"), `policy: everyone (Caddyfile:8): scopes: invalid scope "reed"`},
		{"policy group", account("bearer x\n}\npolicy {\ngroup bi {\nmanage\n}"), `policy: group bi (Caddyfile:8): there is no group "bi": add`},
		{"policy account", account("bearer x\n}\npolicy {\neveryone {\naccounts other\n}"), `account "other" is not configured`},
		{"policy without managers", account("bearer x\n}\ngroup admins {\n}\npolicy {\ngroup admins {\nmanage\n}"), "group admins (Caddyfile:10) has no members: add `members …`, or write allow_no_managers"},
		{"groups_claim that gives no rights", account("bearer x\n}\npolicy {\neveryone {\nmanage\n}") + "\nhttp://a.example {\njira_token_manager {\nidentity oidc https://o.example {\nclient_id a\ngroups_claim groups\n}\n}\n}", "add `groups_from sign_in` there"},
		{"groups_from sign_in for too short", account("bearer x\n}\ngroups_from sign_in {\nkeep 1h"), "groups_from sign_in: invalid keep 1h0m0s: expected at least 12h0m0s"},
		{"policy without rules", account("bearer x\n}\npolicy {"), "no rules, so nobody could have tokens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			adapted, err := adapt("Caddyfile", test.text)
			if err != nil {
				t.Fatal(err)
			}
			var config caddy.Config
			if err := json.Unmarshal(adapted, &config); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Validate(&config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not mention %q", err, test.want)
			}
		})
	}
}

// jiras returns a configuration with gateways for two Jiras, and another one for
// the first.
func jiras(first, second string) string {
	return "{\nadmin off\njira_tokens {\naccount default {\nbearer x\n}\naccount other {\nbearer y\n}\n}\n}\n" +
		"http://:0 {\nhandle /a/* {\njira_gateway https://a.example {\n" + first + "\n}\n}\n" +
		"handle /again/* {\njira_gateway https://A.example/ {\n" + first + "\n}\n}\n" +
		"jira_gateway https://b.example {\n" + second + "\n}\n}\n"
}

// transports returns a configuration with jira transports for two Jiras. The accounts
// that jira_token_auth names say nothing about what the transports may send.
func transports(first, second string) string {
	site := func(url, options string) string {
		return "jira_token_auth {\naccounts default\n}\nreverse_proxy " + url + " {\ntransport jira {\nurl " + url + "\n" + options + "\n}\n}\n"
	}
	return "{\nadmin off\njira_tokens {\naccount default {\nbearer x\n}\naccount other {\nbearer y\n}\n}\n}\n" +
		"http://a.example:0 {\n" + site("https://a.example", first) + "}\nhttp://b.example:0 {\n" + site("https://b.example", second) + "}\n"
}

// TestSeveralGateways: gateways for the same Jira need not name its accounts.
// Gateways for several Jiras must, but may name the same one.
func TestSeveralGateways(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	for name, text := range map[string]string{
		"one Jira":    strings.ReplaceAll(jiras("", ""), "b.example", "a.example"),
		"two":         jiras("accounts default", "accounts other"),
		"one account": jiras("accounts default", "accounts default other"),
		"transports":  transports("accounts default", "accounts default other"),
	} {
		adapted, err := adapt("Caddyfile", text)
		if err != nil {
			t.Fatal(err)
		}
		var config caddy.Config
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCaddyfile(f *testing.F) {
	files, _ := filepath.Glob("examples/*/Caddyfile")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("{\njira_tokens {\ncache {\n")
	f.Add(":80 {\njira_gateway @m https://a.example {\nto b\n}\n}")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") || strings.Contains(text, "{$") {
			return // would read files or the environment
		}
		adapted, err := adapt("Caddyfile", text)
		if err == nil && !json.Valid(adapted) {
			t.Errorf("adapts to invalid JSON: %s", adapted)
		}
	})
}

// TestPolicyPrivateRanges: a rule's networks are written as allow_ip is.
func TestPolicyPrivateRanges(t *testing.T) {
	adapted, err := adapt("Caddyfile", "{\njira_tokens {\npolicy {\neveryone {\nnetworks private_ranges 2001:db8::/32\nnetworks 192.0.2.1\n}\n}\n}\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "2001:db8::/32", "192.0.2.1"} {
		if !strings.Contains(string(adapted), `"`+want+`"`) {
			t.Errorf("%s lacks %s", adapted, want)
		}
	}
}
