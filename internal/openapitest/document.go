// Package openapitest checks that requests and answers of the JSON API are as its OpenAPI
// document says. It is stricter than OpenAPI: members that the document does not know are
// errors.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is an OpenAPI document.
type Document struct {
	// Operations are the operations by path, without the base, and method.
	Operations map[string]map[string]*Operation

	compiler *jsonschema.Compiler
	mu       sync.Mutex // the compiler's
}

// Operation is an operation of the document.
type Operation struct {
	ID    string `json:"operationId"`
	Needs string `json:"x-needs"`

	Parameters []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	Responses map[string]struct {
		Ref     string                     `json:"$ref"`
		Content map[string]json.RawMessage `json:"content"`
	} `json:"responses"`

	pointer string
}

const location = "openapi.json"

// Read reads a document.
func Read(text []byte) (*Document, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	d := &Document{Operations: make(map[string]map[string]*Operation), compiler: jsonschema.NewCompiler()}
	for path, methods := range document.Paths {
		operations := make(map[string]*Operation)
		for method, text := range methods {
			if method == "parameters" {
				continue
			}
			operation := &Operation{pointer: "#/paths/" + escape(path) + "/" + method}
			if err := json.Unmarshal(text, operation); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			operations[strings.ToUpper(method)] = operation
		}
		d.Operations[strings.TrimPrefix(path, "/")] = operations
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	seal(tree)
	d.compiler.AssertFormat()
	return d, d.compiler.AddResource(location, tree)
}

// escape escapes a member's name for a JSON pointer in a URI.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
}

// seal forbids members that a schema does not know.
func seal(tree any) {
	switch value := tree.(type) {
	case map[string]any:
		_, isObject := value["properties"].(map[string]any)
		if _, isOpen := value["additionalProperties"]; isObject && !isOpen {
			value["additionalProperties"] = false
		}
		for _, member := range value {
			seal(member)
		}
	case []any:
		for _, element := range value {
			seal(element)
		}
	}
}

// Find returns the operation of a request; nil if there is none.
func (d *Document) Find(method, path string) *Operation {
	segments := strings.Split(path, "/")
	var found *Operation
	for pattern, operations := range d.Operations {
		if operations[method] == nil || !matches(strings.Split(pattern, "/"), segments) {
			continue
		}
		if found == nil || !strings.Contains(pattern, "{") { // as http.ServeMux does
			found = operations[method]
		}
	}
	return found
}

func matches(pattern, segments []string) bool {
	return slices.EqualFunc(pattern, segments, func(pattern, segment string) bool {
		return pattern == segment || strings.HasPrefix(pattern, "{") && segment != ""
	})
}

// Check returns an error unless an answer is as the document says. Path is without the base.
func (d *Document) Check(method, path string, answer *http.Response, body []byte) error {
	operation := d.Find(method, path)
	if operation == nil {
		if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("%s %s: HTTP %d, but the document has no such operation", method, path, answer.StatusCode)
	}
	status := strconv.Itoa(answer.StatusCode)
	described, ok := operation.Responses[status]
	switch {
	case !ok && answer.StatusCode < http.StatusBadRequest:
		return fmt.Errorf("%s: the document has no answer %s", operation.ID, status)
	case !ok:
		return d.validate("#/components/schemas/Error", body)
	case len(described.Content) == 0:
		if len(body) > 0 {
			return fmt.Errorf("%s: the document says that %s has no body: %s", operation.ID, status, body)
		}
		return nil
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")) // a bad one is none of the document's
	if described.Content[kind] == nil {
		return fmt.Errorf("%s: the document has no %q for %s", operation.ID, kind, status)
	}
	if kind != "application/json" {
		return nil
	}
	if err := d.validate(operation.pointer+"/responses/"+status+"/content/application~1json/schema", body); err != nil {
		return fmt.Errorf("%s, %s: %w", operation.ID, status, err)
	}
	return nil
}

// CheckBody returns an error unless a request's body is as the document says.
func (d *Document) CheckBody(method, path string, body []byte) error {
	operation := d.Find(method, path)
	if operation == nil {
		return fmt.Errorf("%s %s: the document has no such operation", method, path)
	}
	return d.validate(operation.pointer+"/requestBody/content/application~1json/schema", body)
}

func (d *Document) validate(schema string, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	compiled, err := d.compiler.Compile(location + schema)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("%w\nin %.2000s", err, body)
	}
	return nil
}

// Validate returns an error unless the text of a document is as the schema of OpenAPI
// documents says.
func Validate(text, schema []byte) error {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", tree); err != nil {
		return err
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}
