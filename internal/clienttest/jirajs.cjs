// One action with jira.js, as a user's own script would do it.
"use strict";

const fs = require("node:fs");
// Debian 12 has Node.js 18, which has no global File.
globalThis.File ??= require("node:buffer").File;

const { Version2Client, Version3Client } = require(process.env.JIRA_JS);

const [base, cloud, action, key, text, path, attachment] = process.argv.slice(2);
const jql = "project = DEMO ORDER BY key";
const config = {
  host: base,
  authentication: { basic: { email: process.env.JIRA_USER, apiToken: process.env.JIRA_SECRET } },
};
// jira.js is for Cloud. Data Center has only version 2, and its own search.
const jira = cloud ? new Version3Client(config) : new Version2Client(config);

function search(jql) {
  const wanted = { jql, maxResults: 100, fields: ["summary"] };
  return cloud
    ? jira.issueSearch.searchForIssuesUsingJqlEnhancedSearch(wanted)
    : jira.issueSearch.searchForIssuesUsingJqlPost(wanted);
}

// Uses the link from Jira's response, where another script would use the key.
const update = (issue, summary) => jira.sendRequest({ url: issue.self, method: "PUT", data: { fields: { summary } } });
const remove = (issue) => jira.sendRequest({ url: issue.self, method: "DELETE" });

const actions = {
  async serverInfo() {
    console.log((await jira.serverInfo.getServerInfo()).version);
  },
  async myself() {
    const me = await jira.myself.getCurrentUser();
    console.log(me.displayName, me.self);
  },
  async search() {
    for (const issue of (await search(jql)).issues) console.log(issue.key, issue.fields.summary);
  },
  async view() {
    const issue = await jira.issues.getIssue({ issueIdOrKey: "DEMO-2" });
    console.log(issue.key, issue.fields.summary, issue.fields.status.name);
  },
  async create() {
    const fields = { project: { key: "DEMO" }, issuetype: { name: "Task" }, summary: text };
    const issue = await jira.issues.createIssue({ fields });
    console.log(issue.key, issue.self);
  },
  async comment() {
    console.log((await jira.issueComments.addComment({ issueIdOrKey: "DEMO-1", comment: text })).self);
  },
  async upload() {
    const file = { filename: "picture.bin", file: fs.readFileSync(path) };
    console.log((await jira.issueAttachments.addAttachment({ issueIdOrKey: "DEMO-3", attachment: file }))[0].id);
  },
  async download() {
    // Data Center has no attachment/content, so use the content link there.
    const bytes = cloud
      ? await jira.issueAttachments.getAttachmentContent({ id: attachment })
      : await jira.sendRequest({
          url: (await jira.issueAttachments.getAttachment(attachment)).content,
          method: "GET",
          responseType: "arraybuffer",
        });
    fs.writeFileSync(path, Buffer.from(bytes));
  },
  async update() {
    const [issue] = (await search(`key = ${key}`)).issues;
    await update(issue, text);
    console.log(issue.self);
  },
  async delete() {
    const [issue] = (await search(`key = ${key}`)).issues;
    await remove(issue);
    console.log(issue.self);
  },
  async follow() {
    const found = (await search(jql)).issues;
    for (const issue of found) await update(issue, text);
    for (const issue of found.slice(-10)) await remove(issue);
    console.log(found.length, found[0].self);
  },
};

actions[action]().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  console.error(JSON.stringify(error.response?.data ?? error.response ?? null));
  process.exitCode = 1;
});
