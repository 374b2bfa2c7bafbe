/* Search without a server: SEARCH_TEXT is [[page, weight, [[anchor, heading, prose]]]], written by tools/docs.py. */
"use strict";

const stem = (word) => word.replace(/(ies|s)$/, (end) => (end === "ies" ? "y" : ""));
const termsOf = (query) => [...new Set(query.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [])].map(stem);
const count = (text, term) => text.split(term).length - 1;

/* How well a page answers: words of its title count most, then headings, then prose; all words of the query together
   count more than one of them often; tutorials and how-tos come before the reference. */
function score([page, weight, sections], terms) {
  const title = (sections[0][1] + " " + page).toLowerCase();
  let found = 0, total = 0, best = [0, sections[0]];
  for (const term of terms) {
    const inTitle = title.includes(term) ? 12 : 0;
    let inText = 0;
    for (const [, heading, prose] of sections)
      inText += 4 * Math.min(1, count(heading.toLowerCase(), term)) + Math.min(3, count(prose.toLowerCase(), term));
    if (inTitle || inText) found += 1;
    total += inTitle + Math.min(12, inText);
  }
  for (const section of sections) {
    const text = (section[1] + " " + section[2]).toLowerCase();
    const points = terms.reduce((sum, term) => sum + (text.includes(term) ? 10 + Math.min(3, count(text, term)) : 0), 0);
    if (points > best[0]) best = [points, section];
  }
  return { value: weight * total * (found / terms.length) ** 2, page, title: sections[0][1], section: best[1] };
}

/* The words around the first of the terms, all terms marked. */
function excerpt(prose, terms, length = 220) {
  const lower = prose.toLowerCase();
  const places = terms.map((term) => lower.indexOf(term)).filter((at) => at >= 0);
  let begin = Math.max(0, (places.length ? Math.min(...places) : 0) - 60);
  if (begin) begin = prose.indexOf(" ", begin) + 1;
  const text = prose.slice(begin, begin + length), node = document.createElement("p");
  const marks = new RegExp(`(${terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "giu");
  node.append(begin ? "… " : "");
  text.split(marks).forEach((part, k) => {
    if (k % 2) node.appendChild(document.createElement("mark")).textContent = part;
    else node.append(part);
  });
  node.append(begin + length < prose.length ? " …" : "");
  return node;
}

function show(query) {
  const terms = termsOf(query), status = document.getElementById("search-status");
  document.querySelectorAll('input[name="q"]').forEach((field) => (field.value = query));
  if (!terms.length) return (status.textContent = "Type words into the field at the top of the page list.");
  const found = window.SEARCH_TEXT.map((page) => score(page, terms)).filter((one) => one.value > 0);
  found.sort((a, b) => b.value - a.value);
  status.textContent = found.length ? `${found.length} pages, the best first` : `Nothing contains “${query}”.`;
  for (const { page, title, section } of found.slice(0, 30)) {
    const item = document.getElementById("search-results").appendChild(document.createElement("li"));
    const link = item.appendChild(document.createElement("a"));
    link.href = section[0] ? `${page}#${section[0]}` : page;
    link.textContent = section[1] && section[1] !== title ? `${title} › ${section[1]}` : title;
    const place = item.appendChild(document.createElement("small"));
    place.textContent = page.replace(".html", "").replaceAll("_", " ");
    item.append(excerpt(section[2], terms));
  }
}

show(new URLSearchParams(window.location.search).get("q") || "");
