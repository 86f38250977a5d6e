const at = (id) => document.getElementById(id);
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};
const row = (...cells) => {
  const tr = element("tr");
  cells.forEach((cell, index) => {
    const made = element(index ? "td" : "th", typeof cell === "string" ? cell : undefined, index ? {} : { scope: "row" });
    if (typeof cell !== "string") made.append(cell);
    tr.append(made);
  });
  return tr;
};
const fill = (table, rows) => table.replaceChildren(table.caption, ...rows);
let models = [];
let running = null;

async function showRun() {
  const model = models.find((one) => one.name === at("model").value);
  at("run").hidden = !model.metrics && !model.files.length;
  at("run-name").textContent = model.name;
  at("metrics").hidden = !model.metrics;
  fill(at("metrics"), Object.entries(model.metrics ?? {}).map(([name, of]) =>
    row(name, of.value.toFixed(3), of.interval ? of.interval.map((end) => end.toFixed(3)).join(" to ") : "no interval")));
  at("confusion").hidden = !model.files.includes("confusion.png");
  if (!at("confusion").hidden) at("confusion").src = `/models/${encodeURIComponent(model.name)}/confusion.png`;
  at("card").hidden = !model.files.includes("card.md");
  if (!at("card").hidden) at("card-text").textContent = await (await fetch(`/models/${encodeURIComponent(model.name)}/card.md`)).text();
}

function showCurves(curves, times) {
  const svg = at("curves");
  const make = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const last = times.at(-1) || 1;
  const x = (time) => 40 + 540 * time / last;
  const y = (p) => 190 - 170 * p;
  const lines = Object.values(curves).map((p, index) =>
    make("polyline", { class: `c${index}`, points: p.map((value, step) => `${x(times[step])},${y(value)}`).join(" ") }));
  const scale = [0, 0.5, 1].map((p) => make("text", { x: 5, y: y(p) + 5 }, String(p)));
  const ends = [0, last].map((time, index) => make("text", { x: x(time), y: 212, "text-anchor": index ? "end" : "start" }, `${time.toFixed(1)} s`));
  svg.setAttribute("aria-label", Object.entries(curves).map(([name, p]) => `${name}: ${p.at(-1).toFixed(3)} at the end`).join(", "));
  svg.replaceChildren(...scale, ...ends, ...lines);
  at("legend").replaceChildren(...Object.keys(curves).map((name, index) => element("li", name, { class: `c${index}` })));
}

function showResult(answer) {
  at("result").hidden = false;
  at("label").textContent = answer.label;
  at("note").textContent = answer.label === "unknown"
    ? `No class has a probability of ${answer.threshold.toFixed(3)}, below which 5 % of the training clips are.` : "";
  fill(at("probabilities"), Object.entries(answer.probabilities).map(([name, p]) =>
    row(name, p.toFixed(4), element("meter", undefined, { value: p, "aria-label": name }))));
  showCurves(answer.over_time, answer.times);
  at("strip").replaceChildren(...answer.strip.map(({ position, image }) => {
    const item = element("li");
    const said = `${answer.times[position].toFixed(2)} s: ${answer.importance[position].toFixed(3)}`;
    item.append(element("img", undefined, { src: image, alt: `Frame at ${said}` }), element("span", said));
    return item;
  }));
}

async function predict() {
  const [video] = at("video").files;
  if (!video) return;
  running?.abort();
  const mine = running = new AbortController();
  const body = new FormData();
  body.append("model", at("model").value);
  body.append("details", "true");
  body.append("video", video);
  at("result").hidden = true;
  at("stop").hidden = false;
  at("status").textContent = `Reading ${video.name} …`;
  try {
    const response = await fetch("/predict", { method: "POST", body, signal: mine.signal });
    const answer = await response.json();
    if (mine !== running) return;
    if (response.ok) {
      showResult(answer);
      at("status").textContent = `${video.name}: ${answer.label}`;
    } else {
      at("status").textContent = typeof answer.detail === "string" ? answer.detail : "The request was not understood.";
    }
  } catch (error) {
    if (mine === running) at("status").textContent = error.name === "AbortError" ? "Stopped." : "The server does not answer.";
  } finally {
    if (mine === running) at("stop").hidden = true;
  }
}

at("video").addEventListener("change", predict);
at("model").addEventListener("change", () => { showRun(); predict(); });
at("stop").addEventListener("click", () => running?.abort());
at("form").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) {
      at("video").files = event.dataTransfer.files;
      predict();
    }
  });
}

try {
  models = await (await fetch("/models")).json();
  at("model").append(...models.map(({ name }) => element("option", name)));
  if (models.some(({ name }) => name === "rnn")) at("model").value = "rnn";
  await showRun();
} catch {
  at("status").textContent = "The server does not answer.";
}
