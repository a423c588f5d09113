// Comfort for the token manager's pages. Everything also works without it.
"use strict";

// The reader's own zone for exact times: "8 December 2026, 14:00".
const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long" });
const hour = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
function localTimes(root) {
	for (const time of root.querySelectorAll("time")) {
		const at = new Date(time.dateTime);
		const text = `${day.format(at)}, ${hour.format(at)}`;
		if (time.hasAttribute("data-exact")) time.textContent = text;
		else time.title = text;
	}
}
localTimes(document);

// Where not all sections fit, the current one is in sight.
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// Copy buttons.
for (const button of document.querySelectorAll("[data-copy]")) {
	if (!navigator.clipboard) break;
	button.hidden = false;
	button.addEventListener("click", async () => {
		const before = button.textContent;
		await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
		button.textContent = "✓ " + before;
		setTimeout(() => { button.textContent = before; }, 2000);
	});
}

// Buttons that fill an input.
for (const button of document.querySelectorAll("[data-fill]")) {
	button.hidden = false;
	button.addEventListener("click", () => {
		const input = document.getElementById(button.dataset.fill);
		const words = input.value.split(/\s+/).filter(Boolean);
		if (!words.includes(button.dataset.value)) input.value = [...words, button.dataset.value].join(" ");
		input.dispatchEvent(new Event("input", { bubbles: true }));
		input.focus();
	});
}

// The switch between light and dark. The choice stays in this browser: see theme.js.
const root = document.documentElement;
for (const button of document.querySelectorAll("[data-theme-switch]")) {
	button.hidden = false;
	button.addEventListener("click", () => {
		const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
		root.dataset.theme = dark ? "light" : "dark";
		localStorage.setItem("theme", root.dataset.theme);
	});
}

// The bar for several tokens appears once one is selected, and says how many are. One box
// selects all on the page. showBulk returns how many are selected.
function showBulk() {
	const boxes = [...document.querySelectorAll("input[form=bulk][name=id]")];
	const selected = boxes.filter((box) => box.checked).length;
	const all = document.querySelector("input[form=bulk][name=all]");
	for (const bar of document.querySelectorAll("[data-bulk]")) {
		const lead = bar.querySelector("[data-singular]");
		lead.textContent = all?.checked ? lead.dataset.all : say(selected === 1 ? lead.dataset.singular : lead.dataset.plural, selected);
		bar.hidden = !selected && !all?.checked;
	}
	for (const box of document.querySelectorAll("[data-select-page]")) {
		box.closest("label").hidden = false;
		box.checked = selected === boxes.length;
		box.indeterminate = selected > 0 && !box.checked;
	}
	return selected;
}
document.addEventListener("change", (event) => {
	if (event.target.matches("[data-select-page]")) {
		for (const box of document.querySelectorAll("input[form=bulk][name=id]")) box.checked = event.target.checked;
	}
	showBulk();
});
// Back shows the boxes as they were.
addEventListener("pageshow", showBulk);

// A form that changes something is sent once. Its buttons are disabled only afterwards, since
// the one that was pressed is part of what is sent.
function sending(form, is) {
	form.toggleAttribute("data-sending", is);
	for (const button of form.querySelectorAll("button:not([type=button])")) {
		if (is ? button.disabled : !button.hasAttribute("data-paused")) continue;
		button.disabled = is;
		button.toggleAttribute("data-paused", is);
	}
}
document.addEventListener("submit", (event) => {
	const form = event.target;
	if (form.method !== "post" || form.target || event.defaultPrevented) return;
	if (form.hasAttribute("data-sending")) { event.preventDefault(); return; }
	form.toggleAttribute("data-sending", true);
	setTimeout(() => sending(form, true));
	setTimeout(() => sending(form, false), 20000); // no answer came, or somebody has stopped it
});
// Back shows the page as it was left.
addEventListener("pageshow", () => { for (const form of document.forms) sending(form, false); });

// say returns a text in which each {} is replaced with the next value.
function say(text, ...values) {
	return text.replaceAll("{}", () => values.shift());
}

// later calls do at the latest wait milliseconds after the last call.
function later(wait, run) {
	let timer;
	return () => { clearTimeout(timer); timer = setTimeout(run, wait); };
}

// replaceParts puts the parts of a new version of the page in place of the old ones, and
// reports whether it has any. What is ticked stays so; the rest of the page is left alone.
function replaceParts(page) {
	const parts = [...page.querySelectorAll("[data-part]")];
	const ticked = new Set([...document.querySelectorAll("[data-part] [name=id]:checked")].map((box) => box.value));
	for (const part of parts) {
		localTimes(part);
		for (const box of part.querySelectorAll("[name=id]")) box.checked = ticked.has(box.value);
		document.querySelector(`[data-part=${part.dataset.part}]`)?.replaceWith(document.adoptNode(part));
	}
	return parts.length > 0;
}

// Search results appear while one types. Answers that come late are dropped. The address
// is that of what is shown, so that it can be sent to somebody else, and Back leads here.
for (const form of document.querySelectorAll("form[data-live]")) {
	let turn = 0;
	const input = form.querySelector("input[type=search]");
	// A whole token must not become part of an address: see whose it is instead.
	const whose = document.querySelector("form[data-whose]");
	const isToken = () => {
		if (!whose || !/jt_[0-9A-Za-z]{10}_/.test(input.value)) return false;
		whose.elements.token.value = input.value;
		input.value = "";
		whose.submit();
		return true;
	};
	form.addEventListener("submit", (event) => { if (isToken()) event.preventDefault(); });
	input.addEventListener("input", later(150, async () => {
		if (isToken()) return;
		const mine = ++turn;
		const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
		const url = form.action + (asked.size ? "?" + asked : "");
		const response = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
		const text = response?.ok && !response.redirected ? await response.text().catch(() => null) : "";
		if (mine !== turn) return;
		const found = form.querySelector("[data-found]");
		found.className = response ? "visually-hidden" : "wrong";
		if (!response) { found.textContent = found.dataset.away; return; }
		// A session that has ended, or a store that is away: the whole page says what to do.
		if (!replaceParts(new DOMParser().parseFromString(text, "text/html"))) { form.submit(); return; }
		const selected = showBulk(), count = document.querySelector("[data-count]").dataset.count;
		found.textContent = selected ? `${count}, ${say(found.dataset.selected, selected)}` : count;
		history.replaceState(null, "", url);
	}));
}

// What is wrong with an input is beside it. That is read aloud when there is time.
function showWrong(name, text) {
	const input = document.getElementById(name), about = document.getElementById(name + "-about");
	if (!input || !about) return;
	if (text && input.type !== "radio") input.setAttribute("aria-invalid", "true");
	else input.removeAttribute("aria-invalid");
	let shown = about.querySelector(".wrong");
	if (!text) { shown?.remove(); return; }
	if (!shown) {
		shown = document.createElement("p");
		shown.className = "wrong";
		about.prepend(shown);
	}
	if (shown.textContent !== text) shown.textContent = text;
}

// The sentence beside the form grows as one types, what the policy would refuse is said beside
// the inputs that were touched, and Jira is asked about projects, fields and JQL. An answer
// that comes late, or would take away the focus, is dropped.
for (const form of document.querySelectorAll("form[data-token-form]")) {
	const typed = () => new URLSearchParams(new FormData(form));
	// While the pointer is on a button that sends the form, nothing moves that button away.
	const still = async () => {
		for (let button; (button = form.querySelector("button:not([type=button]):hover"));) {
			await new Promise((left) => { button.addEventListener("pointerleave", left, { once: true }); });
		}
	};
	const touched = new Set();
	let turn = 0;
	const describe = later(200, async () => {
		const mine = ++turn;
		const response = await fetch(form.dataset.tokenForm, { method: "POST", body: typed() }).catch(() => null);
		if (!response || !response.ok) return;
		const { sentence, wrong } = await response.json();
		await still();
		if (mine !== turn) return;
		for (const [name, text] of Object.entries(wrong)) {
			showWrong(name, touched.has(name) || document.querySelector(`#${name}-about .wrong`) ? text : "");
		}
		for (const out of form.querySelectorAll("[data-sentence]")) if (out.textContent !== sentence) out.textContent = sentence;
	});
	let asking = new AbortController();
	const ask = later(400, async () => {
		asking.abort();
		asking = new AbortController();
		const { signal } = asking;
		const body = typed();
		body.set("do", "update");
		const html = await fetch(location.href, { method: "POST", body, signal }).then((response) => response.ok && response.text()).catch(() => "");
		if (!html) return;
		const page = new DOMParser().parseFromString(html, "text/html");
		await still();
		if (signal.aborted) return;
		for (const id of ["found", "matches", "known-fields"]) {
			const now = document.getElementById(id), next = page.getElementById(id);
			if (now && next && !now.contains(document.activeElement) && now.innerHTML !== next.innerHTML) now.replaceChildren(...next.childNodes);
		}
		for (const name of ["projects", "jql", "hide"]) showWrong(name, page.querySelector(`#${name}-about .wrong`)?.textContent);
	});
	const asks = ["projects", "find_project", "jql", "hide", "account", "owner", "kind"];
	form.addEventListener("input", (event) => {
		touched.add(event.target.name);
		describe();
		if (asks.includes(event.target.name)) ask();
	});
	// The first look at a list asks for it.
	form.addEventListener("focusin", (event) => {
		if (["find_project", "hide"].includes(event.target.name) && !form.dataset.asked) { form.dataset.asked = "1"; ask(); }
	});
	form.elements.find_project.addEventListener("keydown", (event) => {
		if (event.key === "Enter") { event.preventDefault(); ask(); }
	});
	form.addEventListener("change", (event) => {
		if (event.target.name !== "project") return;
		const projects = form.elements.projects;
		projects.value = [...projects.value.split(/[\s,]+/).filter(Boolean), event.target.value].join(" ");
		event.target.closest("label").remove();
		form.elements.find_project.focus();
		projects.dispatchEvent(new Event("input", { bubbles: true }));
	});
}

// "Try it": the gateway is asked with the token that is shown, without leaving the page.
for (const form of document.querySelectorAll("form[data-try]")) {
	const [out, body] = [form.querySelector("output"), form.querySelector("details")];
	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		const bytes = new TextEncoder().encode(form.elements.holder.value + ":" + form.elements.token.value);
		const basic = btoa(String.fromCharCode(...bytes));
		out.textContent = "…";
		body.hidden = true;
		try {
			const response = await fetch(form.dataset.try, { headers: { Authorization: "Basic " + basic, Accept: "application/json" }, credentials: "omit" });
			const text = await response.text();
			let answer = null;
			try { answer = JSON.parse(text); } catch { /* shown as it is */ }
			const says = answer && (response.ok ? answer.displayName || answer.name : (answer.errorMessages || []).join(" "));
			const [withText, without] = response.headers.get("X-Jira-Token-Reason")
				? [form.dataset.gatewaySays, form.dataset.gatewayAnswers] : [form.dataset.says, form.dataset.answers];
			out.textContent = say(says ? withText : without, response.status, String(says).replace(/\.$/, ""));
			body.querySelector("pre").textContent = answer ? JSON.stringify(answer, null, 2) : text;
			body.hidden = false;
		} catch (error) {
			out.textContent = String(error);
		}
	});
}

// Sections become tabs. The open one is in the address.
for (const group of document.querySelectorAll("[data-tabs]")) {
	const list = document.createElement("div");
	list.className = "tabs";
	list.setAttribute("role", "tablist");
	list.setAttribute("aria-label", group.dataset.tabs);
	const panels = [...group.querySelectorAll("details")].map((section) => {
		const [panel, tab] = [document.createElement("div"), document.createElement("button")];
		tab.type = "button";
		tab.id = "tab-" + section.id;
		tab.textContent = section.querySelector("summary").textContent;
		tab.setAttribute("role", "tab");
		tab.setAttribute("aria-controls", section.id);
		panel.setAttribute("role", "tabpanel");
		panel.setAttribute("aria-labelledby", tab.id);
		panel.id = section.id;
		section.querySelector("summary").remove();
		panel.append(...section.childNodes);
		section.replaceWith(panel);
		list.append(tab);
		return { panel, tab };
	});
	const open = (which) => {
		for (const { panel, tab } of panels) {
			panel.hidden = panel !== which.panel;
			tab.setAttribute("aria-selected", String(!panel.hidden));
			tab.tabIndex = panel.hidden ? -1 : 0;
		}
	};
	panels.forEach((one, i) => {
		one.tab.addEventListener("click", () => { open(one); history.replaceState(null, "", "#" + one.panel.id); });
		one.tab.addEventListener("keydown", (event) => {
			const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: panels.length - 1 }[event.key];
			if (to === undefined) return;
			event.preventDefault();
			const next = panels[(to + panels.length) % panels.length];
			next.tab.focus();
			next.tab.click();
		});
	});
	group.prepend(list);
	open(panels.find(({ panel }) => "#" + panel.id === location.hash) || panels[0]);
}

// Questions open in a dialog instead of on a page of their own.
for (const link of document.querySelectorAll("a[data-dialog]")) {
	if (link.pathname.endsWith("/edit") || !window.HTMLDialogElement) continue;
	link.addEventListener("click", async (event) => {
		if (event.metaKey || event.ctrlKey || event.shiftKey) return;
		event.preventDefault();
		const response = await fetch(link.href).catch(() => null);
		const form = response && response.ok && new DOMParser().parseFromString(await response.text(), "text/html").querySelector("form[data-question]");
		if (!form) { location.href = link.href; return; }
		if (document.querySelector("dialog[open]")) return; // it was clicked on twice
		const dialog = document.createElement("dialog");
		form.action = link.href;
		const heading = form.querySelector("h1");
		const smaller = document.createElement("h2");
		smaller.textContent = heading.textContent;
		smaller.id = "question";
		smaller.tabIndex = -1;
		heading.replaceWith(smaller);
		dialog.setAttribute("aria-labelledby", "question");
		dialog.append(document.adoptNode(form));
		document.body.append(dialog);
		dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
		for (const close of dialog.querySelectorAll("[data-close]")) {
			close.addEventListener("click", (e) => { e.preventDefault(); dialog.close(); });
		}
		dialog.showModal();
		smaller.focus(); // and not the button: Enter that is held down would press it
	});
}
