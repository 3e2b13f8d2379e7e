// Turns every <table data-rows="ID"> into one that sorts, filters and copies; ID is its JSON beside it.
const verdicts = new Set(["slower", "faster", "same", "undecided"]);
const asText = $.fn.dataTable.render.text();

// The library follows a class, the page the reader's preference.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();

function column(described) {
  return {
    title: asText.display(described.title),
    visible: described.shown,
    type: described.kind === "number" ? "num-fmt" : "string",
    className: described.kind === "number" ? "number" : "",
    render: asText,
    createdCell: (cell, value) => {
      const word = String(value).split(",")[0];
      if (described.kind === "verdict" && verdicts.has(word)) cell.classList.add(word);
    },
  };
}

function below(details) {
  const list = document.createElement("ul");
  for (const detail of details) {
    const item = list.appendChild(document.createElement("li"));
    if (detail.link) {
      const link = item.appendChild(document.createElement("a"));
      link.href = detail.link;
      link.textContent = detail.words;
    } else {
      item.append(detail.words);
    }
    if (detail.command) {
      item.append(" ");
      item.appendChild(document.createElement("code")).textContent = detail.command;
    }
  }
  return list;
}

for (const element of document.querySelectorAll("table[data-rows]")) {
  const source = JSON.parse(document.getElementById(element.dataset.rows).textContent);
  const columns = source.columns.map(column);
  if (source.details.length) {
    columns.unshift({
      title: "more",
      orderable: false,
      searchable: false,
      data: null,
      defaultContent: '<button type="button" class="more" aria-expanded="false" aria-label="more of this row">+</button>',
    });
  }
  const offset = columns.length - source.columns.length;
  source.columns.forEach((_, place) => { columns[place + offset].data = place; });
  const table = $(element).DataTable({
    data: source.rows,
    columns,
    order: [],
    pageLength: 25,
    lengthMenu: [25, 100, 1000],
    autoWidth: false,
    layout: {
      topStart: { buttons: [
        { extend: "copy", text: "copy", title: null },
        { extend: "csv", text: "save as CSV", title: element.dataset.rows },
        { extend: "colvis", text: "columns" },
      ] },
      topEnd: "search",
      bottomStart: "pageLength",
      bottomEnd: "paging",
    },
    language: { search: "filter:" },
  });
  // Each table has its own; a reader who jumps from one to the next must hear which it is.
  for (const pages of table.table().container().querySelectorAll("nav")) {
    pages.setAttribute("aria-label", `pages of ${source.title}`);
  }
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button.more");
    if (!button) return;
    const row = table.row(button.closest("tr"));
    const open = !row.child.isShown();
    if (open) row.child(below(source.details[row.index()])).show();
    else row.child.hide();
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "−" : "+";
  });
}
