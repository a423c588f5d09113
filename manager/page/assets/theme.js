// The chosen theme, before the page is shown: the other script runs after that.
"use strict";
try {
	const chosen = localStorage.getItem("theme");
	if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing has no choice to remember */ }
