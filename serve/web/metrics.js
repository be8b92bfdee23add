// Reads /metrics: text in the OpenMetrics format goes in, samples and histograms come out.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** `[{ name, labels, value }]`. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));
    samples.push({ name: found[1], labels, value: found[3] === "+Inf" ? Infinity : Number(found[3]) });
  }
  return samples;
}

export const value = (samples, name) => samples.find(one => one.name === name)?.value;

/** The histogram of a name and labels: `{ edges, counts, total, sum }`, counts between edges and not below them. */
export function histogram(samples, name, labels = {}) {
  const fits = one => Object.entries(labels).every(([key, wanted]) => one.labels[key] === wanted);
  const of = suffix => samples.filter(one => one.name === name + suffix && fits(one));
  const buckets = of("_bucket").map(one => [one.labels.le === "+Inf" ? Infinity : Number(one.labels.le), one.value]).sort((a, b) => a[0] - b[0]);
  const counts = buckets.map(([, below], index) => below - (index ? buckets[index - 1][1] : 0));
  return { edges: buckets.map(([edge]) => edge), counts, total: of("_count")[0]?.value ?? 0, sum: of("_sum")[0]?.value ?? 0 };
}

/** Where a share of all observations lies below, assuming them even within a bucket; NaN without any. */
export function quantile({ edges, counts, total }, share) {
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total) {
      const low = index ? edges[index - 1] : 0;
      return Number.isFinite(edges[index]) ? low + (edges[index] - low) * (share * total - below) / count : low;
    }
    below += count;
  }
  return NaN;
}
