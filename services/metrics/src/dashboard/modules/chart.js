// Charts drawn by uPlot on a canvas, each with a legend, a sentence and a table that say the same.

import { element, setAttributes, setText, table } from "./dom.js";
import { time } from "./format.js";

const HEIGHT = 180;
const FONT = "12px system-ui, sans-serif";
const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3] };
const LABEL_WIDTH = 52; // pixels that a label of the distribution chart needs at least

const charts = new Set();
document.addEventListener("themechange", () => charts.forEach((chart) => chart.redraw()));

/** A colour of the theme that is in use; dashboard.css registers these names as colours. */
const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

/** What every chart has; the kinds below add how points become columns and what the axes say. */
class Chart {
  /** `series` is a list of `{ label, color, dash, format }`; `columns` are those of the table. */
  constructor(host, title, series, columns, keyOf) {
    this.title = title;
    this.series = series;
    this.values = series.map(() => element("span", { className: "value" }));
    const legend = series.map(({ label, color: name, dash }, i) => {
      const swatch = element("span", { className: `swatch ${name} ${dash ?? "area"}` });
      return element("li", {}, swatch, label, " ", this.values[i]);
    });
    this.plot = element("div", { className: "plot" });
    setAttributes(this.plot, { role: "img", "aria-label": title });
    this.summary = element("p", { className: "hint" });
    this.cursor = element("span", { className: "cursor" });
    this.table = table(title, columns, keyOf);
    this.details = element("details", {},
      element("summary", {}, "Show as table", element("span", { className: "unseen" }, `: ${title}`)),
      this.table.node);
    this.details.addEventListener("toggle", () => this.#fill());
    this.heading = element("h3", {}, title);
    const head = element("div", { className: "chart-head" }, this.heading, this.cursor);
    const keys = element("ul", { className: "legend" }, ...legend);
    host.append(element("figure", { className: "card chart" },
      element("figcaption", {}, head, keys), this.plot, this.summary, this.details));
    charts.add(this);
    new ResizeObserver(() => this.#resize()).observe(this.plot);
  }

  redraw() {
    this.uplot?.redraw(false);
  }

  /** Shows `rows` (the table's items) as `data` (uPlot's columns), with a sentence on them. */
  show(rows, data, summary) {
    this.rows = rows;
    setText(this.summary, summary);
    const said = `${this.heading.textContent}. ${summary}`;
    if (this.plot.ariaLabel !== said) this.plot.ariaLabel = said;
    if (this.uplot === undefined) {
      this.uplot = new uPlot(this.options(), data, this.plot);
      setAttributes(this.uplot.root, { "aria-hidden": "true" });
    } else {
      this.uplot.setData(data);
    }
    this.#fill();
    this.#read(this.uplot.cursor.idx);
  }

  common() {
    return {
      width: this.plot.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      padding: [18, 18, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      hooks: { setCursor: [(u) => this.#read(u.cursor.idx)] },
    };
  }

  axis(options) {
    return {
      stroke: () => color("muted"),
      font: FONT,
      grid: { stroke: () => color("grid"), width: 1 },
      ticks: { stroke: () => color("grid"), width: 1, size: 4 },
      ...options,
    };
  }

  #fill() {
    if (this.details.open) this.table.update(this.rows);
  }

  /** The values under the cursor, else those that `rest` chooses. */
  #read(index) {
    const at = index ?? this.rest();
    this.series.forEach(({ format }, i) => {
      setText(this.values[i], at === null ? "" : format(this.uplot.data[i + 1][at]));
    });
    setText(this.cursor, index === null || index === undefined ? "" : this.name(index));
  }

  #resize() {
    const width = this.plot.clientWidth;
    if (this.uplot && width > 0 && width !== this.uplot.width) {
      this.uplot.setSize({ width, height: HEIGHT });
    }
  }
}

/** Lines over a window of time; `marks` are instants at which the champion changed. */
export class TimeChart extends Chart {
  /** A series has a `key`, its field in a point; one with negative values `isSigned`. */
  constructor(host, title, series, { sync, isSigned = false } = {}) {
    const columns = [
      { title: "Time", text: (point) => time(point.time) },
      ...series.map(({ label, key, format }) =>
        ({ title: label, isNumber: true, text: (point) => format(point[key]) })),
    ];
    super(host, title, series, columns, (point) => point.time);
    Object.assign(this, { sync, isSigned, marks: [], span: [0, 1] });
  }

  /** `span` is the first and last second that the axis shows. */
  update(points, span, marks = []) {
    Object.assign(this, { span, marks });
    const xs = points.map((point) => Date.parse(point.time) / 1000);
    const ys = this.series.map(({ key }) => points.map((point) => point[key] ?? null));
    this.show(points, [xs, ...ys], this.#sentence(points));
  }

  options() {
    const common = this.common();
    const format = this.series[0].format;
    const [low, high] = this.isSigned ? [-1, 1] : [0, 1];
    return {
      ...common,
      scales: {
        x: { range: () => this.span },
        y: { range: (_, min, max) => this.#range(min ?? low, max ?? high) },
      },
      axes: [
        this.axis({ space: 70, size: 30, values: (u, splits) => this.#clock(splits) }),
        this.axis({ size: 62, space: 34, values: (u, splits) => splits.map(format) }),
      ],
      series: [{}, ...this.series.map((line) => ({
        stroke: () => color(line.color),
        width: 2,
        dash: DASHES[line.dash],
        // A point between two gaps has no line: it is drawn by itself.
        points: { show: true, size: 5, filter: lonely },
      }))],
      cursor: { ...common.cursor, sync: this.sync && { key: this.sync } },
      hooks: { ...common.hooks, draw: [(u) => this.#draw(u)] },
    };
  }

  name(index) {
    return time(this.rows[index].time);
  }

  /** The last point that has a value. */
  rest() {
    const { data } = this.uplot;
    for (let i = data[0].length - 1; i >= 0; i -= 1) {
      if (data.slice(1).some((column) => column[i] !== null)) return i;
    }
    return null;
  }

  #range(min, max) {
    const head = (Math.max(max, 0) - Math.min(min, 0)) * 0.1 || 1;
    return [this.isSigned ? Math.min(min, 0) - head : 0, Math.max(max, 0) + head];
  }

  #clock(splits) {
    const isDays = this.span[1] - this.span[0] > 2 * 86400;
    const style = isDays ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
    const format = new Intl.DateTimeFormat("en-GB", style);
    return splits.map((second) => format.format(new Date(second * 1000)));
  }

  #draw(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color("mark");
    ctx.lineWidth = devicePixelRatio;
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const { second, label } of this.marks) {
      if (second < this.span[0] || second > this.span[1]) continue;
      const x = Math.round(u.valToPos(second, "x", true));
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.textAlign = "center";
      ctx.fillText(label, x, bbox.top - 4 * devicePixelRatio);
    }
    ctx.restore();
  }

  #sentence(points) {
    return this.series.map(({ label, key, format }) => {
      const values = points.map((point) => point[key]).filter(Number.isFinite);
      if (values.length === 0) return `${label}: no value in this window.`;
      const [low, high] = [Math.min(...values), Math.max(...values)].map(format);
      const last = format(values.at(-1));
      return low === high ? `${label} ${last}.` : `${label} ${last} last, from ${low} to ${high}.`;
    }).join(" ");
  }
}

/** The points of a line that have no neighbour to be joined with. */
function lonely(u, seriesIndex) {
  const column = u.data[seriesIndex];
  const isThere = (i) => (column[i] ?? null) !== null;
  return column.flatMap((_, i) => (isThere(i) && !isThere(i - 1) && !isThere(i + 1) ? [i] : []));
}

/** Two distributions over the same bins: training wide and pale, live narrow in front of it. */
export class BinChart extends Chart {
  constructor(host, title, format) {
    const series = [
      { label: "Training", color: "training", format },
      { label: "Live", color: "live", format },
    ];
    const signed = (value) => (value > 0 ? `+${format(value)}` : format(value));
    super(host, title, series, [
      { title: "Bin", text: (bin) => bin.label },
      { title: "Training", isNumber: true, text: (bin) => format(bin.baseline) },
      { title: "Live", isNumber: true, text: (bin) => format(bin.live) },
      { title: "Difference", isNumber: true, text: (bin) => signed(bin.live - bin.baseline) },
    ], (bin) => bin.label);
    this.format = format;
  }

  update(title, bins) {
    setText(this.heading, title);
    const isOther = bins.length !== this.rows?.length;
    if (isOther && this.uplot) {
      // Bars have their width by the number of bins.
      this.uplot.destroy();
      this.uplot = undefined;
    }
    const columns = [bins.map((_, i) => i), bins.map((b) => b.baseline), bins.map((b) => b.live)];
    this.rows = bins;
    this.show(bins, columns, this.#sentence(bins));
  }

  options() {
    const bars = (width, fill, stroke) => ({
      fill: () => color(fill),
      stroke: () => color(stroke),
      width: 1,
      paths: uPlot.paths.bars({ size: [width, 90] }),
      points: { show: false },
    });
    return {
      ...this.common(),
      scales: {
        x: { time: false, range: () => [-0.5, this.rows.length - 0.5] },
        y: { range: (_, min, max) => [0, (max || 1) * 1.1] },
      },
      axes: [
        this.axis({
          grid: { show: false },
          splits: () => this.rows.map((_, i) => i),
          values: (u) => this.#labels(u),
          size: 30,
        }),
        this.axis({ size: 52, space: 34, values: (u, splits) => splits.map(this.format) }),
      ],
      series: [{}, bars(0.88, "training-pale", "training"), bars(0.5, "live", "live")],
    };
  }

  name(index) {
    return this.rows[index].label;
  }

  rest() {
    return null;
  }

  /** As many labels as there is room for; the cursor and the table have them all. */
  #labels(u) {
    const longest = Math.max(...this.rows.map(({ label }) => label.length));
    const room = Math.max(LABEL_WIDTH, longest * 6.4 + 8);
    const width = (u.bbox?.width ?? 0) / devicePixelRatio || u.width - 60;
    const step = Math.max(1, Math.ceil((room * this.rows.length) / width));
    return this.rows.map(({ label }, i) => (i % step === 0 ? label : ""));
  }

  #sentence(bins) {
    const far = ({ live, baseline }) => Math.abs(live - baseline);
    const worst = bins.toSorted((a, b) => far(b) - far(a))[0];
    if (worst === undefined || !Number.isFinite(far(worst))) return "No live rows to compare yet.";
    const [live, training] = [worst.live, worst.baseline].map(this.format);
    return `Largest difference in “${worst.label}”: ${live} live, ${training} in training.`;
  }
}
