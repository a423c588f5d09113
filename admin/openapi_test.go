package admin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/npmtest"
	"github.com/jiratokens/caddy-jira-tokens/internal/openapitest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// needs maps rights to what the document calls them.
var needs = map[right]string{noRight: "admin-endpoint", ownTokens: "own-tokens", manage: "manage"}

// TestOpenAPIHasEveryEndpoint: the document has the endpoints, the rights that people need,
// and the fields of tokens, and nothing else.
func TestOpenAPIHasEveryEndpoint(t *testing.T) {
	document, err := openapitest.Read(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range endpoints {
		for method := range methods {
			switch operation := document.Operations[path][method]; {
			case operation == nil:
				t.Errorf("the document lacks %s %s", method, path)
			case operation.Needs != needs[forPeople[path][method]]:
				t.Errorf("%s %s: the document says that people need %q, not %q", method, path, operation.Needs, needs[forPeople[path][method]])
			}
		}
	}
	ids := make(map[string]bool)
	for path, operations := range document.Operations {
		for method, operation := range operations {
			if endpoints[path][method] == nil {
				t.Errorf("there is no %s %s", method, path)
			}
			if operation.ID == "" || ids[operation.ID] {
				t.Errorf("%s %s: no operationId of its own: %q", method, path, operation.ID)
			}
			ids[operation.ID] = true
		}
	}
	var schemas struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPI, &schemas); err != nil {
		t.Fatal(err)
	}
	for _, field := range token.Fields() {
		for _, schema := range []string{"Token", "NewToken", "TokenChange"} {
			_, has := schemas.Components.Schemas[schema].Properties[field.Name]
			if want := schema != "TokenChange" || !field.CreateOnly; has != want {
				t.Errorf("%s has %s: %t, want %t", schema, field.Name, has, want)
			}
		}
	}
	for path := range forPeople {
		if endpoints[path] == nil {
			t.Errorf("people can call %s, which does not exist", path)
		}
	}
}

// TestOpenAPIIsValid holds the document against the schema that the authors of OpenAPI have
// published.
func TestOpenAPIIsValid(t *testing.T) {
	modules := npmtest.Install(t, os.DirFS("testdata/openapi"))
	schema, err := os.ReadFile(filepath.Join(modules, "@apidevtools", "openapi-schemas", "schemas", "v3.1", "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := openapitest.Validate(openAPI, schema); err != nil {
		t.Error(err)
	}
}
