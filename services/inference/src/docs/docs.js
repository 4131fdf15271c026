// The page at /docs: shows openapi.json and calls /predict.
//
// All it shows comes from the document or from an answer: it is written as text, never as markup.
"use strict";

const WATCH_MS = 3000; // while something is waited for
const WATCH_READY_MS = 15000;
const MAX_LISTED = 60; // categories in the table; the form has them all
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const byId = (id) => document.getElementById(id);

/** The version shown, null where there is none yet; its target; its fields in signature order. */
const page = { version: undefined, target: "", fields: [] };

/** Makes an element; children that are strings become text. */
function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.map((child) => child ?? ""));
  return node;
}

function format(number, digits = 8) {
  const size = Math.abs(number);
  const notation = size !== 0 && (size < 1e-6 || size >= 1e15) ? "scientific" : "standard";
  return number.toLocaleString("en", { notation, maximumSignificantDigits: digits });
}

const seen = (minimum, maximum) => `${format(minimum)} to ${format(maximum)}`;

// The document.

async function load() {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`openapi.json: ${response.status}`);
  const spec = await response.json();
  showRoutes(spec);
  showCodes(spec["x-canopy"].codes);
  const model = spec["x-canopy"].model;
  page.version = model?.version ?? null;
  if (model === null) return;
  byId("model").textContent = `${model.name}, version ${model.version}`;
  document.title = `Canopy: ${model.name}`;
  showFacts(model);
  showFeatures(spec);
  document.body.className = "";
}

function showFacts(model) {
  const { estimator, scores, scores_constant_mean: mean, target } = model;
  page.target = target.name;
  const settings = Object.entries(estimator.hyperparameters);
  const score = (name) => {
    if (scores[name] === null) return undefined;
    const beside = mean[name] === null ? "" : ` (always the mean: ${format(mean[name], 4)})`;
    return format(scores[name], 4) + beside;
  };
  const facts = [
    ["Predicts", `${target.name}, ${seen(target.range.minimum, target.range.maximum)} in training`],
    ["Estimator", `${estimator.name}, ${estimator.library}`],
    ["Hyperparameters", settings.map(([name, value]) => `${name} ${value ?? "none"}`).join(", ")],
    ["Rows", `${format(model.n_rows_train)} to train, ${format(model.n_rows_test)} to test`],
    ["Test RMSE", score("rmse")],
    ["Test MAE", score("mae")],
    ["Test R²", score("r2")],
    ["Fitted", model.fitted_at.replace("T", " ").replace("Z", " UTC")],
  ].filter(([, value]) => value);
  byId("facts").replaceChildren(...facts.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function showFeatures(spec) {
  const { required: names, properties, additionalProperties } = spec.components.schemas.Row;
  const content = spec.paths["/predict"].post.requestBody.content["application/json"];
  const example = content.examples.one_row.value.features;
  const features = names.map((name) => {
    const [type, orNull] = [properties[name].type].flat();
    return { name, schema: properties[name], type, nullable: orNull === "null" };
  });
  // What somebody has typed outlives a new version with the same column.
  const typed = new Map(page.fields.map((field) => [field.feature.name, field.read()]));
  page.fields = features.map(makeField);
  for (const { feature, write } of page.fields) {
    write(typed.has(feature.name) ? typed.get(feature.name) : example[feature.name]);
  }
  byId("fields").replaceChildren(...page.fields.map((field) => field.box));
  byId("reset").onclick = () => {
    page.fields.forEach((field) => field.write(example[field.feature.name]));
    clearMarks();
    showCurl();
  };
  const unknown = additionalProperties ? "are ignored" : "are refused";
  byId("features-note").textContent =
    `${names.length} columns, all of them needed; others ${unknown}. A number outside the range ` +
    "or a category not listed is answered all the same, with a warning.";
  byId("feature-rows").replaceChildren(
    ...features.map((feature) =>
      row(feature.name, feature.type === "string" ? "category" : feature.type,
        hint(feature), feature.nullable ? "yes" : "no")));
  showCurl();
}

/** What training saw of a feature. */
function hint({ schema, type }) {
  if (schema.enum) {
    const names = schema.enum.filter((category) => category !== null);
    const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : "";
    return names.slice(0, MAX_LISTED).join(", ") + more;
  }
  if (schema.minimum !== undefined) return seen(schema.minimum, schema.maximum);
  return type === "boolean" ? "true, false" : "";
}

function row(head, ...cells) {
  const rest = cells.map((cell) => element("td", {}, cell));
  return element("tr", {}, element("th", { scope: "row" }, head), ...rest);
}

function showRoutes(spec) {
  const rows = Object.entries(spec.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const name = element("code", {}, `${method.toUpperCase()} ${path}`);
      const takes = Object.keys(operation.requestBody?.content ?? {}).join(", ");
      const statuses = Object.keys(operation.responses).join(", ");
      const needsKey = operation.security.length > 0;
      const shown = row(name, operation.summary, needsKey ? "yes" : "no", takes, statuses);
      return { shown, order: (method === "post" ? 0 : 1) + (needsKey ? 0 : 2) };
    }));
  rows.sort((a, b) => a.order - b.order);
  byId("route-rows").replaceChildren(...rows.map(({ shown }) => shown));
}

function showCodes(codes) {
  const rows = codes.map(({ status, code, meaning }) =>
    row(String(status), element("code", {}, code), meaning));
  byId("code-rows").replaceChildren(...rows);
}

// The form.

/** A feature's field: `read` gives its value for JSON, undefined for one that is left out. */
function makeField(feature, index) {
  const id = `feature-${index}`;
  const { schema, type, nullable } = feature;
  const choices = schema.enum ?? (type === "boolean" ? [true, false] : undefined);
  const control = choices ? choice(choices, nullable) : numberInput(schema, nullable);
  const label = element("label", { htmlFor: id }, feature.name);
  const hints = choices ? [] : [hint(feature), nullable ? "may be empty" : ""].filter(Boolean);
  const note = element("p", { id: `${id}-hint`, className: "hint" }, hints.join("; "));
  const message = element("p", { id: `${id}-message`, className: "message" });
  control.input.id = id;
  control.input.setAttribute("aria-describedby", `${note.id} ${message.id}`);
  const box = element("div", { className: "field" }, label, control.input, note, message);
  return { feature, box, message, ...control };
}

function choice(categories, nullable) {
  const values = categories.filter((category) => category !== null);
  if (nullable) values.push(null);
  const options = values.map((value) => element("option", {}, value === null ? "(null)" : `${value}`));
  const input = element("select", {}, ...options);
  const write = (value) => (input.selectedIndex = Math.max(0, values.indexOf(value)));
  return { input, write, read: () => values[input.selectedIndex] };
}

function numberInput(schema, nullable) {
  // Free text: the server says what is wrong with it. Some decimal keypads have no minus.
  const inputMode = schema.minimum >= 0 ? "decimal" : "text";
  const input = element("input", { type: "text", inputMode, spellcheck: false });
  const write = (value) => (input.value = value ?? "");
  const read = () => {
    const text = input.value.trim();
    if (text === "") return nullable ? null : undefined;
    const number = NUMBER.test(text) ? Number(text) : NaN;
    return Number.isFinite(number) ? number : text;
  };
  return { input, write, read };
}

function requestBody() {
  const values = page.fields.map(({ feature, read }) => [feature.name, read()]);
  const given = values.filter(([, value]) => value !== undefined);
  return JSON.stringify({ features: Object.fromEntries(given) });
}

function showCurl() {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  byId("curl").textContent = [
    `curl ${quoted(new URL("predict", location.href).href)}`,
    `-H 'Content-Type: application/json'`,
    `-H "X-API-Key: $CANOPY_API_KEY"`,
    `-d ${quoted(requestBody())}`,
  ].join(" \\\n  ");
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText(byId("curl").textContent);
    byId("copy").textContent = "Copied";
  } catch {
    // Without https there is no clipboard: the text is selected for Ctrl+C instead.
    getSelection().selectAllChildren(byId("curl"));
    byId("copy").textContent = "Selected";
  }
  setTimeout(() => (byId("copy").textContent = "Copy"), 2000);
}

// The answer.

async function predict(event) {
  event.preventDefault();
  clearMarks();
  const headers = { "Content-Type": "application/json" };
  const key = byId("key").value.trim();
  if (key !== "") headers["X-API-Key"] = key;
  byId("answer").setAttribute("aria-busy", "true");
  try {
    const started = performance.now();
    const response = await fetch("predict", { method: "POST", headers, body: requestBody() });
    const text = await response.text();
    showAnswer(response, text, performance.now() - started);
  } catch (error) {
    answer(false, element("h3", {}, "No answer"), detail(`The request failed: ${error.message}.`));
    look().catch(showAway);
  }
  byId("answer").removeAttribute("aria-busy");
}

function showAnswer(response, text, tookMs) {
  const body = parsed(text);
  const status = element("h3", {}, `${response.status} ${body.title ?? response.statusText}`);
  const nodes = response.ok ? prediction(body) : problem(response.status, body);
  const raw = element("details", {}, element("summary", {}, "The body as it came"),
    element("pre", { tabIndex: 0 }, element("code", {}, text)));
  answer(response.ok, status, ...nodes, headerList(response.headers, tookMs), raw);
}

function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {}; // the answer of a proxy in between
  }
}

function prediction(body) {
  const nodes = [
    element("p", { className: "prediction", id: "prediction" }, format(body.prediction)),
    element("p", { className: "hint" }, `${page.target}, from version ${body.version}`),
  ];
  const items = (body.warnings ?? []).map(({ feature, message }) => {
    mark(feature, message, true);
    return element("li", {}, `${feature}: ${message}`);
  });
  if (items.length > 0) nodes.push(element("ul", { ariaLabel: "Warnings" }, ...items));
  return nodes;
}

function problem(status, body) {
  const { code, detail: text, feature, expected, suggestion } = body;
  if (feature !== undefined) mark(feature, expected ? `Expected ${expected}` : text, false);
  if (status === 401) {
    byId("key").setAttribute("aria-invalid", "true");
    byId("key").focus();
  }
  const known = { Code: code, Feature: feature, Expected: expected, Suggestion: suggestion };
  return [detail(text ?? "The answer is not this server's."), list(known)];
}

const detail = (text) => element("p", { className: "detail" }, text);

function list(entries) {
  const known = Object.entries(entries).filter(([, value]) => (value ?? null) !== null);
  return element("dl", {}, ...known.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, String(value))]));
}

function headerList(headers, tookMs) {
  const remaining = headers.get("RateLimit-Remaining");
  const rate = `${remaining} of ${headers.get("RateLimit-Limit")} requests left, ` +
    `all of them in ${headers.get("RateLimit-Reset")} s`;
  const retry = headers.get("Retry-After");
  return list({
    "Request id": headers.get("X-Request-Id"),
    "Rate limit": remaining === null ? undefined : rate,
    "Try again in": retry === null ? undefined : `${retry} s`,
    "Took": `${format(tookMs, 3)} ms, network included`,
  });
}

function answer(isGood, ...nodes) {
  byId("answer").className = isGood ? "answer" : "answer bad";
  byId("answer").replaceChildren(...nodes);
}

function mark(name, text, isWarning) {
  const field = page.fields.find(({ feature }) => feature.name === name);
  if (field === undefined) return;
  field.message.textContent = text;
  field.box.classList.toggle("warn", isWarning);
  field.input.setAttribute("aria-invalid", String(!isWarning));
}

function clearMarks() {
  byId("key").removeAttribute("aria-invalid");
  for (const { box, input, message } of page.fields) {
    message.textContent = "";
    box.classList.remove("warn");
    input.removeAttribute("aria-invalid");
  }
}

// The server's state.

function showStatus(text, tone, ...notice) {
  // Said again only when it changes, so that a screen reader is not interrupted at every look.
  if (byId("status").textContent !== text) byId("status").textContent = text;
  byId("status").className = `badge ${tone}`;
  byId("notice").hidden = notice.length === 0;
  const said = notice.map((part) => part.textContent ?? part).join("");
  if (byId("notice").textContent !== said) byId("notice").replaceChildren(...notice);
}

function showAway() {
  showStatus("no answer", "bad", "The server does not answer; this page goes on asking.");
}

async function look() {
  const response = await fetch("ready");
  const ready = await response.json();
  const isNew = page.version === undefined || (page.version === null && ready.version);
  if (isNew) await load();
  if (!response.ok) {
    showStatus("not ready", "warn", `Waiting for the server: ${ready.reason}.`);
  } else if (ready.version !== page.version) {
    const onclick = () => load().then(look);
    const button = element("button", { type: "button", className: "quiet", onclick }, "Show it");
    showStatus("ready", "good", `Version ${ready.version} answers now. `, button);
  } else {
    showStatus("ready", "good");
  }
  return response.ok && ready.version === page.version;
}

async function watch() {
  let isSettled = false;
  try {
    isSettled = document.hidden || (await look());
  } catch {
    showAway();
  }
  setTimeout(watch, isSettled ? WATCH_READY_MS : WATCH_MS);
}

byId("form").addEventListener("submit", predict);
byId("form").addEventListener("input", showCurl);
byId("copy").addEventListener("click", copyCurl);
watch();
