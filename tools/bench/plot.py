"""A small chart as SVG: a frame with axes, and what is drawn into it in the units of the axes."""

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 560, 320, 76, 20, 45, 20
# Between two lines of words.
LINE = 14


class Chart:
    """Values are placed between `xs` and `ys`, the two ends of each axis; colours are those of Okabe and Ito, told apart by everybody."""

    COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

    def __init__(self, xs, ys, right=RIGHT):
        self.xs, self.ys, self.right = xs, ys, WIDTH - right
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
        self.parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
        self.parts.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{self.right}" fill="none" stroke="black"/>')

    def place(self, x, y):
        (low, high), (bottom, top) = self.xs, self.ys
        across, up = (x - low) / (high - low), (y - bottom) / (top - bottom)
        return LEFT + across * (self.right - LEFT), HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP)

    def line(self, points, colour="#888", dashed=False):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (self.place(*point) for point in points))
        dashes = ' stroke-dasharray="4"' if dashed else ""
        self.parts.append(f'<path d="M{path}" fill="none" stroke="{colour}"{dashes}/>')

    def dot(self, x, y, colour=COLOURS[0], size=4):
        x, y = self.place(x, y)
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>')

    def word(self, x, y, text, anchor="middle", right=0, down=0, colour="black"):
        x, y = self.place(x, y)
        self.parts.append(f'<text x="{x + right:.1f}" y="{y + down:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>')

    def names(self, named):
        """Words right of the places they name, (x, y, text, colour) each, moved apart where they would cover each other."""
        placed = sorted(((*self.place(x, y), text, colour) for x, y, text, colour in named), key=lambda word: word[1])
        last = -LINE
        for x, y, text, colour in placed:
            last = max(y + 4, last + LINE)
            self.parts.append(f'<text x="{x + 6:.1f}" y="{last:.1f}" fill="{colour}">{text}</text>')

    def across(self, x, text):
        """A word below the horizontal axis."""
        self.word(x, self.ys[0], text, down=16)

    def up(self, y, text):
        """A word left of the vertical axis."""
        self.word(self.xs[0], y, text, anchor="end", right=-6, down=4)

    def titles(self, across, up):
        self.parts.append(f'<text x="{(LEFT + self.right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
        self.parts.append(f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" text-anchor="middle">{up}</text>')

    def svg(self):
        return "\n".join([*self.parts, "</svg>\n"])
