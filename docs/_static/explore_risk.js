/* The closed-form risk behind the page "Explore double descent".
 *
 * Isotropic features, part of whose signal a head of width p does not see yet, n labels,
 * a ridge penalty, and any number of steps of gradient descent from zero. The formulas
 * are those of skhmmdd.theory.misspecified_risk; descent is an integral over the
 * spectrum of Marchenko and Pastur. Pure functions, in browsers and in Node.js.
 */
(function (root) {
  "use strict";

  /* Nodes lie evenly in the singular values. Near the threshold these come so close to
   * zero that few nodes would step over them: enough for a million steps. */
  function nodeCount(gamma) {
    return Math.abs(1 - Math.sqrt(gamma)) < 0.2 ? 4096 : 400;
  }

  /* Share of the signal that is outside the first p features. */
  function hidden(p, signal, reach) {
    return signal / (1 + p / reach);
  }

  /* Excess of the head that has converged: ridge, and the minimum norm at alpha = 0. */
  function converged(p, n, signal, noise, alpha) {
    if (alpha === 0 && p === n) return Infinity;
    const half = 0.5 * (p + alpha - n);
    const root = Math.sqrt(half * half + n * alpha);
    const kappa = half > 0 ? (half + root) / n : alpha === 0 ? 0 : alpha / (root - half);
    const df2 = p / ((1 + kappa) * (1 + kappa));
    let spare = n - df2;
    if (alpha === 0) spare = kappa > 0 ? (n * kappa) / (1 + kappa) : n - p;
    const shrunk = kappa / (1 + kappa);
    return (signal * shrunk * shrunk * n + noise * df2) / spare;
  }

  /* Excess after t steps at the rate 1 / (largest eigenvalue), with the penalty.
   *
   * With q = lambda + alpha the head keeps lambda / q (1 - (1 - rate q)^t) of each
   * direction. The density of the eigenvalues n x of X'X is
   * sqrt((b - x)(x - a)) / (2 pi gamma x): a midpoint rule in the angle.
   */
  function descent(p, n, signal, noise, alpha, steps) {
    const gamma = p / n;
    const a = (1 - Math.sqrt(gamma)) ** 2;
    const b = (1 + Math.sqrt(gamma)) ** 2;
    const rate = 1 / (n * b + alpha);
    const nodes = nodeCount(gamma);
    let missed = Math.max(0, 1 - 1 / gamma);
    let amplified = 0;
    for (let i = 1; i <= nodes; i++) {
      const angle = ((i - 0.5) * Math.PI) / nodes;
      const x = (a + b) / 2 + ((b - a) / 2) * Math.cos(angle);
      const weight =
        (((b - a) / 2) ** 2 * Math.sin(angle) ** 2) / (2 * nodes * gamma * x);
      const q = n * x + alpha;
      const done = -Math.expm1(steps * Math.log1p(-Math.min(rate * q, 1 - 1e-15)));
      const kept = ((n * x) / q) * done;
      missed += weight * (1 - kept) ** 2;
      amplified += (weight * kept ** 2) / (n * x);
    }
    return signal * missed + noise * p * amplified;
  }

  /* Risk at width p.
   *
   * setting: labels (an intercept takes one of them), signal, noise, reach (the width
   * at which half of the signal is seen), alpha, steps (Infinity: until convergence)
   * and total (whether the noise of the labels themselves is counted).
   */
  function risk(p, setting) {
    const n = setting.labels - 1;
    const unseen = hidden(p, setting.signal, setting.reach);
    const args = [p, n, setting.signal - unseen, setting.noise + unseen, setting.alpha];
    const excess =
      setting.steps === Infinity
        ? converged(...args)
        : descent(...args, setting.steps);
    return excess + unseen + (setting.total ? setting.noise : 0);
  }

  const api = { risk, hidden };
  if (typeof module !== "undefined") module.exports = api;
  else root.exploreRisk = api;
})(typeof self !== "undefined" ? self : this);
