// The page of the live prices: one message a tick, the newest wins. Reconnects as the chat does.
import { Connection } from "./connection.js";
import { $, countOf, element, setAttribute, setText } from "./dom.js";
import { plot, spark } from "./plot.js";

const SPAN = 60_000; // milliseconds that are plotted; fewer in the first minute
const LEAST_SPAN = 15_000;
const STALE = 2_000;
const POINTS = 700; // of a symbol, at most
const SVG = "http://www.w3.org/2000/svg";

const symbols = new Map(); // name → { start, value, points, second, row }
const figures = { ticks: 0, skipped: 0, number: null, at: 0, newest: 0, recent: [] };
let chosen = null; // the symbol that is plotted
let isPaused = false;
let isDue = false;
let isTroubled = false; // there was a connection problem, and no tick since

const number = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const write = (value) => number.format(value);

// ---- the connection -----------------------------------------------------------------------------

const url = new URL("prices/live", location.href).href.replace(/^http/, "ws");
const connection = new Connection({
  dial: () => {
    const socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
      connection.established();
      tick(JSON.parse(data));
    };
    return socket;
  },
  interval: 3_000,
  timeout: 3_000,
});
connection.addEventListener("change", () => {
  // Numbers that were missed while there was no connection were not skipped by the server.
  if (connection.state !== "open") figures.number = null;
  show();
});

// `at` is by the server's clock, as all of the plot is; the age is by the page's own.
function tick({ at, tick: count, prices }) {
  const now = Date.now();
  if (figures.number !== null) figures.skipped += Math.max(0, count - figures.number - 1);
  figures.number = count;
  figures.newest = at;
  figures.ticks += 1;
  figures.at = now;
  figures.recent = [...figures.recent.filter((at) => at > now - 5_000), now];
  for (const [name, value] of prices) {
    if (!symbols.has(name))
      symbols.set(name, { start: value, value, points: [], second: { at, value } });
    const symbol = symbols.get(name);
    symbol.value = value;
    symbol.points.push({ at, value });
    if (symbol.points.length > POINTS) symbol.points.shift();
  }
  chosen ??= symbols.keys().next().value;
  later();
}

// ---- what is shown ------------------------------------------------------------------------------

// A hidden page is not asked for frames: it keeps the values and draws when it is seen.
function later() {
  if (isDue || isPaused) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}

function draw() {
  const now = figures.newest;
  const first = symbols.get(chosen)?.points[0].at ?? now;
  const span = Math.min(SPAN, Math.max(LEAST_SPAN, now - first));
  $("no-prices").hidden = symbols.size > 0;
  for (const [name, symbol] of symbols) {
    symbol.row ??= makeRow(name);
    const { row, value, start, points } = symbol;
    setAttribute(row.button, "aria-pressed", String(name === chosen));
    setText(row.price, write(value));
    mark(symbol);
    change(row.change, value, start);
    spark(row.path, points, { now, span });
  }
  const symbol = symbols.get(chosen);
  if (symbol) {
    setText($("chart-title"), chosen);
    setText($("chart-price"), write(symbol.value));
    change($("chart-change"), symbol.value, symbol.start);
    plot($("plot"), symbol.points, { now, span, start: symbol.start, write });
  }
  show();
}

function makeRow(name) {
  const button = element(
    "button",
    {
      onclick: () => {
        chosen = name;
        describe();
        draw();
      },
    },
    name,
  );
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  const price = element("span");
  const moved = element("span", { class: "change" });
  $("rows").append(
    element(
      "tr",
      {},
      element("th", { scope: "row" }, button),
      element("td", { class: "trend" }, svg),
      element("td", { class: "price" }, price),
      element("td", {}, moved),
    ),
  );
  return { button, path, price, change: moved };
}

// The sign says it, too, not the colour alone.
function change(node, value, start) {
  const percent = ((value - start) / start) * 100;
  const shown = Math.abs(percent) < 0.005 ? 0 : percent;
  setText(node, `${shown > 0 ? "▲ +" : shown < 0 ? "▼ −" : ""}${Math.abs(shown).toFixed(2)} %`);
  setAttribute(node, "class", `change ${shown > 0 ? "up" : shown < 0 ? "down" : ""}`);
}

// Where it went within a second: ten marks a second would flicker.
function mark({ row, value, second, points }) {
  const { at } = points.at(-1);
  if (at - second.at < 1000) return;
  row.price.className = value > second.value ? "rose" : value < second.value ? "fell" : "";
  Object.assign(second, { at, value });
}

// For those who do not see the plot: when it is chosen, and every 10 seconds.
function describe() {
  const symbol = symbols.get(chosen);
  if (!symbol) return;
  const values = symbol.points.map(({ value }) => value);
  const [low, high, last] = [Math.min(...values), Math.max(...values), symbol.value].map(write);
  setText($("plot-text"), `between ${low} and ${high} in the last minute, now ${last}`);
}

function show() {
  const { state, reason, gaveUp, opened } = connection;
  const age = figures.at === 0 ? null : Date.now() - figures.at;
  const isOld = state !== "open" || age === null || age > STALE;
  document.body.classList.toggle("is-old", isOld && symbols.size > 0);
  setText(
    $("age"),
    age === null
      ? "–"
      : age < 1000 && state === "open"
        ? "now"
        : `${(age / 1000).toFixed(0)} s ago`,
  );
  $("age").classList.toggle("stale", age !== null && age > STALE);
  setText($("ticks"), figures.ticks.toLocaleString("en"));
  setText($("skipped"), figures.skipped.toLocaleString("en"));
  const { recent } = figures;
  const seconds = (recent.at(-1) - recent[0]) / 1000;
  setText(
    $("rate"),
    state === "open" && recent.length > 5
      ? `${((recent.length - 1) / seconds).toFixed(1)} / s`
      : "–",
  );
  setText($("reconnected"), countOf(Math.max(0, opened - 1), "time"));
  setAttribute($("status"), "data-state", state);
  setText(
    $("status-text"),
    { open: isPaused ? "Paused" : "Live", connecting: "Connecting" }[state] ?? "Offline",
  );
  // It stays during an attempt: the page would jump with each.
  if (state === "open") isTroubled = false;
  if (state === "waiting" || state === "stopped") isTroubled = true;
  if (!isTroubled && $("banner").contains(document.activeElement)) $("pause").focus();
  $("banner").hidden = !isTroubled;
  if (!isTroubled) return;
  const isTrying = state === "connecting";
  const title = gaveUp ? "No connection, and no more attempts." : "No connection.";
  setText($("banner-title"), isTrying ? "Reconnecting…" : title);
  setText(
    $("banner-text"),
    reason?.code === 1013
      ? "The server is full."
      : symbols.size > 0
        ? "These are the prices as they were last."
        : "",
  );
  const left = Math.ceil((connection.until - Date.now()) / 1000);
  setText($("banner-count"), state === "waiting" && left > 0 ? `Next attempt in ${left} s.` : "");
  setText($("retry"), gaveUp ? "Reconnect" : "Try now");
  setAttribute($("retry"), "aria-disabled", isTrying ? "true" : null);
}

$("retry").onclick = () => connection.retry();
$("pause").onclick = () => {
  isPaused = !isPaused;
  setText($("pause-text"), isPaused ? "Go on" : "Pause");
  setAttribute($("pause-icon"), "href", isPaused ? "#icon-play" : "#icon-pause");
  show();
  later();
};
new ResizeObserver(() => {
  if (symbols.size > 0) later();
}).observe($("plot").parentElement);
setInterval(() => {
  if (!document.hidden) show();
}, 250);
setInterval(() => {
  if (!document.hidden) describe();
}, 10_000);
connection.start();
