// Package fakejira is a small, faithful stand-in for Jira's REST API, for tests
// and the quickstart. It keeps a sample project in memory, behaves like Jira
// Cloud or Jira Data Center, and records every request it receives, so that a
// test can check both what the client got and what Jira was asked.
//
// It is stricter than Jira where that helps to find mistakes: a session cookie
// always takes precedence over the Authorization header, almost every request
// needs credentials, and paths are parsed the way Tomcat parses them.
package fakejira

import (
	"net/http"
	"time"
)

// Dress is the Jira product that the stand-in imitates.
type Dress int

const (
	// Cloud is Jira Cloud: API versions 2 and 3, users identified by accountId,
	// attachments on a media host.
	Cloud Dress = iota
	// DataCenter is Jira Data Center: API version 2, users identified by name,
	// session cookies, an optional context path.
	DataCenter
)

// String returns the product's name.
func (d Dress) String() string {
	if d == DataCenter {
		return "Data Center"
	}
	return "Cloud"
}

// The credentials of the default account. Its user is DefaultUser on Data Center
// and DefaultEmail on Cloud.
const (
	DefaultUser   = "svc-bi"
	DefaultEmail  = "svc-bi@example.com"
	DefaultSecret = "svc-secret"
	DefaultBearer = "svc-bearer"
)

// Account is an account that the stand-in accepts. It may have a secret for
// Basic, a token for Bearer, or both.
type Account struct {
	// User is the user name of Basic authentication: a name on Data Center, an
	// email address on Cloud. A sample user with this name or address is used if
	// there is one; otherwise a user is added.
	User string
	// Secret is the password or API token for Basic. If empty, Basic is refused.
	Secret string
	// Bearer is the personal access token or OAuth access token. If empty, Bearer
	// is refused.
	Bearer string
	// DisplayName is the name of a user who is not in the sample data. Default: User.
	DisplayName string
	// Email is the address of such a user. Default: User, at example.com unless it is an
	// address.
	Email string
	// Scoped accounts work only below /ex/jira/{cloudId}, like scoped Cloud tokens;
	// other accounts work only outside it.
	Scoped bool
	// ReadOnly accounts receive Jira's 403 for operations that change content.
	ReadOnly bool
}

// OAuthClient is a Cloud service account that obtains access tokens from
// /oauth/token with client credentials.
type OAuthClient struct {
	// ID and Secret are the client credentials.
	ID, Secret string
	// User is the account that the tokens authenticate.
	User string
}

// Options configure a Server. The zero value is a Cloud site with the default
// account and the sample data.
type Options struct {
	// Dress is Cloud or DataCenter. Default: Cloud.
	Dress Dress
	// BaseURL is the base of links in bodies: the configured base URL of Data
	// Center, the site URL of Cloud. Its host may differ from the listener's, and
	// its context path is used only for links. Default: the scheme and host of
	// each request, followed by ContextPath.
	BaseURL string
	// APIBaseURL replaces https://api.atlassian.com in links of responses to
	// requests below /ex/jira/{cloudId}. Default: like BaseURL.
	APIBaseURL string
	// ContextPath is the context path of a Data Center, such as "/jira".
	ContextPath string
	// LegacyCreateMeta makes Data Center serve GET issue/createmeta, which was
	// removed in version 9 but old clients still need. Cloud always has it.
	LegacyCreateMeta bool
	// Accounts are the accepted accounts. Default: one with DefaultUser or
	// DefaultEmail, DefaultSecret and DefaultBearer.
	Accounts []Account
	// OAuthClients may obtain access tokens from /oauth/token on Cloud.
	OAuthClients []OAuthClient
	// OAuthApps are the apps to which users can consent: see Server.SetConsent.
	OAuthApps []OAuthApp
	// Issues is the number of issues in the project DEMO. Those beyond the sample
	// are generated on demand, so even a hundred thousand use no memory.
	Issues int
	// AttachmentInMemory is the size in bytes up to which an attachment is kept in
	// memory; larger ones are written to a temporary file. Default: 1 MiB.
	AttachmentInMemory int
	// AttachmentLimit is the maximum size of an attachment in bytes. Default: 1 GiB.
	AttachmentLimit int64
	// Began is when the first issue was created. Default: 6 January 2025
	Began time.Time
	// RecordLimit is the maximum number of recorded requests; the oldest are
	// dropped first. Default: 10,000.
	RecordLimit int
	// Faults are the initial faults.
	Faults Faults
}

// Faults simulate the failures of a real Jira. They can be changed while the
// server runs: see Server.SetFaults.
type Faults struct {
	// AnonymousFallback, if set, treats requests with missing or wrong credentials
	// as anonymous instead of refusing them with 401. Its value is sent as
	// X-Seraph-LoginReason: AUTHENTICATED_FAILED, AUTHENTICATION_DENIED or OUT.
	AnonymousFallback string
	// Captcha refuses every request that has Basic credentials with 403, as Data
	// Center does when it requires the user to solve a CAPTCHA.
	Captcha bool
	// BasicDisabled refuses every request that has Basic credentials with 403, as
	// Data Center 11 does by default.
	BasicDisabled bool
	// RateLimit, if set, answers authenticated requests with 429.
	RateLimit *RateLimit
	// SearchRemoved answers Cloud's old search operations with 410.
	SearchRemoved bool
	// Status, if set, is the status of every response, such as 502 or 503.
	Status int
	// Intercept, if set, is called first for every request, and returns true if it
	// has handled the request. It simulates upstreams that hang, reset the
	// connection or send garbage.
	Intercept func(http.ResponseWriter, *http.Request) bool
}

// RateLimit configures 429 responses and their headers.
type RateLimit struct {
	// After is the number of requests that succeed before the first 429.
	After int
	// RetryAfter is the value of Retry-After, in seconds. Default: 5.
	RetryAfter int
	// Limit is the value of X-RateLimit-Limit, the size of the bucket. Default: 50.
	Limit int
	// FillRate is the value of X-RateLimit-FillRate. Default: 1.
	FillRate int
	// Reason is the value of RateLimit-Reason, sent on Cloud. Default: jira-burst-based.
	Reason string
}

// withDefaults returns the options with unset values replaced by defaults.
func (o Options) withDefaults() Options {
	if o.AttachmentInMemory <= 0 {
		o.AttachmentInMemory = 1 << 20
	}
	if o.AttachmentLimit <= 0 {
		o.AttachmentLimit = 1 << 30
	}
	if o.Began.IsZero() {
		o.Began = time.Date(2025, time.January, 6, 9, 0, 0, 0, time.UTC)
	}
	if o.RecordLimit <= 0 {
		o.RecordLimit = 10_000
	}
	if len(o.Accounts) == 0 {
		user := DefaultEmail
		if o.Dress == DataCenter {
			user = DefaultUser
		}
		o.Accounts = []Account{{User: user, Secret: DefaultSecret, Bearer: DefaultBearer, DisplayName: "Service Account"}}
	}
	return o
}
