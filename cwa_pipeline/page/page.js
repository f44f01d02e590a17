
"use strict";
// What the integration page does in the browser: find, filter, sort, open, copy, export. All text from CWA and PCRT goes in as
// text nodes, never as markup. The rows come as columns (page/content.py): a list, or {v: distinct values, i: which of them}.
(() => {
  const FIRST_ROWS = 25, MORE_ROWS = 200, DAY = 86400, LOOK_AT_THE_CLOCK = 600000;
  const $ = (id) => document.getElementById(id);
  let now = Date.now() / 1000;

  // --- small helpers -----------------------------------------------------------------------------------------------------
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  function copied(button) {
    const label = button.dataset.label ?? button.textContent;
    button.dataset.label = label;  // a second click meanwhile must not take "Copied" for the label
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  }
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // no clipboard over plain http: the old way still works there
      const focused = document.activeElement;
      const area = element("textarea", { class: "for-copying", "aria-label": "Being copied" });
      area.value = text;
      (focused.closest("dialog") ?? document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      focused.focus({ preventScroll: true });
    }
    $("said").textContent = `Copied: ${text}`;
  }
  const copyButton = (label, text) =>
    element("button", { type: "button", class: "copy", "data-copy": text, "aria-label": label === "Copy" ? `Copy ${text}` : null }, label);
  const date = (seconds) => {
    const day = new Date(seconds * 1000);
    return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  };
  const ago = (seconds) => {
    const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
    const hours = (seconds - now) / 3600;
    if (Math.abs(hours) < 1) return format.format(Math.round(hours * 60), "minute");
    return Math.abs(hours) < 48 ? format.format(Math.round(hours), "hour") : format.format(Math.round(hours / 24), "day");
  };

  // --- what works on a page without rows too -----------------------------------------------------------------------------
  function stored(name, value) {
    try {
      if (value === undefined) return localStorage.getItem(name);
      localStorage.setItem(name, value);
    } catch { /* a locked-down browser keeps nothing; the page works without */ }
    return null;
  }
  const themeButton = $("theme-button");
  function showTheme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    const dark = (theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    themeButton.setAttribute("aria-pressed", String(dark));
  }
  showTheme(stored("cwa-pipeline-theme"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showTheme(stored("cwa-pipeline-theme")));
  themeButton.addEventListener("click", () => {
    const theme = themeButton.getAttribute("aria-pressed") === "true" ? "light" : "dark";
    stored("cwa-pipeline-theme", theme);
    showTheme(theme);
  });
  $("keys-button").addEventListener("click", () => $("keys").showModal());
  $("print-button").addEventListener("click", () => print());
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.title = time.textContent;
    time.textContent = `${new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })} (${ago(Date.parse(time.dateTime) / 1000)})`;
  }
  function tellWhenStale() {
    const { finished, staleHours } = document.body.dataset;
    if (!finished) return;
    const hours = (Date.now() - Date.parse(finished)) / 3600000;
    $("stale").hidden = hours <= Number(staleHours);
    $("stale").textContent = `This page is out of date: the last sync finished ${ago(Date.parse(finished) / 1000)}. ` +
      "Ask whoever looks after cwa-pipeline why; the figures below are of that day.";
  }
  tellWhenStale();
  setInterval(tellWhenStale, LOOK_AT_THE_CLOCK);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) copy(button.dataset.copy).then(() => copied(button));
  });
  if (!$("rows")) return;

  // --- the rows ----------------------------------------------------------------------------------------------------------
  const data = JSON.parse($("rows").textContent);
  const columns = (table) => {
    const read = {};
    for (const [name, column] of Object.entries(table)) {
      if (name === "length") continue;
      read[name] = Array.isArray(column) ? (row) => column[row] : (row) => (column.i[row] < 0 ? null : column.v[column.i[row]]);
    }
    return read;
  };
  const C = columns(data.computers);
  const computerRow = new Map();
  for (let row = 0; row < data.computers.length; row += 1) computerRow.set(C.computer_id(row), row);

  const suggestionsOf = new Map();
  const S = columns(data.suggestions);
  for (let row = 0; row < data.suggestions.length; row += 1) {
    const id = S.computer_id(row);
    if (!suggestionsOf.has(id)) suggestionsOf.set(id, []);
    suggestionsOf.get(id).push(row);
  }
  const snoozeOf = new Map();
  const Z = columns(data.snoozes);
  for (let row = 0; row < data.snoozes.length; row += 1) {
    snoozeOf.set(Z.issue_key(row), { until: Z.snoozed_until(row), note: Z.note(row) });
  }

  // An issue: its block, what it is about, since when, who the customer is, and how to read its columns.
  const issues = [];
  for (const [area, table] of Object.entries(data.issues)) {
    const read = columns(table);
    for (let row = 0; row < table.length; row += 1) {
      const block = data.blocks[read.block(row)];
      const id = read[`${block.about}_id`](row);
      const computer = area === "computer" ? computerRow.get(id) : undefined;
      const key = `${block.about}:${id}:${block.issue}`;
      issues.push({
        key, block, area, id, row, read, computer, number: read.block(row), seen: read.seen(row),
        customer: (area === "group" ? read.group_name(row) : read.client_name(row)) ?? "", snooze: null, text: null,
      });
    }
  }
  // A snooze that is over counts no more; returns whether that changed anything.
  function tellSnoozed() {
    now = Date.now() / 1000;
    let changed = false;
    for (const issue of issues) {
      const snooze = snoozeOf.get(issue.key), counts = snooze && snooze.until > now ? snooze : null;
      changed ||= counts !== issue.snooze;
      issue.snooze = counts;
    }
    return changed;
  }
  tellSnoozed();
  const subject = (issue) => {
    if (issue.area === "computer") return C.computer_name(issue.computer);
    if (issue.area === "client") return issue.read.client_name(issue.row);
    return issue.read.subscription_name(issue.row) ?? issue.read.group_name(issue.row);
  };
  const computerText = (row) => ["computer_id", "computer_name", "client_name", "client_id", "serial_number", "asset_tag", "pcid", "pcid_name",
    "pcid_group_name", "expected_group_name", "expected_group_id", "plans", "last_user"].map((name) => C[name](row) ?? "").join("\n").toLowerCase();
  function searchText(issue) {
    if (issue.text === null) {
      const own = Object.entries(issue.read).filter(([name]) => name !== "block" && name !== "seen").map(([, read]) => read(issue.row) ?? "");
      const about = issue.computer === undefined ? "" : computerText(issue.computer);
      issue.text = `${issue.key}\n${issue.block.reason ?? ""}\n${own.join("\n")}\n${about}`.toLowerCase();
    }
    return issue.text;
  }

  // --- cells -------------------------------------------------------------------------------------------------------------
  const link = (what, id, text) => {
    const template = data.links[what];
    if (!template || id === null || id === undefined) return text;
    return element("a", { href: template.replace(/\{\w+\}/, encodeURIComponent(id)), rel: "noopener noreferrer", target: "_blank" }, text);
  };
  const named = (what, id, name) => {
    if (id === null || id === undefined) return name ? [element("bdi", {}, name)] : null;
    if (!name) return [link(what, id, String(id))];
    return [link(what, id, element("bdi", {}, name)), "\u00a0", element("small", {}, String(id))];
  };
  const text = (value) => (value === null || value === undefined || value === "" ? null : [element("bdi", {}, String(value))]);
  const serial = (value) => value && [element("span", { class: "serial" }, element("code", {}, value), copyButton("Copy", value))];
  const since = (seconds) => seconds && [date(seconds), " ", element("small", {}, `${Math.max(0, Math.floor((now - seconds) / DAY))} d`)];
  const best = (issue) => {
    const found = suggestionsOf.get(issue.id);
    if (!found || !["no_matching_pcid", "pcid_does_not_exist"].includes(issue.block.issue)) return null;
    return [...named("pcid", S.pcid(found[0]), S.name(found[0])), element("small", {}, ` · ${S.confidence(found[0])}, ${S.score(found[0])}`)];
  };
  const of = (name) => (issue) => issue.read[name](issue.row);
  const ofComputer = (name) => (issue) => C[name](issue.computer);
  const SINCE = { head: "Since", sort: (issue) => issue.seen, cell: (issue) => since(issue.seen), kind: "n fix" };
  // Each column: its heading, what it sorts by, and its cell; a column that is empty in a whole block is left out.
  const COLUMNS = {
    client: [
      { head: "Client", sort: of("client_name"), cell: (issue) => named("client", issue.id, of("client_name")(issue)), kind: "w" },
      { head: "External ID", sort: of("external_id"), cell: (issue) => text(of("external_id")(issue)) },
      { head: "Group", sort: of("group_id"), cell: (issue) => named("group", of("group_id")(issue), of("group_name")(issue)) },
      SINCE,
    ],
    computer: [
      { head: "Computer", sort: ofComputer("computer_name"), cell: (issue) => named("computer", issue.id, ofComputer("computer_name")(issue)), kind: "w" },
      { head: "Client", sort: of("client_name"), cell: (issue) => named("client", of("client_id")(issue), of("client_name")(issue)), kind: "w" },
      { head: "Serial number", sort: ofComputer("serial_number"), cell: (issue) => serial(ofComputer("serial_number")(issue)) },
      { head: "Asset Tag", sort: ofComputer("asset_tag"), cell: (issue) => text(ofComputer("asset_tag")(issue)) },
      { head: "PCID", sort: ofComputer("pcid"), cell: (issue) => named("pcid", ofComputer("pcid")(issue), ofComputer("pcid_name")(issue)) },
      { head: "Its group", sort: ofComputer("pcid_group_name"), cell: (issue) => named("group", ofComputer("pcid_group_id")(issue), ofComputer("pcid_group_name")(issue)) },
      { head: "Expected group", sort: ofComputer("expected_group_name"), cell: (issue) => named("group", ofComputer("expected_group_id")(issue), ofComputer("expected_group_name")(issue)) },
      { head: "Likeliest PCID", sort: (issue) => (suggestionsOf.has(issue.id) ? S.score(suggestionsOf.get(issue.id)[0]) : null), cell: best, kind: "w" },
      SINCE,
    ],
    group: [
      { head: "Group", sort: of("group_name"), cell: (issue) => named("group", of("group_id")(issue), of("group_name")(issue)), kind: "w" },
      { head: "Subscription", sort: of("subscription_name"), cell: (issue) => named("subscription", of("subscription_id")(issue), of("subscription_name")(issue)), kind: "w" },
      { head: "CWA Group", sort: of("cwa_group"), cell: (issue) => text(of("cwa_group")(issue)) },
      { head: "Computers", sort: of("computer_plans"), cell: (issue) => text(of("computer_plans")(issue) ?? "in no plan") },
      { head: "Subscriptions", sort: of("subscription_plans"), cell: (issue) => text(of("subscription_plans")(issue) ?? "none with a plan") },
      { head: "Expected", sort: expected, cell: (issue) => text(expected(issue)) },
      SINCE,
    ],
  };
  // The configuration that would resolve it, beside the one found.
  function expected(issue) {
    const plans = (of("computer_plans")(issue) ?? "").split(", ").filter(Boolean).map((plan) => plan.replace(/^\d+ /, ""));
    const together = plans.length ? `subscriptions: ${plans.join(", ")}` : null;
    return {
      no_cwa_subscriptions: together ?? "no computer in a plan",
      too_few_subscriptions: together,
      wrong_cwa_group: plans.length ? `CWA Group: ${plans.join(" or ")}` : null,
      no_valid_cwa_group: plans.length ? `CWA Group: ${plans.join(" or ")}` : "CWA Group: a plan's name",
      duplicate_subscription: "one subscription of this plan",
      subscription_without_computers: "a computer in this plan",
      no_cwa_client: `a client with External ID ${of("group_id")(issue)}`,
    }[issue.block.issue] ?? null;
  }
  const COMPUTER_COLUMNS = [
    { head: "Computer", sort: (row) => C.computer_name(row), cell: (row) => named("computer", C.computer_id(row), C.computer_name(row)), kind: "w" },
    { head: "Client", sort: (row) => C.client_name(row), cell: (row) => named("client", C.client_id(row), C.client_name(row)), kind: "w" },
    { head: "Serial number", sort: (row) => C.serial_number(row), cell: (row) => serial(C.serial_number(row)) },
    { head: "PCID", sort: (row) => C.pcid(row), cell: (row) => named("pcid", C.pcid(row), C.pcid_name(row)) },
    { head: "Plans", sort: (row) => C.plans(row), cell: (row) => text(C.plans(row)) },
    { head: "Last contact", sort: (row) => C.last_contact(row), cell: (row) => (C.last_contact(row) ? [date(C.last_contact(row))] : null), kind: "n fix" },
    { head: "Covered", sort: (row) => C.broken(row) ?? "yes", cell: (row) => (C.broken(row) ? [`no: ${C.broken(row)}`] : ["yes"]), kind: "fix" },
  ];

  // --- a row opened ------------------------------------------------------------------------------------------------------
  function chain(row) {
    const fill = (sentence) => sentence.replace(/\{(\w+)\}/g, (_, name) => String(C[name](row) ?? "").trim() || "none");
    const list = element("ol", { class: "chain" });
    let fix = null;
    for (const name of data.chain.links) {
      const code = C[name](row);
      if (!code) continue;
      const broken = code in data.chain.fixes;
      if (broken) fix = data.chain.fixes[code];
      list.append(element("li", { class: broken ? "broken" : "" }, element("span", { role: "img", "aria-label": broken ? "broken" : "holds" }, broken ? "✗" : "✓"),
        element("span", {}, name), element("bdi", {}, fill(data.chain.texts[code]))));
    }
    if (fix) list.append(element("li", { class: "fix" }, element("span", { "aria-hidden": "true" }, "→"), element("span", {}, "smallest fix"), element("bdi", {}, fill(fix))));
    return element("div", {}, element("p", { class: "part" }, "Why it is covered, or why not"), list);
  }
  function suggestions(id) {
    const found = suggestionsOf.get(id);
    if (!found) return null;
    const list = element("ol", { class: "suggestions" }, ...found.map((row) => element("li", {},
      element("b", { class: "score" }, String(S.score(row))),
      element("span", {}, ...named("pcid", S.pcid(row), S.name(row)), ...(S.group_name(row) ? [" of ", element("bdi", {}, S.group_name(row))] : []), element("br"),
        element("small", {}, `${S.confidence(row)}: `, element("bdi", {}, S.evidence(row)))))));
    return element("div", {}, element("p", { class: "part" }, "Likeliest PCIDs, for you to check; nothing is matched by itself"), list);
  }
  const issueLink = (issue) => `${location.href.split("#")[0]}#issue=${encodeURIComponent(issue.key)}`;
  function actions(issue, computer) {
    const value = computer === undefined ? null : C.serial_number(computer);
    const buttons = value ? [copyButton(`serial: ${value}`, `serial: ${value}`)] : [];
    if (issue) {
      buttons.push(copyButton("Link to this issue", issueLink(issue)));
      const command = `cwa-pipeline snooze ${issue.key} --until ${date(now + 30 * DAY)} --note "…"`;
      buttons.push(copyButton("Command to snooze it", command));
    }
    return buttons.length ? element("div", {}, element("p", { class: "part" }, "Copy"), element("div", { class: "actions" }, ...buttons)) : null;
  }
  function detail(issue, computer, width) {
    const snooze = issue && issue.snooze ? element("p", { class: "snooze-note" }, `Snoozed until ${date(issue.snooze.until)}`, ...(issue.snooze.note ? [": ", element("bdi", {}, issue.snooze.note)] : [])) : null;
    const parts = [computer === undefined ? null : chain(computer), issue && issue.area === "computer" ? suggestions(issue.id) : computer === undefined ? null : suggestions(C.computer_id(computer)), actions(issue, computer)];
    return element("tr", { class: "detail" }, element("td", { colspan: width }, snooze, element("div", { class: "detail-grid" }, ...parts)));
  }

  // --- tables ------------------------------------------------------------------------------------------------------------
  // A listing shows some items under a block or under "computers": sorted, a part at a time, each with a detail row.
  let target = null;  // the issue that the address names
  function listing(host, label, allColumns, parts) {
    const view = { items: [], limit: FIRST_ROWS, sorted: null, rows: new Map(), opened: new Set(), first: null };
    function values() {
      const items = sorted();
      if (view.first === null) return items;
      const at = items.findIndex((item) => parts(item).id === view.first);
      return at < 0 ? items : [items[at], ...items.slice(0, at), ...items.slice(at + 1)];
    }
    function sorted() {
      if (!view.sorted) return view.items;
      const { column, direction } = view.sorted;
      const keyed = view.items.map((item) => [column.sort(item) || null, item]);
      keyed.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return direction * (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));
      });
      return keyed.map(([, item]) => item);
    }
    function heading(column) {
      const active = view.sorted && view.sorted.column === column;
      const sort = () => {
        view.sorted = { column, direction: active ? -view.sorted.direction : 1 };
        view.render();
        host.querySelector("th[aria-sort] button")?.focus();
      };
      return element("th", { scope: "col", class: (column.kind ?? "").includes("n") ? "n" : null, "aria-sort": active ? (view.sorted.direction > 0 ? "ascending" : "descending") : null },
        element("button", { type: "button", on: { click: sort } }, column.head));
    }
    function tableRow(item, shownColumns) {
      const { id, name, snoozed } = parts(item);
      const opener = element("button", { type: "button", class: "opener", "aria-expanded": "false", "aria-label": `Details of ${name ?? id}` }, "▸");
      const cells = shownColumns.map((column, position) => {
        const content = column.cell(item);
        if (position === 0 && snoozed) content.push(element("small", {}, ` · snoozed until ${date(snoozed.until)}`));
        return element("td", { class: [column.kind, content ? null : "empty"].filter(Boolean).join(" ") || null, "data-label": column.head }, content ? element("div", { class: "cut" }, ...content) : null);
      });
      const row = element("tr", { class: `row${snoozed ? " snoozed" : ""}${id === target ? " target" : ""}`, tabindex: "-1", "data-id": id }, element("td", { class: "o" }, opener), ...cells);
      view.rows.set(id, { row, toggle: (open) => toggle(item, row, opener, open) });
      return row;
    }
    function toggle(item, row, opener, open = !row.classList.contains("open")) {
      if (open === row.classList.contains("open")) return;
      row.classList.toggle("open", open);
      if (open) view.opened.add(row.dataset.id); else view.opened.delete(row.dataset.id);
      opener.setAttribute("aria-expanded", String(open));
      opener.textContent = open ? "▾" : "▸";
      if (open) row.after(detail(parts(item).issue, parts(item).computer, row.children.length));
      else row.nextElementSibling.remove();
    }
    view.render = () => {
      view.rows.clear();
      const ordered = values(), shown = ordered.slice(0, view.limit);
      if (!shown.length) { host.replaceChildren(); return; }
      const shownColumns = allColumns.filter((column) => shown.some((item) => column.cell(item)));
      const body = element("tbody", {}, ...shown.map((item) => tableRow(item, shownColumns)));
      const head = element("tr", {}, element("th", {}, element("span", { class: "hidden" }, "Details")), ...shownColumns.map(heading));
      const table = element("table", {}, element("caption", { class: "hidden" }, label), element("thead", {}, head), body);
      body.addEventListener("click", (event) => {
        const row = event.target.closest("tr.row"), marking = !getSelection().isCollapsed;
        if (row && (event.target.closest(".opener") || !(marking || event.target.closest("a, button")))) view.rows.get(row.dataset.id)?.toggle();
      });
      const left = ordered.length - shown.length;
      const show = (limit) => () => { view.limit = limit; view.render(); };
      const more = left > 0 ? element("div", { class: "more" },
        element("button", { type: "button", on: { click: show(view.limit + MORE_ROWS) } }, `Show ${Math.min(left, MORE_ROWS).toLocaleString("en")} more`),
        left > MORE_ROWS ? element("button", { type: "button", on: { click: show(Infinity) } }, `Show all ${ordered.length.toLocaleString("en")}`) : null) : null;
      host.replaceChildren(table, ...(more ? [more] : []));
      for (const id of view.opened) view.rows.get(id)?.toggle(true);
    };
    // A row that is linked to and far down comes first: laying out the thousands before it would take seconds.
    view.reveal = (id) => {
      if (!view.rows.has(id)) { view.first = id; view.render(); }
      return view.rows.get(id);
    };
    return view;
  }
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const blocks = new Map();
  for (const host of document.querySelectorAll(".block")) {
    const number = Number(host.dataset.block), block = data.blocks[number];
    const label = `${block.issue}${block.reason ? ` (${block.reason})` : ""}`;
    const parts = (issue) => ({ id: issue.key, name: subject(issue), snoozed: issue.snooze, issue, computer: issue.computer });
    blocks.set(number, { host, view: listing(host.querySelector(".rows"), label, COLUMNS[block.area], parts) });
  }
  const computers = listing($("computers").querySelector(".rows"), "All computers", COMPUTER_COLUMNS,
    (row) => ({ id: `computer-${C.computer_id(row)}`, name: C.computer_name(row), snoozed: null, issue: null, computer: row }));

  // --- finding -----------------------------------------------------------------------------------------------------------
  const computerCount = $("computers").querySelector("h2 .count").textContent;  // of all, though the page may not hold all
  const FILTERS = ["q", "kind", "customer", "severity", "age"];
  const value = (name) => $(name).value.trim();
  let found = [];
  function matches(issue, terms, customer) {
    const age = Number(value("age")), days = (now - issue.seen) / DAY;
    return (!value("kind") || issue.block.issue === value("kind")) && (!value("severity") || issue.block.severity === value("severity")) &&
      (!customer || issue.customer.toLowerCase().includes(customer)) && (!age || (age < 0 ? days <= -age : days > age)) &&
      terms.every((term) => searchText(issue).includes(term));
  }
  function find() {
    const terms = value("q").toLowerCase().split(/\s+/).filter(Boolean), customer = value("customer").toLowerCase();
    const hits = issues.filter((issue) => matches(issue, terms, customer));
    found = hits.filter((issue) => $("snoozed").checked || !issue.snooze);
    const folded = hits.length - hits.filter((issue) => !issue.snooze).length;
    const byBlock = new Map();
    for (const issue of found) {
      if (!byBlock.has(issue.number)) byBlock.set(issue.number, []);
      byBlock.get(issue.number).push(issue);
    }
    for (const [number, { host, view }] of blocks) {
      view.items = byBlock.get(number) ?? [];
      view.limit = FIRST_ROWS;
      view.first = null;
      view.render();
      host.hidden = !view.items.length;
      const count = host.querySelector(".count");
      if (count) count.textContent = view.items.length.toLocaleString("en");
    }
    for (const section of document.querySelectorAll(".kind[data-issue]")) {
      const inside = [...section.querySelectorAll(".block")].map((host) => blocks.get(Number(host.dataset.block)).view.items.length);
      const all = inside.reduce((sum, length) => sum + length, 0);
      section.hidden = !all;
      section.querySelector("h2 .count").textContent = all.toLocaleString("en");
    }
    computers.items = [...computerRow.values()].filter((row) => (!customer || (C.client_name(row) ?? "").toLowerCase().includes(customer)) &&
      (!terms.length || terms.every((term) => computerText(row).includes(term))));
    computers.limit = FIRST_ROWS;
    computers.render();
    $("computers").querySelector("h2 .count").textContent = terms.length || customer
      ? `${computers.items.length.toLocaleString("en")} of ${computerRow.size.toLocaleString("en")}` : computerCount;
    const filtered = FILTERS.some(value);
    $("reset").hidden = !filtered;
    $("shown").textContent = `${found.length.toLocaleString("en")}${filtered ? ` of ${issues.length.toLocaleString("en")}` : ""} issues` + (folded && !$("snoozed").checked ? `, ${folded.toLocaleString("en")} snoozed` : "");
    return filtered;
  }
  function remember() {
    const state = new URLSearchParams(FILTERS.filter(value).map((name) => [name, value(name)]));
    if ($("snoozed").checked) state.set("snoozed", "1");
    history.replaceState(null, "", state.size ? `#${state}` : location.href.split("#")[0]);
  }
  function clear() { for (const name of FILTERS) $(name).value = ""; }
  function reset() {
    clear();
    target = null;
    $("message").hidden = true;
    find();
    remember();
  }
  let waiting;
  for (const name of [...FILTERS, "snoozed"]) $(name).addEventListener(name === "q" || name === "customer" ? "input" : "change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { find(); remember(); }, name === "q" ? 120 : 0);
  });
  $("reset").addEventListener("click", reset);
  $("customers").append(...[...new Set(issues.map((issue) => issue.customer))].filter(Boolean).sort(collator.compare).map((name) => element("option", { value: name })));

  function tell(message) {
    $("message").hidden = !message;
    $("message").textContent = message;
  }
  function open(key) {
    const issue = issues.find((each) => each.key === key);
    tell(issue ? "" : `${key} is not open: it was resolved, or is newer than this page.`);
    if (!issue) { $("issues").scrollIntoView(); return; }
    clear();
    if (issue.snooze) $("snoozed").checked = true;
    target = key;
    find();
    const shown = blocks.get(issue.number).view.reveal(key);
    shown.toggle(true);
    shown.row.scrollIntoView({ block: "center" });
    shown.row.focus({ preventScroll: true });
  }
  // A link to a kind from the overview: it has to lead somewhere, whatever is filtered and snoozed.
  function openKind(section) {
    if (section.hidden) clear();
    find();
    if (section.hidden) { $("snoozed").checked = true; find(); }
    section.scrollIntoView();
  }
  function follow() {
    const section = location.hash.startsWith("#kind-") && $(location.hash.slice(1));
    if (section) { openKind(section); return; }
    const state = new URLSearchParams(location.hash.slice(1));
    for (const name of FILTERS) {
      $(name).value = state.get(name) ?? "";
      if ($(name).selectedIndex === -1) $(name).value = "";
    }
    $("snoozed").checked = state.has("snoozed");
    find();
    if (state.has("issue")) open(state.get("issue"));
  }
  addEventListener("hashchange", follow);
  follow();
  setInterval(() => { if (tellSnoozed()) find(); }, LOOK_AT_THE_CLOCK);

  // --- out ---------------------------------------------------------------------------------------------------------------
  // No spreadsheet may take a text for a formula; the same rule as the command line's (terminal.csv_safe).
  const csvCell = (cell) => `"${String(cell ?? "").replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
  $("csv").addEventListener("click", () => {
    const head = ["issue_key", "severity", "issue", "reason", "customer", "subject", "serial_number", "asset_tag", "pcid", "group_id", "subscription_id", "first_seen", "snoozed_until"];
    const lines = found.map((issue) => {
      const of = (name) => (issue.computer !== undefined && C[name] ? C[name](issue.computer) : issue.read[name] ? issue.read[name](issue.row) : null);
      return [issue.key, issue.block.severity, issue.block.issue, issue.block.reason, issue.customer, subject(issue), of("serial_number"), of("asset_tag"), of("pcid"),
        issue.area === "computer" ? of("expected_group_id") : of("group_id"), of("subscription_id"), issue.seen ? new Date(issue.seen * 1000).toISOString() : null, issue.snooze ? date(issue.snooze.until) : null];
    });
    const file = new Blob([`\ufeff${[head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" });
    const url = URL.createObjectURL(file);
    element("a", { href: url, download: `issues-${date(now)}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });
  addEventListener("beforeprint", () => { for (const { view } of blocks.values()) { view.limit = Infinity; view.render(); } });
  addEventListener("afterprint", find);

  // --- keyboard ----------------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea"), detail = event.target.closest("tr.detail");
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("dialog")) return;
    if (event.key === "Escape") { reset(); if (typing) typing.blur(); return; }
    if (typing) return;
    const rows = [...document.querySelectorAll("tr.row")], row = detail ? detail.previousElementSibling : event.target.closest("tr.row");
    if (event.key === "/") { event.preventDefault(); $("q").focus(); $("q").select(); }
    else if (event.key === "?") $("keys").showModal();
    else if (event.key === "j" || event.key === "k") {
      const next = rows[row ? rows.indexOf(row) + (event.key === "j" ? 1 : -1) : 0];
      if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
    } else if (row && event.key === "Enter" && event.target === row) row.querySelector(".opener").click();
    else if (row && event.key === "c") {
      const issue = issues.find((each) => each.key === row.dataset.id);
      if (issue) copy(issueLink(issue)).then(() => tell(`Link to ${issue.key} copied`));
    }
  });
  // What scrolls into view must not land beneath the tools, which wrap to several lines on a narrow screen.
  new ResizeObserver(([tools]) => document.documentElement.style.setProperty("--tools", `${tools.borderBoxSize[0].blockSize}px`)).observe($("issues"));
  document.documentElement.dataset.ready = "true";
})();
