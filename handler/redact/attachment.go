package redact

var attachment = objectOf(kept("self", "id", "filename", "author", "created", "size", "mimeType", "content", "thumbnail"))

var attachmentAnswers = map[string]*shape{
	"attachment":          attachment,
	"attachments":         arrayOf(attachment),
	"attachment-contents": objectOf(kept("id", "name", "entries", "totalEntryCount", "mediaType")),
	"temporary-attachments": objectOf(object{
		"temporaryAttachments": arrayOf(objectOf(scalars("temporaryAttachmentId", "fileName"))),
	}),
}
