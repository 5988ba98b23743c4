const WIDTH = 860
const LABELS = 250
const BAR = 16
const STEP = 22
const HEAD = 34

const colours = { latchkey: '#1f6feb', 'iron-session': '#8c959f', other: '#d4733b' }

/** A picture of what reading a session costs over the bare framework: a bar for each variant, by platform. */
export function bars(summary, variants) {
  const shown = variants.filter(({ hasSessions, name }) => hasSessions && summary[name]?.read)
  const most = Math.max(1, ...shown.map(({ name }) => summary[name].read.cost))
  const scale = (WIDTH - LABELS - 90) / most
  const lines = []
  let top = 46
  for (const platform of new Set(shown.map((each) => each.platform))) {
    lines.push(text(12, top + 16, platform, 'font-weight="bold"'))
    top += HEAD - 8
    for (const { name, library, store } of shown.filter((each) => each.platform === platform)) {
      const { cost, low, high } = summary[name].read
      const [width, from, to] = [cost, low, high].map((value) => Math.max(0, value) * scale)
      const middle = top + BAR / 2
      lines.push(
        text(24, top + 12, store === 'none' ? library : `${library}, ${store}`),
        `<rect x="${LABELS}" y="${top}" width="${width.toFixed(1)}" height="${BAR}" fill="${colours[library] ?? colours.other}"/>`,
        `<path d="M${(LABELS + from).toFixed(1)} ${middle}H${(LABELS + to).toFixed(1)}" stroke="#24292f"/>`,
        text(LABELS + Math.max(width, to) + 8, top + 12, `${cost.toFixed(1)} µs`),
      )
      top += STEP
    }
    top += 10
  }
  const title = 'Reading a session: processor time over the bare framework, median and quartiles'
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" font-family="sans-serif" font-size="13" fill="#24292f">
<title>${title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(12, 26, title, 'font-size="15"')}
${lines.join('\n')}
</svg>
`
}

function text(x, y, content, more = '') {
  return `<text x="${x.toFixed(1)}" y="${y}" ${more}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
}
