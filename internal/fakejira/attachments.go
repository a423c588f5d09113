package fakejira

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pixel is a one-pixel PNG, used for the sample picture, avatars and thumbnails.
var pixel, _ = base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

// attachment is a file attached to an issue. Its content is in data if it is
// small, and otherwise in a temporary file, to keep large uploads out of memory.
type attachment struct {
	id         int
	name, mime string
	author     *user
	created    time.Time
	size       int64
	sha256     string
	data       []byte
	file       *os.File
}

// finish computes the size and digest of an attachment in memory.
func (a *attachment) finish() {
	sum := sha256.Sum256(a.data)
	a.size, a.sha256 = int64(len(a.data)), hex.EncodeToString(sum[:])
}

// close deletes the temporary file, if any. Downloads in progress fail, as they
// do when Jira deletes a file.
func (a *attachment) close() error {
	if a.file == nil {
		return nil
	}
	return errors.Join(a.file.Close(), os.Remove(a.file.Name()))
}

// content returns a reader of the attachment.
func (a *attachment) content() io.ReadSeeker {
	if a.file != nil {
		return io.NewSectionReader(a.file, 0, a.size)
	}
	return bytes.NewReader(a.data)
}

// serve sends the attachment, or the requested range of it.
func (a *attachment) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.mime)
	w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(a.name))
	w.Header().Set("ETag", `"`+a.sha256[:16]+`"`)
	http.ServeContent(w, r, "", a.created, a.content())
}

// serveThumbnail sends a placeholder thumbnail.
func (a *attachment) serveThumbnail(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "image/png")
	http.ServeContent(w, r, "", a.created, bytes.NewReader(pixel))
}

// isImage reports whether Jira would create a thumbnail of the attachment.
func (a *attachment) isImage() bool { return strings.HasPrefix(a.mime, "image/") }

// Attachment describes a stored file to a test.
type Attachment struct {
	ID        int
	Name      string
	MediaType string
	Size      int64
	// SHA256 is the SHA-256 of the content in hexadecimal.
	SHA256 string
}

// Attachments returns the attachments of an issue.
func (s *Server) Attachments(keyOrID string) []Attachment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.site.issueBy(keyOrID)
	if i == nil {
		return nil
	}
	var list []Attachment
	for _, id := range i.attachments {
		if a := s.site.attachments[id]; a != nil {
			list = append(list, Attachment{a.id, a.name, a.mime, a.size, a.sha256})
		}
	}
	return list
}

// spool receives a file and computes its digest. It keeps the file in memory up
// to a size, and beyond that on disk.
type spool struct {
	inMemory int
	limit    int64
	size     int64
	digest   hash.Hash
	memory   bytes.Buffer
	file     *os.File
}

// errTooLarge is the error for an attachment above the limit.
var errTooLarge = errors.New("attachment too large")

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	if s.size+int64(len(p)) > s.limit {
		return 0, errTooLarge
	}
	s.size += int64(len(p))
	s.digest.Write(p)
	if s.file == nil && s.memory.Len()+len(p) <= s.inMemory {
		return s.memory.Write(p)
	}
	if s.file == nil {
		file, err := os.CreateTemp("", "fakejira-*")
		if err != nil {
			return 0, err
		}
		s.file = file
		if _, err := file.Write(s.memory.Bytes()); err != nil {
			return 0, err
		}
		s.memory = bytes.Buffer{}
	}
	return s.file.Write(p)
}

// attachmentPost stores the files in a multipart body.
func attachmentPost(c *call) error {
	// Jira requires this header as protection against cross-site form posts.
	if token := strings.ToLower(c.r.Header.Get("X-Atlassian-Token")); token != "no-check" && token != "nocheck" {
		return fail(http.StatusForbidden, "XSRF check failed")
	}
	s := c.server
	s.mu.RLock()
	_, err := c.issue()
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return fail(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	reader, err := c.r.MultipartReader()
	if err != nil {
		return fail(http.StatusBadRequest, "The multipart body could not be read.")
	}
	var files []*attachment
	stored := false
	defer func() {
		if !stored {
			for _, file := range files {
				_ = file.close()
			}
		}
	}()
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fail(http.StatusBadRequest, "The multipart body could not be read.")
		}
		if part.FormName() != "file" {
			continue
		}
		file, err := c.takeIn(part.FileName(), part.Header.Get("Content-Type"), part)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return fail(http.StatusBadRequest, "No file was attached: the part must be named \"file\".")
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	// The issue may have been deleted during the upload.
	i, err := c.changed()
	if err != nil {
		return err
	}
	stored = true
	list := []any{}
	for _, file := range files {
		file.id = s.site.newID()
		s.site.attachments[file.id] = file
		i.attachments = append(slices.Clone(i.attachments), file.id)
		list = append(list, c.attachmentJSON(file))
	}
	i.touch()
	writeJSON(c.w, http.StatusOK, list)
	return nil
}

// takeIn receives one part of an upload.
func (c *call) takeIn(name, media string, from io.Reader) (*attachment, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "" || name == "." || name == "/" {
		return nil, fail(http.StatusBadRequest, "The file has no name.")
	}
	if media == "" {
		media = "application/octet-stream"
	}
	into := &spool{inMemory: c.server.options.AttachmentInMemory, limit: c.server.options.AttachmentLimit, digest: sha256.New()}
	if _, err := io.Copy(into, from); err != nil {
		if into.file != nil {
			_ = errors.Join(into.file.Close(), os.Remove(into.file.Name()))
		}
		if errors.Is(err, errTooLarge) {
			return nil, fail(http.StatusRequestEntityTooLarge, "The file '%s' is larger than the limit of %d bytes.", name, into.limit)
		}
		return nil, fail(http.StatusBadRequest, "The multipart body could not be read.")
	}
	return &attachment{
		name: name, mime: media, author: c.who.user, created: time.Now().UTC().Truncate(time.Millisecond),
		size: into.size, sha256: hex.EncodeToString(into.digest.Sum(nil)), data: into.memory.Bytes(), file: into.file,
	}, nil
}

// attachmentJSON renders an attachment's metadata.
func (c *call) attachmentJSON(a *attachment) map[string]any {
	id := strconv.Itoa(a.id)
	out := map[string]any{
		"self": c.api() + "/attachment/" + id, "id": id, "filename": a.name, "author": c.userJSON(a.author),
		"created": a.created.Format(jiraTime), "size": a.size, "mimeType": a.mime,
	}
	if c.cloud() {
		out["content"] = c.api() + "/attachment/content/" + id
		if a.isImage() {
			out["thumbnail"] = c.api() + "/attachment/thumbnail/" + id
		}
		return out
	}
	out["content"] = c.base() + "/secure/attachment/" + id + "/" + url.PathEscape(a.name)
	if a.isImage() {
		out["thumbnail"] = c.base() + "/secure/thumbnail/" + id + "/_thumb_" + id + ".png"
	}
	return out
}

// attachment finds the attachment named in the path.
func (c *call) attachment() (*attachment, error) {
	id, err := strconv.Atoi(c.params[0])
	if err == nil && c.who != nil {
		if a := c.server.site.attachments[id]; a != nil {
			return a, nil
		}
	}
	return nil, fail(http.StatusNotFound, "The attachment with id '%s' does not exist", c.params[0])
}

// attachmentGet returns an attachment's metadata.
func attachmentGet(c *call) (reply, error) {
	a, err := c.attachment()
	if err != nil {
		return reply{}, err
	}
	out := c.attachmentJSON(a)
	if c.cloud() {
		// Only here does Cloud render the ID as a number.
		out["id"] = a.id
	}
	return ok(out)
}

// attachmentDelete deletes an attachment.
func attachmentDelete(c *call) (reply, error) {
	a, err := c.attachment()
	if err != nil {
		return reply{}, err
	}
	for _, p := range c.server.site.projects {
		for _, i := range p.issues {
			i.attachments = slices.DeleteFunc(slices.Clone(i.attachments), func(id int) bool { return id == a.id })
		}
	}
	if err := c.server.site.removeAttachment(a.id); err != nil {
		return reply{}, err
	}
	return done()
}

// attachmentMeta reports that attachments are enabled, and their maximum size.
func attachmentMeta(c *call) (reply, error) {
	return ok(map[string]any{"enabled": true, "uploadLimit": c.server.options.AttachmentLimit})
}

// found is attachment for streaming operations, which do not hold the lock.
func (c *call) found() (*attachment, error) {
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	return c.attachment()
}

// attachmentContent serves a download on Cloud: it redirects to the media host
// unless redirect=false.
func attachmentContent(c *call) error { return c.download(false) }

// attachmentThumbnail serves a thumbnail on Cloud.
func attachmentThumbnail(c *call) error { return c.download(true) }

// download sends an attachment or a redirect to the media host.
func (c *call) download(thumbnail bool) error {
	a, err := c.found()
	if err != nil {
		return err
	}
	if thumbnail && !a.isImage() {
		return fail(http.StatusNotFound, "The attachment with id '%d' has no thumbnail", a.id)
	}
	if c.query("redirect") != "false" {
		if signed, there := c.server.media.sign(mediaTicket{a.id, thumbnail}, a.name); there {
			c.w.Header().Set("Location", signed)
			c.w.WriteHeader(http.StatusSeeOther)
			return nil
		}
	}
	c.serve(a, thumbnail)
	return nil
}

func (c *call) serve(a *attachment, thumbnail bool) {
	if thumbnail {
		a.serveThumbnail(c.w, c.r)
	} else {
		a.serve(c.w, c.r)
	}
}

// secureAttachment serves downloads from the web interface, which Cloud redirects
// to its REST operation.
func secureAttachment(c *call) error { return c.secure("content", false) }

// secureThumbnail is the same for thumbnails.
func secureThumbnail(c *call) error { return c.secure("thumbnail", true) }

func (c *call) secure(operation string, thumbnail bool) error {
	a, err := c.found()
	if err != nil {
		return err
	}
	if c.cloud() {
		http.Redirect(c.w, c.r, fmt.Sprintf("%s/rest/api/3/attachment/%s/%d", c.base(), operation, a.id), http.StatusFound)
		return nil
	}
	c.serve(a, thumbnail)
	return nil
}

// picture serves every avatar and icon.
func picture(c *call) error {
	c.w.Header().Set("Content-Type", "image/png")
	http.ServeContent(c.w, c.r, "", c.server.site.started, bytes.NewReader(pixel))
	return nil
}
