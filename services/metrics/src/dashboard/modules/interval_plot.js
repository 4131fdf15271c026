// Where a live score stands: its interval as a bar with a point, the score from training as a line.

import { drawn, setAttributes } from "./dom.js";

const WIDTH = 200;
const MARGIN = 8;

/** A picture without words: whoever cannot see it reads the same numbers beside it. */
export function intervalPlot() {
  const axis = drawn("line", { class: "axis", x1: 0, x2: WIDTH, y1: 13, y2: 13 });
  const bar = drawn("rect", { class: "bar", y: 9, height: 8, rx: 3 });
  const point = drawn("circle", { class: "point", cy: 13, r: 5 });
  const training = drawn("line", { class: "training", y1: 2, y2: 24 });
  const node = drawn("svg", { viewBox: `0 0 ${WIDTH} 26`, class: "interval", "aria-hidden": "true" },
    axis, bar, training, point);

  /** `score` is `{ value, low, high }`; `reference` is the score from training, or null. */
  function update(score, reference) {
    const values = [score.value, score.low, score.high, reference].filter(Number.isFinite);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const scale = (WIDTH - 2 * MARGIN) / (most - least || 1);
    const place = (value) => (Number.isFinite(value) ? MARGIN + (value - least) * scale : -WIDTH);
    const [low, high] = [place(score.low), place(score.high)];
    setAttributes(bar, { x: low, width: Math.max(high - low, 0) });
    setAttributes(point, { cx: place(score.value) });
    setAttributes(training, { x1: place(reference), x2: place(reference) });
  }
  return { node, update };
}
