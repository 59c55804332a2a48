// Draws a course of values over time as SVG: crisp on every screen, coloured by the style sheet. It
// does not know where the values are from.
const SVG = "http://www.w3.org/2000/svg";
const [RIGHT, BOTTOM, TOP] = [58, 20, 8]; // pixels for the words
const BREAK = 2_500; // milliseconds without a value that are shown as a gap

function shape(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

// `points`: [{ at, value }], oldest first; `span`: how many milliseconds up to `now` are shown.
export function plot(svg, points, { now, span, start, write }) {
  const { clientWidth: width, clientHeight: height } = svg.parentElement;
  const shown = points.filter(({ at }) => at >= now - span);
  if (shown.length < 2 || width === 0) return svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const values = shown.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((high - low) * 0.12, high * 0.0002);
  const [from, to] = [low - margin, high + margin];
  const right = width - RIGHT;
  const bottom = height - BOTTOM;
  const x = (at) => ((at - now + span) / span) * right;
  const y = (value) => bottom - ((value - from) / (to - from)) * (bottom - TOP);
  const grid = steps(from, to).flatMap((value) => [
    shape("line", { class: "grid", x1: 0, x2: right, y1: y(value), y2: y(value) }),
    shape("text", { x: right + 8, y: y(value) + 4 }, write(value)),
  ]);
  const hours = [1, 0.5, 0].map((part) =>
    shape(
      "text",
      {
        x: (1 - part) * right,
        y: height - 2,
        "text-anchor": { 1: "start", 0.5: "middle", 0: "end" }[part],
      },
      part === 0 ? "now" : `${Math.round((span * part) / 1000)} s ago`,
    ),
  );
  const parts = [[]];
  shown.forEach((point, index) => {
    if (index > 0 && point.at - shown[index - 1].at > BREAK) parts.push([]);
    parts.at(-1).push(point);
  });
  const path = (part) =>
    part
      .map(
        ({ at, value }, index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`,
      )
      .join("");
  const areas = parts.map((part) =>
    shape("path", {
      class: "area",
      d: `${path(part)}V${bottom}H${x(part[0].at).toFixed(1)}Z`,
    }),
  );
  const last = shown.at(-1);
  const opening =
    start > from && start < to
      ? [shape("line", { class: "start", x1: 0, x2: right, y1: y(start), y2: y(start) })]
      : [];
  svg.replaceChildren(
    ...grid,
    ...hours,
    ...areas,
    ...opening,
    ...parts.map((part) => shape("path", { class: "line", d: path(part) })),
    shape("circle", { class: "dot", cx: x(last.at), cy: y(last.value), r: 4 }),
  );
}

// A small course without words; `path` is within an SVG of the view box "0 0 100 24".
export function spark(path, points, { now, span }) {
  const shown = points.filter(({ at }) => at >= now - span);
  if (shown.length < 2) return path.setAttribute("d", "");
  const values = shown.map(({ value }) => value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const place = ({ at, value }) => {
    const x = ((at - now + span) / span) * 100;
    const y = 22 - ((value - low) / (high - low || 1)) * 20;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  return path.setAttribute("d", `M${shown.map(place).join("L")}`);
}

// Four or so round values between two.
function steps(from, to) {
  const rough = (to - from) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(from / step);
  return Array.from(
    { length: Math.floor(to / step) - first + 1 },
    (_, index) => (first + index) * step,
  );
}
