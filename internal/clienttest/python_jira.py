"""One action with python3-jira, as a user's own script would do it."""

import os
import sys

from jira import JIRA, JIRAError

base, action, key, text, path, attachment = sys.argv[1:]
try:
    jira = JIRA(
        base,
        basic_auth=(os.environ["JIRA_USER"], os.environ["JIRA_SECRET"]),
        # By default it retries several times, with pauses.
        max_retries=0,
        timeout=30,
    )
    if action == "serverInfo":
        print(jira.server_info()["version"])
    elif action == "myself":
        me = jira.myself()
        print(me["displayName"], me["self"])
    elif action == "search":
        for issue in jira.search_issues("project = DEMO ORDER BY key", maxResults=100):
            print(issue.key, issue.fields.summary)
    elif action == "view":
        issue = jira.issue("DEMO-2")
        print(issue.key, issue.fields.summary, issue.fields.status.name)
        for comment in jira.comments(issue):
            print("comment:", comment.body)
    elif action == "create":
        issue = jira.create_issue(project="DEMO", summary=text, issuetype={"name": "Task"})
        print(issue.key, issue.self)
    elif action == "comment":
        comment = jira.add_comment("DEMO-1", text)
        comment.update(body=text + " (edited)")
        print(comment.self)
    elif action == "upload":
        with open(path, "rb") as file:
            print(jira.add_attachment("DEMO-3", file).id)
    elif action == "download":
        with open(path, "wb") as file:
            for chunk in jira.attachment(attachment).iter_content():
                file.write(chunk)
    elif action in ("update", "delete"):
        [issue] = jira.search_issues(f"key = {key}")
        if action == "update":
            issue.update(summary=text)
        else:
            issue.delete()
        print(issue.self)
    elif action == "follow":
        found = jira.search_issues("project = DEMO ORDER BY key", maxResults=100)
        for issue in found:
            issue.update(summary=text)
        for issue in found[-10:]:
            issue.delete()
        print(len(found), found[0].self)
except JIRAError as error:
    print(f"HTTP {error.status_code}: {error.text}", file=sys.stderr)
    sys.exit(1)
