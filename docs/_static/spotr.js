/* The page list shows where one is. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector(".sidebar-scroll");
  const here = [...document.querySelectorAll(".sidebar-tree .current-page")].pop();
  if (list && here) list.scrollTop += here.getBoundingClientRect().top - list.getBoundingClientRect().top - list.clientHeight / 3;
});
