package approvals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// body is what is kept of a request's body: encrypted, if there is a key.
type body struct {
	Plain  []byte          `json:"plain,omitempty"`
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// keepBody keeps a body that somebody can read, or describes the parts of a multipart
// body. bodies is the size of what is kept for the token already.
func (k *Keeper) keepBody(d *document, r *handler.HeldRequest, bodies int) error {
	if len(r.Body) == 0 {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(r.ContentType)
	switch {
	case err != nil:
		return nil
	case strings.HasPrefix(mediaType, "multipart/"):
		d.Request.Parts = partsOf(r.Body, params["boundary"])
		return nil
	case !handler.IsText(mediaType) || len(r.Body) > maxBody || bodies+len(r.Body) > maxBodies || token.HeldBy(string(r.Body)):
		return nil
	case !k.Keys.Configured():
		d.Body = &body{Plain: r.Body}
		return nil
	}
	sealed, err := k.Keys.Seal(r.Body, []byte(d.ID))
	if err != nil {
		return fmt.Errorf("keeping the request's body: %w", err)
	}
	d.Body = &body{Sealed: sealed}
	return nil
}

// open returns the body that is kept; nil if none is.
func (k *Keeper) open(d *document) ([]byte, error) {
	if d.Body == nil || d.Body.Sealed == nil {
		return d.Body.plain(), nil
	}
	return k.Keys.Open(d.Body.Sealed, []byte(d.ID))
}

func (b *body) plain() []byte {
	if b == nil {
		return nil
	}
	return b.Plain
}

// maxParts is the maximum number of parts that are described.
const maxParts = 20

// partsOf describes the parts of a multipart body: name, file name and size.
func partsOf(whole []byte, boundary string) (parts []string) {
	reader := multipart.NewReader(bytes.NewReader(whole), boundary)
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return parts
		}
		if len(parts) == maxParts {
			return append(parts, "more")
		}
		size, err := io.Copy(io.Discard, part)
		text := part.FormName()
		if file := part.FileName(); file != "" {
			text += fmt.Sprintf(": file %q", file)
		}
		text += fmt.Sprintf(" (%d bytes)", size)
		parts = append(parts, token.Printable(text, 200))
		if err != nil {
			return parts
		}
	}
}
