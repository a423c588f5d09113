package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// Assets are the files that pages load. Their names contain a hash of their content,
// so that browsers can keep them for ever.
type Assets struct {
	byPath map[string]asset  // by hashed name
	hashed map[string]string // from name to hashed name
}

type asset struct {
	content     []byte
	contentType string
}

func newAssets() (*Assets, error) {
	a := &Assets{byPath: make(map[string]asset), hashed: make(map[string]string)}
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		content, err := assetFiles.ReadFile(path.Join("assets", file.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		extension := path.Ext(file.Name())
		hashed := strings.TrimSuffix(file.Name(), extension) + "." + hex.EncodeToString(sum[:8]) + extension
		a.hashed[file.Name()] = hashed
		a.byPath[hashed] = asset{content, mime.TypeByExtension(extension)}
	}
	return a, nil
}

// Path returns the path of an asset, relative to where the manager is mounted.
func (a *Assets) Path(name string) (string, error) {
	hashed, ok := a.hashed[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return "assets/" + hashed, nil
}

// ServeHTTP answers a request for the asset whose hashed name ends the path.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.byPath[path.Base(r.URL.Path)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", file.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
}
