// Draws points on a canvas, to be zoomed and moved. Points are written as pixels, so that 60,000 of them stay smooth.
// Knows nothing of records: points have a number, a place and a colour.

const NEAR = 12, SIDE = 4;

export class Plot {
  /** `shades` are `[r, g, b]`; `pointed(index, x, y)` and `picked(index)` are told what is under the pointer, `ringed(indices)` what a lasso holds. */
  constructor(canvas, { pointed, picked, ringed }) {
    Object.assign(this, { canvas, pointed, picked, ringed, lasso: false, ring: null, chosen: null, x: [], y: [], colour: [], shades: [[0, 0, 0]], under: -1, asked: false });
    this.context = canvas.getContext("2d");
    this.reset();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("wheel", event => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY); }, { passive: false });
    canvas.addEventListener("pointerdown", event => { this.ring = this.lasso || event.shiftKey ? [[event.offsetX, event.offsetY]] : null; this.held = { id: event.pointerId, x: event.offsetX, y: event.offsetY, far: 0 }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", event => this.move(event));
    canvas.addEventListener("pointerup", event => {
      if (this.ring && this.held?.far >= 5) { this.held = null; this.close(); return; }
      this.ring = null;
      if (this.held && this.held.far < 5) { this.look(event.offsetX, event.offsetY); if (this.under >= 0) this.picked(this.under); }
      this.held = null;
    });
    canvas.addEventListener("pointercancel", () => { [this.held, this.ring] = [null, null]; this.draw(); });
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("keydown", event => this.key(event));
  }

  /** New points; `colour[i]` is a number of `shades`. */
  show(x, y, colour, shades) {
    Object.assign(this, { x, y, colour, shades, chosen: null });
    const range = values => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const [[left, right], [low, high]] = [range(x), range(y)];
    this.middle = [(left + right) / 2, (low + high) / 2];
    this.span = Math.max(right - left, high - low) || 1;
    this.reset();
  }

  reset() {
    Object.assign(this, { scale: 1, shift: [0, 0] });
    this.draw();
  }

  /** Larger or smaller around a place of the canvas; its middle where none is given. */
  zoom(factor, atX = this.canvas.clientWidth / 2, atY = this.canvas.clientHeight / 2) {
    const scale = Math.min(200, Math.max(0.5, this.scale * factor)), grown = scale / this.scale;
    const from = [atX - this.canvas.clientWidth / 2, atY - this.canvas.clientHeight / 2];
    this.shift = this.shift.map((shift, axis) => from[axis] - (from[axis] - shift) * grown);
    this.scale = scale;
    this.draw();
  }

  pan(right, down) {
    this.shift = [this.shift[0] + right, this.shift[1] + down];
    this.draw();
  }

  key(event) {
    const pans = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }, zooms = { "+": 1.3, "=": 1.3, "-": 1 / 1.3 };
    if (pans[event.key]) this.pan(...pans[event.key]);
    else if (zooms[event.key]) this.zoom(zooms[event.key]);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
  }

  move(event) {
    if (!this.held) return this.look(event.offsetX, event.offsetY);
    const right = event.offsetX - this.held.x, down = event.offsetY - this.held.y;
    Object.assign(this.held, { x: event.offsetX, y: event.offsetY, far: this.held.far + Math.abs(right) + Math.abs(down) });
    if (!this.ring) return this.pan(right, down);
    this.ring.push([event.offsetX, event.offsetY]);
    this.draw();
  }

  /** Chooses the points inside the ring that was drawn: those from which a line to the right crosses it an odd number of times. */
  close() {
    const { unit, left, top } = this.view(), ring = this.ring, inside = [];
    for (let i = 0; i < this.x.length; i++) {
      const x = left + (this.x[i] - this.middle[0]) * unit, y = top - (this.y[i] - this.middle[1]) * unit;
      let odd = false;
      for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) {
        const [ax, ay] = ring[a], [bx, by] = ring[b];
        if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
      }
      if (odd) inside.push(i);
    }
    this.ring = null;
    this.choose(inside);
    this.ringed(inside);
  }

  /** Shows these points and lets the others fade; none shows all alike. */
  choose(indices) {
    this.chosen = indices.length ? new Set(indices) : null;
    this.draw();
  }

  /** Pixels of the page a unit, and where on the canvas the middle lies. */
  view() {
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    return { unit: this.scale * 0.92 * Math.min(wide, high) / this.span, left: wide / 2 + this.shift[0], top: high / 2 + this.shift[1] };
  }

  look(x, y) {
    const { unit, left, top } = this.view();
    let best = -1, least = NEAR * NEAR;
    for (let i = 0; i < this.x.length; i++) {
      const right = left + (this.x[i] - this.middle[0]) * unit - x, down = top - (this.y[i] - this.middle[1]) * unit - y;
      const far = right * right + down * down;
      if (far < least) [best, least] = [i, far];
    }
    this.point(best);
  }

  point(index) {
    if (index === this.under) return;
    this.under = index;
    this.canvas.classList.toggle("over-point", index >= 0);
    const { unit, left, top } = index >= 0 ? this.view() : {};
    this.pointed(index, index < 0 ? 0 : left + (this.x[index] - this.middle[0]) * unit, index < 0 ? 0 : top - (this.y[index] - this.middle[1]) * unit);
  }

  /** Once before the browser's next picture, however often it is asked for. */
  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.paint(); });
  }

  paint() {
    const { canvas, context } = this, dense = devicePixelRatio || 1;
    const wide = Math.round(canvas.clientWidth * dense), high = Math.round(canvas.clientHeight * dense);
    if (!wide || !high || !this.middle) return;
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    const image = context.createImageData(wide, high), pixels = new Uint32Array(image.data.buffer);
    const packed = alpha => this.shades.map(([red, green, blue]) => (alpha << 24 | blue << 16 | green << 8 | red) >>> 0);
    const shades = packed(255), faded = packed(40), { chosen } = this;
    const { unit, left, top } = this.view(), side = Math.round((this.x.length > 5000 ? SIDE - 1 : 2 * SIDE) * dense), half = side / 2;
    for (let i = 0; i < this.x.length; i++) {
      const column = Math.round((left + (this.x[i] - this.middle[0]) * unit) * dense - half), row = Math.round((top - (this.y[i] - this.middle[1]) * unit) * dense - half);
      if (column < 0 || row < 0 || column + side > wide || row + side > high) continue;
      const shade = (chosen && !chosen.has(i) ? faded : shades)[this.colour[i]];
      for (let down = 0; down < side; down++) {
        // A disc: rows near its ends are shorter.
        const inset = side < 4 ? 0 : Math.round(half - Math.sqrt(half * half - (down + 0.5 - half) ** 2));
        pixels.fill(shade, (row + down) * wide + column + inset, (row + down) * wide + column + side - inset);
      }
    }
    context.putImageData(image, 0, 0);
    if (!this.ring) return;
    context.beginPath();
    this.ring.forEach(([x, y]) => context.lineTo(x * dense, y * dense));
    context.closePath();
    Object.assign(context, { lineWidth: 2 * dense, strokeStyle: getComputedStyle(canvas).color, fillStyle: "#8883" });
    context.fill();
    context.stroke();
  }
}
