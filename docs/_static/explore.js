/* Sliders and figure of the page "Explore double descent". */
(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const WIDEST = 1000;
  const FLOOR = 0.02;
  const CEILING = 100;
  /* Margins of the plot, and its height, in its own units; the width is the page's. */
  const EDGE = { left: 58, right: 26, top: 14, bottom: 46 };
  const HEIGHT = 380;

  /* name, label, first value, and the values of the positions of the slider. */
  const SLIDERS = [
    ["labels", "Labels", 100, between(10, 500, 1)],
    ["width", "Width of the head", 400, widths()],
    ["signal", "Signal", 0.8, between(0, 4, 0.05)],
    ["noise", "Noise", 0.2, between(0, 2, 0.01)],
    ["reach", "Width that finds half of the signal", 20, widths()],
    ["alpha", "Ridge penalty", 0, [0, ...logarithmic(1e-3, 1e4, 140)]],
    ["steps", "Gradient steps", Infinity, [...steps(), Infinity]],
  ];
  const FITS = {
    spelling: { signal: 0.97, noise: 0.03, reach: 8, width: 620 },
    "language model": { signal: 0.65, noise: 0.35, reach: 60, width: 384 },
  };

  function between(low, high, step) {
    const count = Math.round((high - low) / step);
    return Array.from({ length: count + 1 }, (_, i) =>
      Number((low + i * step).toPrecision(6))
    );
  }

  function logarithmic(low, high, count) {
    return Array.from({ length: count }, (_, i) =>
      Number((low * (high / low) ** (i / (count - 1))).toPrecision(3))
    );
  }

  function widths() {
    const near = logarithmic(1, WIDEST, 300).map(Math.round);
    return [...new Set([...near, 20, 60, 384, 400, 620])].sort((a, b) => a - b);
  }

  function steps() {
    return [...new Set(logarithmic(1, 1e6, 121).map(Math.round))];
  }

  function closest(values, value) {
    if (value === Infinity) return values.length - 1;
    let best = 0;
    values.forEach((v, i) => {
      if (Math.abs(v - value) < Math.abs(values[best] - value)) best = i;
    });
    return best;
  }

  const form = document.getElementById("explore");
  const plot = document.getElementById("explore-plot");
  const words = document.getElementById("explore-words");
  const inputs = {};

  function shown(value) {
    if (value === Infinity) return "until it converges";
    if (value >= 1000) return value.toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  }

  SLIDERS.forEach(([name, text, first, values]) => {
    const label = document.createElement("label");
    const title = document.createElement("span");
    const output = document.createElement("output");
    const input = document.createElement("input");
    title.textContent = text;
    Object.assign(input, { type: "range", min: 0, max: values.length - 1, step: 1 });
    input.id = `explore-${name}`;
    input.value = closest(values, first);
    input.setAttribute("value", input.value); // what a reset brings back
    label.append(title, output, input);
    document.getElementById("explore-sliders").append(label);
    const update = () => {
      const value = values[Number(input.value)];
      output.textContent = shown(value);
      input.setAttribute("aria-valuetext", shown(value));
      return value;
    };
    inputs[name] = {
      update,
      set: (value) => {
        input.value = closest(values, value);
      },
    };
  });

  function setting() {
    const values = {};
    for (const name in inputs) values[name] = inputs[name].update();
    values.total = document.getElementById("explore-total").value === "1";
    return values;
  }

  /* Widths at which the curve is drawn: all near the threshold, sparse elsewhere. */
  function widthsOf(threshold) {
    const widths = new Set(logarithmic(1, WIDEST, 160).map(Math.round));
    for (let k = -30; k <= 30; k++) widths.add(threshold + k);
    return [...widths].filter((p) => p >= 1 && p <= WIDEST).sort((a, b) => a - b);
  }

  function element(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    plot.append(node);
    return node;
  }

  function draw() {
    const values = setting();
    const chosen = document.getElementById("explore-data").value;
    const threshold = values.labels - 1;
    const width = Math.max(300, plot.clientWidth || plot.parentNode.clientWidth || 700);
    plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    plot.replaceChildren();

    const inner = width - EDGE.left - EDGE.right;
    const x = (p) => EDGE.left + (Math.log(p) / Math.log(WIDEST)) * inner;
    const bottom = HEIGHT - EDGE.bottom;
    const share = (risk) => Math.log(risk / FLOOR) / Math.log(CEILING / FLOOR);
    const y = (risk) =>
      bottom -
      (bottom - EDGE.top) * Math.min(1, Math.max(0, risk > 0 ? share(risk) : 0));

    /* 1. Axes. */
    for (const p of [1, 10, 100, 1000]) {
      element("line", { x1: x(p), x2: x(p), y1: EDGE.top, y2: bottom, class: "grid" });
      element("text", { x: x(p), y: bottom + 18, class: "middle" }, p.toLocaleString("en"));
    }
    for (const risk of [0.1, 1, 10, 100]) {
      const at = y(risk);
      element("line", { x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at, class: "grid" });
      element("text", { x: EDGE.left - 8, y: at + 4, class: "end" }, String(risk));
    }
    element("text", { x: EDGE.left + inner / 2, y: HEIGHT - 8, class: "middle" }, "width of the head");
    const middle = (EDGE.top + bottom) / 2;
    element(
      "text",
      { x: 14, y: middle, class: "middle", transform: `rotate(-90 14 ${middle})` },
      values.total ? "squared error" : "excess squared error"
    );

    /* 2. The threshold, and the error of predicting the mean. */
    const mean = values.signal + (values.total ? values.noise : 0);
    const level = y(mean);
    element("line", { x1: EDGE.left, x2: width - EDGE.right, y1: level, y2: level, class: "mean" });
    element("text", { x: EDGE.left + 6, y: level - 6 }, "predicting the mean");
    element("line", {
      x1: x(threshold), x2: x(threshold), y1: EDGE.top, y2: bottom,
      class: "threshold", id: "explore-threshold", "data-width": threshold,
    });

    /* 3. Measured medians. */
    if (chosen) {
      const { widths, risk } = exploreData[chosen];
      widths.forEach((p, i) => {
        element("circle", { cx: x(p), cy: y(risk[i]), r: 3, class: "measured" });
      });
    }

    /* 4. The curve, and the head on it. */
    const points = widthsOf(threshold).map((p) => [p, exploreRisk.risk(p, values)]);
    element("polyline", {
      points: points.map(([p, r]) => `${x(p).toFixed(1)},${y(r).toFixed(1)}`).join(" "),
      class: "curve", id: "explore-curve",
    });
    const here = exploreRisk.risk(values.width, values);
    element("circle", { cx: x(values.width), cy: y(here), r: 7, class: "head" });

    const peak = points.reduce((a, b) => (b[1] > a[1] ? b : a));
    const best = points.reduce((a, b) => (b[1] < a[1] ? b : a));
    plot.dataset.peak = peak[0];
    words.textContent =
      `${values.total ? "Squared" : "Excess"} error ${error(here)} at width ` +
      `${shown(values.width)}; predicting the mean: ${error(mean)}. ` +
      `Lowest: ${error(best[1])} at ${shown(best[0])}. ` +
      (peak[1] > 1.05 * Math.max(mean, points[0][1])
        ? `Peak: ${error(peak[1])} at ${shown(peak[0])}, where the width meets the ` +
          `${values.labels} labels (threshold ${threshold}).`
        : `No peak at the threshold, ${threshold}.`);
  }

  function error(value) {
    return value === Infinity ? "unbounded" : String(Number(value.toPrecision(3)));
  }

  form.addEventListener("input", (event) => {
    const chosen = event.target.id === "explore-data" && event.target.value;
    if (chosen) {
      const fit = { ...FITS[chosen], labels: exploreData[chosen].labels };
      for (const name in fit) inputs[name].set(fit[name]);
      inputs.alpha.set(0);
      inputs.steps.set(Infinity);
      document.getElementById("explore-total").value = "1";
    }
    draw();
  });
  /* A link may set sliders: explore.html#labels=50&noise=0.1 */
  new URLSearchParams(location.hash.slice(1)).forEach((value, name) => {
    if (name in inputs) inputs[name].set(Number(value));
  });
  form.addEventListener("reset", () => setTimeout(draw));
  window.addEventListener("resize", draw);
  draw();
})();
