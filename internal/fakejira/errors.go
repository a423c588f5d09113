package fakejira

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// failure is an answer other than success, with Jira's error body.
type failure struct {
	status   int
	messages []string
	fields   map[string]string
}

// Error makes a failure an error, so that handlers can simply return it.
func (f *failure) Error() string {
	return fmt.Sprintf("%d %v %v", f.status, f.messages, f.fields)
}

// fail is a failure with one message for people.
func fail(status int, format string, args ...any) error {
	return &failure{status: status, messages: []string{fmt.Sprintf(format, args...)}}
}

// invalid is a 400 that blames one field.
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

// writeJSON sends a JSON body with its length, as Jira does.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		// Only a value that JSON cannot hold gets here, a mistake in this package.
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// writePage sends a page for people: what Tomcat and Seraph say before any
// REST resource is reached is HTML.
func writePage(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%s</title></head><body><h1>%[1]s</h1></body></html>\n", text)
}
