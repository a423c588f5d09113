package fakejira

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxBody is the maximum size of a JSON body.
const maxBody = 10 << 20

// Server is the stand-in. It is an http.Handler; Start also puts it, and on
// Cloud its media host, on loopback listeners. It is safe for concurrent use.
type Server struct {
	options  Options
	recorder recorder
	sessions sessions
	media    *Media
	routes   *routes

	// mu guards site. Operations that only read hold it for reading.
	mu   sync.RWMutex
	site *site

	// access guards the accounts, the provider of tokens, and faults.
	access   sync.Mutex
	accounts []*principal
	oauth    map[string]oauthToken
	provider provider
	faults   Faults
	passed   int

	listening sync.Mutex
	servers   []*http.Server
	url       string
}

// New returns a Server. It replaces invalid options with their defaults.
func New(options Options) *Server {
	options = options.withDefaults()
	options.ContextPath = strings.TrimSuffix(options.ContextPath, "/")
	options.BaseURL = strings.TrimSuffix(options.BaseURL, "/")
	options.APIBaseURL = strings.TrimSuffix(options.APIBaseURL, "/")
	s := &Server{
		options:  options,
		recorder: recorder{limit: options.RecordLimit},
		site:     newSite(options),
		oauth:    map[string]oauthToken{},
		faults:   options.Faults,
	}
	s.media = &Media{server: s, recorder: recorder{limit: options.RecordLimit}}
	s.routes = newRoutes(options)
	s.SetAccounts(options.Accounts)
	return s
}

// Start listens on a free port of 127.0.0.1 and, on Cloud, on another one for the
// media host. It returns the server's URL, including the context path.
func (s *Server) Start() (string, error) { return s.StartAt("127.0.0.1:0") }

// StartAt is like Start, but listens on the given address.
func (s *Server) StartAt(address string) (string, error) {
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.url != "" {
		return "", errors.New("fakejira: already started")
	}
	if s.options.Dress == Cloud {
		url, err := s.listen("127.0.0.1:0", s.media)
		if err != nil {
			return "", err
		}
		// Under another host name, because clients compare names to decide whether a
		// redirect leads to another host.
		s.media.setURL(strings.Replace(url, "127.0.0.1", "localhost", 1))
	}
	url, err := s.listen(address, s)
	if err != nil {
		s.closeServers()
		return "", err
	}
	s.url = url + s.options.ContextPath
	return s.url, nil
}

// listen serves a handler on an address and returns its URL.
func (s *Server) listen(address string, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	// No h2c: some clients offer it (Java's HttpClient), but Jira's Tomcat speaks
	// HTTP/1.1 on plaintext connections.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// URL returns the server's URL, or an empty string before Start.
func (s *Server) URL() string {
	s.listening.Lock()
	defer s.listening.Unlock()
	return s.url
}

// Close stops the listeners, waits a moment for requests in flight, and
// deletes temporary files. It may be called more than once.
func (s *Server) Close() error {
	s.listening.Lock()
	s.closeServers()
	s.listening.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.close()
}

// closeServers shuts down the listeners; the caller holds listening.
func (s *Server) closeServers() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	s.servers = nil
}

// Media returns the media host, to which Cloud redirects downloads.
func (s *Server) Media() *Media { return s.media }

// Requests returns the recorded requests, oldest first.
func (s *Server) Requests() []Request { return s.recorder.all(false) }

// Take returns the recorded requests and clears the record.
func (s *Server) Take() []Request { return s.recorder.all(true) }

// SetFaults replaces the simulated faults. The count for RateLimit.After starts over.
func (s *Server) SetFaults(faults Faults) {
	s.access.Lock()
	defer s.access.Unlock()
	s.faults = faults
	s.passed = 0
}

// currentFaults returns the faults in effect.
func (s *Server) currentFaults() Faults {
	s.access.Lock()
	defer s.access.Unlock()
	return s.faults
}

// call is a request being handled.
type call struct {
	server *Server
	r      *http.Request
	w      http.ResponseWriter
	// entry is the request's entry in the record.
	entry *Request
	// who is the caller, or nil if anonymous.
	who *principal
	// version is the API version in the path: 2 or 3.
	version int
	// scoped is set for requests below /ex/jira/{cloudId}.
	scoped bool
	// params are the values of the template's segments, in order.
	params []string
	// body is the body of a request to a JSON operation.
	body []byte
}

// reply is the response of a JSON operation.
type reply struct {
	status int
	body   any
	header http.Header
}

// ok is a reply with a body.
func ok(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

// created is a 201 reply with a Location.
func created(body any, location string) (reply, error) {
	return reply{status: http.StatusCreated, body: body, header: http.Header{"Location": {location}}}, nil
}

// done is a reply without a body.
func done() (reply, error) { return reply{status: http.StatusNoContent}, nil }

// ServeHTTP handles a request: record, faults, path, authentication, operation.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := s.recorder.begin(r)
	w = &statusWriter{ResponseWriter: w, rec: &s.recorder, entry: entry}
	faults := s.currentFaults()
	if faults.Intercept != nil && faults.Intercept(w, r) {
		return
	}
	c := &call{server: s, r: r, w: w, entry: entry, version: 2}
	s.dressAnswer(w)
	if faults.Status != 0 {
		writePage(w, faults.Status, http.StatusText(faults.Status))
		return
	}
	segments, err := tomcatSegments(r.URL.EscapedPath())
	if err != nil {
		writePage(w, http.StatusBadRequest, "HTTP Status 400 – Bad Request")
		return
	}
	segments, found := s.strip(c, segments)
	if !found {
		writePage(w, http.StatusNotFound, "HTTP Status 404 – Not Found")
		return
	}
	if s.provide(c, segments) {
		return
	}
	if !s.authenticate(c, faults) || s.rateLimited(c, faults) {
		return
	}
	s.dispatch(c, segments, faults)
}

// strip removes the prefix of Jira's own paths: the context path on Data Center,
// /ex/jira/{cloudId} on Cloud.
func (s *Server) strip(c *call, segments []string) ([]string, bool) {
	if s.options.Dress == Cloud {
		if len(segments) >= 3 && segments[0] == "ex" && segments[1] == "jira" {
			if segments[2] != cloudID {
				return nil, false
			}
			c.scoped = true
			return segments[3:], true
		}
		return segments, true
	}
	for part := range strings.SplitSeq(strings.Trim(s.options.ContextPath, "/"), "/") {
		if part == "" {
			continue
		}
		if len(segments) == 0 || segments[0] != part {
			return nil, false
		}
		segments = segments[1:]
	}
	return stripExtension(segments), true
}

// dispatch finds the operation and runs it.
func (s *Server) dispatch(c *call, segments []string, faults Faults) {
	op, params, version, allowed := s.routes.match(c.r.Method, segments)
	if op == nil {
		s.noOperation(c, segments, allowed)
		return
	}
	c.params, c.version = params, version
	s.recorder.update(func() { c.entry.Operation = op.Template })

	if c.who == nil && !op.public && !(op.anonymous && faults.AnonymousFallback != "") {
		s.refuse(c)
		return
	}
	if err := s.checkXSRF(c); err != nil {
		s.sendError(c, err)
		return
	}
	if c.who != nil && c.who.account.ReadOnly && op.writes {
		s.sendError(c, fail(http.StatusForbidden, "You do not have permission to do this."))
		return
	}
	if faults.SearchRemoved && op.oldSearch && s.options.Dress == Cloud {
		s.sendError(c, fail(http.StatusGone, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"))
		return
	}
	if op.stream != nil {
		if err := op.stream(c); err != nil {
			s.sendError(c, err)
		}
		return
	}
	if err := c.readBody(); err != nil {
		s.sendError(c, err)
		return
	}
	answer, err := s.run(op, c)
	if err != nil {
		s.sendError(c, err)
		return
	}
	maps.Copy(c.w.Header(), answer.header)
	if answer.body == nil {
		c.w.WriteHeader(answer.status)
		return
	}
	writeJSON(c.w, answer.status, answer.body)
}

// run runs a JSON operation with the lock it needs. The reply's body shares no
// memory with the site, so it can be sent after the lock is released.
func (s *Server) run(op *operation, c *call) (reply, error) {
	if op.writes {
		s.mu.Lock()
		defer s.mu.Unlock()
	} else {
		s.mu.RLock()
		defer s.mu.RUnlock()
	}
	return op.json(c)
}

// sendError sends an error with Jira's error body.
func (s *Server) sendError(c *call, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{status: http.StatusInternalServerError, messages: []string{err.Error()}}
	}
	f.write(c.w)
}

// noOperation handles a path or method without an operation.
func (s *Server) noOperation(c *call, segments []string, allowed []string) {
	switch {
	case len(allowed) > 0 && c.r.Method == http.MethodOptions:
		c.w.Header().Set("Allow", strings.Join(allowed, ","))
		c.w.WriteHeader(http.StatusOK)
	case len(allowed) > 0:
		c.w.Header().Set("Allow", strings.Join(allowed, ","))
		s.sendError(c, fail(http.StatusMethodNotAllowed, "Method Not Allowed"))
	case len(segments) == 0 || segments[0] != "rest":
		writePage(c.w, http.StatusNotFound, "Not Found")
	case s.options.Dress == DataCenter:
		// Jersey's message, on Data Center, for a path without a resource.
		uri := c.origin() + c.r.URL.EscapedPath()
		writeJSON(c.w, http.StatusNotFound, map[string]any{
			"errorMessages": []string{"null for uri: " + uri}, "errors": map[string]string{},
			"message": "null for uri: " + uri, "status-code": http.StatusNotFound,
		})
	default:
		s.sendError(c, fail(http.StatusNotFound, "No endpoint %s %s.", c.r.Method, c.r.URL.EscapedPath()))
	}
}

// readBody reads the request's body. Call it before taking any lock.
func (c *call) readBody() error {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return fail(http.StatusRequestEntityTooLarge, "The request is too large.")
		}
		return fail(http.StatusBadRequest, "The request body could not be read.")
	}
	c.body = body
	return nil
}

// decode parses the JSON body.
func (c *call) decode(into any) error {
	media := c.r.Header.Get("Content-Type")
	if media != "" && !strings.Contains(strings.ToLower(media), "json") {
		return fail(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	if len(c.body) == 0 {
		return fail(http.StatusBadRequest, "No content to map to Object due to end of input")
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return fail(http.StatusBadRequest, "There was an error parsing JSON. Check that your request body is valid.")
	}
	return nil
}

// query returns a query parameter.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// origin returns the scheme and host of the request.
func (c *call) origin() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}

// maxResults returns the maximum size of a page.
func (s *Server) maxResults() int {
	if s.options.Dress == DataCenter {
		return 1000
	}
	return 100
}

// base returns the base of links in the response.
func (c *call) base() string {
	o := &c.server.options
	switch {
	case c.scoped && o.APIBaseURL != "":
		return o.APIBaseURL + "/ex/jira/" + cloudID
	case c.scoped:
		return c.origin() + "/ex/jira/" + cloudID
	case o.BaseURL != "":
		return o.BaseURL
	}
	return c.origin() + o.ContextPath
}

// api returns the base of links to the platform's REST resources.
func (c *call) api() string {
	if c.version == 3 {
		return c.base() + "/rest/api/3"
	}
	return c.base() + "/rest/api/2"
}

// cloud reports whether the stand-in imitates Cloud.
func (c *call) cloud() bool { return c.server.options.Dress == Cloud }
