// Copy buttons. Without this script there are none: a click selects what they would copy.
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
	if (!navigator.clipboard) break;
	button.hidden = false;
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
		button.textContent = "✓ Copy";
		setTimeout(() => { button.textContent = "Copy"; }, 2000);
	});
}
