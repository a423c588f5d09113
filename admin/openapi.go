package admin

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the OpenAPI document that describes the endpoints.
func OpenAPI() []byte { return openAPI }

func (c *call) openAPI() (int, any, error) {
	return http.StatusOK, json.RawMessage(openAPI), nil
}
