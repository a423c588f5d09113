// Package fakejira is a small, faithful stand-in for Jira's REST API, for
// tests and for the quickstart. It keeps a sample project in memory, answers
// in the dress of Jira Cloud or of Jira Data Center, and records every request
// that reaches it, so that a test can say not only what a client got but also
// what Jira was asked.
//
// It is stricter than Jira where strictness finds mistakes: a session cookie
// always wins over the Authorization header, a request without credentials is
// refused almost everywhere, and a path is read the way Tomcat reads it.
package fakejira

import (
	"net/http"
	"time"
)

// Dress says which Jira the stand-in looks like.
type Dress int

const (
	// Cloud is Jira Cloud: API versions 2 and 3, users known by accountId,
	// attachments on a media host.
	Cloud Dress = iota
	// DataCenter is Jira Data Center: API version 2, users known by name,
	// sessions in cookies, an optional context path.
	DataCenter
)

// String gives the name that people use.
func (d Dress) String() string {
	if d == DataCenter {
		return "Data Center"
	}
	return "Cloud"
}

// The account that a Server has when Options name none. DefaultUser is a user
// name on Data Center; on Cloud DefaultEmail takes its place.
const (
	DefaultUser   = "svc-bi"
	DefaultEmail  = "svc-bi@example.com"
	DefaultSecret = "svc-secret"
	DefaultBearer = "svc-bearer"
)

// Account is one credential that the stand-in accepts. An account may have a
// secret for Basic, a token for Bearer, or both.
type Account struct {
	// User is what Basic calls the user: a name on Data Center, an e-mail
	// address on Cloud. A user of the sample data with this name or address
	// is taken; otherwise a new one is added.
	User string
	// Secret is the password or API token for Basic. Empty: no Basic.
	Secret string
	// Bearer is the personal access token or OAuth access token. Empty: none.
	Bearer string
	// DisplayName is shown for a user that is not in the sample data. Default: User.
	DisplayName string
	// Scoped accounts work only below /ex/jira/{cloudId}, as scoped Cloud
	// tokens do, and the others only outside it.
	Scoped bool
	// ReadOnly accounts get Jira's 403 for everything that would change content.
	ReadOnly bool
}

// OAuthClient is a Cloud service account that gets its access tokens from
// /oauth/token by client credentials.
type OAuthClient struct {
	// ID and Secret are the client credentials.
	ID, Secret string
	// User is the account that the tokens stand for.
	User string
	// Lifetime of an access token. Default: 60 minutes.
	Lifetime time.Duration
}

// Options make a Server. The zero value is a Cloud site with the default
// account and the sample data.
type Options struct {
	// Dress is Cloud or DataCenter. Default: Cloud.
	Dress Dress
	// BaseURL is what links in bodies start with: the configured base URL of
	// Data Center, the site of Cloud. It may be on another host than the
	// listener; a context path in it is used only for links. Default: the
	// scheme and host of each request, with ContextPath.
	BaseURL string
	// APIBaseURL takes the place of https://api.atlassian.com in the links of
	// requests that came by /ex/jira/{cloudId}. Default: as BaseURL's.
	APIBaseURL string
	// MediaURL is where downloads on Cloud are redirected to. Start fills it
	// in with the address of the media host that it starts.
	MediaURL string
	// ContextPath is the path that a Data Center lives under, such as "/jira".
	ContextPath string
	// CloudID is what /_edge/tenant_info answers. Default: a fixed UUID.
	CloudID string
	// Version is the version that a Data Center says it is. Default: 10.3.0.
	Version string
	// LegacyCreateMeta makes a Data Center serve GET issue/createmeta, which
	// left with version 9. Old clients ask for it; Cloud always has it.
	LegacyCreateMeta bool
	// Accounts are the accepted credentials. Default: one, made of the
	// constants DefaultUser or DefaultEmail, DefaultSecret and DefaultBearer.
	Accounts []Account
	// OAuthClients may fetch access tokens from /oauth/token on Cloud.
	OAuthClients []OAuthClient
	// Issues is how many issues the project DEMO has. Those beyond the sample
	// are made when they are asked for, so a hundred thousand cost nothing.
	Issues int
	// MaxResults caps a page of a search. Default: 100 on Cloud, 1000 on Data Center.
	MaxResults int
	// AttachmentInMemory is how much of one attachment is kept in memory;
	// larger ones go to a temporary file. Default: 1 MiB.
	AttachmentInMemory int
	// AttachmentLimit is the largest attachment accepted. Default: 1 GiB.
	AttachmentLimit int64
	// RecordLimit is how many requests are remembered; the oldest go first.
	// Default: 10,000.
	RecordLimit int
	// Faults that are in force from the start.
	Faults Faults
}

// Faults are switches for what goes wrong with a real Jira. They can be
// changed while the server runs: see Server.SetFaults.
type Faults struct {
	// AnonymousFallback, when set, answers missing or wrong credentials as an
	// anonymous caller instead of with 401, and is the X-Seraph-LoginReason
	// given: AUTHENTICATED_FAILED, AUTHENTICATION_DENIED or OUT.
	AnonymousFallback string
	// Captcha answers every request with Basic credentials 403, as Data
	// Center does once it wants a CAPTCHA from the user.
	Captcha bool
	// CaptchaAfter raises the CAPTCHA for a user after so many failed
	// log-ins. 0: never.
	CaptchaAfter int
	// BasicDisabled answers every request with Basic credentials 403, as Data
	// Center 11 does by default.
	BasicDisabled bool
	// RateLimit, when set, answers 429 to authenticated requests.
	RateLimit *RateLimit
	// SearchRemoved answers 410 to the old search operations on Cloud.
	SearchRemoved bool
	// Status, when set, answers every request with this status (502, 503 …).
	Status int
	// Intercept, when set, sees every request before all else, and answers it
	// itself when it returns true: for upstreams that hang, reset or send garbage.
	Intercept func(http.ResponseWriter, *http.Request) bool
}

// RateLimit is what the headers of a 429 say.
type RateLimit struct {
	// After is how many requests still pass before the first 429.
	After int
	// RetryAfter is the header Retry-After, in seconds. Default: 5.
	RetryAfter int
	// Limit is X-RateLimit-Limit, the size of the bucket. Default: 50.
	Limit int
	// FillRate is X-RateLimit-FillRate. Default: 1.
	FillRate int
	// IntervalSeconds is X-RateLimit-Interval-Seconds. Default: 10.
	IntervalSeconds int
	// Reason is RateLimit-Reason, sent on Cloud. Default: jira-burst-based.
	Reason string
}

// withDefaults fills in what the options leave open.
func (o Options) withDefaults() Options {
	if o.CloudID == "" {
		o.CloudID = "6d1c5a0e-9f2b-4c3a-8e57-0b1f4d2a7c11"
	}
	if o.Version == "" {
		o.Version = "10.3.0"
	}
	if o.MaxResults <= 0 {
		o.MaxResults = 100
		if o.Dress == DataCenter {
			o.MaxResults = 1000
		}
	}
	if o.AttachmentInMemory <= 0 {
		o.AttachmentInMemory = 1 << 20
	}
	if o.AttachmentLimit <= 0 {
		o.AttachmentLimit = 1 << 30
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
