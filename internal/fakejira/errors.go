package fakejira

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// failure is an error response with Jira's error body.
type failure struct {
	status   int
	messages []string
	fields   map[string]string
}

// Error implements error, so that handlers can return a failure.
func (f *failure) Error() string {
	return fmt.Sprintf("%d %v %v", f.status, f.messages, f.fields)
}

// fail returns a failure with one message.
func fail(status int, format string, args ...any) error {
	return &failure{status: status, messages: []string{fmt.Sprintf(format, args...)}}
}

// invalid returns a 400 failure for one field.
func invalid(field, format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, fields: map[string]string{field: fmt.Sprintf(format, args...)}}
}

// write sends the failure as Jira's error body.
func (f *failure) write(w http.ResponseWriter) {
	body := map[string]any{"errorMessages": []string{}, "errors": map[string]string{}}
	if f.messages != nil {
		body["errorMessages"] = f.messages
	}
	if f.fields != nil {
		body["errors"] = f.fields
	}
	writeJSON(w, f.status, body)
}

// writeJSON sends a JSON body with Content-Length, as Jira does.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		// A bug in this package: a value that JSON cannot represent.
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// writePage sends an HTML page, which is how Tomcat and Seraph respond before a
// request reaches a REST resource.
func writePage(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%s</title></head><body><h1>%[1]s</h1></body></html>\n", text)
}
