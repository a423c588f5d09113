package redact

// shapes are the shapes of answers, by the name that the table of package jira gives them.
var shapes = preparedShapes()

func preparedShapes() map[string]*shape {
	shapes := make(map[string]*shape)
	for _, subject := range []map[string]*shape{
		issueAnswers, linkAnswers, commentAnswers, worklogAnswers, changelogAnswers, attachmentAnswers, projectAnswers,
		versionAnswers, metaAnswers, peopleAnswers, agileAnswers, serviceDeskAnswers, queryAnswers, bulkAnswers, openAnswers,
	} {
		merge(shapes, subject)
	}
	for _, s := range shapes {
		s.prepare()
	}
	for _, s := range [...]*shape{unknown, unknownMembers, person} {
		s.prepare()
	}
	return shapes
}
