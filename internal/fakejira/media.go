package fakejira

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Media is the media host: another server, with signed URLs, that holds the
// bytes of Cloud's attachments. It must never see a credential; it records
// whether it ever did.
type Media struct {
	server   *Server
	recorder recorder

	mu          sync.Mutex
	url         string
	tickets     map[string]mediaTicket
	credentials bool
}

// mediaTicket is what a signed URL stands for.
type mediaTicket struct {
	attachment int
	thumbnail  bool
}

// URL is where the media host is reached; empty when it is nowhere.
func (m *Media) URL() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.url
}

// SetURL says where the media host is reached, for a test that serves it itself.
func (m *Media) SetURL(url string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.url = strings.TrimSuffix(url, "/")
}

// SawCredentials tells whether any request ever carried an Authorization
// header, a cookie, or credentials in its query.
func (m *Media) SawCredentials() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.credentials
}

// Requests returns what reached the media host, oldest first.
func (m *Media) Requests() []Request { return m.recorder.all(false) }

// Take returns what reached the media host and forgets it.
func (m *Media) Take() []Request { return m.recorder.all(true) }

// sign makes a URL that downloads an attachment without credentials.
func (m *Media) sign(t mediaTicket, name string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.url == "" {
		return "", false
	}
	if m.tickets == nil || len(m.tickets) > 100_000 {
		m.tickets = map[string]mediaTicket{}
	}
	token := randomHex(16)
	m.tickets[token] = t
	kind := "binary"
	if t.thumbnail {
		kind = "image"
	}
	return m.url + "/file/" + randomHex(8) + "/" + kind + "?token=" + token + "&client=fakejira&name=" + url.QueryEscape(name), true
}

// ServeHTTP serves signed URLs only.
func (m *Media) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := m.recorder.begin(r)
	w = &statusWriter{ResponseWriter: w, rec: &m.recorder, entry: entry}
	query := r.URL.Query()
	m.mu.Lock()
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" ||
		r.Header.Get("Proxy-Authorization") != "" || query.Has("os_username") || query.Has("os_password") {
		m.credentials = true
	}
	ticket, found := m.tickets[query.Get("token")]
	m.mu.Unlock()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET,HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if !found {
		http.Error(w, "invalid or expired token", http.StatusForbidden)
		return
	}
	m.server.mu.RLock()
	file := m.server.site.attachments[ticket.attachment]
	m.server.mu.RUnlock()
	if file == nil {
		http.NotFound(w, r)
		return
	}
	if ticket.thumbnail {
		file.serveThumbnail(w, r)
		return
	}
	file.serve(w, r)
}
