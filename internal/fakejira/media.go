package fakejira

import (
	"net/http"
	"net/url"
	"sync"
)

// Media is the media host: a separate server from which Cloud's attachments are
// downloaded by signed URLs. It must never receive a credential, and records
// whether it did.
type Media struct {
	server   *Server
	recorder recorder

	mu          sync.Mutex
	url         string
	tickets     map[string]mediaTicket
	credentials bool
}

// mediaTicket is the file that a signed URL grants access to.
type mediaTicket struct {
	attachment int
	thumbnail  bool
}

// URL returns the media host's URL, or an empty string if it is not running.
func (m *Media) URL() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.url
}

// setURL sets the address of the media host.
func (m *Media) setURL(url string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.url = url
}

// SawCredentials reports whether any request carried an Authorization header, a
// cookie or credentials in its query.
func (m *Media) SawCredentials() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.credentials
}

// Requests returns the recorded requests, oldest first.
func (m *Media) Requests() []Request { return m.recorder.all(false) }

// Take returns the recorded requests and clears the record.
func (m *Media) Take() []Request { return m.recorder.all(true) }

// sign returns a URL that downloads an attachment without credentials. It
// returns false if the media host is not running.
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
