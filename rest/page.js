"use strict";

// Times in the reader's zone. Without this script they are in UTC.
for (const time of document.querySelectorAll("time")) {
	const at = new Date(time.dateTime);
	const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
	const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
	time.textContent = `${day.format(at)}, ${hour.format(at)}`;
}

// Copy buttons. Without this script there are none: a click selects what they would copy.
for (const button of document.querySelectorAll("[data-copy]")) {
	if (!navigator.clipboard) break;
	button.hidden = false;
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
		button.textContent = "✓ Copy";
		setTimeout(() => { button.textContent = "Copy"; }, 2000);
	});
}
