// Quality: live scores from predictions whose actual is known, beside the scores from training.

import { byId, element, facts, panel, setText } from "./dom.js";
import { TimeChart } from "./chart.js";
import { count, figure, interval, share } from "./format.js";
import { intervalPlot } from "./interval_plot.js";
import { championMoves, span } from "./traffic.js";

const cards = element("ul", { className: "tiles" });
const shares = facts();
const charts = element("div", { className: "charts thirds" });
const content = element("div", {}, cards, shares.node, charts);
const show = panel(byId("quality-panel"), content);

const scores = [
  { key: "rmse", title: "RMSE" },
  { key: "mae", title: "MAE" },
  { key: "bias", title: "Bias" },
  { key: "r2", title: "R²" },
].map(({ key, title }) => {
  const value = element("span", { className: "value" });
  const bounds = element("span", { className: "detail" });
  const training = element("span", { className: "detail" });
  const plot = intervalPlot();
  cards.append(element("li", {}, element("h3", {}, title), value, bounds, plot.node, training));
  return { key, value, bounds, training, plot };
});

const line = (key, label, color, dash) => ({ key, label, color, dash, format: figure });
const together = { sync: "quality" };
const overTime = ["rmse", "mae"].map((key) => ({
  key,
  chart: new TimeChart(charts, `${key.toUpperCase()} over time`, [
    line(key, "Live", "live", "solid"),
    line("training", "Training", "training", "dashed"),
  ], together),
}));
const bias = new TimeChart(charts, "Bias over time (prediction less actual)", [
  line("bias", "Live", "live", "solid"),
  line("none", "No bias", "training", "dashed"),
], { ...together, isSigned: true });

function showScore({ key, value, bounds, training, plot }, quality) {
  const score = quality[key] ?? { value: null, low: null, high: null };
  const reference = key === "bias" ? 0 : (quality.training?.[key] ?? null);
  setText(value, figure(score.value));
  const around = interval(score);
  setText(bounds, around === "" ? "interval not known" : `95 %: ${around}`);
  setText(training, key === "bias" ? "none would be 0" : `training ${figure(reference)}`);
  plot.update(score, reference);
}

function verdict({ version, window, worse_than_training: isWorse }) {
  const said = {
    true: "Worse than in training: the interval of the RMSE lies above the training score.",
    false: "Not worse than in training.",
  }[isWorse] ?? "Whether it is worse than in training is not known yet.";
  return `Version ${version} over ${window}. ${said}`;
}

export function showQuality(state) {
  const { quality, window } = state;
  if (quality === null || quality.pairs === 0) {
    const waiting = quality?.predictions ? `${count(quality.predictions)} predictions wait for theirs. ` : "";
    setText(byId("quality-note"), "");
    return show(`No actuals in the last ${window}. ${waiting}Once the truth is known, send it by request id:`,
      "POST /actuals", '{"actuals":[{"request_id":"…","row":0,"actual":4300.0}]}');
  }
  show(null);
  setText(byId("quality-note"), verdict(quality));
  for (const score of scores) showScore(score, quality);
  shares.update([
    ["Pairs", count(quality.pairs)],
    ["Predictions kept", count(quality.predictions)],
    ["Without actual yet", `${count(quality.without_actual)} (${share(quality.without_actual_ratio)})`],
  ]);
  const marks = championMoves(state);
  for (const { key, chart } of overTime) {
    const training = quality.training?.[key] ?? null;
    chart.update(quality.history.map((point) => ({ ...point, training })), span(state), marks);
  }
  bias.update(quality.history.map((point) => ({ ...point, none: 0 })), span(state), marks);
}
